"""The stored texts of exports by stretches of reports, and the stamps of lists: marked when reports change, made anew later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.models import ExportPart, Form, FormVersion, ListStamp, Submission, SubmissionSummary

Stretch = tuple[int, str, int]


def mark(session: Session, stretches: Collection[Stretch], now: dt.datetime) -> None:
    """Notes that reports in these stretches (project, form, part) changed. The caller commits."""
    for project_id, xml_form_id, part in sorted(stretches):
        values = {
            "project_id": project_id, "xml_form_id": xml_form_id, "part": part, "marked_at": now, "layout": "", "marks": 1,
            "built_marks": 0, "ids": b"", "csv": b"", "odata": b"", "places": b"",
        }
        statement = _upsert(session, ExportPart).values(**values)
        changed = {"marks": ExportPart.marks + 1, "marked_at": now}
        session.execute(statement.on_conflict_do_update(index_elements=["project_id", "xml_form_id", "part"], set_=changed))


def stamp(session: Session, lists: Collection[tuple[int, str, bool]], new: str) -> None:
    """Gives these lists (project, form, is_draft) a new stamp. The caller commits."""
    for project_id, xml_form_id, is_draft in sorted(lists):
        values = {"project_id": project_id, "xml_form_id": xml_form_id, "is_draft": is_draft, "stamp": new}
        statement = _upsert(session, ListStamp).values(**values)
        keys = ["project_id", "xml_form_id", "is_draft"]
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"stamp": new}))


def _upsert(session: Session, model: type[Any]) -> Any:
    return sqlite.insert(model) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(model)


def mark_all(session: Session, stretch: int, now: dt.datetime) -> None:
    """Marks every stretch of reports, where nothing is marked at all: after an update from a release that had no texts."""
    if session.scalar(select(ExportPart.part).limit(1)) is not None:
        return
    part = SubmissionSummary.root_fact_id.op("/")(stretch)
    found = (
        select(
            SubmissionSummary.project_id, SubmissionSummary.xml_form_id, part, literal(""), literal(1), literal(0),
            literal(now, ExportPart.marked_at.type), literal(b""), literal(b""), literal(b""), literal(b""),
        )
        .where(SubmissionSummary.is_draft.is_(False))
        .distinct()
    )
    names = ["project_id", "xml_form_id", "part", "layout", "marks", "built_marks", "marked_at", "ids", "csv", "odata", "places"]
    session.execute(insert(ExportPart).from_select(names, found))


def stale(session: Session, quiet_since: dt.datetime, wording: str, limit: int) -> Sequence[Any]:
    """Stretches to make anew, newest first: (project_id, xml_form_id, part, marks, version_id, version_sha256).

    Only those in which nothing has changed since `quiet_since`, of forms that are published.
    """
    statement = (
        select(
            ExportPart.project_id, ExportPart.xml_form_id, ExportPart.part, ExportPart.marks, FormVersion.id.label("version_id"),
            FormVersion.sha256.label("version_sha256"),
        )
        .join(Form, (Form.project_id == ExportPart.project_id) & (Form.xml_form_id == ExportPart.xml_form_id))
        .join(FormVersion, FormVersion.id == Form.current_version_id)
        .where(
            Form.deleted_at.is_(None), ExportPart.marked_at <= quiet_since,
            or_(ExportPart.marks > ExportPart.built_marks, ExportPart.layout != literal(wording) + FormVersion.sha256),
        )
        .order_by(ExportPart.part.desc())
        .limit(limit)
    )
    return session.execute(statement).all()


def members(session: Session, project_id: int, xml_form_id: str, first: int, last: int) -> Sequence[Any]:
    """The readable reports with root_fact_id from `first` to `last`: (root_fact_id, current_fact_id, root_instance_id)."""
    summary = SubmissionSummary
    statement = (
        select(summary.root_fact_id, summary.current_fact_id, summary.root_instance_id)
        .join(Submission, Submission.fact_id == summary.current_fact_id)
        .where(
            summary.project_id == project_id, summary.xml_form_id == xml_form_id, summary.is_draft.is_(False),
            summary.root_fact_id.between(first, last), Submission.encrypted.is_(False),
        )
        .order_by(summary.root_fact_id)
    )
    return session.execute(statement).all()


def parts(
    session: Session, project_id: int, xml_form_id: str, numbers: Collection[int], layout: str, column: str
) -> Sequence[Any]:
    """The stored texts of these stretches made for this layout: (part, ids, texts)."""
    chosen = getattr(ExportPart, column).label("texts")
    statement = select(ExportPart.part, ExportPart.ids, chosen).where(
        ExportPart.project_id == project_id, ExportPart.xml_form_id == xml_form_id, ExportPart.part.in_(numbers),
        ExportPart.layout == layout,
    )
    return session.execute(statement).all()


def whole(session: Session, project_id: int, xml_form_id: str, part: int) -> Any | None:
    """One stretch with all its texts."""
    return session.execute(
        select(ExportPart.layout, ExportPart.ids, ExportPart.csv, ExportPart.odata, ExportPart.places).where(
            ExportPart.project_id == project_id, ExportPart.xml_form_id == xml_form_id, ExportPart.part == part
        )
    ).first()


def keep(session: Session, stretch: Stretch, values: dict[str, Any]) -> None:
    """Writes the texts of a stretch. The caller commits."""
    project_id, xml_form_id, part = stretch
    session.execute(
        update(ExportPart)
        .where(ExportPart.project_id == project_id, ExportPart.xml_form_id == xml_form_id, ExportPart.part == part)
        .values(**values)
    )


def count_stale(session: Session) -> int:
    """How many stretches wait to be made, whatever the layout."""
    return session.scalar(select(func.count()).select_from(ExportPart).where(ExportPart.marks > ExportPart.built_marks)) or 0
