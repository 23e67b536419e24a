"""Submissions, their versions, comments and reviews. Rows of long lists are plain functions: a schema would cost seconds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from server.models import Actor, Event, Fact, Submission
from server.queries.submission_lists import Listed
from server.schemas.actors import ActorAnswer
from server.schemas.base import Answer, PageQuery, Query, Request, Stamp
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
    actorId = fields.Integer(allow_none=True)
    createdAt = Stamp()
    actor = fields.Nested(ActorAnswer, allow_none=True)


class SubmissionVersionAnswer(Answer):
    """One version as it is shown within its submission."""

    instanceId = fields.String()
    instanceName = fields.String(allow_none=True)
    submitterId = fields.Integer(allow_none=True)
    deviceId = fields.String(allow_none=True)
    userAgent = fields.String(allow_none=True)
    createdAt = Stamp()
    current = fields.Boolean()
    submitter = fields.Nested(ActorAnswer, allow_none=True)


class VersionAnswer(SubmissionVersionAnswer):
    """One version; dump with `version_row`."""

    formVersion = fields.String(allow_none=True)


class SubmissionAnswer(Answer):
    """A submission; dump with `submission_row`. instanceId never changes, currentVersion names the latest."""

    instanceId = fields.String()
    submitterId = fields.Integer(allow_none=True)
    deviceId = fields.String(allow_none=True)
    userAgent = fields.String(allow_none=True)
    reviewState = fields.String(allow_none=True)
    createdAt = Stamp()
    updatedAt = Stamp()
    deletedAt = Stamp()
    currentVersion = fields.Nested(SubmissionVersionAnswer)
    submitter = fields.Nested(ActorAnswer, allow_none=True)
    edits = fields.Integer()
    formVersion = fields.String(allow_none=True)


class SubmitterAnswer(ActorAnswer):
    """Somebody who sent something on the form."""


class HistoryAnswer(Answer):
    """What happened to a submission, in ODK Central's words."""

    actorId = fields.Integer(allow_none=True)
    action = fields.String()
    acteeId = fields.String(allow_none=True)
    details = fields.Dict(allow_none=True)
    loggedAt = Stamp()
    notes = fields.String(allow_none=True)
    actor = fields.Nested(ActorAnswer, allow_none=True)


class DifferencesAnswer(Answer):
    """By instanceID of each version after the first: a list of {path, old, new}."""


class SubmissionListQuery(PageQuery):
    """Which submissions."""

    deleted = fields.Boolean()


class DeviceQuery(Query):
    """The device that a report was made with."""

    deviceID = fields.String()


class SubmissionFileAnswer(Answer):
    """A file that a submission names, and whether it came."""

    name = fields.String()
    exists = fields.Boolean()
    expected = fields.Boolean(required=False, metadata={"description": "false: no question of the form names this file"})


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


def extended_list_row(row: Any, actors: Mapping[int, dict[str, Any] | None]) -> dict[str, Any]:
    """The same for a row of queries.list_rows.list_columns, extended. actors: `actor_row` of everybody, by id."""
    return {
        "instanceId": row.root_instance_id, "submitterId": row.submitter_id, "deviceId": row.device_id,
        "userAgent": row.user_agent, "reviewState": row.review_state, "createdAt": row.created_at, "updatedAt": row.updated_at,
        "deletedAt": row.deleted_at,
        "currentVersion": {
            "instanceId": row.current_instance_id, "instanceName": row.instance_name, "submitterId": row.current_submitter_id,
            "deviceId": row.current_device_id, "userAgent": row.current_user_agent, "createdAt": row.current_created_at,
            "current": True, "submitter": actors.get(row.current_submitter_id),
        },
        "submitter": actors.get(row.submitter_id), "edits": row.edits, "formVersion": row.form_version,
    }


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
