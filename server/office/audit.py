"""The audit log: who did or read what, newest first. For auditors and administrators."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow
from server.queries import audits as queries
from server.services.identity import Verb

PAGE = 100
blueprint = Blueprint("audit", __name__)
GROUPS = (
    "user",
    "field_key",
    "form",
    "submission",
    "entity",
    "dataset",
    "project",
    "mission",
    "unit",
    "post",
    "area",
    "code_list",
)


def _session() -> Session:
    return db.session()


@blueprint.get("/audit")
@allow(Verb.AUDIT_READ)
def log() -> str:
    """One page of the log; ?action= narrows it to a group."""
    action = request.args.get("action", "")
    page = min(max(request.args.get("page", 1, type=int), 1), 10_000)
    rows = list(queries.audits(_session(), action=action or None, limit=PAGE + 1, offset=(page - 1) * PAGE))
    return render_template("audit.html", rows=rows[:PAGE], more=len(rows) > PAGE, page=page, action=action, groups=GROUPS)
