"""The audit log."""

from __future__ import annotations

import datetime as dt

from flask import Response, request

from server.central.replies import as_json, extended, limits
from server.central.routes import routes
from server.extensions import db
from server.gate import allow
from server.problems import Problem
from server.queries import audits
from server.schemas.audits import AuditAnswer, AuditQuery
from server.schemas.described import described
from server.schemas.submissions import actor_row
from server.services.identity import Verb
from server.services.times import stamp

MOST = 10_000


@routes.get("/audits")
@allow(Verb.AUDIT_READ)
@described(AuditAnswer, many=True, query=AuditQuery, extended=True)
def list_audits() -> Response:
    """Rows newest first; `action` (a name, a group or nonverbose), `start`, `end`, `limit`, `offset`."""
    limit, offset = limits(MOST)
    rows = audits.audits(
        db.session(), action=request.args.get("action") or None, start=_instant("start"), end=_instant("end"),
        limit=min(limit or 0, MOST), offset=min(offset, 2**31),
    )
    more = extended()
    return as_json([
        {
            "actorId": audit.actor_id, "action": audit.action, "acteeId": audit.actee, "details": audit.details,
            "loggedAt": stamp(audit.logged_at), "notes": audit.notes, **({"actor": actor_row(actor)} if more else {}),
        }
        for audit, actor in rows
    ])


def _instant(name: str) -> dt.datetime | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        # ruODK writes days as 2026-11-22Z.
        found = dt.datetime.fromisoformat(text.removesuffix("Z") if len(text) == 11 else text)
        return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError) as error:
        reason = "it must be a time such as 2026-11-22T10:00:00Z."
        raise Problem("unexpected_value", field=name, value=text[:50], reason=reason) from error
