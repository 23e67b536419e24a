"""What was known of returns, and when: how a report read before it was corrected, when it was rejected, deleted or stood again,
and which days of rotation and closing were known of who owes it. So that frozen figures stay as they were (rule C.7).

Only reports that were corrected are read again; all else stands in summaries and events.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.models import Event, Fact, Post, Submission, SubmissionSummary, Unit
from server.queries import mission, returns
from server.queries import submissions as versions_of
from server.queries import summaries as summary_queries
from server.services.documents import definition_for, parsed
from server.services.identity import Identity
from server.services.journal import record_event
from server.services.quarantine import speaks_of
from server.services.reading import read
from server.services.summaries import zone_of
from sync.returns import Delivery, Owner, Spell, Tenure

# Events: the days of rotation of a unit (subject unit/CODE), and that a post was closed or opened again (subject post/ID).
# payload: {"before": {...}, "after": {...}}.
ROTATION, POST = "ROTATION", "POST"
Known = Mapping[str, dt.date | dt.datetime | None]
# A return: post id and period.
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Wording:
    """What one version of a report says of itself, from the instant at which it became the one in force."""

    since: dt.datetime
    period: str | None
    unit: str | None
    nil: bool
    observed_at: dt.datetime
    completed_at: dt.datetime | None
    clock_flagged: bool


@dataclass(frozen=True, slots=True)
class Past:
    """A report with its wordings, oldest first, and the instants from which it stood (True) or did not (False), in order."""

    report: SubmissionSummary
    wordings: Sequence[Wording]
    standing: Sequence[tuple[dt.datetime, bool]]

    @property
    def stands(self) -> bool:
        return self.standing[-1][1]

    def deliveries(self, key_of: Callable[[SubmissionSummary, Wording], Key | None]) -> dict[Key, Delivery]:
        """The report as a delivery for every return (post and period) it ever was one for; none where it never stood."""
        spells: dict[Key, list[Spell]] = {}
        instants = sorted({one.since for one in self.wordings} | {since for since, _stands in self.standing})
        for start, end in zip(instants, [*instants[1:], None], strict=True):
            wording = next((one for one in reversed(self.wordings) if one.since <= start), None)
            stands = next((stood for since, stood in reversed(self.standing) if since <= start), False)
            key = key_of(self.report, wording) if wording is not None and stands else None
            if key is None or wording is None:
                continue
            of_key = spells.setdefault(key, [])
            goes_on = of_key and of_key[-1].end == start and of_key[-1].nil == wording.nil
            of_key.append(Spell(of_key.pop().start if goes_on else start, end, wording.nil))
        first = self.wordings[0]
        return {
            key: Delivery(
                self.report.root_instance_id, self.report.received_at, first.completed_at, found[-1].nil, first.clock_flagged,
                self._edits(key, key_of), tuple(found), self.wordings[-1].period is not None,
            )
            for key, found in spells.items()
        }  # fmt: skip

    def _edits(self, key: Key, key_of: Callable[[SubmissionSummary, Wording], Key | None]) -> tuple[dt.datetime, ...]:
        """The corrections of, into and out of this return."""
        about = [key_of(self.report, one) == key for one in self.wordings]
        pairs = zip(self.wordings[1:], about, about[1:], strict=False)
        return tuple(one.since for one, before, after in pairs if before or after)


def pasts(session: Session, reports: Sequence[SubmissionSummary]) -> list[Past]:
    """The past of these reports, in their order."""
    corrected = _wordings(session, [report for report in reports if report.edits])
    events: dict[str, list[tuple[Fact, Event]]] = {}
    for fact, event in returns.decisions_about(session, [report.root_instance_id for report in reports]):
        events.setdefault(str(event.subject), []).append((fact, event))
    found = []
    for report in reports:
        wordings = corrected.get(report.root_fact_id) or [_present(report, report.received_at)]
        about = [
            (fact, event) for fact, event in events.get(report.root_instance_id, [])
            if speaks_of(event, report.project_id, report.xml_form_id, report.is_draft)
        ]
        found.append(Past(report, wordings, _standing(report, wordings, about)))
    return found


def _present(report: SubmissionSummary, since: dt.datetime) -> Wording:
    return Wording(
        since, report.period, report.unit, report.nil_return, report.observed_at, report.device_end_at, report.clock_flagged
    )


def _wordings(session: Session, reports: Sequence[SubmissionSummary]) -> dict[int, list[Wording]]:
    """By fact of the original: every version that was in force for a while."""
    keys = {(one.project_id, one.xml_form_id, one.is_draft, one.root_instance_id) for one in reports}
    rows: dict[str, list[Submission]] = {}
    facts: dict[int, Fact] = {}
    for row, fact in versions_of.roots_of(session, keys):
        rows.setdefault(row.root_instance_id, []).append(row)
        facts[row.fact_id] = fact
    posts = summary_queries.posts(session, {one.post_id for one in reports if one.post_id is not None})
    zone = zone_of(session)
    found: dict[int, list[Wording]] = {}
    for report in reports:
        following: dt.datetime | None = None
        chain = versions_of.in_order(rows.get(report.root_instance_id, []))
        wordings: list[Wording] = []
        # Backwards, because a version that came after the one that replaced it was never in force.
        for row in reversed(chain):
            since = facts[row.fact_id].received_at
            if following is not None and since >= following:
                continue
            following = since
            if row is chain[-1]:
                wordings.append(_present(report, since))
                continue
            said = read(parsed(row), definition_for(session, row), report.received_at, zone)
            post = posts.get(report.post_id) if report.post_id is not None else None
            unit = said.unit or (post.unit_code if post else None)
            wordings.append(
                Wording(since, said.period, unit, said.nil_return, said.observed_at, said.device_end_at, said.clock_flagged)
            )
        if wordings:
            found[report.root_fact_id] = wordings[::-1]
    return found


def _standing(
    report: SubmissionSummary, wordings: Sequence[Wording], events: Iterable[tuple[Fact, Event]]
) -> list[tuple[dt.datetime, bool]]:
    """From when on the report stood: it falls with a rejection or deletion, and stands again with the next word or correction."""
    moments = [(fact.received_at, fact.hlc, event.type, event.payload.get("state")) for fact, event in events]
    moments += [(one.since, "", "EDIT", None) for one in wordings[1:]]
    rejected = deleted = False
    found = [(report.received_at, True)]
    for instant, _clock, type, state in sorted(moments, key=lambda one: (one[0], one[1])):
        if type in {"REVIEW", "EDIT"}:
            rejected = state == "rejected"
        else:
            deleted = type == "DELETE"
        found.append((instant, not (rejected or deleted)))
    # A decision whose time is not known: a rejection counts from the report's arrival.
    if report.review_state == "rejected" and not rejected:
        found = [(report.received_at, False)]
    elif report.deleted_at is not None and not deleted:
        found = [*(one for one in found if one[0] < report.deleted_at), (report.deleted_at, False)]
    return found


def note(session: Session, actor: Identity | None, type: str, subject: str, before: Known, after: Known) -> None:
    """Adds the fact that the days known of a unit or post changed, when they did. The caller commits."""
    if before == after:
        return
    record_event(
        session, type=type, subject=subject, payload={"before": _plain(before), "after": _plain(after)},
        server_id=mission.server_id(session), actor_id=actor.actor_id if actor else None,
        actor_name=actor.name if actor else None,
    )  # fmt: skip


def _plain(known: Known) -> dict[str, str | None]:
    return {name: value.isoformat() if value is not None else None for name, value in known.items()}


def tenures(session: Session, posts: Sequence[tuple[Post, Unit | None]], zone: ZoneInfo) -> dict[int, Tenure]:
    """By post id, which days of rotation and closing were known from when on. Two queries."""
    units = _changes(session, ROTATION, {f"unit/{unit.code}" for _post, unit in posts if unit is not None})
    closings = _changes(session, POST, {f"post/{post.id}" for post, _unit in posts})
    found = {}
    for post, unit in posts:
        of_unit = units.get(f"unit/{unit.code}", []) if unit is not None else []
        of_post = closings.get(f"post/{post.id}", [])
        rotation = (unit.rotation_in, unit.rotation_out) if unit is not None else (None, None)
        known = (_rotation(of_unit[0][1]["before"]) if of_unit else rotation) + (
            _closed(of_post[0][1]["before"], zone) if of_post else _day(post.closed_at, zone),
        )
        first, changes = Owner(*known), []
        both = [(since, ROTATION, said) for since, said in of_unit] + [(since, POST, said) for since, said in of_post]
        for since, type, said in sorted(both, key=lambda one: one[0]):
            if type == ROTATION:
                known = (*_rotation(said["after"]), known[2])
            else:
                known = (known[0], known[1], _closed(said["after"], zone))
            changes.append((since, Owner(*known)))
        found[post.id] = Tenure(first, tuple(changes))
    return found


Said = Mapping[str, Mapping[str, str | None]]


def _changes(session: Session, type: str, subjects: set[str]) -> dict[str, list[tuple[dt.datetime, Said]]]:
    found: dict[str, list[tuple[dt.datetime, Said]]] = {}
    for fact, event in returns.events_about(session, type, subjects):
        found.setdefault(str(event.subject), []).append((fact.received_at, event.payload))
    return found


def _rotation(said: Mapping[str, str | None]) -> tuple[dt.date | None, dt.date | None]:
    arrives, leaves = said.get("rotation_in"), said.get("rotation_out")
    return dt.date.fromisoformat(arrives) if arrives else None, dt.date.fromisoformat(leaves) if leaves else None


def _closed(said: Mapping[str, str | None], zone: ZoneInfo) -> dt.date | None:
    closed = said.get("closed_at")
    return _day(dt.datetime.fromisoformat(closed), zone) if closed else None


def _day(instant: dt.datetime | None, zone: ZoneInfo) -> dt.date | None:
    return instant.astimezone(zone).date() if instant is not None else None
