"""Reminders on the returns board: which were read out or mailed, and the button that says so."""

from __future__ import annotations

from flask import Blueprint, Response, flash
from flask_babel import gettext as _

from server.extensions import db
from server.gate import allow, identity
from server.office.layout import back_to, zone
from server.problems import Problem
from server.services import reminders, returns
from server.services.identity import Verb
from server.services.reminders import Told
from sync.periods import parse_period

blueprint = Blueprint("reminders", __name__)


@blueprint.app_template_global("told_of")
def told_of(board: returns.Board) -> dict[int, list[Told]]:
    """By post id, the reminders given for the returns that the board reminds of."""
    given = reminders.told(db.session(), [board])
    by_post = {row.post.id: returns.subject(board.xml_form_id, row.post.code, board.month) for row, _each in board.reminders}
    return {post_id: given.get(about, []) for post_id, about in by_post.items()}


@blueprint.post("/returns/<period>/<path:xml_form_id>/<int:post_id>/read-out")
@allow(Verb.RETURN_WAIVE)
def read_out(period: str, xml_form_id: str, post_id: int) -> Response:
    """The reminder in force was read out on the radio net."""
    try:
        month = parse_period(period)
    except ValueError as error:
        raise Problem("not_found") from error
    reminders.read_out(db.session(), identity(), zone(), xml_form_id, post_id, month)
    flash(_("Noted: the reminder was read out."), "ok")
    return back_to("returns.board", period=str(month))
