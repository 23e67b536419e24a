"""Submissions and attachments as they arrived (facts), blobs by content hash, and the summary officers list (projection)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime
from server.models.facts import BigKey


class Submission(Model):
    """Payload of a fact of kind `submission`: one instance as it arrived, original or edit.

    disposition: "stored" or "quarantined"; reason: why it is in quarantine (problem code such as "same_id_other_content",
    "unknown_form", "unknown_version", "form_closed", "unknown_deprecated", "stale_edit", "strictly_confidential").
    xml: the exact bytes as services.documents packs them (their SHA-256 is in the envelope). canonical_hash ignores
    attribute order and the like.
    root_instance_id: the first instanceID of the chain of edits; equals instance_id for an original.
    channel: openrosa | rest | radio | paper | field | import. A draft's test submissions carry is_draft.
    sent_in_clear: it came over plain http from another machine and was not encrypted, so others could read it on the way.
    """

    __tablename__ = "submissions"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(Integer)
    xml_form_id: Mapped[str] = mapped_column(String(249))
    form_version: Mapped[str] = mapped_column(String(249), default="")
    is_draft: Mapped[bool] = mapped_column(Boolean, default=False)
    instance_id: Mapped[str] = mapped_column(String(300))
    root_instance_id: Mapped[str] = mapped_column(String(300))
    deprecated_id: Mapped[str | None] = mapped_column(String(300))
    instance_name: Mapped[str | None] = mapped_column(Text)
    canonical_hash: Mapped[str] = mapped_column(String(64))
    xml: Mapped[bytes] = mapped_column(LargeBinary)
    encrypted: Mapped[bool] = mapped_column(Boolean, default=False)
    disposition: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(40))
    receipt: Mapped[str] = mapped_column(String(16), unique=True)
    channel: Mapped[str] = mapped_column(String(10), default="openrosa")
    submitter_id: Mapped[int | None] = mapped_column(Integer)
    post_id: Mapped[int | None] = mapped_column(Integer)
    device_id: Mapped[str | None] = mapped_column(String(255))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    sent_in_clear: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    __table_args__ = (
        Index(
            "uq_submissions_stored_instance",
            "project_id",
            "xml_form_id",
            "is_draft",
            "instance_id",
            unique=True,
            sqlite_where=text("disposition = 'stored'"),
            postgresql_where=text("disposition = 'stored'"),
        ),
        # Two edits of one version sent at the same time: only the first becomes the next version.
        Index(
            "uq_submissions_next_version",
            "project_id",
            "xml_form_id",
            "is_draft",
            "deprecated_id",
            unique=True,
            sqlite_where=text("disposition = 'stored' AND deprecated_id IS NOT NULL"),
            postgresql_where=text("disposition = 'stored' AND deprecated_id IS NOT NULL"),
        ),
        Index(
            "ix_submissions_quarantined_instance",
            "project_id",
            "xml_form_id",
            "instance_id",
            sqlite_where=text("disposition = 'quarantined'"),
            postgresql_where=text("disposition = 'quarantined'"),
        ),
        Index(
            "ix_submissions_waiting_edit",
            "project_id",
            "xml_form_id",
            "deprecated_id",
            sqlite_where=text("disposition = 'quarantined' AND deprecated_id IS NOT NULL"),
            postgresql_where=text("disposition = 'quarantined' AND deprecated_id IS NOT NULL"),
        ),
        Index("ix_submissions_root", "project_id", "xml_form_id", "root_instance_id"),
        Index("ix_submissions_quarantine", "disposition", "fact_id"),
    )


class Blob(Model):
    """A file in the blob store, named by the SHA-256 of its bytes. md5 serves OpenRosa manifests and ETags."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    md5: Mapped[str] = mapped_column(String(32))
    size: Mapped[int] = mapped_column(BigInteger)
    stored_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class Attachment(Model):
    """Payload of a fact of kind `attachment`: a file that came for an instance. The latest row per name is current.

    instance_id names the instance (not the fact), so a file that arrives before a retry of its report finds it.
    expected: the definition of the form names it; a surplus file is kept and marked.
    """

    __tablename__ = "attachments"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    submission_fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("submissions.fact_id"))
    name: Mapped[str] = mapped_column(String(255))
    blob_sha256: Mapped[str] = mapped_column(String(64), ForeignKey("blobs.sha256"), index=True)
    content_type: Mapped[str] = mapped_column(String(255), default="application/octet-stream")
    expected: Mapped[bool] = mapped_column(Boolean, default=True)
    __table_args__ = (Index("ix_attachments_submission_name", "submission_fact_id", "name"),)


class SubmissionSummary(Model):
    """Projection: one row per logical submission (root instanceID), made from its current version and events.

    Everything the inbox, the report page's head, /v1 lists and the returns board need without parsing XML again.
    """

    __tablename__ = "submission_summaries"
    root_fact_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    current_fact_id: Mapped[int] = mapped_column(BigKey, index=True)
    project_id: Mapped[int] = mapped_column(Integer)
    xml_form_id: Mapped[str] = mapped_column(String(249))
    form_version: Mapped[str] = mapped_column(String(249))
    is_draft: Mapped[bool] = mapped_column(Boolean, default=False)
    root_instance_id: Mapped[str] = mapped_column(String(300))
    current_instance_id: Mapped[str] = mapped_column(String(300))
    instance_name: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str] = mapped_column(String(16), index=True)
    channel: Mapped[str] = mapped_column(String(10))
    submitter_id: Mapped[int | None] = mapped_column(Integer)
    post_id: Mapped[int | None] = mapped_column(Integer)
    unit: Mapped[str | None] = mapped_column(String(100))
    sector_id: Mapped[int | None] = mapped_column(Integer)
    area_code: Mapped[str | None] = mapped_column(String(40))
    place: Mapped[str | None] = mapped_column(String(255))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    observed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    clock_flagged: Mapped[bool] = mapped_column(Boolean, default=False)
    device_end_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    review_state: Mapped[str | None] = mapped_column(String(20))
    edits: Mapped[int] = mapped_column(Integer, default=0)
    files_expected: Mapped[int] = mapped_column(Integer, default=0)
    files_present: Mapped[int] = mapped_column(Integer, default=0)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    findings_count: Mapped[int] = mapped_column(Integer, default=0)
    alarm: Mapped[str | None] = mapped_column(String(20))
    alarm_text: Mapped[str | None] = mapped_column(Text)
    acknowledged_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(255))
    period: Mapped[str | None] = mapped_column(String(10))
    nil_return: Mapped[bool] = mapped_column(Boolean, default=False)
    sensitivity: Mapped[str | None] = mapped_column(String(20))
    un_class: Mapped[str | None] = mapped_column(String(30))
    __table_args__ = (
        Index("ix_submission_summaries_form_root", "project_id", "xml_form_id", "root_instance_id"),
        # A page of a list or table is read in this order, from any place and in any number of reports.
        Index("ix_submission_summaries_form_order", "project_id", "xml_form_id", "is_draft", "root_fact_id"),
        Index("ix_submission_summaries_received", "received_at"),
        Index("ix_submission_summaries_sector_received", "sector_id", "received_at"),
        Index("ix_submission_summaries_period", "xml_form_id", "period"),
        Index("ix_submission_summaries_alarm", "alarm"),
    )


class ListStamp(Model):
    """Projection: changes with every change in a form's list of reports, so that a client's copy is known without reading it."""

    __tablename__ = "list_stamps"
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    xml_form_id: Mapped[str] = mapped_column(String(249), primary_key=True)
    is_draft: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    stamp: Mapped[str] = mapped_column(String(16))


class ExportPart(Model):
    """Projection: answers of one form's reports in the wording of exports, for reports whose root_fact_id lies in one stretch.

    Made by the worker beside folding; a row that is missing or out of date only makes an export slower, because every
    report in it names the version it was made from. Encrypted reports are never in it.
    part: root_fact_id // services.export_parts.STRETCH. layout: which form version and wording it was made for.
    marks counts the changes within the stretch, built_marks how many of them it holds. ids: root_fact_id and
    current_fact_id of each report in it (64 bit integers, packed); csv, odata, places: their texts in the same order, packed.
    """

    __tablename__ = "export_parts"
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    xml_form_id: Mapped[str] = mapped_column(String(249), primary_key=True)
    part: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    layout: Mapped[str] = mapped_column(String(80), default="")
    marks: Mapped[int] = mapped_column(Integer, default=1)
    built_marks: Mapped[int] = mapped_column(Integer, default=0)
    marked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ids: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    csv: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    odata: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    places: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
