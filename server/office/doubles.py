"""Reports that may be of one event: an officer says one report or two, and may take that back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import SubmissionSummary
from server.office.layout import back_to, language
from server.problems import Problem
from server.queries import inbox, report_duplicates
from server.queries.report_duplicates import PairRow
from server.services import report_page, report_verdicts
from server.services.documents import definition_for
from server.services.identity import Verb
from sync.merge.names import fold

MOST_DIFFERENCES = 8
blueprint = Blueprint("doubles", __name__)


def _session() -> Session:
    return db.session()


@dataclass(frozen=True)
class Shown:
    """A pair side by side: both reports, and the answers that differ as (question, first, second)."""

    pair: PairRow
    differs: tuple[tuple[str, str, str], ...]
    more: int

    @property
    def reports(self) -> tuple[SubmissionSummary, SubmissionSummary]:
        return self.pair[1], self.pair[2]


@blueprint.get("/doubles")
@allow(Verb.SUBMISSION_REVIEW)
def waiting() -> str:
    """Open pairs, those that supersede each other, and decided ones."""
    session, who = _session(), identity()
    asked = request.args.get("state", "")
    state = asked if asked in report_verdicts.STATES else "open"
    pairs = report_verdicts.listed(session, who, state)
    return render_template(
        "doubles.html", shown=_shown(session, pairs), state=state, titles=inbox.form_titles(session),
        numbers={each: report_verdicts.count(session, who, each) for each in report_verdicts.STATES},
    )  # fmt: skip


def _shown(session: Session, pairs: list[PairRow]) -> list[Shown]:
    found = []
    documents = report_duplicates.current(session, {pair[2].current_fact_id for pair in pairs})
    for pair in pairs:
        roots = [pair[1].root_instance_id, pair[2].root_instance_id]
        faces = report_duplicates.faces_of(session, pair[0].project_id, pair[0].xml_form_id, roots)
        answers = {face.root_fact_id: face.answers for face in faces}
        first, second = answers.get(pair[0].earlier, {}), answers.get(pair[0].later, {})
        document = documents.get(pair[2].current_fact_id)
        definition = definition_for(session, document) if document is not None else None
        differs = []
        for name in dict.fromkeys((*first, *second)):
            said = [str(first.get(name, "")), str(second.get(name, ""))]
            if fold(said[0]) != fold(said[1]):
                label, texts = report_page.worded(definition, name, said, language())
                differs.append((label, texts[0], texts[1]))
        found.append(Shown(pair, tuple(differs[:MOST_DIFFERENCES]), max(0, len(differs) - MOST_DIFFERENCES)))
    return found


@blueprint.post("/doubles/<int:earlier>/<int:later>")
@allow(Verb.SUBMISSION_REVIEW)
def judge(earlier: int, later: int) -> Response:
    """One report, or two."""
    session, who = _session(), identity()
    report_verdicts.judge(session, who, report_verdicts.one(session, who, earlier, later), request.form.get("verdict", ""))
    flash(_("Decided. It can be taken back under Decided."), "ok")
    return back_to("doubles.waiting", state=request.args.get("state", "open"))


@blueprint.post("/doubles/<int:earlier>/<int:later>/undo")
@allow(Verb.SUBMISSION_REVIEW)
def undo(earlier: int, later: int) -> Response:
    """Takes the verdict back."""
    session, who = _session(), identity()
    try:
        report_verdicts.undo(session, who, report_verdicts.one(session, who, earlier, later))
    except Problem as problem:
        if problem.kind.name != "state_conflict":
            raise
        session.rollback()
        flash(problem.message, "bad")
    return back_to("doubles.waiting", state="decided")
