"""Projections of point C.10 on reports: which reports may be of one event, and what an officer said of it.

Both may be dropped; `fieldpost rebuild` makes them again. Written by services.report_duplicates only.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime
from server.models.facts import BigKey


class ReportFace(Model):
    """What is compared of a report: answers by question, when and where. block: hash of the keys that agree."""

    __tablename__ = "report_faces"
    root_fact_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(Integer)
    xml_form_id: Mapped[str] = mapped_column(String(249))
    root_instance_id: Mapped[str] = mapped_column(String(300))
    block: Mapped[str] = mapped_column(String(64), index=True)
    observed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    hlc: Mapped[str] = mapped_column(String(60))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    answers: Mapped[dict[str, Any]] = mapped_column(Json)
    __table_args__ = (Index("ix_report_faces_report", "project_id", "xml_form_id", "root_instance_id"),)


class ReportPair(Model):
    """Two reports of one form that may be of one event; `later` was received after `earlier` (root fact ids).

    relation: supersedes | alike. verdict: same | different | null (nobody said). likeness: share of answers that agree, 0 to 1.
    """

    __tablename__ = "report_pairs"
    earlier: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    later: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(Integer)
    xml_form_id: Mapped[str] = mapped_column(String(249))
    relation: Mapped[str] = mapped_column(String(12))
    likeness: Mapped[float] = mapped_column(Float)
    features: Mapped[dict[str, Any]] = mapped_column(Json)
    verdict: Mapped[str | None] = mapped_column(String(10))
    event_uuid: Mapped[str | None] = mapped_column(String(36))
    __table_args__ = (Index("ix_report_pairs_later", "later"), Index("ix_report_pairs_open", "verdict", "relation"))
