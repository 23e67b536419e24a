"""The returns board: per post and month who sent the return, late or not at all; one return in detail; waiving it."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, Response, flash, render_template, request
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import back_to, zone
from server.problems import Problem
from server.queries import records
from server.services import returns
from server.services.identity import Verb
from sync.periods import RHYTHMS, Day, Month, Period, parse_period, period_of
from sync.reminders import STEPS, Reminder
from sync.returns import STATES, Cell, State

blueprint = Blueprint("returns", __name__)
# Shape and colour of a state (a badge's class): ok, warn, bad, info, idle.
MARKS: dict[State, str] = {
    "not_due": "idle", "due": "idle", "received": "ok", "nil": "ok", "late": "warn", "late_in_transit": "info",
    "missing": "bad", "superseded": "idle", "waived": "idle", "handover": "idle",
}  # fmt: skip


@blueprint.app_template_filter("month")
def month_name(day: dt.date) -> str:
    """The month of a day in the reader's language, such as "October 2026"."""
    return str(format_date(day, "LLLL yyyy"))


@blueprint.app_template_filter("month_short")
def month_short(day: dt.date) -> str:
    """The month of a day in few letters, such as "Oct 26"."""
    return str(format_date(day, "LLL yy"))


@blueprint.app_template_filter("period")
def period_name(period: Period) -> str:
    """A period in the reader's language: "October 2026", "week 41: 5 to 11 Oct 2026", "Monday 5 October 2026"."""
    if isinstance(period, Month):
        return month_name(period.first)
    if isinstance(period, Day):
        return str(format_date(period.date, "EEEE d MMMM yyyy"))
    first = format_date(period.first, "d" if period.first.month == period.last.month else "d MMM")
    last = format_date(period.last, "d MMM yyyy")
    return str(_("week %(number)s: %(first)s to %(last)s", number=period.week, first=first, last=last))


@blueprint.app_template_filter("period_short")
def period_short(period: Period) -> str:
    """A period in few letters, for the head of a column: "Oct 26", "W41", "Mon 5 Oct"."""
    if isinstance(period, Month):
        return month_short(period.first)
    if isinstance(period, Day):
        return str(format_date(period.date, "EEE d MMM"))
    return str(_("W%(number)s", number=period.week))


@blueprint.app_template_filter("deadline")
def deadline(instant: dt.datetime) -> str:
    """The last minute before the instant, in its own zone (mission time): "5 Nov 2026, 23:59"."""
    last = instant - dt.timedelta(minutes=1)
    return f"{format_date(last.date(), 'd MMM yyyy')}, {last:%H:%M}"


@blueprint.app_template_filter("deadline_local")
def deadline_local(instant: dt.datetime | None) -> str:
    """As `deadline`, for an instant in UTC; a dash for none."""
    return deadline(instant.astimezone(zone())) if instant is not None else "–"


def _session() -> Session:
    return db.session()


def _period(text: str | None) -> Period:
    if not text:
        return returns.last_owed(zone(), next(iter(returns.rhythms(_session())), "monthly"))
    try:
        return parse_period(text)
    except ValueError as error:
        raise Problem("not_found") from error


def _chosen(period: str | None) -> Period:
    """The period of the address; or of ?rhythm= and ?day=, as the picker sends them (a day it cannot read is today's)."""
    rhythm = next((each for each in RHYTHMS if each == request.args.get("rhythm")), None)
    if period or rhythm is None:
        return _period(period or request.args.get("month"))
    try:
        return period_of(rhythm, Day.parse(request.args.get("day", "")).date)
    except ValueError:
        return returns.last_owed(zone(), rhythm)


def mark(cell: Cell) -> str:
    """The badge's class of a cell: a short return at handover that has not come wants doing, one that came does not."""
    if cell.state == "handover":
        return "ok" if cell.arrived else "warn"
    return MARKS[cell.state]


def state_label(cell: Cell) -> str:
    """The state in the reader's language; for a short return at handover also whether it came."""
    if cell.state == "handover":
        return f"{_label('handover')}: {_label('received' if cell.arrived else 'due')}"
    if cell.state == "late" and not cell.arrived:
        return str(_("Overdue"))
    return _label(cell.state)


def _label(state: State) -> str:
    names: dict[State, str] = {
        "not_due": _("Not due yet"),
        "due": _("Due"),
        "received": _("Received"),
        "nil": _("Nil return"),
        "late": _("Late"),
        "late_in_transit": _("Late in transit"),
        "missing": _("Missing"),
        "superseded": _("Superseded"),
        "waived": _("Waived"),
        "handover": _("Handover"),
    }
    return names[state]


def radio_text(board: returns.Board, row: returns.Row, each: Reminder) -> str:
    """A reminder as it is read out on the radio net: one thing a line, no abbreviations that need a key."""
    day = deadline(row.terms.due(each.cell.month))
    lines = [_("TO: %(post)s", post=row.post.name)]
    if each.to_sector and row.sector is not None:
        lines.append(_("COPY: %(sector)s", sector=row.sector.name))
    lines += [
        _("RETURN: %(title)s, %(month)s", title=board.title, month=period_name(each.cell.month)),
        _("WAS DUE: %(day)s", day=day) if each.is_over else _("DUE: %(day)s", day=day),
        _("Nothing has come. Send the return, or a nil return when there is nothing to report."),
        _("Sent already? Say the day and the receipt number."),
        _("Reminder %(number)s of %(of)s", number=each.number, of=len(STEPS)),
    ]
    return "\n".join(lines)


@blueprint.get("/returns")
@blueprint.get("/returns/<period>")
@allow(Verb.RETURN_READ)
def board(period: str | None = None) -> str:
    """The board of a month, week or day (the last one owed when none is named) with the periods before it."""
    month = _chosen(period)
    shown = returns.boards(_session(), identity(), zone(), month)
    return render_template(
        "returns/board.html",
        labels=labels,
        boards=shown,
        month=month,
        previous=month.plus(-1),
        following=month.plus(1),
        latest=returns.last_owed(zone(), month.rhythm),
        rhythms=[each for each in reversed(RHYTHMS) if each in {month.rhythm, *returns.rhythms(_session())}],
        rhythm_names=labels.rhythms(),
        marks=MARKS,
        legend=STATES,
        mark=mark,
        label=_label,
        state_label=state_label,
        radio_text=radio_text,
    )


@blueprint.get("/returns/<period>/<path:xml_form_id>/<int:post_id>")
@allow(Verb.RETURN_READ)
def detail(period: str, xml_form_id: str, post_id: int) -> str:
    """One return: the report in force, those it superseded, the clocks, and the waiver."""
    month = _period(period)
    found, row = returns.one(_session(), identity(), zone(), xml_form_id, post_id, month)
    cell = row.cells[-1]
    came = [*(cell.superseded if cell else ()), *([cell.delivery] if cell and cell.delivery else [])]
    return render_template(
        "returns/detail.html",
        reports=records.reports_behind(_session(), [one.source for one in came]),
        board=found,
        row=row,
        cell=cell,
        month=month,
        marks=MARKS,
        mark=mark,
        label=_label,
        state_label=state_label,
        due=row.terms.due(month),
        missing=row.terms.missing(month),
        frozen=row.terms.frozen(month),
    )


@blueprint.post("/returns/<period>/<path:xml_form_id>/<int:post_id>/waive")
@allow(Verb.RETURN_WAIVE)
def waive(period: str, xml_form_id: str, post_id: int) -> Response:
    """This return is not owed; the reason is kept with the decision."""
    month = _period(period)
    returns.waive(_session(), identity(), zone(), xml_form_id, post_id, month, request.form.get("reason", ""))
    flash(_("The return is waived. You can take that back on its page."), "ok")
    return _back(month)


@blueprint.post("/returns/<period>/<path:xml_form_id>/<int:post_id>/unwaive")
@allow(Verb.RETURN_WAIVE)
def unwaive(period: str, xml_form_id: str, post_id: int) -> Response:
    """Takes the waiver back: the return is owed again."""
    month = _period(period)
    returns.unwaive(_session(), identity(), zone(), xml_form_id, post_id, month)
    flash(_("The waiver is taken back; the return is owed again."), "ok")
    return _back(month)


def _back(month: Period) -> Response:
    return back_to("returns.board", period=str(month))
