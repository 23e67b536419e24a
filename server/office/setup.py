"""First run: mission name and time, areas, and the way through units, posts, questionnaires, people and devices.

Every step can be left and taken up again; what is done shows from the data itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office.layout import back_to, zone
from server.office.refusals import words
from server.problems import Problem
from server.queries import areas as area_queries
from server.queries import mission as queries
from server.services import areas, mission
from server.services.identity import Verb
from server.services.journal import now

MAX_FILE = 200_000_000
SAMPLE = "code,name,level,parent_code,sector,lat,lon\nCF32,Ouham,1,,,6.49,17.45\nCF321,Bossangoa,2,CF32,,6.49,17.45\n"
blueprint = Blueprint("setup", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/setup")
@allow(Verb.MISSION_MANAGE)
def overview() -> str:
    """All steps with what is done, and the next one."""
    return render_template("setup.html", state=mission.setup_state(_session()))


@blueprint.get("/setup/mission")
@allow(Verb.MISSION_MANAGE)
def mission_form() -> Response:
    """Name, time zone, languages, duty telephone."""
    return _mission(queries.all_settings(_session()))


def _mission(values: Mapping[str, object], error: str = "", status: int = 200) -> Response:
    page = render_template(
        "setup_mission.html",
        values=values,
        error=error,
        zones=sorted(available_timezones()),
        present=zone().key,
        state=mission.setup_state(_session()),
    )
    return make_response(page, status)


@blueprint.post("/setup/mission")
@allow(Verb.MISSION_MANAGE)
def save_mission() -> Response:
    """Keeps the mission's name, zone and languages."""
    form = request.form
    try:
        mission.set_mission(
            _session(),
            identity(),
            name=form.get("mission_name", ""),
            time_zone=form.get("time_zone", ""),
            languages=form.getlist("languages"),
            duty_phone=form.get("duty_phone") or None,
        )
    except Problem as problem:
        _session().rollback()
        values = {**form.to_dict(), "languages": form.getlist("languages")}
        return _mission(values, " ".join(words(problem)), problem.status)
    return _next()


def _next() -> Response:
    flash(_("Saved."), "ok")
    return back_to("setup.overview")


@blueprint.get("/setup/areas")
@allow(Verb.MISSION_MANAGE)
def area_form() -> Response:
    """What areas there are, and the upload."""
    return _areas()


def _areas(problem: Problem | None = None, status: int = 200) -> Response:
    session = _session()
    message, advice = words(problem) if problem else ("", "")
    page = render_template(
        "setup_areas.html",
        counts=queries.area_counts(session),
        areas=queries.areas(session, level=1),
        refused=message,
        advice=advice,
        findings=problem.details.get("findings", []) if problem else [],
        sectors=queries.sectors(session),
        sample=SAMPLE,
        second=queries.areas(session, level=2)[:500],
        versions=area_queries.version_counts(session),
        today=now().date(),
        state=mission.setup_state(session),
    )
    return make_response(page, status)


@blueprint.get("/setup/areas/sample.csv")
@allow(Verb.MISSION_MANAGE)
def area_sample() -> Response:
    """A file to start from."""
    return Response(SAMPLE, mimetype="text/csv", headers={"Content-Disposition": 'attachment; filename="areas-sample.csv"'})


@blueprint.post("/setup/areas")
@allow(Verb.MISSION_MANAGE)
def import_areas() -> Response:
    """Takes areas out of a CSV, XLSX, GeoJSON or GeoPackage file; a faulty file stores nothing and shows every fault."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise Problem("invalid_input", reason=_("Choose a file first."))
        data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Problem("too_large", limit=MAX_FILE)
        done = areas.import_areas(
            _session(), identity(), data, file.filename, request.form.get("version", ""), partial="partial" in request.form
        )
    except Problem as problem:
        _session().rollback()
        return _areas(problem, problem.status)
    flash(_("%(added)s areas added, %(changed)s changed, %(same)s as they were.", added=done.added, changed=done.changed,
            same=done.unchanged), "ok")  # fmt: skip
    if done.ended:
        flash(ngettext("%(num)s older code is kept for old records only.", "%(num)s older codes are kept for old records only.",
                       done.ended), "ok")  # fmt: skip
    return back_to("setup.area_form")


@blueprint.post("/setup/areas/sector")
@allow(Verb.MISSION_MANAGE)
def area_sector() -> Response:
    """Puts areas, and what lies in them, into a sector."""
    count = areas.set_sector(_session(), identity(), request.form.getlist("code"), request.form.get("sector", type=int))
    flash(_("%(count)s areas changed.", count=count), "ok")
    return back_to("setup.area_form")


@blueprint.post("/setup/finish")
@allow(Verb.MISSION_MANAGE)
def finish() -> Response:
    """The set-up is done; the page stays for changes."""
    mission.finish_setup(_session(), identity())
    flash(_("The set-up is done. Good work."), "ok")
    return back_to("login.start")
