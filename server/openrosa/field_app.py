"""What the field app asks under its device's key besides ODK's own addresses: facts about its post, and taking sealed reports."""

from __future__ import annotations

import json

from flask import Response, request

from forms.xmlsafe import MAX_BYTES
from server.extensions import db
from server.gate import identity
from server.openrosa import messages
from server.openrosa.answers import envelope, settings, with_headers
from server.openrosa.forms import check_project
from server.problems import Problem
from server.schemas.described import BINARY, described
from server.services import envelopes, field_facts, sealing_key
from server.services.intake import Sender, receive
from server.services.uploads import Upload


@described(None)
def facts(project_id: int, token: str | None = None) -> Response:
    """Names of mission and post, the duty phone, the key to seal to, and which returns are due."""
    check_project(project_id)
    said = field_facts.facts(db.session(), settings(), identity(), project_id)
    answer = with_headers(Response(json.dumps(said, ensure_ascii=False), content_type="application/json"))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@described("text/xml", body=BINARY, status=201)
def submit_sealed(project_id: int, token: str | None = None) -> Response:
    """One sealed report; answers as /submission does. Its files follow in pieces (/uploads with `sealed`)."""
    who = identity()
    if who.project_id != project_id:
        check_project(project_id)
    if request.mimetype != envelopes.CONTENT_TYPE:
        raise Problem("unsupported_type", type=request.mimetype or "-", allowable=envelopes.CONTENT_TYPE)
    inside, pieces = envelopes.opened(request.stream, sealing_key.private(db.session(), settings()))
    if inside.kind != "report":
        raise Problem("envelope_damaged", reason="it holds a file, not a report.")
    if inside.size > MAX_BYTES:
        raise Problem("too_large", limit=MAX_BYTES)
    xml = b"".join(pieces)
    agent = "".join(each for each in request.user_agent.string if each.isprintable())[:255]
    receipt = receive(
        db.session(), Upload(xml), project_id=project_id, sender=Sender(who, "field", user_agent=agent or None),
        strict=request.args.get("strict") in {"1", "true"},
    )
    response = envelope(messages.receipt_text(receipt), receipt.status, "submit_success", 1)
    response.headers["X-Fieldpost-Receipt"] = receipt.number
    return response
