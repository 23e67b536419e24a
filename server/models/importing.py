"""Lists of partners on their way in: what was uploaded, how its columns are read, and what each row would become.

Work tables, neither facts nor projections: the merge of a list writes facts (events IMPORT and IMPORT_ROWS), and from then on
these rows only show what was decided. A list that is given up, or never merged, leaves nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Date, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime


class ImportBatch(Model):
    """One list. state: reading | columns | checking | preview | merging | merged | undone | failed.

    In reading, checking and merging the worker has the next word; done of total rows. name, owner, listed_on and sensitivity
    are the source's. columns: {name, samples, values} per column; mapping: field -> column number, and codes: field -> {text ->
    code}; options: how the file was read. offsets: what the test of positions found; shifts: what the officer decided
    ({} none, {"": [dlat, dlon]} all rows, {area: [...]} districts; null: not asked yet). counts: rows by outcome.
    problem: {name, details} of the catalogue. fact_uuid: the IMPORT event; retract_uuid: the event that took it back.
    """

    __tablename__ = "import_batches"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer)
    dataset: Mapped[str] = mapped_column(String(249))
    state: Mapped[str] = mapped_column(String(10), index=True)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    name: Mapped[str] = mapped_column(String(100))
    owner: Mapped[str] = mapped_column(String(255))
    listed_on: Mapped[dt.date] = mapped_column(Date)
    sensitivity: Mapped[str] = mapped_column(String(20))
    filename: Mapped[str] = mapped_column(String(255))
    format: Mapped[str] = mapped_column(String(12))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]] = mapped_column(Json)
    columns: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    mapping: Mapped[dict[str, Any]] = mapped_column(Json)
    codes: Mapped[dict[str, Any]] = mapped_column(Json)
    offsets: Mapped[dict[str, Any]] = mapped_column(Json)
    shifts: Mapped[dict[str, Any] | None] = mapped_column(Json)
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
    problem: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_by: Mapped[int | None] = mapped_column(Integer)
    created_name: Mapped[str] = mapped_column(String(255))
    post_id: Mapped[int | None] = mapped_column(Integer)
    sector_id: Mapped[int | None] = mapped_column(Integer, index=True)
    authority: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    fact_uuid: Mapped[str | None] = mapped_column(String(36))
    retract_uuid: Mapped[str | None] = mapped_column(String(36))


class ImportRow(Model):
    """One row of a list. number: as a person counts it in the file (the heading is 1). cells: its texts by column.

    outcome: new | join (certain) | ask (an officer is asked) | fault (left out); null while it has not been checked.
    values: by property, as the row is understood; faults: {column, code, value} each; a row with faults may still be taken.
    match: the record it would join or be asked about, with score and features as matching gives them. name_key: its folded
    name, by which rows and records of one name are found.
    """

    __tablename__ = "import_rows"
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batches.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    cells: Mapped[list[str]] = mapped_column(Json)
    outcome: Mapped[str | None] = mapped_column(String(6))
    key: Mapped[str | None] = mapped_column(String(200))
    known: Mapped[str | None] = mapped_column(String(36))
    label: Mapped[str | None] = mapped_column(Text)
    observed_on: Mapped[dt.date | None] = mapped_column(Date)
    values: Mapped[dict[str, Any] | None] = mapped_column(Json)
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    name_key: Mapped[str | None] = mapped_column(String(120))
    area: Mapped[str | None] = mapped_column(String(40))
    faults: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    match_id: Mapped[str | None] = mapped_column(String(36))
    score: Mapped[float | None] = mapped_column(Float)
    features: Mapped[dict[str, Any] | None] = mapped_column(Json)
    __table_args__ = (
        Index("ix_import_rows_outcome", "batch_id", "outcome", "number"),
        Index("ix_import_rows_name", "batch_id", "name_key"),
    )
