"""Entering a report that came by radio or on paper: choose form, post and channel, fill in, send."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from forms.fields import FormDefinition
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion, Post
from server.office import labels
from server.office.layout import language, zone
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import inbox as inbox_queries
from server.queries import mission as mission_queries
from server.services import forms, hand_entry
from server.services.definitions import definition_of
from server.services.identity import Identity, Verb
from server.services.journal import now

MAX_FILE = 30_000_000
blueprint = Blueprint("entry", __name__)


def _session() -> Session:
    return db.session()


def _settings() -> Any:
    return current_app.config["SETTINGS"]


def _posts(who: Identity) -> list[Post]:
    """Posts this person may speak for: the own one, those of the own sector, or all."""
    posts = mission_queries.posts(_session())
    if who.scope.own_actor_id is not None:
        return [post for post in posts if post.id == who.post_id]
    if who.scope.sector_id is not None:
        return [post for post in posts if post.sector_id == who.scope.sector_id]
    return list(posts)


@dataclass(frozen=True)
class Chosen:
    """What the first page settled: form, its version and definition, post, channel."""

    form: Form
    version: FormVersion
    definition: FormDefinition
    post: Post | None
    channel: str


def _chosen(xml_form_id: str) -> Chosen:
    session, who = _session(), identity()
    form = form_queries.form(session, 1, xml_form_id)
    version = form_queries.version_by_id(session, form.current_version_id) if form else None
    if form is None or version is None or form.state == "closed":
        raise Problem("not_found")
    if not forms.may_fill(session, form, who):
        raise Problem("not_allowed")
    channel = request.values.get("channel", "")
    if channel not in hand_entry.CHANNELS:
        raise Problem("invalid_input", reason=_("Say how the report came: by radio or on paper."))
    post_id = request.values.get("post", type=int)
    post = next((post for post in _posts(who) if post.id == post_id), None)
    if post is None:
        raise Problem("invalid_input", reason=_("Choose the post that the report is from."))
    return Chosen(form, version, definition_of(version), post, channel)


@blueprint.get("/entry")
@allow(Verb.SUBMISSION_CREATE)
def choose() -> str:
    """Which form, from which post, how it came."""
    session, who = _session(), identity()
    found = [(form, version) for form, version in form_queries.open_forms(session, 1) if forms.may_fill(session, form, who)]
    return render_template("entry_choose.html", forms=found, posts=_posts(who), labels=labels)


@blueprint.get("/entry/form")
@allow(Verb.SUBMISSION_CREATE)
def go() -> Response:
    """From the choice to the form."""
    chosen = _chosen(request.args.get("form", ""))
    return make_response(_draw(chosen, _prefilled(chosen), show_missing=False))


def _prefilled(chosen: Chosen) -> dict[str, Any]:
    """What is known without asking: the post's unit and today's date in mission time."""
    known = {
        "reporting_unit": chosen.post.unit_code if chosen.post else None,
        "report_date": now().astimezone(zone()).date().isoformat(),
    }
    fields = {name: chosen.definition.by_name.get(name) for name in known}
    return {each.path: known[name] for name, each in fields.items() if each is not None and each.repeat is None and known[name]}


@blueprint.post("/entry/form/<path:xml_form_id>/check")
@allow(Verb.SUBMISSION_CREATE)
def check(xml_form_id: str) -> Response:
    """The form with the answers so far: what is asked now, what does not fit. For the page's script, and without it."""
    chosen = _chosen(xml_form_id)
    answers = _answers(chosen)
    _change_repeats(answers)
    return make_response(_draw(chosen, answers, show_missing=request.form.get("_action") == "check"))


def _answers(chosen: Chosen) -> dict[str, Any]:
    posted = {key: request.form.getlist(key) for key in request.form}
    return hand_entry.answers_from(chosen.definition, posted, zone(), request.form.get("_changed", ""))


def _change_repeats(answers: dict[str, Any]) -> None:
    """Adds an instance to the outermost repeat named by _add, or takes one away ("/place[2]")."""
    added = request.form.get("_add", "")
    if isinstance(answers.get(added), list) and len(answers[added]) < hand_entry.MAX_REPEATS:
        answers[added] = [*answers[added], {}]
    removed, _bracket, number = request.form.get("_remove", "").rstrip("]").rpartition("[")
    if isinstance(answers.get(removed), list) and number.isdigit():
        answers[removed] = [each for index, each in enumerate(answers[removed], 1) if index != int(number)] or [{}]


@blueprint.post("/entry/form/<path:xml_form_id>")
@allow(Verb.SUBMISSION_CREATE)
def send(xml_form_id: str) -> Response:
    """Stores the report. With open findings it asks once more, because a paper may really be incomplete."""
    session, who, chosen = _session(), identity(), _chosen(xml_form_id)
    instance = hand_entry.instance_id(request.form.get("_instance", ""))
    answers, files = _answers(chosen), _files(chosen)
    receipt = hand_entry.already_sent(session, chosen.form.xml_form_id, instance)
    if receipt is None:
        lists = hand_entry.rows_of(session, _settings(), chosen.form, chosen.version, who)
        instant = now().astimezone(zone())
        laid = hand_entry.sheet(chosen.definition, answers, lists, instant, language(), show_missing=True)
        if laid.findings and not request.form.get("_although"):
            return make_response(_draw(chosen, answers, show_missing=True), 422)
        receipt = hand_entry.store(
            session,
            _settings(),
            chosen.definition,
            answers,
            lists,
            files,
            who,
            post_id=chosen.post.id if chosen.post else None,
            channel=chosen.channel,
            instance=instance,
            started=_started(instant),
            now=instant,
        ).number
    report = inbox_queries.report(session, who.scope, receipt)
    return make_response(render_template("entry_done.html", receipt=receipt, report=report, chosen=chosen, labels=labels))


def _files(chosen: Chosen) -> list[hand_entry.PostedFile]:
    found = []
    for key, file in request.files.items(multi=True):
        question = chosen.definition.by_path.get("".join(f"/{name}" for name, _number in hand_entry.steps(key)))
        if not file.filename or question is None or not question.binary:
            continue
        data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Problem("too_large", limit=MAX_FILE)
        found.append(hand_entry.PostedFile(key, file.filename, file.mimetype or "application/octet-stream", data))
    return found


def _started(instant: dt.datetime) -> dt.datetime:
    """When the page was opened, if the page says so believably; else now."""
    try:
        started = dt.datetime.fromisoformat(request.form.get("_started", ""))
    except ValueError:
        return instant
    if started.tzinfo is None or not instant - dt.timedelta(days=2) < started <= instant:
        return instant
    return started


def _draw(chosen: Chosen, answers: dict[str, Any], *, show_missing: bool) -> str:
    session, who = _session(), identity()
    lists = hand_entry.rows_of(session, _settings(), chosen.form, chosen.version, who)
    instant = now().astimezone(zone())
    laid = hand_entry.sheet(chosen.definition, answers, lists, instant, language(), show_missing=show_missing)
    return render_template(
        "entry_form.html",
        chosen=chosen,
        sheet=laid,
        show_missing=show_missing,
        labels=labels,
        instance=hand_entry.instance_id(request.form.get("_instance", "")),
        started=request.form.get("_started") or instant.isoformat(),
    )
