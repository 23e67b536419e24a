"""Submissions, their versions, comments and reviews. Rows of long lists are plain functions: a schema would cost seconds."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import fields

from server.models import Actor, Event, Fact, Submission
from server.queries.submission_lists import Listed
from server.schemas.actors import ActorAnswer
from server.schemas.base import Answer, Request
from server.services.report_versions import Version
from server.services.times import stamp


class ReviewRequest(Request):
    """A review state; null: not looked at."""

    reviewState = fields.String(required=True, allow_none=True)


class CommentRequest(Request):
    """A comment."""

    body = fields.String(required=True)


class CommentAnswer(Answer):
    """A comment; dump with `comment_row`."""

    body = fields.String()
    actorId = fields.Integer()
    createdAt = fields.String()


def submission_row(listed: Listed, extended: bool = False) -> dict[str, Any]:
    """A submission as lists and single answers show it; instanceId never changes, currentVersion names the latest."""
    summary, root = listed.summary, listed.root
    row: dict[str, Any] = {
        "instanceId": summary.root_instance_id, "submitterId": root.submitter_id, "deviceId": root.device_id,
        "userAgent": root.user_agent, "reviewState": summary.review_state, "createdAt": stamp(summary.received_at),
        "updatedAt": stamp(summary.updated_at), "deletedAt": stamp(summary.deleted_at),
        "currentVersion": _version_row(listed.current, listed.current_at, True),
    }
    if extended:
        row["submitter"] = actor_row(listed.submitter)
        row["currentVersion"]["submitter"] = row["submitter"]
        row["edits"] = summary.edits
        row["formVersion"] = summary.form_version
    return row


def version_row(version: Version, current: bool, actor: Actor | None = None) -> dict[str, Any]:
    """One version of a submission."""
    row = _version_row(version.row, version.fact.received_at, current)
    row["formVersion"] = version.row.form_version
    row["submitter"] = actor_row(actor)
    return row


def _version_row(row: Submission, at: dt.datetime, current: bool) -> dict[str, Any]:
    return {
        "instanceId": row.instance_id, "instanceName": row.instance_name, "submitterId": row.submitter_id,
        "deviceId": row.device_id, "userAgent": row.user_agent, "createdAt": stamp(at), "current": current,
    }


def comment_row(event: Event, fact: Fact) -> dict[str, Any]:
    """A comment."""
    return {"body": event.payload.get("text", ""), "actorId": fact.actor_id, "createdAt": stamp(fact.received_at)}


def actor_row(actor: Actor | None) -> dict[str, Any] | None:
    """Somebody, as answers name them."""
    if actor is None:
        return None
    dumped: dict[str, Any] = ActorAnswer().dump(actor)
    return dumped
