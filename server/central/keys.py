"""Encryption of a whole project with a managed key, as ODK Central does it; unlocking and locking reports, which it does not."""

from __future__ import annotations

from typing import Any

from flask import Response

from server.central import passphrases
from server.central.bodies import json_body
from server.central.forms import settings
from server.central.replies import as_json, success
from server.central.routes import routes
from server.central.stages import of_reports
from server.extensions import db
from server.gate import allow, identity
from server.models import SubmissionSummary
from server.problems import Problem
from server.queries.encryption import locked_in
from server.schemas.base import SuccessAnswer
from server.schemas.described import described
from server.schemas.encryption import PassphrasesRequest, ProjectKeyRequest, UnlockedAnswer
from server.services import decryption, encrypting, encryption_keys, projects, submissions
from server.services.identity import Verb
from server.services.submissions import Place

MOST = 100


@routes.post("/projects/<project_id>/key")
@allow(Verb.PROJECT_MANAGE)
@described(SuccessAnswer, body=ProjectKeyRequest)
def encrypt_project(project_id: int) -> Response:
    """Makes a key and encrypts every form with it: each gets a new version. 409.4 when the project has one already."""
    session, who = db.session(), identity()
    project = projects.find(session, who, project_id)
    body = json_body()
    if not isinstance(body, dict):
        raise Problem("unparseable", reason="a JSON object was expected.")
    encrypting.encrypt_project(session, who, project, _text(body, "passphrase") or "", _text(body, "hint"))
    return success()


@of_reports("/unlock", Verb.SUBMISSION_REVIEW, "POST")
@described(UnlockedAnswer, body=PassphrasesRequest)
def unlock_submissions(here: Place) -> Response:
    """Decrypts all locked reports whose keys' passphrases are given, a hundred at most: call again while `locked` is not 0."""
    session, who = db.session(), identity()
    unlocked = 0
    refused: dict[str, Any] = {}
    for key, passphrase in passphrases.given():
        private = encryption_keys.open_key(session, who, key, passphrase)
        reports = locked_in(session, here.wanted(who), key.id, MOST)
        outcome = decryption.unlock_many(session, settings(), who, reports, key, private)
        unlocked += outcome.unlocked
        refused |= {receipt: problem.as_dict() for receipt, problem in outcome.refused.items()}
    locked = len(locked_in(session, here.wanted(who), None, None))
    return as_json(UnlockedAnswer().dump({"unlocked": unlocked, "locked": locked, "refused": refused}))


@of_reports("/<instance_id>/unlock", Verb.SUBMISSION_REVIEW, "POST")
@described(SuccessAnswer, body=PassphrasesRequest)
def unlock_submission(here: Place, instance_id: str) -> Response:
    """Decrypts one report for good: from then on it is reviewed, merged and exported like any other."""
    session, who = db.session(), identity()
    summary = _summary(here, instance_id)
    given = passphrases.given()
    if not given:
        raise Problem("missing_parameter", field="a key's id with its passphrase")
    for key, passphrase in given:
        private = encryption_keys.open_key(session, who, key, passphrase)
        decryption.unlock(session, settings(), who, summary, key, private)
    return success()


@of_reports("/<instance_id>/lock", Verb.SUBMISSION_REVIEW, "POST")
@described(SuccessAnswer)
def lock_submission(here: Place, instance_id: str) -> Response:
    """Lets what was decrypted go; the ciphertext stays."""
    decryption.lock(db.session(), settings(), identity(), _summary(here, instance_id))
    return success()


def _summary(here: Place, instance_id: str) -> SubmissionSummary:
    root = submissions.find(db.session(), identity(), here, instance_id).summary.root_fact_id
    return db.session().get_one(SubmissionSummary, root)


def _text(body: dict[Any, Any], name: str) -> str | None:
    """A text of the body. It is checked here and not by a schema, whose refusals repeat the value: this one is secret."""
    found = body.get(name)
    if name == "passphrase" and not found:
        raise Problem("missing_parameter", field=name)
    if found is not None and not isinstance(found, str):
        raise Problem("invalid_type", expected="a text", got=f"another type for {name}")
    return found
