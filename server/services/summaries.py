"""Makes the summary of each report from its facts alone: versions, files, decisions, remarks. Safe to run again and again.

`fold` is one of the worker's folders; whoever adds an event about a report and wants to read it back at once calls `renew`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from server.models import Attachment, Event, Fact, Submission
from server.queries import mission
from server.queries import submissions as versions_of
from server.queries import summaries as queries
from server.services import export_parts
from server.services.definitions import definition_by_version_id
from server.services.documents import SMALL, definition_for, parsed, parsed_as_sent, parsed_packed
from server.services.quarantine import speaks_of
from server.services.reading import Said, read

Key = tuple[int, str, bool, str]
# What `prepare` has read, by packed XML and time of receipt, until it is folded; with what it was read by.
_ahead: dict[tuple[bytes, dt.datetime], tuple[FormDefinition, dt.tzinfo, Said]] = {}
_MOST_AHEAD = 256


@dataclass(frozen=True, slots=True)
class _Report:
    """Everything that is known of one report: versions in order (original first), their envelopes, files, events."""

    versions: Sequence[Submission]
    facts: Mapping[int, Fact]
    files: Mapping[str, Attachment]
    events: Sequence[tuple[Event, Fact]]

    @property
    def original(self) -> Submission:
        return self.versions[0]

    @property
    def current(self) -> Submission:
        return self.versions[-1]


def fold(session: Session, facts: Collection[Fact]) -> None:
    """Makes or renews the summaries of all reports these facts speak of. Adds to the session; the caller commits."""
    ids = [fact.id for fact in facts if fact.kind in {"submission", "attachment", "event"}]
    if ids:
        renew(session, queries.touched_roots(session, ids))


def renew(session: Session, keys: Collection[Key]) -> None:
    """Makes the summaries of these reports, keys (project, form, is_draft, root instanceID), anew."""
    reports = _load(session, keys)
    if not reports:
        return
    zone = zone_of(session)
    definitions: dict[tuple[str, str, bool], FormDefinition | None] = {}
    said = {report.original.fact_id: _read(session, report, zone, definitions) for report in reports}
    surroundings = _Surroundings.of(session, reports, said)
    roots = [report.original.fact_id for report in reports]
    known = queries.summaries_of_roots(session, roots)
    said_anew = {
        root for root, report in zip(roots, reports, strict=True)
        if root not in known or known[root].current_fact_id != report.current.fact_id
    }
    for stray in queries.stray_summaries(session, [row.fact_id for report in reports for row in report.versions], roots):
        session.delete(stray)
    fresh: list[dict[str, Any]] = []
    for report in reports:
        root = report.original.fact_id
        columns = {**_envelope(report), **_content(said[root], report), **surroundings.columns(report, said[root])}
        columns |= _decisions(report)
        row = known.get(root)
        if row is None:
            fresh.append({"root_fact_id": root, **columns})
        else:
            for name, value in columns.items():
                setattr(row, name, value)
    session.flush()
    queries.add_summaries(session, fresh)
    export_parts.changed(session, (
        (report.original.project_id, report.original.xml_form_id, report.original.is_draft, root, root in said_anew)
        for root, report in zip(roots, reports, strict=True)
    ))


def prepare(session: Session, fact_ids: Collection[int]) -> None:
    """Reads new reports before folding, in a transaction that writes nothing: SQLite's only writer is free meanwhile."""
    zone = zone_of(session)
    versions: dict[tuple[Any, ...], FormDefinition | None] = {}
    if len(_ahead) > _MOST_AHEAD:
        _ahead.clear()
    for row in queries.new_originals(session, fact_ids, SMALL):
        form = (row.project_id, row.xml_form_id, row.form_version, row.is_draft)
        if form not in versions:
            versions[form] = definition_by_version_id(session, versions_of.version_id_for(session, *form))
        definition = versions[form]
        if definition is not None:
            said = read(parsed_packed(session, row.xml), definition, row.received_at, zone)
            _ahead[row.xml, row.received_at] = (definition, zone, said)


def zone_of(session: Session) -> dt.tzinfo:
    """The mission's time zone, UTC until one is set."""
    return ZoneInfo(str(mission.setting(session, "time_zone", "UTC")))


def _read(
    session: Session, report: _Report, zone: dt.tzinfo, definitions: dict[tuple[str, str, bool], FormDefinition | None]
) -> Said:
    """Reads the current version; `definitions` keeps what this batch has looked up already."""
    row = report.current
    key = (f"{row.project_id} {row.xml_form_id}", row.form_version, row.is_draft)
    if key not in definitions:
        definitions[key] = definition_for(session, row)
    definition, received = definitions[key], report.facts[report.original.fact_id].received_at
    ahead = _ahead.pop((row.xml, received), None)
    if ahead is not None and ahead[0] is definition and ahead[1] == zone and not row.encrypted:
        return ahead[2]
    said = read(parsed(row), definition, received, zone)
    # What an encrypted report comes with are its encrypted files, whether it is unlocked or not.
    return replace(said, files=read(parsed_as_sent(row), definition, received, zone).files) if row.encrypted else said


def _load(session: Session, keys: Collection[Key]) -> list[_Report]:
    rows = versions_of.roots_of(session, keys)
    grouped: dict[Key, list[Submission]] = {}
    for row, _fact in rows:
        grouped.setdefault((row.project_id, row.xml_form_id, row.is_draft, row.root_instance_id), []).append(row)
    facts = {fact.id: fact for _row, fact in rows}
    attachments: dict[int, list[Attachment]] = {}
    for file in versions_of.attachments(session, list(facts)):
        attachments.setdefault(file.submission_fact_id, []).append(file)
    events = queries.events_about(session, {key[3] for key in grouped})
    reports = []
    for (project_id, xml_form_id, is_draft, root), versions in grouped.items():
        ordered = versions_of.in_order(versions)
        about = [
            (event, fact) for event, fact in events
            if event.subject == root and speaks_of(event, project_id, xml_form_id, is_draft)
        ]
        files = {file.name: file for row in ordered for file in attachments.get(row.fact_id, [])}
        reports.append(_Report(ordered, facts, files, about))
    return reports


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The mission's organisation as far as these reports need it: whose sector, which area, which known place."""

    posts: Mapping[int, Any]
    unit_sectors: Mapping[str, int | None]
    areas: Mapping[str, Any]
    labels: Mapping[str, str]

    @classmethod
    def of(cls, session: Session, reports: Sequence[_Report], said: Mapping[int, Said]) -> _Surroundings:
        posts = queries.posts(session, {report.original.post_id for report in reports if report.original.post_id is not None})
        units = {each.unit for each in said.values() if each.unit} | {post.unit_code for post in posts.values() if post.unit_code}
        codes = {code for each in said.values() for code in each.area_codes}
        wanted = {each.settlement_id for each in said.values() if each.settlement_id and not each.place}
        return cls(
            posts, queries.unit_sectors(session, units), queries.areas(session, codes),
            queries.record_labels(session, reports[0].original.project_id, wanted),
        )

    def columns(self, report: _Report, said: Said) -> dict[str, Any]:
        post = self.posts.get(report.original.post_id) if report.original.post_id is not None else None
        unit = said.unit or (post.unit_code if post else None)
        area = next((self.areas[code] for code in said.area_codes if code in self.areas), None)
        sector = post.sector_id if post else None
        if sector is None and unit is not None:
            sector = self.unit_sectors.get(unit)
        if sector is None:
            found = (self.areas[code].sector_id for code in said.area_codes if code in self.areas)
            sector = next((each for each in found if each is not None), None)
        place = said.place or (self.labels.get(said.settlement_id) if said.settlement_id else None)
        return {
            "unit": unit, "sector_id": sector, "area_code": area.code if area else next(iter(said.area_codes), None),
            "place": place[:255] if place else None,
        }


def _envelope(report: _Report) -> dict[str, Any]:
    original, current = report.original, report.current
    return {
        "current_fact_id": current.fact_id, "project_id": original.project_id, "xml_form_id": original.xml_form_id,
        "form_version": current.form_version, "is_draft": original.is_draft, "root_instance_id": original.root_instance_id,
        "current_instance_id": current.instance_id, "instance_name": _name(current), "receipt": original.receipt,
        "channel": original.channel, "submitter_id": original.submitter_id, "post_id": original.post_id,
        "received_at": report.facts[original.fact_id].received_at, "edits": len(report.versions) - 1,
    }


def _name(current: Submission) -> str | None:
    if not current.encrypted:
        return current.instance_name
    read_now = parsed(current)
    return read_now.instance_name if read_now else None


def _content(said: Said, report: _Report) -> dict[str, Any]:
    return {
        "observed_at": said.observed_at, "clock_flagged": said.clock_flagged, "device_end_at": said.device_end_at,
        "lat": said.lat, "lon": said.lon, "alarm": said.alarm, "alarm_text": said.alarm_text, "period": said.period,
        "nil_return": said.nil_return, "sensitivity": said.sensitivity, "un_class": said.un_class,
        "files_expected": len(said.files), "files_present": sum(name in report.files for name in said.files),
        "findings": list(said.findings), "findings_count": len(said.findings),
    }


def _decisions(report: _Report) -> dict[str, Any]:
    """Review state, deletion, acknowledgement: the last word counts; an edit is a word as well (Central: "edited")."""
    moments = [(fact.hlc, event.type, fact, event.payload) for event, fact in report.events]
    moments += [(report.facts[row.fact_id].hlc, "EDIT", report.facts[row.fact_id], {}) for row in report.versions[1:]]
    found: dict[str, Any] = {
        "review_state": None, "deleted_at": None, "acknowledged_at": None, "acknowledged_by": None, "updated_at": None,
    }
    for _clock, type, fact, payload in sorted(moments, key=lambda each: (each[0], each[2].uuid)):
        if type == "REVIEW":
            found["review_state"] = payload.get("state")
        elif type == "EDIT":
            found["review_state"] = "edited"
        elif type in {"DELETE", "RESTORE"}:
            found["deleted_at"] = fact.received_at if type == "DELETE" else None
        elif type == "ACKNOWLEDGE" and found["acknowledged_at"] is None:
            found["acknowledged_at"], found["acknowledged_by"] = fact.received_at, fact.actor_name
        if type != "COMMENT":
            found["updated_at"] = fact.received_at
    return found
