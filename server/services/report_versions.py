"""The versions of a report with their envelopes and files, and what was said about it (comments, review states)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from server.models import Attachment, DecryptedFile, Decryption, Event, Fact, Submission, SubmissionSummary
from server.queries import decrypted
from server.queries import submissions as queries
from server.services.quarantine import speaks_of

SAID = ("REVIEW", "COMMENT", "ACKNOWLEDGE", "DELETE", "RESTORE", "DECRYPT", "LOCK")


@dataclass(frozen=True)
class Version:
    """One version: the submission as it arrived, its envelope, and its files by name (carried over from earlier ones).

    decryption: what an unlocked report says in clear, and clear_files its files by their names in clear.
    """

    row: Submission
    fact: Fact
    files: Mapping[str, Attachment]
    decryption: Decryption | None = None
    clear_files: Mapping[str, DecryptedFile] = field(default_factory=dict)

    @property
    def readable_files(self) -> Mapping[str, Attachment | DecryptedFile]:
        """The files to read and look at: of an unlocked report those in clear, else what came."""
        return self.clear_files if self.decryption is not None else self.files


def versions(session: Session, summary: SubmissionSummary) -> Sequence[Version]:
    """Every version of the report, the original first, the current last."""
    rows = queries.chain(session, summary.project_id, summary.xml_form_id, summary.root_instance_id, summary.is_draft)
    facts = {row.fact_id: session.get_one(Fact, row.fact_id) for row in rows}
    return [
        _version(session, row, facts[row.fact_id], queries.current_files(session, rows[: index + 1]))
        for index, row in enumerate(rows)
    ]


def _version(session: Session, row: Submission, fact: Fact, files: Mapping[str, Attachment]) -> Version:
    decryption = decrypted.decryption_of(session, row.fact_id) if row.encrypted else None
    if decryption is None:
        return Version(row, fact, files)
    return Version(row, fact, files, decryption, {each.name: each for each in decrypted.clear_files(session, [row.fact_id])})


def single(session: Session, row: Submission) -> Version:
    """One copy by itself (in quarantine), with the files that came with it."""
    return Version(row, session.get_one(Fact, row.fact_id), queries.current_files(session, [row]))


def said_about(session: Session, summary: SubmissionSummary) -> Sequence[tuple[Event, Fact]]:
    """What people said about the report, oldest first."""
    found = queries.deciding_events(session, [summary.root_instance_id], SAID)
    return [pair for pair in found if speaks_of(pair[0], summary.project_id, summary.xml_form_id, summary.is_draft)]
