"""The returns board: which post owes what for a period, what came on time, late or not at all; and waiving a return.

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
from server.services import entries, report_duplicates, return_history
from server.services.identity import Identity, Verb
from server.services.journal import now, record_event
from server.services.return_history import Wording
from sync.periods import RHYTHMS, Day, Period, Rhythm, named, period_of
from sync.reminders import Reminder, reminded, reminder
from sync.returns import Cell, Delivery, Tally, Tenure, Terms, Waiver, assess, late_changes, tally

# How many periods a board shows, the chosen one last: half a year of months, the weeks of a quarter, a week of days.
SHOWN: dict[Rhythm, int] = {"monthly": 6, "weekly": 13, "daily": 7}


@dataclass(frozen=True)
class Row:
    """One post of the board with its unit and one cell per month; a cell is None where nothing is owed and nothing came.

    late: per month, how many changes came after its freeze.
    """

    post: Post
    unit: Unit | None
    sector: Sector | None
    terms: Terms
    cells: tuple[Cell | None, ...]
    late: tuple[int, ...]


@dataclass(frozen=True)
class Board:
    """The board of one form. `tally` is of the chosen (last) month, each post's return as at its own freeze once that has
    passed; `frozen`: it has for all of them; `late_changes` came after.

    rates: on-time rate per month of `months`, each at its own freeze once that has passed; None where nothing was owed.
    revisions: per month, how many changes came after its freeze; the last is `late_changes`.
    deadlines: the different terms on this board, each with the types of post it holds for, and whether frozen.
    reminders: what that month's posts are to be reminded of today.
    """

    xml_form_id: str
    title: str
    month: Period
    months: tuple[Period, ...]
    rows: tuple[Row, ...]
    tally: Tally
    rates: tuple[float | None, ...]
    frozen: bool
    late_changes: int
    revisions: tuple[int, ...]
    deadlines: tuple[tuple[Terms, tuple[str, ...], bool], ...]
    reminders: tuple[tuple[Row, Reminder], ...] = ()


@dataclass(frozen=True)
class _Sources:
    """What was read for a board: reports by (post id, period), waivers by subject, who was known to owe by post id."""

    came: Mapping[tuple[int, str], list[Delivery]]
    waivers: Mapping[str, list[Waiver]]
    tenures: Mapping[int, Tenure]


def subject(xml_form_id: str, post_code: str, month: Period) -> str:
    """What a WAIVE event speaks of: form, post and month."""
    return f"{xml_form_id}/{post_code}/{month}"


def boards(session: Session, identity: Identity, zone: ZoneInfo, month: Period, project_id: int = 1) -> list[Board]:
    """One board per form that somebody in this actor's sight owes in the rhythm of the period `month`, ending with that period;
    empty without return plans of the rhythm.
    """
    plans = returns.plans(session, month.rhythm)
    by_form: dict[str, list[ReturnPlan]] = {}
    for plan in plans:
        by_form.setdefault(plan.xml_form_id, []).append(plan)
    made = [_board(session, identity, zone, month, project_id, by_form[form]) for form in sorted(by_form)]
    return [board for board in made if board.rows]


def reminding_boards(session: Session, identity: Identity, zone: ZoneInfo) -> list[Board]:
    """The boards of all periods for which a reminder can come into force today, oldest first within a rhythm."""
    today = now().astimezone(zone).date()
    found: list[Board] = []
    for rhythm in rhythms(session):
        due_days = {plan.due_day for plan in returns.plans(session, rhythm)}
        for period in sorted({each for days in due_days for each in reminded(rhythm, days, today)}, key=lambda each: each.first):
            found += boards(session, identity, zone, period)
    return found


def last_owed(zone: ZoneInfo, rhythm: Rhythm = "monthly") -> Period:
    """The period that is asked for now: the one before the present one, in mission time."""
    return period_of(rhythm, now().astimezone(zone).date()).plus(-1)


def rhythms(session: Session) -> list[Rhythm]:
    """The rhythms in which anything is owed, longest first."""
    planned = returns.rhythms(session)
    return [rhythm for rhythm in reversed(RHYTHMS) if rhythm in planned]


def _board(
    session: Session, identity: Identity, zone: ZoneInfo, month: Period, project_id: int, plans: Sequence[ReturnPlan],
) -> Board:
    at = now()
    terms = {plan.post_type: Terms(zone, plan.due_day, plan.missing_day, plan.freeze_day, plan.starts_on) for plan in plans}
    form = plans[0].xml_form_id
    posts = returns.owing_posts(session, terms.keys(), _sector(identity), _own_post(identity))
    months = tuple(month.plus(step) for step in range(1 - SHOWN[month.rhythm], 1))
    since = min((each.frozen(months[0]) for each in terms.values()), default=at)
    sources = _sources(session, project_id, form, posts, months, zone, since)
    rows = [_row(form, post, unit, sector, terms[post.type], months, sources, at) for post, unit, sector in posts]
    # A return that is owed no more since its freeze still counts in what was frozen.
    kept = tuple(row for row in rows if any(cell is not None for cell in row.cells) or any(row.late))
    tallies = [tally([_frozen_cell(form, row, each, sources, at) for row in kept]) for each in months]
    late = tuple(sum(row.late[index] for row in kept) for index in range(len(months)))
    rates = tuple(each.rate for each in tallies)
    due = [(row, reminder(row.cells[-1], row.terms, at)) for row in kept]
    reminders = tuple((row, found) for row, found in due if found is not None)
    title = returns.form_title(session, project_id, form)
    deadlines = _deadlines(terms, kept, month, at)
    frozen = all(past for _terms, _types, past in deadlines)
    return Board(form, title, month, months, kept, tallies[-1], rates, frozen, late[-1], late, deadlines, reminders)


def _deadlines(
    terms: Mapping[str, Terms], rows: Sequence[Row], month: Period, at: dt.datetime,
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
    session: Session, project_id: int, form: str, posts: Sequence[returns.PostRow], months: Sequence[Period], zone: ZoneInfo,
    since: dt.datetime,
) -> _Sources:  # fmt: skip
    units = {unit.code for _post, unit, _sector in posts if unit is not None}
    periods, ids, rhythm = {str(month) for month in months}, [row[0].id for row in posts], months[0].rhythm
    reports = returns.deliveries(session, project_id, form, _names(months), units, ids, since, _unnamed(months, zone))
    found = return_history.pasts(session, reports)
    # What an officer called the same report typed twice is neither a return of its own nor a revision.
    # A copy that was rejected or deleted hides no other.
    doubled = report_duplicates.repeated(session, [one.report.root_fact_id for one in found if one.stands])
    came: dict[tuple[int, str], list[Delivery]] = {}

    def owed(report: SubmissionSummary, wording: Wording) -> tuple[int, str] | None:
        owner, period = _owner_of(report, wording.unit, posts), str(_spoken_of(wording, rhythm, zone))
        return (owner, period) if owner is not None and period in periods else None

    for past in found:
        if past.report.root_fact_id not in doubled:
            for key, delivery in past.deliveries(owed).items():
                came.setdefault(key, []).append(delivery)
    subjects = [subject(form, row[0].code, month) for row in posts for month in months]
    tenures = return_history.tenures(session, [(post, unit) for post, unit, _sector in posts], zone)
    return _Sources(came, _waivers(session, subjects), tenures)


def _names(months: Sequence[Period]) -> set[str]:
    """What reports for these periods can name: the periods, and for weeks their days."""
    found = {str(month) for month in months}
    if months[0].rhythm == "weekly":
        found |= {str(Day(week.first + dt.timedelta(days=day))) for week in months for day in range(7)}
    return found


def _unnamed(months: Sequence[Period], zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime] | None:
    """From when to when a report can speak of these periods without naming one. A month has to be named."""
    if months[0].rhythm == "monthly":
        return None
    start, end = (dt.datetime.combine(day, dt.time(), zone) for day in (months[0].first, months[-1].plus(1).first))
    return start.astimezone(dt.UTC), end.astimezone(dt.UTC)


def _spoken_of(wording: Wording, rhythm: Rhythm, zone: ZoneInfo) -> Period | None:
    """The period that a report counts for: the one it names, else that of its day (any patrol of the week)."""
    if wording.period is not None or rhythm == "monthly":
        return named(wording.period, rhythm)
    return period_of(rhythm, wording.observed_at.astimezone(zone).date())


def _owner_of(report: SubmissionSummary, unit: str | None, posts: Sequence[returns.PostRow]) -> int | None:
    """A return is its unit's; between several posts of one unit, and without a unit, the sending post decides."""
    of_unit = [post.id for post, _unit, _sector in posts if unit and post.unit_code == unit]
    if report.post_id in of_unit or (not of_unit and report.post_id in {row[0].id for row in posts}):
        return report.post_id
    return of_unit[0] if of_unit else None


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
    form: str, post: Post, unit: Unit | None, sector: Sector | None, terms: Terms, months: Sequence[Period], sources: _Sources,
    at: dt.datetime,
) -> Row:  # fmt: skip
    cells = tuple(assess(*_known(form, post, month, terms, sources), at) for month in months)
    late = tuple(len(late_changes(*_known(form, post, month, terms, sources), at)) for month in months)
    return Row(post, unit, sector, terms, cells, late)


def _frozen_cell(form: str, row: Row, month: Period, sources: _Sources, at: dt.datetime) -> Cell | None:
    """The return as its month's statistics count it: as it is, or as it was at the freeze."""
    return assess(*_known(form, row.post, month, row.terms, sources), min(at, row.terms.frozen(month)))


def _known(
    form: str, post: Post, month: Period, terms: Terms, sources: _Sources
) -> tuple[Tenure, Period, Terms, list[Delivery], list[Waiver]]:
    """What sync.returns asks for about one return."""
    about = sources.waivers.get(subject(form, post.code, month), [])
    return sources.tenures[post.id], month, terms, sources.came.get((post.id, str(month)), []), about


def one(session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Period) -> tuple[Board, Row]:
    """One return with its board, for the drill-down. Raises not_found outside the plan or the actor's sight."""
    for board in boards(session, identity, zone, month):
        for row in board.rows:
            if board.xml_form_id == xml_form_id and row.post.id == post_id and row.cells[-1] is not None:
                return board, row
    raise Problem("not_found")


def waive(
    session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Period, reason: str,
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


def unwaive(session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Period) -> None:
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
