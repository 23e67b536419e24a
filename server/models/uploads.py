"""Files that arrive in pieces (tus). Neither facts nor projections: a row lives until its file is whole, or given up."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import UtcDateTime
from server.models.facts import BigKey


class ResumableUpload(Model):
    """A file under way to a report that is here already; its pieces lie in the spool under the id.

    length in bytes; sha256: what the sender says the whole file has, when it says so. blob_sha256 is set once the file is
    whole and attached; the row stays until expires_at, so that a sender whose answer was lost can still ask.
    """

    __tablename__ = "resumable_uploads"
    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    actor_id: Mapped[int] = mapped_column(Integer, index=True)
    project_id: Mapped[int] = mapped_column(Integer)
    submission_fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("submissions.fact_id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(255))
    length: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    blob_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)
