"""Keys for encrypted forms, and what was decrypted of encrypted reports."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime
from server.models.facts import BigKey


class EncryptionKey(Model):
    """An RSA key for encrypted forms. The private key is here only wrapped by a passphrase that nobody stores, or not at all.

    public: base64 text exactly as forms carry it. wrapped: see services.wrapping; null when the private key is elsewhere
    (a form brought its own public key). made_in: browser | server | console | form.
    """

    __tablename__ = "encryption_keys"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    public: Mapped[str] = mapped_column(Text)
    public_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    wrapped: Mapped[dict[str, Any] | None] = mapped_column(Json)
    managed: Mapped[bool] = mapped_column(Boolean, default=False)
    name: Mapped[str] = mapped_column(String(100), default="")
    hint: Mapped[str | None] = mapped_column(String(500))
    made_in: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class Decryption(Model):
    """Payload of a DECRYPT event: the report in clear, as long as it is unlocked.

    xml: as `Submission.xml`; empty once the report was locked again (locked_at), while the hash and the event stay.
    signature: good | bad | none (the manifest brought none).
    """

    __tablename__ = "decryptions"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    submission_fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("submissions.fact_id"), index=True)
    key_id: Mapped[int | None] = mapped_column(Integer)
    instance_name: Mapped[str | None] = mapped_column(Text)
    xml: Mapped[bytes] = mapped_column(LargeBinary)
    xml_sha256: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(4))
    locked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        Index(
            "uq_decryptions_unlocked",
            "submission_fact_id",
            unique=True,
            sqlite_where=text("locked_at IS NULL"),
            postgresql_where=text("locked_at IS NULL"),
        ),
    )


class DecryptedFile(Model):
    """A file of an unlocked report in clear: its name without .enc. Gone, with its bytes, when the report is locked."""

    __tablename__ = "decrypted_files"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    decryption_fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("decryptions.fact_id"), index=True)
    submission_fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("submissions.fact_id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    blob_sha256: Mapped[str] = mapped_column(String(64), ForeignKey("blobs.sha256"), index=True)
    content_type: Mapped[str] = mapped_column(String(255))
