"""Which type of post owes which questionnaire, how often, and by when: the plan behind the returns board."""

from __future__ import annotations

from flask import Blueprint, Response, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import back_to
from server.queries import forms
from server.queries import mission as queries
from server.services import mission
from server.services.identity import Verb
from sync.periods import RHYTHMS
from sync.returns import DAYS

blueprint = Blueprint("return_plans", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/returns/plan")
@allow(Verb.MISSION_MANAGE)
def index() -> str:
    """Everything that is owed, and a form to add or change."""
    names, others = labels.post_types(), queries.post_types(_session())
    return render_template(
        "returns/plan.html",
        labels=labels,
        plans=queries.return_plans(_session()),
        titles={form.xml_form_id: version.title or form.xml_form_id for form, version in forms.open_forms(_session(), 1)},
        types=[(key, labels.label(names, key)) for key in (*names, *(key for key in others if key not in names))],
        rhythms=[(rhythm, labels.rhythms()[rhythm]) for rhythm in reversed(RHYTHMS)],
        usual=DAYS,
    )


@blueprint.post("/returns/plan")
@allow(Verb.MISSION_MANAGE)
def put() -> Response:
    """Adds an owed return, or changes the days of the one of this form, type of post and rhythm."""
    form = request.form
    mission.put_return_plan(
        _session(),
        identity(),
        form.get("form", ""),
        form.get("type", ""),
        rhythm=form.get("rhythm", "monthly"),
        due_day=form.get("due") or None,
        missing_day=form.get("missing") or None,
        freeze_day=form.get("freeze") or None,
        starts_on=form.get("starts") or None,
    )
    flash(_("Saved."), "ok")
    return back_to("return_plans.index")


@blueprint.post("/returns/plan/<int:plan_id>/remove")
@allow(Verb.MISSION_MANAGE)
def remove(plan_id: int) -> Response:
    """Nobody owes this any more; what came stays."""
    mission.remove_return_plan(_session(), identity(), plan_id)
    flash(_("Taken away. What came stays."), "ok")
    return back_to("return_plans.index")
