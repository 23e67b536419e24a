"""Queries over doubled reports: what is compared of a report, pairs in somebody's scope, what officers said of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, false, func, insert, or_, select, true
from sqlalchemy.orm import Session, aliased

from server.models import Entity, Event, Fact, Observation, ReportFace, ReportPair, Submission, SubmissionSummary
from server.queries.scope import Scope

JUDGED = "SAME_REPORT"
PairRow = tuple[ReportPair, SubmissionSummary, SubmissionSummary]
Key = tuple[int, str, bool, str]


def summaries(session: Session, keys: Collection[Key]) -> Sequence[SubmissionSummary]:
    """The summaries of these reports."""
    found: list[SubmissionSummary] = []
    roots = sorted({key[3] for key in keys})
    # Project and form are named so that the index, which begins with them, finds the reports.
    named = [column.in_(sorted({key[at] for key in keys}))
             for at, column in ((0, SubmissionSummary.project_id), (1, SubmissionSummary.xml_form_id))]  # fmt: skip
    for start in range(0, len(roots), 400):
        query = select(SubmissionSummary).where(*named, SubmissionSummary.root_instance_id.in_(roots[start : start + 400]))
        found += [row for row in session.scalars(query)
                  if (row.project_id, row.xml_form_id, row.is_draft, row.root_instance_id) in keys]  # fmt: skip
    return found


def current(session: Session, fact_ids: Collection[int]) -> dict[int, Submission]:
    """Submissions by fact."""
    return {row.fact_id: row for row in session.scalars(select(Submission).where(Submission.fact_id.in_(fact_ids)))}


def clocks(session: Session, fact_ids: Collection[int]) -> dict[int, str]:
    """The clock of each fact."""
    return {fact: hlc for fact, hlc in session.execute(select(Fact.id, Fact.hlc).where(Fact.id.in_(fact_ids)))}


def forget(session: Session, roots: Collection[int]) -> None:
    """Takes these reports out of what is compared, with their pairs."""
    session.execute(delete(ReportFace).where(ReportFace.root_fact_id.in_(roots)))
    session.execute(delete(ReportPair).where(or_(ReportPair.earlier.in_(roots), ReportPair.later.in_(roots))))


def add(session: Session, model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    """Adds rows."""
    if rows:
        session.execute(insert(model), list(rows))


def blocks(session: Session, roots: Collection[int]) -> list[dict[str, Any]]:
    """What decides with whom these reports are compared: root_fact_id, xml_form_id, block, observed_at."""
    columns = (ReportFace.root_fact_id, ReportFace.xml_form_id, ReportFace.block, ReportFace.observed_at)
    return [dict(row._mapping) for row in session.execute(select(*columns).where(ReportFace.root_fact_id.in_(roots)))]


def near(session: Session, windows: Mapping[str, tuple[dt.datetime, dt.datetime]]) -> list[ReportFace]:
    """The reports with these keys that were observed between two instants, given per key; none of keys that only one has."""
    found: list[ReportFace] = []
    ordered = sorted(windows)
    for start in range(0, len(ordered), 100):
        asked = select(ReportFace.block).where(ReportFace.block.in_(ordered[start : start + 100])).group_by(ReportFace.block)
        # Most reports are like no other, and a face is long to read.
        part = session.scalars(asked.having(func.count() > 1)).all()
        if not part:
            continue
        around = (and_(ReportFace.block == block, ReportFace.observed_at.between(*windows[block])) for block in part)
        found += session.scalars(select(ReportFace).where(or_(*around)).order_by(ReportFace.root_fact_id))
    return found


def verdict_events(session: Session, subjects: Collection[str]) -> list[tuple[Event, Fact]]:
    """What officers said about these pairs, taken back or not."""
    found: list[tuple[Event, Fact]] = []
    ordered = sorted(subjects)
    for start in range(0, len(ordered), 400):
        query = select(Event, Fact).join(Fact, Fact.id == Event.fact_id).where(
            Event.type == JUDGED, Event.subject.in_(ordered[start : start + 400])
        )
        found += [(event, fact) for event, fact in session.execute(query)]
    return found


def judged(session: Session, fact_ids: Collection[int]) -> list[Event]:
    """The verdicts that these facts give or take back, also by taking back what took them back."""
    query = select(Event).where(Event.fact_id.in_(fact_ids), Event.type.in_((JUDGED, "RETRACT")))
    found = []
    for event in session.scalars(query):
        at: Event | None = event
        for _ in range(50):
            if at is None or at.type == JUDGED:
                break
            at = session.scalar(
                select(Event).join(Fact, Fact.id == Event.fact_id)
                .where(Fact.uuid == str(at.payload.get("target")), Event.type.in_((JUDGED, "RETRACT")))
            )
        if at is not None:
            found.append(at)
    return found


def faces_of(session: Session, project_id: int, xml_form_id: str, roots: Iterable[str]) -> Sequence[ReportFace]:
    """The compared reports of a form with these root instanceIDs."""
    return session.scalars(select(ReportFace).where(
        ReportFace.project_id == project_id, ReportFace.xml_form_id == xml_form_id, ReportFace.root_instance_id.in_(list(roots)),
    )).all()


def _visible(scope: Scope, one: Any, other: Any) -> Any:
    """Both reports are in the scope; of reports of two sectors headquarters decide."""
    if scope.released_only or scope.own_actor_id is not None:
        return false()
    if scope.sector_id is None:
        return true()
    return and_(one.sector_id == scope.sector_id, other.sector_id == scope.sector_id)


def _pairs(scope: Scope, state: str) -> Any:
    one, other = aliased(SubmissionSummary), aliased(SubmissionSummary)
    query = (
        select(ReportPair, one, other).join(one, one.root_fact_id == ReportPair.earlier)
        .join(other, other.root_fact_id == ReportPair.later).where(_visible(scope, one, other))
    )
    if state == "open":
        return query.where(ReportPair.verdict.is_(None), ReportPair.relation == "alike").order_by(
            ReportPair.likeness.desc(), ReportPair.later.desc(), ReportPair.earlier
        )
    if state == "superseded":
        return query.where(ReportPair.verdict.is_(None), ReportPair.relation == "supersedes").order_by(
            ReportPair.later.desc(), ReportPair.earlier
        )
    return query.where(ReportPair.verdict.is_not(None)).order_by(ReportPair.later.desc(), ReportPair.earlier)


def listed(session: Session, scope: Scope, state: str, limit: int) -> list[PairRow]:
    """Pairs that are open, superseded or decided, the most alike first."""
    return [(row[0], row[1], row[2]) for row in session.execute(_pairs(scope, state).limit(limit))]


def number(session: Session, scope: Scope, state: str) -> int:
    """How many there are."""
    return session.scalar(_pairs(scope, state).with_only_columns(func.count()).order_by(None)) or 0


def one(session: Session, scope: Scope, earlier: int, later: int) -> PairRow | None:
    """One pair, if this scope may see it."""
    for state in ("open", "superseded", "decided"):
        row = session.execute(_pairs(scope, state).where(ReportPair.earlier == earlier, ReportPair.later == later)).first()
        if row is not None:
            return row[0], row[1], row[2]
    return None


def pairs_among(session: Session, roots: Collection[int]) -> Sequence[ReportPair]:
    """The pairs within a set of reports."""
    query = select(ReportPair).where(ReportPair.earlier.in_(roots), ReportPair.later.in_(roots))
    return session.scalars(query).all()


def any_pair(session: Session) -> bool:
    """Whether there is a pair at all; most registers have none to ask about."""
    return session.scalar(select(ReportPair.later).limit(1)) is not None


def reports_behind(session: Session, project_id: int, dataset: str, record_ids: Collection[str]) -> list[tuple[str, int]]:
    """(record, root fact of a report) for every report with an observation that these records take into account."""
    # An observation names the fact of its report's original, which is what pairs name too. Asked in two steps, because a
    # database that does not know how few entities a record has would look at every observation.
    entities = select(Entity.id, Entity.record_id).where(
        Entity.project_id == project_id, Entity.dataset == dataset, Entity.record_id.in_(record_ids)
    )
    home = {entity: record_id for entity, record_id in session.execute(entities)}
    rows = session.execute(
        select(Observation.entity_id, Observation.fact_id).where(
            Observation.project_id == project_id, Observation.dataset == dataset,
            Observation.entity_id.in_(sorted(home)), Observation.state == "applied",
        )
    )  # fmt: skip
    return [(str(home[row[0]]), row[1]) for row in rows]
