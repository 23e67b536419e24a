"""Versions of a questionnaire: how one reads, what is different between two, and the sheet as it was uploaded."""

from __future__ import annotations

from pathlib import PurePath

from flask import Blueprint, Response, current_app, render_template, request
from sqlalchemy.orm import Session

from forms.fields import language_code, text_in
from forms.outline import computed, language_of, outline
from server.extensions import db, streamed
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.office import form_words, labels
from server.office.layout import language
from server.problems import Problem
from server.queries import forms as queries
from server.services import form_catalogue, form_changes, media, registers
from server.services.definitions import definition_of
from server.services.identity import Verb

_LANGUAGES = {"en": "English", "fr": "Français", "es": "Español", "ar": "العربية", "pt": "Português", "default": "–"}
_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xls": "application/vnd.ms-excel",
    ".xml": "application/xml", ".csv": "text/csv", ".md": "text/markdown",
}  # fmt: skip
blueprint = Blueprint("form_versions", __name__)


def _session() -> Session:
    return db.session()


def _form(xml_form_id: str) -> Form:
    return form_catalogue.find(_session(), identity(), 1, xml_form_id)


def _asked(form: Form, name: str) -> FormVersion | None:
    """The version whose number the address gives under that name; None when it gives none."""
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem("not_found")
    return form_changes.version_of(_session(), form, int(text))


@blueprint.get("/forms/preview/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def preview(xml_form_id: str) -> str:
    """The questions as a person reads them. Query: version (its number; the draft, else the current one), language (a code)."""
    form = _form(xml_form_id)
    shown = _asked(form, "version") or form_changes.version_of(
        _session(), form, form.draft_version_id or form.current_version_id
    )
    definition = definition_of(shown)
    chosen = language_of(definition, request.args.get("language") or language())
    return render_template(
        "form_preview.html", form=form, shown=shown, items=outline(definition, chosen), computed=computed(definition, chosen),
        languages=[(language_code(each), _LANGUAGES.get(language_code(each), each)) for each in definition.languages],
        chosen=language_code(chosen), kinds=form_words.kinds(), condition=form_words.condition,
    )


@blueprint.get("/forms/difference/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def difference(xml_form_id: str) -> str:
    """What one version does otherwise than another. Query: old and new (numbers of versions); by default the draft against the
    current version, else the current one against that before it."""
    session, form = _session(), _form(xml_form_id)
    published = list(queries.versions(session, form.id))
    draft = queries.version_by_id(session, form.draft_version_id)
    every = [*([draft] if draft else []), *published]
    new = _asked(form, "new") or (every[0] if every else None)
    earlier = [each for each in published if new is not None and each.id != new.id]
    current = next((each for each in earlier if each.id == form.current_version_id), None)
    old = _asked(form, "old") or current or (earlier[0] if earlier else None)
    if new is None or old is None:
        raise Problem("not_found")
    code = language()
    found = form_changes.impact(session, form, old, new)
    known = registers.definitions()
    return render_template(
        "form_difference.html", form=form, old=old, new=new, every=every, impact=found, language=code, known=known,
        default_language=definition_of(new).default_language, kinds=form_words.kinds(), aspects=form_words.aspects(),
        changes=form_words.changes(), effects=form_words.effects(), labels=labels, text_in=text_in,
    )


@blueprint.get("/forms/sheet/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)
def sheet(xml_form_id: str) -> Response:
    """The file as it was uploaded. Query: version (its number; the draft, else the current one). Raises Problem not_found."""
    session, form = _session(), _form(xml_form_id)
    version = _asked(form, "version") or form_changes.version_of(
        session, form, form.draft_version_id or form.current_version_id
    )
    if version.source_sha256 is None:
        raise Problem("not_found")
    name = version.source_name or f"{form.xml_form_id}.xlsx"
    kind = _TYPES.get(PurePath(name).suffix.lower(), "application/octet-stream")
    file = media.stored_file(session, current_app.config["SETTINGS"], version.source_sha256, kind)
    answer = Response(streamed(file.chunks), content_type=file.content_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Length"] = str(file.size)
    return answer
