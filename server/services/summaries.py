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
    made = read_summaries(session, versions_of.roots_of(session, keys))
    if not made:
        return
    labels = _labels(session, {each.place_of for each in made if each.place_of is not None})
    roots = [each.root for each in made]
    known = queries.summaries_of_roots(session, roots)
    said_anew = {each.root for each in made if each.root not in known or known[each.root].current_fact_id != each.current}
    for stray in queries.stray_summaries(session, [fact_id for each in made for fact_id in each.version_ids], roots):
        session.delete(stray)
    fresh: list[dict[str, Any]] = []
    for each in made:
        label = labels.get(each.place_of) if each.place_of is not None else None
        columns = each.columns if label is None else each.columns | {"place": label}
        row = known.get(each.root)
        if row is None:
            fresh.append(columns)
        else:
            for name, value in columns.items():
                setattr(row, name, value)
    session.flush()
    queries.add_summaries(session, fresh)
    export_parts.changed(session, (each.listed(each.root in said_anew) for each in made))


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of one report as columns, all but the name of a place that only a record knows.

    `settlement`: the record whose label is the place, where the report itself does not name it. `clock`: the original's,
    for who compares the report with others.
    """

    columns: dict[str, Any]
    version_ids: tuple[int, ...]
    settlement: str | None
    clock: str

    @property
    def root(self) -> int:
        """The fact of the original."""
        return int(self.columns["root_fact_id"])

    @property
    def current(self) -> int:
        """The fact of the version that is read."""
        return int(self.columns["current_fact_id"])

    @property
    def place_of(self) -> tuple[int, str] | None:
        """Project and record that name the place."""
        return (int(self.columns["project_id"]), self.settlement) if self.settlement else None

    def listed(self, said_anew: bool) -> tuple[int, str, bool, int, bool]:
        """What `export_parts.changed` is told of it."""
        columns = self.columns
        return columns["project_id"], columns["xml_form_id"], columns["is_draft"], self.root, said_anew


def read_summaries(session: Session, rows: Sequence[tuple[Submission, Fact]]) -> list[Summary]:
    """The summaries of the reports whose versions these are (queries.submissions.roots_of). Writes nothing."""
    reports = _load(session, rows)
    if not reports:
        return []
    zone = zone_of(session)
    definitions: dict[tuple[str, str, bool], FormDefinition | None] = {}
    said = [_read(session, report, zone, definitions) for report in reports]
    surroundings = _Surroundings.of(session, reports, said)
    return [
        Summary(
            {
                "root_fact_id": report.original.fact_id, **_envelope(report), **_content(each, report),
                **surroundings.columns(report, each), **_decisions(report),
            },
            tuple(row.fact_id for row in report.versions),
            each.settlement_id if not each.place else None,
            report.facts[report.original.fact_id].hlc,
        )
        for report, each in zip(reports, said, strict=True)
    ]  # fmt: skip


def name_places(session: Session, settlements: Mapping[int, str]) -> None:
    """Names the places of summaries, given by the original's fact, that only these records name. The caller commits."""
    rows = queries.summaries_of_roots(session, settlements) if settlements else {}
    labels = _labels(session, {(row.project_id, settlements[root]) for root, row in rows.items()})
    for root, row in rows.items():
        label = labels.get((row.project_id, settlements[root]))
        if label is not None and row.place is None:
            row.place = label


def _labels(session: Session, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """The labels of records, given by project and id, as long as a place may be."""
    found: dict[tuple[int, str], str] = {}
    for project_id in sorted({project_id for project_id, _record in wanted}):
        records = {record for project, record in wanted if project == project_id}
        labels = queries.record_labels(session, project_id, records)
        found |= {(project_id, record): label[:255] for record, label in labels.items()}
    return found


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


def _load(session: Session, rows: Sequence[tuple[Submission, Fact]]) -> list[_Report]:
    grouped: dict[Key, list[Submission]] = {}
    for row, _fact in rows:
        grouped.setdefault((row.project_id, row.xml_form_id, row.is_draft, row.root_instance_id), []).append(row)
    facts = {fact.id: fact for _row, fact in rows}
    attachments: dict[int, list[Attachment]] = {}
    for file in versions_of.attachments(session, list(facts)):
        attachments.setdefault(file.submission_fact_id, []).append(file)
    events: dict[str | None, list[tuple[Event, Fact]]] = {}
    for event, fact in queries.events_about(session, {key[3] for key in grouped}):
        events.setdefault(event.subject, []).append((event, fact))
    reports = []
    for (project_id, xml_form_id, is_draft, root), versions in grouped.items():
        ordered = versions_of.in_order(versions)
        about = [pair for pair in events.get(root, ()) if speaks_of(pair[0], project_id, xml_form_id, is_draft)]
        files = {file.name: file for row in ordered for file in attachments.get(row.fact_id, [])}
        reports.append(_Report(ordered, facts, files, about))
    return reports


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The mission's organisation as far as these reports need it: whose sector, which area."""

    posts: Mapping[int, Any]
    unit_sectors: Mapping[str, int | None]
    areas: Mapping[str, Any]

    @classmethod
    def of(cls, session: Session, reports: Sequence[_Report], said: Sequence[Said]) -> _Surroundings:
        posts = queries.posts(session, {report.original.post_id for report in reports if report.original.post_id is not None})
        units = {each.unit for each in said if each.unit} | {post.unit_code for post in posts.values() if post.unit_code}
        codes = {code for each in said for code in each.area_codes}
        return cls(posts, queries.unit_sectors(session, units), queries.areas(session, codes))

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
        return {
            "unit": unit, "sector_id": sector, "area_code": area.code if area else next(iter(said.area_codes), None),
            "place": said.place[:255] if said.place else None,
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
