"""Files of many reports at once, for exports."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Attachment, Submission
from server.queries.submission_lists import Wanted


def current_files(session: Session, wanted: Wanted, root_instance_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By root instanceID: name and SHA-256 of each file of the current version, its own or carried over from earlier ones."""
    found: dict[str, dict[str, str]] = {}
    rows = session.execute(
        select(Submission.root_instance_id, Attachment.name, Attachment.blob_sha256)
        .join(Submission, Submission.fact_id == Attachment.submission_fact_id)
        .where(
            Submission.project_id == wanted.project_id, Submission.xml_form_id == wanted.xml_form_id,
            Submission.is_draft.is_(wanted.is_draft), Submission.disposition == "stored",
            Submission.root_instance_id.in_(root_instance_ids),
        )
        # A later version's file replaces an earlier one's, and so does one that was sent again.
        .order_by(Attachment.submission_fact_id, Attachment.fact_id)
    )
    for root, name, sha256 in rows:
        found.setdefault(root, {})[name] = sha256
    return found
