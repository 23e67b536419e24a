"""Reports held back: an officer accepts or rejects them, and what only waited for its original is taken up by itself.

Facts never change, so accepting writes the report once more, as a stored fact with the time it first arrived, and an
ACCEPT event that names both. Everything downstream sees an ordinary stored report.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Attachment, Event, Fact, Submission
from server.problems import Problem
from server.queries import submissions as queries
from server.queries.mission import server_id
from server.services import journal
from server.services.identity import Identity

_DERIVED = uuid.UUID("0b8f4f0a-3b52-5d0e-8f0e-6f8b0a5f7c11")
WAYS = ("separate", "edit")


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a copy in quarantine: the event, and the stored report when it was accepted."""

    event: Event
    fact: Fact
    accepted: Submission | None


def decision_about(session: Session, row: Submission) -> Decision | None:
    """The decision about a copy in quarantine, or None while it waits. A rejection that was taken back is none."""
    subject = queries.fact_uuid(session, row.fact_id)
    events = queries.deciding_events(session, [subject] if subject else [], ("ACCEPT", "REJECT", "REOPEN"))
    reopened = {event.payload.get("target") for event, _fact in events if event.type == "REOPEN"}
    found = [(event, fact) for event, fact in events if event.type != "REOPEN" and fact.uuid not in reopened]
    if not found:
        return None
    event, fact = found[0]
    accepted = queries.fact_by_uuid(session, str(event.payload.get("accepted")))
    return Decision(event, fact, queries.submission(session, accepted.id) if accepted else None)


def is_deleted(session: Session, row: Submission) -> bool:
    """Whether the report that this version belongs to is deleted now (the last of DELETE and RESTORE counts)."""
    events = [
        event for event, _fact in queries.deciding_events(session, [row.root_instance_id], ("DELETE", "RESTORE"))
        if speaks_of(event, row.project_id, row.xml_form_id, row.is_draft)
    ]
    return bool(events) and events[-1].type == "DELETE"


def speaks_of(event: Event, project_id: int, xml_form_id: str, is_draft: bool) -> bool:
    """Whether an event about an instanceID means the report of this form: ids are unique within a form only."""
    said = event.payload
    meant = (said.get("project_id", project_id), said.get("xml_form_id", xml_form_id), said.get("is_draft", False))
    return meant == (project_id, xml_form_id, is_draft)


def accept(session: Session, fact_id: int, identity: Identity, how: str = "separate", note: str | None = None) -> Submission:
    """Lets a copy out of quarantine and commits; returns the stored report.

    how: "separate" (the default) makes it a report of its own beside what is there, under a derived instanceID where
    its own is taken: a wrong choice then hides nothing. "edit" makes it the next version of the report it repeats or
    edits, which replaces that report's answers, so it is chosen and never assumed. A report whose original was
    deleted comes back by restoring the original when the content is the same.
    Raises Problem not_found, state_conflict (decided already, or its form is not on this server), unexpected_value.
    """
    if how not in WAYS:
        raise Problem("unexpected_value", field="how", value=how, reason=f"it is one of {', '.join(WAYS)}.")
    row = _waiting(session, fact_id)
    target = _target(session, row) if how == "edit" else None
    if how == "edit" and target is None:
        raise Problem("state_conflict", reason="there is no report that this one could be a version of")
    accepted = _release(session, row, target, identity, note, automatic=False)
    session.commit()
    return accepted


def reject(session: Session, fact_id: int, identity: Identity, note: str | None = None) -> Fact:
    """Keeps a copy out for good and commits; the copy stays readable. Raises Problem not_found, state_conflict."""
    row = _waiting(session, fact_id)
    event = _event(session, "REJECT", row, {"note": note}, identity)
    session.commit()
    return event


def reopen(session: Session, fact_id: int, identity: Identity, note: str | None = None) -> Fact:
    """Takes a rejection back and commits: the copy waits for a decision again. Raises Problem not_found, state_conflict."""
    row = queries.submission(session, fact_id)
    if row is None or row.disposition != "quarantined":
        raise Problem("not_found")
    decision = decision_about(session, row)
    if decision is None or decision.event.type != "REJECT":
        raise Problem("state_conflict", reason="this report is not rejected")
    event = _event(session, "REOPEN", row, {"target": decision.fact.uuid, "note": note}, identity)
    session.commit()
    return event


def take_up(session: Session, original: Submission) -> None:
    """Stores the edits that arrived before the version they replace, one after the other. The caller commits."""
    current: Submission | None = original
    while current is not None:
        waiting = queries.waiting_edits(session, current.project_id, current.xml_form_id, current.instance_id, current.is_draft)
        following = next((row for row in waiting if decision_about(session, row) is None), None)
        if following is None:
            return
        session.flush()
        current = _release(session, following, current, None, None, automatic=True)


def settle(session: Session, row: Submission, root: str) -> Submission:
    """Stores a copy whose reason for quarantine is gone, as the report it always was. The caller commits."""
    replaced = row.deprecated_id
    ids = [replaced] if replaced else []
    parent = queries.stored(session, row.project_id, row.xml_form_id, ids, row.is_draft).get(replaced or "")
    accepted = _release(session, row, parent, None, None, automatic=True)
    take_up(session, accepted)
    return accepted


def _waiting(session: Session, fact_id: int) -> Submission:
    row = queries.submission(session, fact_id)
    if row is None or row.disposition != "quarantined":
        raise Problem("not_found")
    if decision_about(session, row) is not None:
        raise Problem("state_conflict", reason="somebody decided about this report already")
    return row


def _target(session: Session, row: Submission) -> Submission | None:
    """The current version of the report that a copy repeats (same instanceID) or edits (deprecatedID)."""
    ids = [each for each in (row.deprecated_id, row.instance_id) if each]
    there = queries.stored(session, row.project_id, row.xml_form_id, ids, row.is_draft)
    found = next((there[each] for each in ids if each in there), None)
    if found is None:
        return None
    return queries.chain(session, found.project_id, found.xml_form_id, found.root_instance_id, found.is_draft)[-1]


def _release(
    session: Session, row: Submission, replaces: Submission | None, identity: Identity | None, note: str | None, automatic: bool
) -> Submission:
    if queries.version_id_for(session, row.project_id, row.xml_form_id, row.form_version, row.is_draft) is None:
        raise Problem("state_conflict", reason=f"the form {row.xml_form_id} is not on this server; publish it first")
    restored = _restore(session, row, identity)
    accepted = restored or _store_again(session, row, replaces)
    uuid_of_accepted = queries.fact_uuid(session, accepted.fact_id)
    said = {
        "accepted": uuid_of_accepted, "how": "restore" if restored else "edit" if replaces else "separate",
        "automatic": automatic, "note": note,
    }
    _event(session, "ACCEPT", row, said, identity)
    return accepted


def _restore(session: Session, row: Submission, identity: Identity | None) -> Submission | None:
    """A re-send of a deleted report with the same content: the report itself comes back, nothing is doubled."""
    same = queries.stored(session, row.project_id, row.xml_form_id, [row.instance_id], row.is_draft).get(row.instance_id)
    if same is None or same.canonical_hash != row.canonical_hash:
        return None
    if is_deleted(session, same):
        payload = {"project_id": row.project_id, "xml_form_id": row.xml_form_id, "is_draft": row.is_draft}
        journal.record_event(
            session, type="RESTORE", subject=same.root_instance_id, payload=payload, server_id=server_id(session),
            actor_id=identity.actor_id if identity else None, actor_name=identity.name if identity else None,
        )
    return same


def _store_again(session: Session, row: Submission, replaces: Submission | None) -> Submission:
    first = session.get_one(Fact, row.fact_id)
    taken = queries.stored(session, row.project_id, row.xml_form_id, [row.instance_id], row.is_draft)
    instance_id = _derived(row) if taken else row.instance_id
    fact = journal.append(
        session, kind="submission", payload_sha256=first.payload_sha256, server_id=server_id(session),
        actor_id=first.actor_id, actor_name=first.actor_name, received_at=first.received_at,
    )
    accepted = Submission(
        fact_id=fact.id, project_id=row.project_id, xml_form_id=row.xml_form_id, form_version=row.form_version,
        is_draft=row.is_draft, instance_id=instance_id, root_instance_id=replaces.root_instance_id if replaces else instance_id,
        deprecated_id=replaces.instance_id if replaces else None, instance_name=row.instance_name,
        canonical_hash=row.canonical_hash, xml=row.xml, encrypted=row.encrypted,
        disposition="stored", reason=None, receipt=f"{row.receipt}-A", channel=row.channel, submitter_id=row.submitter_id,
        post_id=row.post_id, device_id=row.device_id, user_agent=row.user_agent, sent_in_clear=row.sent_in_clear,
    )
    session.add(accepted)
    session.flush()
    for file in queries.current_files(session, [row]).values():
        arrived = journal.append(
            session, kind="attachment", payload_sha256=file.blob_sha256, server_id=fact.server_id,
            actor_id=first.actor_id, actor_name=first.actor_name,
        )
        session.add(Attachment(
            fact_id=arrived.id, submission_fact_id=fact.id, name=file.name, blob_sha256=file.blob_sha256,
            content_type=file.content_type, expected=file.expected,
        ))
    session.flush()
    return accepted


def _derived(row: Submission) -> str:
    return f"uuid:{uuid.uuid5(_DERIVED, f'{row.instance_id} {row.canonical_hash}')}"


def _event(session: Session, type: str, row: Submission, said: Mapping[str, object], identity: Identity | None) -> Fact:
    payload = {"project_id": row.project_id, "xml_form_id": row.xml_form_id, "is_draft": row.is_draft, **said}
    return journal.record_event(
        session, type=type, subject=queries.fact_uuid(session, row.fact_id), payload=payload, server_id=server_id(session),
        actor_id=identity.actor_id if identity else None, actor_name=identity.name if identity else None,
    )
