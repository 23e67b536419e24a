"""Projects, forms, their versions (facts once published), drafts and media; datasets (entity lists) and properties."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime


class Project(Model):
    """A project as in ODK Central. Project 1 is the mission's own and exists after `init`.

    key_id: the key that forms without a key of their own are encrypted with. clean_photos: what leaves over /v1, as files and
    in exports, are photos without what phones write beside the pixels (position, time, maker); as stored otherwise.
    """

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    archived: Mapped[bool] = mapped_column(Boolean, default=False)
    key_id: Mapped[int | None] = mapped_column(Integer)
    clean_photos: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class Form(Model):
    """A form of a project. state: open | closing | closed.

    Its published version is `current_version_id`, its draft `draft_version_id`. key_id: the key for every version whose
    sheet brings no public key of its own.
    """

    __tablename__ = "forms"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    xml_form_id: Mapped[str] = mapped_column(String(249))
    state: Mapped[str] = mapped_column(String(10), default="open")
    current_version_id: Mapped[int | None] = mapped_column(Integer)
    draft_version_id: Mapped[int | None] = mapped_column(Integer)
    draft_token: Mapped[str | None] = mapped_column(String(64), index=True)
    key_id: Mapped[int | None] = mapped_column(Integer)
    created_by: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project_id", "xml_form_id"),)


class FormVersion(Model):
    """One version of a form. Unpublished (published_at null) it is a draft and configuration; published it is a fact.

    xml: the exact bytes served to devices (md5 is the OpenRosa hash). definition: forms.definition JSON, so that no
    request parses the form again. source: the XLSForm as uploaded (blob) with its file name. key_id: the key whose
    public half the XML carries; null: phones send reports in clear.
    """

    __tablename__ = "form_versions"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    fact_id: Mapped[int | None] = mapped_column(Integer, index=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id"), index=True)
    version: Mapped[str] = mapped_column(String(249), default="")
    title: Mapped[str] = mapped_column(Text)
    xml: Mapped[bytes] = mapped_column(LargeBinary)
    md5: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    source_sha256: Mapped[str | None] = mapped_column(String(64))
    source_name: Mapped[str | None] = mapped_column(String(255))
    key_id: Mapped[int | None] = mapped_column(Integer)
    created_by: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[int | None] = mapped_column(Integer)
    published_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class FormAttachment(Model):
    """A media file or list that a form version expects: filled by a blob or linked to a dataset, or still missing.

    fallback: the blob is a sample that lay beside the form; the mission's own table of that name wins once it has rows.
    """

    __tablename__ = "form_attachments"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    form_version_id: Mapped[int] = mapped_column(ForeignKey("form_versions.id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(10))
    blob_sha256: Mapped[str | None] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(255))
    dataset_name: Mapped[str | None] = mapped_column(String(249))
    fallback: Mapped[bool] = mapped_column(Boolean, default=False)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("form_version_id", "name"),)


class Dataset(Model):
    """An entity list of a project. `register` names the register file that rules it, or null for Central's own rules.

    Devices and data collectors get all of it; with owner_only what they made themselves; with access_rules (each
    {datasetProperty, actorProperty}) the entities for which one rule holds: both values are there and equal.
    """

    __tablename__ = "datasets"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(249))
    register: Mapped[str | None] = mapped_column(String(60))
    approval_required: Mapped[bool] = mapped_column(Boolean, default=False)
    owner_only: Mapped[bool] = mapped_column(Boolean, default=False)
    access_rules: Mapped[list[dict[str, str]] | None] = mapped_column(Json)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project_id", "name"),)


class DatasetProperty(Model):
    """A property of an entity list, in order of publication; `forms` are the form ids that write it."""

    __tablename__ = "dataset_properties"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    name: Mapped[str] = mapped_column(String(249))
    forms: Mapped[list[str]] = mapped_column(Json)
    published_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("dataset_id", "name"), Index("ix_dataset_properties_dataset_id", "dataset_id"))
