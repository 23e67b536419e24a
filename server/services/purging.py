"""Purges what may not be kept: reports marked STRICTLY CONFIDENTIAL, seven days after they arrived (rule C.1).

The purge is itself a fact. The envelope and the hash stay, so the chain of the journal still verifies and everybody can see
that something was there, from whom and when; the bytes of the report and of its files are gone.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from server.queries import purging as queries
from server.queries.mission import server_id
from server.services import resumable
from server.services.blobs import BlobStore
from server.services.journal import now, record_event

KEPT = dt.timedelta(days=7)
REASON = "strictly_confidential"


def purge(session: Session, store: BlobStore, at: dt.datetime | None = None) -> int:
    """Purges every copy that is due at that time (default now) and commits each; returns how many.

    The row is emptied and committed before the files go: a crash in between leaves files that nothing names, never a
    report that names files which are gone.
    """
    purged = 0
    for submission, fact in queries.due(session, REASON, (at or now()) - KEPT):
        receipt, fact_uuid = submission.receipt, fact.uuid
        resumable.forget_report(session, store, submission.fact_id)
        files = queries.empty(session, submission)
        record_event(
            session, type="PURGE", subject=fact_uuid, payload={"reason": REASON, "receipt": receipt, "files": len(files)},
            server_id=server_id(session), actor_id=None, actor_name="Fieldpost",
        )
        session.commit()
        for sha256 in files:
            if not queries.is_needed(session, sha256):
                store.delete(sha256)
        purged += 1
    return purged
