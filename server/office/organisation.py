"""Sectors, units and posts of the mission: one by one or many lines at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.queries import mission as queries
from server.services import mission, route_classes
from server.services.identity import Verb
from server.services.journal import now

TABS = ("sectors", "units", "posts")
MAX_LINES = 500
blueprint = Blueprint("organisation", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/organisation")
@allow(Verb.MISSION_MANAGE)
def index() -> Response:
    """Sectors, units or posts (?tab=)."""
    return _index(request.args.get("tab", "posts"))


@dataclass(frozen=True)
class Refused:
    """One line that could not be taken, with why."""

    number: int
    line: str
    reason: str


def _index(tab: str, refused: Sequence[Refused] = (), status: int = 200) -> Response:
    session = _session()
    areas = queries.areas(session) if tab not in {"sectors", "units"} else []
    page = render_template(
        "organisation.html",
        tab=tab if tab in TABS else "posts",
        sectors=queries.sectors(session),
        units=queries.units(session),
        posts=queries.posts(session, closed=True),
        labels=labels,
        refused=refused,
        today=now().date(),
        state=mission.setup_state(session),
        sector_names={sector.id: sector.name for sector in queries.sectors(session)},
        areas=areas,
        area_names={area.code: area.name for area in areas},
        unit_names={unit.code: unit.name for unit in queries.units(session)},
    )
    return make_response(page, status)


@blueprint.post("/organisation/sector")
@allow(Verb.MISSION_MANAGE)
def put_sector() -> Response:
    """Adds or renames a sector."""
    form = request.form
    mission.put_sector(_session(), identity(), form.get("code", ""), form.get("name", ""), form.get("id", type=int))
    return _done("sectors")


def _done(tab: str) -> Response:
    flash(_("Saved."), "ok")
    return back_to("organisation.index", tab=tab, setup=request.form.get("setup") or None)


@blueprint.post("/organisation/sector/<int:sector_id>/remove")
@allow(Verb.MISSION_MANAGE)
def remove_sector(sector_id: int) -> Response:
    """Takes away a sector that nothing hangs on."""
    mission.remove_sector(_session(), identity(), sector_id)
    return _done("sectors")


@blueprint.post("/organisation/unit")
@allow(Verb.MISSION_MANAGE)
def put_unit() -> Response:
    """Adds or changes a unit with its days of rotation."""
    form = request.form
    mission.put_unit(
        _session(),
        identity(),
        form.get("code", ""),
        form.get("name", ""),
        form.get("sector", type=int),
        form.get("in") or None,
        form.get("out") or None,
        form.get("camp"),
    )
    return _done("units")


@blueprint.post("/organisation/post")
@allow(Verb.MISSION_MANAGE)
def put_post() -> Response:
    """Adds or changes a post."""
    form = request.form
    mission.put_post(
        _session(),
        identity(),
        code=form.get("code", ""),
        name=form.get("name") or form.get("code", ""),
        type=form.get("type", ""),
        unit_code=form.get("unit") or None,
        sector_id=form.get("sector", type=int),
        duty_phone=form.get("phone") or None,
        post_id=form.get("id", type=int),
        area_code=form.get("area"),
    )
    return _done("posts")


@blueprint.post("/organisation/post/<int:post_id>/link")
@allow(Verb.MISSION_MANAGE)
def put_link(post_id: int) -> Response:
    """The kind of link the post's devices have, which decides how much they send at once."""
    route_classes.put_post(_session(), identity(), post_id, request.form.get("link"))
    return _done("posts")


@blueprint.post("/organisation/post/<int:post_id>/close")
@allow(Verb.MISSION_MANAGE)
def close_post(post_id: int) -> Response:
    """Closes a post, or opens it again."""
    mission.close_post(_session(), identity(), post_id, bool(request.form.get("closed")))
    return _done("posts")


@blueprint.post("/organisation/many/<tab>")
@allow(Verb.MISSION_MANAGE)
def many(tab: str) -> Response:
    """Takes a list of lines, each with fields between semicolons or tabs, as pasted from a table. Good lines count."""
    takers: dict[str, Callable[[list[str]], object]] = {"sectors": _sector_line, "units": _unit_line, "posts": _post_line}
    if tab not in takers:
        raise Problem("not_found")
    lines = [line.strip() for line in request.form.get("lines", "").splitlines() if line.strip()]
    if not lines or len(lines) > MAX_LINES:
        raise Problem("invalid_input", reason=_("Paste between 1 and %(most)s lines.", most=MAX_LINES))
    refused, taken = [], 0
    for number, line in enumerate(lines, 1):
        fields = [cell.strip() for cell in line.replace("\t", ";").split(";")]
        try:
            takers[tab]([*fields, *[""] * 7][:7])
            taken += 1
        except Problem as problem:
            _session().rollback()
            refused.append(Refused(number, line, " ".join(words(problem))))
    if taken:
        flash(ngettext("%(num)s line is taken.", "%(num)s lines are taken.", taken), "ok")
    if refused:
        return _index(tab, refused, 422)
    return back_to("organisation.index", tab=tab, setup=request.form.get("setup") or None)


def _sector_of(code: str) -> int | None:
    if not code:
        return None
    found = queries.sector_by_code(_session(), code)
    if found is None:
        raise Problem("invalid_input", reason=_("There is no sector %(code)s.", code=code))
    return found.id


def _sector_line(fields: list[str]) -> None:
    code, name = fields[:2]
    same = queries.sector_by_code(_session(), code)
    mission.put_sector(_session(), identity(), code, name or code, same.id if same else None)


def _unit_line(fields: list[str]) -> None:
    code, name, sector, arrives, leaves, camp = fields[:6]
    mission.put_unit(
        _session(), identity(), code, name or code, _sector_of(sector), arrives or None, leaves or None, camp or None
    )


def _post_line(fields: list[str]) -> None:
    code, name, kind, unit, sector, phone, area = fields[:7]
    same = queries.post_by_code(_session(), code)
    mission.put_post(
        _session(),
        identity(),
        code=code,
        name=name or code,
        type=kind,
        unit_code=unit or None,
        sector_id=_sector_of(sector),
        duty_phone=phone or None,
        post_id=same.id if same else None,
        area_code=area or None,
    )
