"""Questionnaires: which are open, who fills them, new versions, what is wrong with a sheet, files they need."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.office import labels
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.queries import encryption as encryption_queries
from server.queries import form_downloads
from server.queries import forms as queries
from server.queries import mission as mission_queries
from server.services import draft_tests, encryption_keys, form_catalogue, form_library, forms, media, mission
from server.services.devices import QrCard
from server.services.identity import Verb

KINDS = (".xlsx", ".xls", ".csv", ".md", ".xml")
MAX_SHEET = 20_000_000
STATES = {"open": "ok", "closing": "warn", "closed": "idle"}
# What a sheet can be refused for: shown beside the upload with everything that was found.
_REFUSALS = {
    "form_refused",
    "form_warnings",
    "field_type_changed",
    "version_reused",
    "unexpected_value",
    "invalid_input",
    "too_large",
}
blueprint = Blueprint("forms", __name__)


def _session() -> Session:
    return db.session()


def _state_labels() -> dict[str, str]:
    return {"open": _("Open"), "closing": _("Closing"), "closed": _("Closed")}


@blueprint.get("/forms")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def index() -> Response:
    """All questionnaires, the upload and the library."""
    return _index()


def _index(problem: Problem | None = None, status: int = 200) -> Response:
    session, who = _session(), identity()
    rows = form_catalogue.extended(session, who, 1, form_catalogue.listed(session, who, 1))
    known = {row["xml_form_id"] for row in rows}
    duties: dict[str, list[str]] = {}
    for duty in mission_queries.form_duties(session):
        duties.setdefault(duty.xml_form_id, []).append(labels.label(labels.post_types(), duty.post_type))
    drafts = {form.xml_form_id for form in queries.forms(session, 1) if form.draft_version_id}
    page = render_template(
        "forms.html",
        rows=rows,
        duties=duties,
        drafts=drafts,
        states=_state_labels(),
        marks=STATES,
        kinds=KINDS,
        library=[name for name in form_library.names() if name not in known],
        **_findings(problem),
    )
    return make_response(page, status)


def _findings(problem: Problem | None) -> dict[str, Any]:
    if problem is None:
        return {"refused": "", "advice": "", "findings": []}
    message, advice = words(problem)
    return {"refused": message, "advice": advice, "findings": problem.details.get("findings", [])}


@blueprint.post("/forms")
@allow(Verb.FORM_PUBLISH)
def upload() -> Response:
    """A sheet becomes a draft or is published at once; a faulty one stores nothing and shows every finding."""
    session, settings, who = _session(), current_app.config["SETTINGS"], identity()
    try:
        name, data = _sheet()
        if request.form.get("publish"):
            outcome = forms.publish(session, settings, 1, data, name, actor=who)
            form = outcome.form
            flash(_("Nothing changed: this very version is published already.") if outcome.unchanged else _("Published."), "ok")
        else:
            draft = forms.save_draft(session, settings, 1, data, name, who)
            form = session.get_one(Form, draft.form_id)
            flash(_("Saved as a draft. Look at it, then publish it."), "ok")
    except Problem as problem:
        if problem.kind.name not in _REFUSALS:
            raise
        session.rollback()
        return _index(problem, problem.status)
    return back_to("forms.form", xml_form_id=form.xml_form_id)


def _sheet() -> tuple[str, bytes]:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Problem("invalid_input", reason=_("Choose a file first."))
    name = PurePath(file.filename.replace("\\", "/")).name[:200]
    if not name.lower().endswith(KINDS):
        raise Problem(
            "invalid_input", reason=_("This is no sheet that can become a questionnaire (%(kinds)s).", kinds=", ".join(KINDS))
        )
    data = file.read(MAX_SHEET + 1)
    if len(data) > MAX_SHEET:
        raise Problem("too_large", limit=MAX_SHEET)
    return name, data


@blueprint.post("/forms/library")
@allow(Verb.FORM_PUBLISH)
def take() -> Response:
    """Publishes a questionnaire of the library."""
    outcome = form_library.publish_from_library(
        _session(), current_app.config["SETTINGS"], request.form.get("name", ""), identity()
    )
    flash(_("Published. Say now which posts fill it."), "ok")
    return back_to("forms.form", xml_form_id=outcome.form.xml_form_id)


@blueprint.get("/forms/library/<name>.xlsx")
@allow(Verb.FORM_PUBLISH)
def library_sheet(name: str) -> Response:
    """The sheet of a shipped questionnaire, to change it by hand."""
    answer = Response(form_library.source(name), mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return answer


def _form(xml_form_id: str) -> Form:
    return form_catalogue.find(_session(), identity(), 1, xml_form_id)


@blueprint.get("/forms/form/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def form(xml_form_id: str) -> Response:
    """One questionnaire: state, duties, versions, draft with its code for a phone, files."""
    session, found = _session(), _form(xml_form_id)
    current, draft = (queries.version_by_id(session, key) for key in (found.current_version_id, found.draft_version_id))
    shown = draft or current
    plans = [plan for plan in mission_queries.return_plans(session) if plan.xml_form_id == found.xml_form_id]
    card = None
    if draft is not None and identity().may(Verb.FORM_PUBLISH):
        card = draft_tests.qr_card(current_app.config["SETTINGS"], found, draft, request.host_url)
    page = make_response(render_template(
        "form.html",
        card=card,
        svg=_svg,
        form=found,
        current=current,
        draft=draft,
        versions=queries.versions(session, found.id),
        states=_state_labels(),
        marks=STATES,
        kinds=KINDS,
        files=form_catalogue.expected_files(session, shown) if shown else [],
        plans=plans,
        duties={duty.post_type for duty in mission_queries.form_duties(session) if duty.xml_form_id == found.xml_form_id},
        types=_types(session),
        shown=shown,
        holders=form_downloads.holders(session, found, identity().scope) if current else [],
        **_encryption(session, found, shown),
        title=shown.title if shown else found.xml_form_id,
        labels=labels,
    ))
    if card is not None:
        # The code holds the draft's key.
        page.headers["Cache-Control"] = "no-store, private"
    return page


def _svg(card: QrCard) -> Markup:
    # Made by segno from the address; it holds paths only, no text of anybody.
    return Markup(card.svg)  # noqa: S704


def _encryption(session: Session, form: Form, shown: FormVersion | None) -> dict[str, Any]:
    """The key of the version shown, and the keys that the form could be encrypted with."""
    key = encryption_queries.key(session, shown.key_id) if shown else None
    project = queries.project(session, form.project_id)
    return {
        "key": key,
        "key_usable": key is not None and encryption_keys.is_usable(key),
        "key_of_project": project is not None and project.key_id is not None,
        "keys": [each for each in encryption_queries.keys(session) if each.managed],
    }


def _types(session: Session) -> dict[str, str]:
    """Kinds of post: the known ones, and whatever posts of this mission have."""
    return {
        **labels.post_types(),
        **{kind: kind for kind in mission_queries.post_types(session) if kind not in labels.post_types()},
    }


@blueprint.post("/forms/state/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def set_state(xml_form_id: str) -> Response:
    """Opens, lets close, or closes."""
    forms.set_state(_session(), _form(xml_form_id), request.form.get("state", ""), identity())
    flash(_("The state is changed."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/publish/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def publish(xml_form_id: str) -> Response:
    """Makes the draft the version that phones get."""
    forms.publish_draft(_session(), _form(xml_form_id), identity())
    flash(_("Published. Phones get it when they next ask for forms; reports on the old version are still taken."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/draft/delete/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def delete_draft(xml_form_id: str) -> Response:
    """Throws the draft away."""
    found = _form(xml_form_id)
    gone = found.current_version_id is None
    forms.delete_draft(_session(), found, identity())
    flash(_("The draft is deleted."), "ok")
    return back_to("forms.index") if gone else back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/duties/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH, Verb.MISSION_MANAGE)
def set_duties(xml_form_id: str) -> Response:
    """Which kinds of post fill it."""
    session, found = _session(), _form(xml_form_id)
    mission.set_form_duties(session, identity(), found.xml_form_id, request.form.getlist("type"))
    flash(_("Changed. Their phones see it at the next refresh."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/files/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def add_file(xml_form_id: str) -> Response:
    """Uploads a picture or list that the questionnaire needs."""
    session, found, file = _session(), _form(xml_form_id), request.files.get("file")
    version = queries.version_by_id(session, found.draft_version_id or found.current_version_id)
    if file is None or not file.filename or version is None:
        raise Problem("invalid_input", reason=_("Choose a file first."))
    media.fill_form_file(
        session, current_app.config["SETTINGS"], version, request.form.get("name", ""), file.stream, file.mimetype or None
    )
    flash(_("The file is there."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)
