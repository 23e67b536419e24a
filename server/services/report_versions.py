"""The versions of a report with their envelopes and files, and what was said about it (comments, review states)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Attachment, Event, Fact, Submission, SubmissionSummary
from server.queries import submissions as queries
from server.services.quarantine import speaks_of

SAID = ("REVIEW", "COMMENT", "ACKNOWLEDGE", "DELETE", "RESTORE")


@dataclass(frozen=True)
class Version:
    """One version: the submission as it arrived, its envelope, and its files by name (carried over from earlier ones)."""

    row: Submission
    fact: Fact
    files: Mapping[str, Attachment]


def versions(session: Session, summary: SubmissionSummary) -> Sequence[Version]:
    """Every version of the report, the original first, the current last."""
    rows = queries.chain(session, summary.project_id, summary.xml_form_id, summary.root_instance_id, summary.is_draft)
    facts = {row.fact_id: session.get_one(Fact, row.fact_id) for row in rows}
    return [Version(row, facts[row.fact_id], queries.current_files(session, rows[: index + 1])) for index, row in enumerate(rows)]


def single(session: Session, row: Submission) -> Version:
    """One copy by itself (in quarantine), with the files that came with it."""
    return Version(row, session.get_one(Fact, row.fact_id), queries.current_files(session, [row]))


def said_about(session: Session, summary: SubmissionSummary) -> Sequence[tuple[Event, Fact]]:
    """What people said about the report, oldest first."""
    found = queries.deciding_events(session, [summary.root_instance_id], SAID)
    return [pair for pair in found if speaks_of(pair[0], summary.project_id, summary.xml_form_id, summary.is_draft)]
