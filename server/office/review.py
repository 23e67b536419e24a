"""The review queue: one question side by side, answered by a single key; the next one comes at once; undo."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from server.extensions import db
from server.gate import allow, identity
from server.models import ReviewTask
from server.office.layout import back_to, language
from server.office.records import rule_label
from server.queries import review as queries
from server.services import comparing, review, review_bulk
from server.services.identity import Verb
from server.services.review import Place
from sync.merge.matching import reason

blueprint = Blueprint("review", __name__)
KINDS = ("pair", "disputed", "contested", "proposal", "held")


def _session() -> Session:
    return db.session()


def _kind() -> str | None:
    asked = request.values.get("kind")
    return asked if asked in KINDS else None


@blueprint.get("/review")
@allow(Verb.RECORD_JUDGE)
def queue() -> BaseResponse:
    """The question worth most, or the one after or before the place in the address."""
    session, who = _session(), identity()
    after, before = Place.parse(request.args.get("after", "")), Place.parse(request.args.get("before", ""))
    task = review.before(session, who, before, _kind()) if before else review.current(session, who, after, _kind())
    return _answer(session, task)


@blueprint.get("/review/obvious")
@allow(Verb.RECORD_JUDGE)
def obvious() -> str:
    """Pairs that hardly need a look, in groups, with what would become one."""
    session, who = _session(), identity()
    last = review.last_standing(session, who)
    batch = last if last is not None and last.event.payload.get("batch") else None
    groups = review_bulk.groups(session, who)
    return render_template("review/obvious.html", groups=groups, language=language(), batch=batch, reason=reason)


@blueprint.post("/review/obvious")
@allow(Verb.RECORD_JUDGE)
def join() -> Response:
    """Decides all that is ticked."""
    done = len(review_bulk.join(_session(), identity(), request.form.getlist("task")))
    if done:
        flash(ngettext("%(num)s pair joined.", "%(num)s pairs joined.", done), "ok")
    else:
        flash(_("Nothing was ticked, or it is decided already."), "warn")
    return back_to("review.obvious")


@blueprint.get("/review/<task_id>")
@allow(Verb.RECORD_JUDGE)
def show(task_id: str) -> BaseResponse:
    """One question by its address."""
    session = _session()
    return _answer(session, review.task(session, identity(), task_id))


@blueprint.post("/review/<task_id>")
@allow(Verb.RECORD_JUDGE)
def answer(task_id: str) -> BaseResponse:
    """Stores the answer and shows the next question."""
    session, who = _session(), identity()
    place = Place.of(review.task(session, who, task_id))
    said = request.form.get("answer", "")
    review.answer(session, who, task_id, said, request.form.get("note", ""))
    done = {"same": _("Stored: the same."), "different": _("Stored: different."), "unsure": _("Stored: don't know.")}
    return _answer(session, review.current(session, who, place, _kind()), done.get(said, ""))


@blueprint.post("/review/undo")
@allow(Verb.RECORD_JUDGE)
def undo() -> BaseResponse:
    """Takes back the named decision, or the actor's last one, and shows the question again if it is open again."""
    session, who = _session(), identity()
    named = request.form.get("event", "")
    last = review.last_standing(session, who)
    if not named and last is None:
        return _answer(session, review.current(session, who, None, _kind()), _("There is nothing of yours to take back."))
    again = review.undo(session, who, named or (last.fact.uuid if last else ""))
    return _answer(session, again or review.current(session, who, None, _kind()), _("Taken back."))


def _answer(session: Session, task: ReviewTask | None, done: str = "") -> BaseResponse:
    """The whole page, or for htmx the question alone; the address names the task so that it can be sent to a colleague.

    Every answer holds the question after it as well, so that the page shows that one while a decision is being stored.
    A page that already shows the right next question (`shown`, its stamp) is sent only what stands around it.
    """
    who, fragment = identity(), request.headers.get("HX-Request") is not None
    ready = task is not None and request.form.get("shown") == review.stamp(session, task)
    shown: dict[str, Any] = {
        "kind": _kind() or "", "counts": queries.counts(session, who.scope), "done": done,
        "own": review.own_decisions(session, who), "rule_label": rule_label, "next": _next(session, task),
    }
    if not ready:
        shown |= _put(session, task) if task else {"task": None, "stamp": "", "place": "", "question": None}
    page = "review/stored.html" if ready else "review/question.html" if fragment else "review/queue.html"
    answer = make_response(render_template(page, **shown))
    if fragment:
        answer.headers["HX-Push-Url"] = _address(task) if task else url_for("review.queue", kind=_kind())
    return answer


def _put(session: Session, task: ReviewTask) -> dict[str, Any]:
    return {
        "task": task, "place": str(Place.of(task)), "stamp": review.stamp(session, task), "address": _address(task),
        "question": comparing.question(session, identity(), task, language()),
    }  # fmt: skip


def _next(session: Session, task: ReviewTask | None) -> dict[str, Any] | None:
    """The question that comes after this one, if there is another."""
    after = review.current(session, identity(), Place.of(task), _kind()) if task else None
    return None if task is None or after is None or after.id == task.id else _put(session, after)


def _address(task: ReviewTask) -> str:
    return url_for("review.show", task_id=task.id, kind=_kind())
