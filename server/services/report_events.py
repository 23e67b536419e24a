"""What people say about a report after it came: review state, comments, acknowledged alarms, deletion. Each is an event.

subject is the root instanceID; every payload names the report's form, because ids are unique within a form only:
{project_id, xml_form_id, is_draft} and REVIEW {state, note}, COMMENT {text}, ACKNOWLEDGE {note}, DELETE/RESTORE {note}.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from server.models import Fact, SubmissionSummary
from server.problems import Problem
from server.queries.mission import server_id
from server.services import folding, journal
from server.services.identity import Identity

# Central's review states; None in a summary means that nobody has looked yet.
REVIEW_STATES = ("approved", "hasIssues", "rejected", "edited")
MAX_TEXT = 10_000


def review(session: Session, who: Identity, report: SubmissionSummary, state: str | None, note: str = "") -> Fact:
    """Sets the review state ("approved", "hasIssues", "rejected", "edited", None: not looked at) and commits.

    Raises unexpected_value for another state.
    """
    if state is not None and state not in REVIEW_STATES:
        raise Problem("unexpected_value", field="reviewState", value=state, reason=f"it is one of {', '.join(REVIEW_STATES)}.")
    return _say(session, who, report, "REVIEW", {"state": state, "note": _text(note)})


def comment(session: Session, who: Identity, report: SubmissionSummary, text: str) -> Fact:
    """Adds a comment and commits. Raises invalid_input for an empty one."""
    if not text.strip():
        raise Problem("invalid_input", reason="The comment is empty.")
    return _say(session, who, report, "COMMENT", {"text": _text(text)})


def acknowledge(session: Session, who: Identity, report: SubmissionSummary, note: str = "") -> Fact:
    """The duty officer has taken note of an alarm, by name; commits. Raises state_conflict without an open alarm."""
    if report.alarm is None:
        raise Problem("state_conflict", reason="this report raised no alarm")
    if report.acknowledged_at is not None:
        raise Problem("state_conflict", reason=f"{report.acknowledged_by} acknowledged it already")
    return _say(session, who, report, "ACKNOWLEDGE", {"note": _text(note)})


def delete(session: Session, who: Identity, report: SubmissionSummary, note: str = "") -> Fact:
    """Takes the report off the lists and out of the records; it can be restored. Commits."""
    if report.deleted_at is not None:
        raise Problem("state_conflict", reason="the report is deleted already")
    return _say(session, who, report, "DELETE", {"note": _text(note)})


def restore(session: Session, who: Identity, report: SubmissionSummary, note: str = "") -> Fact:
    """Brings a deleted report back. Commits."""
    if report.deleted_at is None:
        raise Problem("state_conflict", reason="the report is not deleted")
    return _say(session, who, report, "RESTORE", {"note": _text(note)})


def _text(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if len(text) > MAX_TEXT:
        raise Problem("invalid_input", reason=f"The text is longer than {MAX_TEXT} characters.")
    return text


def _say(session: Session, who: Identity, report: SubmissionSummary, type: str, said: dict[str, Any]) -> Fact:
    payload = {"project_id": report.project_id, "xml_form_id": report.xml_form_id, "is_draft": report.is_draft, **said}
    fact = journal.record_event(
        session, type=type, subject=report.root_instance_id, payload=payload, server_id=server_id(session),
        actor_id=who.actor_id, actor_name=who.name,
    )
    # Folded at once, so that the next page shows what was just said.
    folding.fold_now(session, [fact])
    session.commit()
    return fact
