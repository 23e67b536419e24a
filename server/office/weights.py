"""Weights of matching: what is in force, what officers' judgements would teach, and putting it in force or back."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office.layout import back_to, language
from server.office.refusals import words
from server.problems import Problem
from server.services import folding, merging, weights
from server.services.identity import Verb
from sync.merge.learning import LEAST, LEAST_OF_EACH

blueprint = Blueprint("weights", __name__)


def _session() -> Session:
    return db.session()


def _page(problem: Problem | None = None) -> Response:
    states = [weights.state(_session(), name) for name in weights.matched_registers()]
    labels = {name: register.label(language()) for name, register in merging.register_files().items()}
    page = render_template(
        "weights.html", states=states, labels=labels, refused=words(problem) if problem else None, least=LEAST,
        each=LEAST_OF_EACH,
    )  # fmt: skip
    return make_response(page, problem.status if problem else 200)


@blueprint.get("/setup/matching")
@allow(Verb.MISSION_MANAGE)
def overview() -> Response:
    """Every register that compares its things: weights in force, judgements so far, proposals."""
    return _page()


@blueprint.post("/setup/matching/<register>/learn")
@allow(Verb.MISSION_MANAGE)
def learn(register: str) -> Response:
    """Learns weights from the judgements and keeps them as a proposal. Nothing else changes."""
    session = _session()
    try:
        fact = weights.propose(session, identity(), register)
    except Problem as problem:
        session.rollback()
        if problem.kind.name == "not_found":
            raise
        return _page(problem)
    folding.fold_now(session, [fact])
    session.commit()
    flash(_("Learnt. Nothing has changed yet: look at the proposal first."), "ok")
    return back_to("weights.overview")


@blueprint.post("/setup/matching/<register>/adopt")
@allow(Verb.MISSION_MANAGE)
def adopt(register: str) -> Response:
    """Puts a proposal in force, or the shipped weights when none is named."""
    session = _session()
    fact = weights.adopt(session, identity(), register, request.form.get("proposal") or None)
    folding.fold_now(session, [fact])
    session.commit()
    flash(_("In force. The register is compared again, a few reports at a time."), "ok")
    return back_to("weights.overview")
