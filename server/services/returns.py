"""The returns board: which post owes what for a month, what came on time, late or not at all; and waiving a return.

States are computed by sync.returns whenever the board is shown, from reports and WAIVE events; nothing is stored twice.
Statistics are those of the freeze day once it has passed; what changed later is counted as a revision (rule C.7).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.models import Post, ReturnPlan, Sector, SubmissionSummary, Unit
from server.problems import Problem
from server.queries import mission, returns
from server.services import entries, report_duplicates
from server.services.identity import Identity, Verb
from server.services.journal import now, record_event
from sync.reminders import Reminder, reminder
from sync.returns import Cell, Delivery, Month, Owner, Tally, Terms, Waiver, assess, tally

MONTHS_SHOWN = 6


@dataclass(frozen=True)
class Row:
    """One post of the board with its unit and one cell per month; a cell is None where nothing was ever owed."""

    post: Post
    unit: Unit | None
    sector: Sector | None
    terms: Terms
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Board:
    """The board of one form. `tally` is of the chosen (last) month, at the freeze once `frozen`; `late_changes` came after.

    rates: on-time rate per month of `months`, each at its own freeze once that has passed; None where nothing was owed.
    revisions: per month, how many changes came after its freeze; the last is `late_changes`.
    deadlines: the different terms on this board, each with the types of post it holds for, and whether frozen.
    reminders: what that month's posts are to be reminded of today.
    """

    xml_form_id: str
    title: str
    month: Month
    months: tuple[Month, ...]
    rows: tuple[Row, ...]
    tally: Tally
    rates: tuple[float | None, ...]
    terms: Terms
    frozen: bool
    late_changes: int
    revisions: tuple[int, ...]
    deadlines: tuple[tuple[Terms, tuple[str, ...], bool], ...]
    reminders: tuple[tuple[Row, Reminder], ...] = ()


@dataclass(frozen=True)
class _Sources:
    """What was read for a board: reports by (post id, period), waivers by subject."""

    came: Mapping[tuple[int, str], list[Delivery]]
    waivers: Mapping[str, list[Waiver]]


def subject(xml_form_id: str, post_code: str, month: Month) -> str:
    """What a WAIVE event speaks of: form, post and month."""
    return f"{xml_form_id}/{post_code}/{month}"


def boards(session: Session, identity: Identity, zone: ZoneInfo, month: Month, project_id: int = 1) -> list[Board]:
    """One board per form that somebody in this actor's sight owes, ending with `month`; empty without return plans."""
    plans = returns.monthly_plans(session)
    by_form: dict[str, list[ReturnPlan]] = {}
    for plan in plans:
        by_form.setdefault(plan.xml_form_id, []).append(plan)
    made = [_board(session, identity, zone, month, project_id, by_form[form]) for form in sorted(by_form)]
    return [board for board in made if board.rows]


def last_owed(zone: ZoneInfo) -> Month:
    """The month that is asked for now: the one before the present one, in mission time."""
    return Month.of(now().astimezone(zone).date()).plus(-1)


def _board(
    session: Session, identity: Identity, zone: ZoneInfo, month: Month, project_id: int, plans: Sequence[ReturnPlan],
) -> Board:
    at = now()
    terms = {plan.post_type: Terms(zone, plan.due_day, plan.missing_day, plan.freeze_day, plan.starts_on) for plan in plans}
    form = plans[0].xml_form_id
    posts = returns.owing_posts(session, terms.keys(), _sector(identity), _own_post(identity))
    months = tuple(month.plus(step) for step in range(1 - MONTHS_SHOWN, 1))
    sources = _sources(session, project_id, form, posts, months)
    rows = [_row(form, post, unit, sector, terms[post.type], months, sources, at) for post, unit, sector in posts]
    kept = tuple(row for row in rows if any(cell is not None for cell in row.cells))
    first = next(iter(terms.values()))
    frozen = at >= first.frozen(month)
    tallies = [tally([_cell(form, row, each, sources, min(at, row.terms.frozen(each))) for row in kept]) for each in months]
    late = tuple(sum(cell.late_changes for row in kept if (cell := row.cells[index]) is not None) for index in range(len(months)))
    rates = tuple(each.rate for each in tallies)
    due = [(row, reminder(row.cells[-1], row.terms, at)) for row in kept]
    reminders = tuple((row, found) for row, found in due if found is not None)
    title = returns.form_title(session, project_id, form)
    deadlines = _deadlines(terms, kept, month, at)
    return Board(form, title, month, months, kept, tallies[-1], rates, first, frozen, late[-1], late, deadlines, reminders)


def _deadlines(
    terms: Mapping[str, Terms], rows: Sequence[Row], month: Month, at: dt.datetime,
) -> tuple[tuple[Terms, tuple[str, ...], bool], ...]:
    """The terms of the types of post shown, those with the same days together."""
    shown = {row.post.type for row in rows}
    grouped: dict[tuple[int, int, int], tuple[Terms, list[str]]] = {}
    for post_type in sorted(shown):
        found = terms[post_type]
        grouped.setdefault((found.due_day, found.missing_day, found.freeze_day), (found, []))[1].append(post_type)
    return tuple((found, tuple(types), at >= found.frozen(month)) for found, types in grouped.values())


def _sector(identity: Identity) -> int | None:
    scope = identity.scope
    # An observer without a sector sees no board rather than everybody's; 0 is no sector's id.
    return scope.sector_id or 0 if scope.own_actor_id is not None else scope.sector_id


def _own_post(identity: Identity) -> int | None:
    return identity.post_id if identity.scope.own_actor_id is not None else None


def _sources(
    session: Session, project_id: int, form: str, posts: Sequence[returns.PostRow], months: Sequence[Month],
) -> _Sources:
    units = {unit.code for _post, unit, _sector in posts if unit is not None}
    reports = returns.deliveries(session, project_id, form, [str(month) for month in months], units, [row[0].id for row in posts])
    came: dict[tuple[int, str], list[Delivery]] = {}
    # What an officer called the same report typed twice is neither a return of its own nor a revision.
    # A copy that was rejected or deleted hides no other.
    rejections = _rejections(session, form, reports)
    ended = {report.root_fact_id: _withdrawn(report, rejections) for report in reports}
    doubled = report_duplicates.repeated(session, [root for root, withdrawn in ended.items() if withdrawn is None])
    for report in reports:
        withdrawn = ended[report.root_fact_id]
        if report.root_fact_id in doubled or (withdrawn is not None and withdrawn <= report.received_at):
            continue
        owner = _owner_of(report, posts)
        if owner is not None:
            came.setdefault((owner, str(report.period)), []).append(_delivery(report, withdrawn))
    subjects = [subject(form, row[0].code, month) for row in posts for month in months]
    return _Sources(came, _waivers(session, subjects))


def _owner_of(report: SubmissionSummary, posts: Sequence[returns.PostRow]) -> int | None:
    """A return is its unit's; between several posts of one unit, and without a unit, the sending post decides."""
    of_unit = [post.id for post, _unit, _sector in posts if report.unit and post.unit_code == report.unit]
    if report.post_id in of_unit or (not of_unit and report.post_id in {row[0].id for row in posts}):
        return report.post_id
    return of_unit[0] if of_unit else None


def _rejections(session: Session, form: str, reports: Sequence[SubmissionSummary]) -> dict[str, dt.datetime]:
    """When each rejected report was rejected, by root instanceID: the first of the rejections that were not overruled."""
    rejected = [report.root_instance_id for report in reports if report.review_state == "rejected"]
    since: dict[str, dt.datetime] = {}
    for fact, event in returns.events_about(session, "REVIEW", rejected):
        if event.payload.get("xml_form_id") != form or event.payload.get("is_draft"):
            continue
        if event.payload.get("state") == "rejected":
            since.setdefault(str(event.subject), fact.received_at)
        else:
            since.pop(str(event.subject), None)
    return since


def _withdrawn(report: SubmissionSummary, rejections: Mapping[str, dt.datetime]) -> dt.datetime | None:
    """From when the report does not stand. A rejection without a known time counts from the report's arrival."""
    rejected = rejections.get(report.root_instance_id, report.received_at) if report.review_state == "rejected" else None
    return min((instant for instant in (rejected, report.deleted_at) if instant is not None), default=None)


def _delivery(report: SubmissionSummary, withdrawn: dt.datetime | None) -> Delivery:
    return Delivery(
        report.root_instance_id, report.received_at, report.device_end_at, report.nil_return, report.clock_flagged,
        report.updated_at if report.edits else None, withdrawn,
    )  # fmt: skip


def _waivers(session: Session, subjects: Sequence[str]) -> dict[str, list[Waiver]]:
    """All waivers by subject, those taken back too: the frozen month still counts what stood at its freeze."""
    events = returns.events_about(session, "WAIVE", subjects)
    retractions = returns.events_about(session, "RETRACT", [fact.uuid for fact, _ in events])
    # Reversed, because the first retraction of a waiver is the one that ended it.
    ended = {str(event.subject): fact.received_at for fact, event in reversed(retractions)}
    waivers: dict[str, list[Waiver]] = {}
    for fact, event in events:
        reason = str(event.payload.get("reason", ""))
        found = Waiver(fact.uuid, fact.received_at, fact.actor_name or "", reason, ended.get(str(fact.uuid)))
        waivers.setdefault(str(event.subject), []).append(found)
    return waivers


def _row(
    form: str, post: Post, unit: Unit | None, sector: Sector | None, terms: Terms, months: Sequence[Month], sources: _Sources,
    at: dt.datetime,
) -> Row:  # fmt: skip
    empty = Row(post, unit, sector, terms, ())
    return Row(post, unit, sector, terms, tuple(_cell(form, empty, month, sources, at) for month in months))


def _cell(form: str, row: Row, month: Month, sources: _Sources, at: dt.datetime) -> Cell | None:
    closed = row.post.closed_at.astimezone(row.terms.zone).date() if row.post.closed_at else None
    owner = Owner(row.unit.rotation_in if row.unit else None, row.unit.rotation_out if row.unit else None, closed)
    came = sources.came.get((row.post.id, str(month)), [])
    return assess(owner, month, row.terms, came, sources.waivers.get(subject(form, row.post.code, month)), at)


def one(session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Month) -> tuple[Board, Row]:
    """One return with its board, for the drill-down. Raises not_found outside the plan or the actor's sight."""
    for board in boards(session, identity, zone, month):
        for row in board.rows:
            if board.xml_form_id == xml_form_id and row.post.id == post_id and row.cells[-1] is not None:
                return board, row
    raise Problem("not_found")


def waive(
    session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Month, reason: str,
) -> None:
    """Decides that this return is not owed, with a reason, and commits. Raises state_conflict when one has come already."""
    if not identity.may(Verb.RETURN_WAIVE):
        raise Problem("not_allowed")
    _board_of, row = one(session, identity, zone, xml_form_id, post_id, month)
    cell = row.cells[-1]
    if cell is None or cell.delivery is not None or not cell.owed:
        raise Problem("state_conflict", reason="a return that has come, or is not owed, cannot be waived.")
    record_event(
        session, type="WAIVE", subject=subject(xml_form_id, row.post.code, month),
        payload={"form": xml_form_id, "post": row.post.code, "period": str(month), "reason": entries.text("Reason", reason, 500)},
        server_id=mission.server_id(session), actor_id=identity.actor_id, actor_name=identity.name,
    )
    session.commit()


def unwaive(session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Month) -> None:
    """Takes the waiver in force back and commits. Raises state_conflict when there is none."""
    if not identity.may(Verb.RETURN_WAIVE):
        raise Problem("not_allowed")
    _board_of, row = one(session, identity, zone, xml_form_id, post_id, month)
    cell = row.cells[-1]
    if cell is None or cell.waiver is None:
        raise Problem("state_conflict", reason="this return is not waived.")
    record_event(
        session, type="RETRACT", subject=cell.waiver.event, payload={"target": cell.waiver.event},
        server_id=mission.server_id(session), actor_id=identity.actor_id, actor_name=identity.name,
    )
    session.commit()
