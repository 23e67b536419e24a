"""Updates that wait for an earlier report, and those that could not be applied: why, and the button to apply them anyway."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity
from server.problems import Problem
from server.queries import inbox as queries
from server.services import held_updates
from server.services.held_updates import STATES, HeldUpdate, State
from server.services.identity import Verb

blueprint = Blueprint("held", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/held")
@allow(Verb.RECORD_JUDGE)
def waiting() -> str:
    """What waits, the longest first, or what failed (?failed=1), the newest first."""
    session, who = _session(), identity()
    state: State = "failed" if request.args.get("failed") else "held"
    rows = held_updates.listed(session, who, state)
    numbers = {each: held_updates.count(session, who, each) for each in STATES}
    return render_template(
        "held.html", rows=rows, state=state, numbers=numbers, why=why, titles=queries.form_titles(session),
        may_apply=who.may(Verb.RECORD_WRITE),
    )  # fmt: skip


@blueprint.post("/held/<observation_id>/apply")
@allow(Verb.RECORD_WRITE)
def apply_anyway(observation_id: str) -> BaseResponse:
    """Applies one as it is, with the officer's reason."""
    try:
        held_updates.apply_anyway(_session(), identity(), observation_id, request.form.get("reason", ""))
    except Problem as problem:
        if problem.kind.name not in ("invalid_input", "state_conflict"):
            raise
        _session().rollback()
        flash(problem.message, "bad")
    else:
        flash(_("Applied. The decision and its reason are kept with the record."), "ok")
    return redirect(url_for("held.waiting"))


def why(one: HeldUpdate) -> str:
    """What it waits for, or why it failed, in the reader's words."""
    row = one.waiting.observation
    if one.needs == "entity":
        return str(_("It waits for the report that creates this entity; that has not arrived."))
    if one.needs == "version":
        return str(_("It was made on version %(number)s, which this server does not have yet.", number=one.number))
    if one.needs == "part":
        text = _("It waits for update number %(number)s of the same offline work on the same phone; that has not arrived.",
                 number=one.number)  # fmt: skip
        return str(text)
    return problem_words(row.problem or "")


def problem_words(code: str) -> str:
    """A failure in the reader's words."""
    words = {
        "no_entity": _("There is no such entity in the list."),
        "no_version": _("It names a version of the entity that does not exist."),
        "deleted": _("The entity was deleted before."),
        "already_exists": _("It creates an entity that exists already."),
        "no_label": _("A new entity needs a label, and the report has none."),
        "no_id": _("The report names no entity."),
        "bad_id": _("The entity's id is not a version 4 UUID."),
        "no_list": _("The report names no list."),
        "other_list": _("The report names another list than its form."),
        "not_permitted": _("The form does not declare what the report asks for."),
    }
    return str(words.get(code) or _("The report's entity is faulty."))
