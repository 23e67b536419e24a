"""The inbox: all reports this person may see, filtered, newest first, page by page."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import zone
from server.queries import inbox as queries
from server.queries import lookups
from server.queries.inbox import COUNT_LIMIT, Cursor, ReportFilter
from server.services.identity import Verb

PAGE = 50
MARKS = ("findings", "incomplete", "alarm", "clock", "edited", "clear", "deleted")
blueprint = Blueprint("inbox", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/reports")
@allow(Verb.SUBMISSION_READ)
def reports() -> str:
    """The list; htmx asks for the rows only."""
    session, scope = _session(), identity().scope
    wanted = read_filter()
    rows = list(queries.reports(session, scope, wanted, Cursor.parse(request.args.get("after", "")), PAGE + 1))
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    following = f"{request.path}?{_query(after=str(Cursor(rows[-1].received_at, rows[-1].root_fact_id)))}" if more else ""
    context = {
        "rows": rows,
        "locked": queries.locked(session, [row.current_fact_id for row in rows]),
        "wanted": wanted,
        "count": _count(queries.report_count(session, scope, wanted)),
        "next": following,
        "first": f"{request.path}?{_query(after='')}" if request.args.get("after") else "",
        "titles": queries.form_titles(session),
        "units": lookups.unit_names(session),
        "sectors": lookups.sector_names(session),
        "labels": labels,
        "posts": lookups.post_names(session, {row.post_id for row in rows if row.post_id}),
        "whole_mission": scope.sector_id is None and scope.own_actor_id is None,
        "narrowed": bool(_query(after="")),
    }
    target = request.headers.get("HX-Target")
    return render_template("_reports.html" if target == "reports" else "reports.html", **context)


def read_filter() -> ReportFilter:
    """The filter in the address; what cannot be read counts as not given, so that an old bookmark still opens."""
    asked = request.args
    return ReportFilter(
        form=asked.get("form", ""),
        unit=asked.get("unit", ""),
        sector_id=asked.get("sector", type=int),
        state=asked.get("state", ""),
        channel=asked.get("channel", ""),
        marks=frozenset(mark for mark in asked.getlist("mark") if mark in MARKS),
        since=_midnight(asked.get("since", "")),
        until=_midnight(asked.get("until", ""), 1),
        text=asked.get("text", "")[:200].strip(),
    )


def _midnight(text: str, days: int = 0) -> dt.datetime | None:
    """The start of that day (or `days` later) in mission time."""
    try:
        date = dt.date.fromisoformat(text) + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if not 1900 < date.year < 3000:
        return None
    return dt.datetime.combine(date, dt.time(), zone())


def _query(**changed: str) -> str:
    """The present filter as a query string with some values changed; empty values are left out."""
    pairs = [(key, value) for key, value in request.args.items(multi=True) if key not in changed and value]
    return urlencode([*pairs, *((key, value) for key, value in changed.items() if value)])


def _count(number: int) -> str:
    if number > COUNT_LIMIT:
        return str(_("more than %(number)s reports", number=format_decimal(COUNT_LIMIT)))
    return str(ngettext("%(number)s report", "%(number)s reports", number, number=format_decimal(number)))
