"""Keys for encrypted questionnaires: make one in this browser, see what it locks, unlock reports, lock them again.

A passphrase is read from the form, used and forgotten. It never goes back into a page.
"""

from __future__ import annotations

import json

from flask import Blueprint, Response, current_app, flash, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from server.config import Settings
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, SubmissionSummary
from server.office.layout import back_to
from server.office.refusals import words
from server.problems import Problem
from server.queries import encryption as queries
from server.queries import inbox, lookups
from server.services import decryption, encrypting, encryption_keys, form_catalogue
from server.services.identity import Verb

# So many reports are unlocked in one request; the page says how many are left.
MOST = 50
# What is told beside the form instead of on a page of its own.
_TOLD = {"undecryptable", "encrypted_file_missing", "held_back", "no_private_key", "too_many_passphrases", "state_conflict"}
blueprint = Blueprint("keys", __name__)


def _session() -> Session:
    return db.session()


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


@blueprint.get("/keys")
@allow(Verb.FORM_PUBLISH, Verb.SUBMISSION_REVIEW)
def index() -> str:
    """All keys, what each locks, and making a new one."""
    session, who = _session(), identity()
    keys = queries.keys(session)
    return render_template(
        "keys.html",
        keys=keys,
        locked=queries.locked_counts(session, who.scope),
        forms={key.id: queries.forms_with(session, key.id) for key in keys},
        projects={key.id: queries.projects_with(session, key.id) for key in keys},
        usable={key.id for key in keys if encryption_keys.is_usable(key)},
        makers=lookups.actor_names(session, [key.created_by for key in keys if key.created_by]),
        made_in={
            "browser": _("in a browser"), "server": _("by this server"), "console": _("at the console"),
            "form": _("came with a form"),
        },
        titles=inbox.form_titles(session, 1),
    )


@blueprint.post("/keys")
@allow(Verb.FORM_PUBLISH)
def make() -> Response:
    """Takes the key that the browser made; when it was made for a questionnaire, that one is encrypted with it at once."""
    session, who, asked = _session(), identity(), request.form
    try:
        wrapped = json.loads(asked.get("wrapped", ""))
    except (ValueError, RecursionError) as error:
        raise Problem("invalid_input", reason=_("The key did not arrive; make it once more."), field="wrapped") from error
    key = encryption_keys.take(session, who, asked.get("public", ""), wrapped, asked.get("hint"), asked.get("name", ""))
    xml_form_id = asked.get("form", "")
    if xml_form_id:
        encrypting.encrypt_form(session, who, _form(xml_form_id), key)
    session.commit()
    if not xml_form_id:
        flash(_("The key is here. Write the passphrase down and keep it apart from this server: nobody can recover it."), "ok")
        return back_to("keys.index")
    flash(_("Encrypted: a new version is published. Without the passphrase nobody can read what phones send from now on."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/encrypt/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def encrypt(xml_form_id: str) -> Response:
    """Encrypts a questionnaire with a key that is here already."""
    session, who = _session(), identity()
    key = encryption_keys.find(session, request.form.get("key", 0, type=int))
    encrypting.encrypt_form(session, who, _form(xml_form_id), key)
    session.commit()
    flash(_("Encrypted: a new version is published. Without the passphrase nobody can read what phones send from now on."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/forms/stop-encrypting/<path:xml_form_id>")
@allow(Verb.FORM_PUBLISH)
def stop(xml_form_id: str) -> Response:
    """Publishes a version that phones send in clear."""
    encrypting.stop_encrypting(_session(), identity(), _form(xml_form_id))
    flash(_("A version without encryption is published."), "ok")
    return back_to("forms.form", xml_form_id=xml_form_id)


@blueprint.post("/keys/<int:key_id>/unlock")
@allow(Verb.SUBMISSION_REVIEW)
def unlock_all(key_id: int) -> Response:
    """Unlocks the reports that the key locks, the oldest first, fifty in one go."""
    session, who = _session(), identity()
    key = encryption_keys.find(session, key_id)
    try:
        private = encryption_keys.open_key(session, who, key, request.form.get("passphrase", ""))
    except Problem as problem:
        return _told(problem, "keys.index")
    reports = queries.locked_reports(session, who.scope, key.id, MOST)
    outcome = decryption.unlock_many(session, _settings(), who, reports, key, private)
    left = queries.locked_counts(session, who.scope).get(key.id, 0)
    done = ngettext("%(num)d report unlocked.", "%(num)d reports unlocked.", outcome.unlocked)
    more = ngettext("%(num)d is still locked.", "%(num)d are still locked.", left) if left else ""
    flash(" ".join((done, more)).strip(), "ok" if outcome.unlocked else "warn")
    for receipt, refusal in outcome.refused.items():
        flash(": ".join((receipt, " ".join(words(refusal)))), "warn")
    return back_to("keys.index")


@blueprint.post("/reports/<receipt>/unlock")
@allow(Verb.SUBMISSION_REVIEW)
def unlock(receipt: str) -> Response:
    """Unlocks one report for good."""
    session, who = _session(), identity()
    report = _report(receipt)
    try:
        key = encryption_keys.find(session, request.form.get("key", 0, type=int))
        private = encryption_keys.open_key(session, who, key, request.form.get("passphrase", ""))
        decryption.unlock(session, _settings(), who, report, key, private)
    except Problem as problem:
        return _told(problem, "reports.report", receipt=receipt)
    flash(_("Unlocked. The report is now reviewed, merged and exported like any other."), "ok")
    return back_to("reports.report", receipt=receipt)


@blueprint.post("/reports/<receipt>/lock")
@allow(Verb.SUBMISSION_REVIEW)
def lock(receipt: str) -> Response:
    """Lets what was decrypted go."""
    decryption.lock(_session(), _settings(), identity(), _report(receipt))
    flash(_("Locked. What was decrypted is deleted; the encrypted report stays."), "ok")
    return back_to("reports.report", receipt=receipt)


def _told(problem: Problem, endpoint: str, **values: str) -> Response:
    """Back to the page with the refusal on it."""
    _session().rollback()
    if problem.kind.name not in _TOLD:
        raise problem
    flash(" ".join(words(problem)), "bad")
    return back_to(endpoint, **values)


def _report(receipt: str) -> SubmissionSummary:
    found = inbox.report(_session(), identity().scope, receipt)
    if found is None:
        raise Problem("not_found")
    return found


def _form(xml_form_id: str) -> Form:
    return form_catalogue.find(_session(), identity(), 1, xml_form_id)
