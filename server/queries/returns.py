"""Queries of the returns board: who owes (posts of a plan's type with their units), what came, what was waived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from server.models import Event, Fact, Form, FormVersion, Post, ReturnPlan, Sector, SubmissionSummary, Unit
from sync.periods import Rhythm

PostRow = tuple[Post, Unit | None, Sector | None]


def plans(session: Session, rhythm: Rhythm) -> Sequence[ReturnPlan]:
    """Which types of post owe which form in this rhythm."""
    statement = select(ReturnPlan).where(ReturnPlan.rhythm == rhythm).order_by(ReturnPlan.xml_form_id, ReturnPlan.post_type)
    return session.scalars(statement).all()


def rhythms(session: Session) -> set[str]:
    """The rhythms that any plan has."""
    return set(session.scalars(select(ReturnPlan.rhythm).distinct()))


def owing_posts(
    session: Session, post_types: Collection[str], sector_id: int | None, post_id: int | None = None,
) -> list[PostRow]:
    """Posts of these types with unit and sector, closed ones too, by sector and code; narrowed to one sector or one post."""
    statement = (
        select(Post, Unit, Sector).outerjoin(Unit, Unit.code == Post.unit_code).outerjoin(Sector, Sector.id == Post.sector_id)
        .where(Post.type.in_(post_types)).order_by(Sector.code, Post.code)
    )
    if sector_id is not None:
        statement = statement.where(Post.sector_id == sector_id)
    if post_id is not None:
        statement = statement.where(Post.id == post_id)
    return [(post, unit, sector) for post, unit, sector in session.execute(statement)]


def post_row(session: Session, post_id: int) -> PostRow | None:
    """One post with its unit and sector."""
    row = session.execute(
        select(Post, Unit, Sector).outerjoin(Unit, Unit.code == Post.unit_code)
        .outerjoin(Sector, Sector.id == Post.sector_id).where(Post.id == post_id)
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def deliveries(
    session: Session, project_id: int, xml_form_id: str, periods: Collection[str], unit_codes: Collection[str],
    post_ids: Collection[int], changed_since: dt.datetime, unnamed: tuple[dt.datetime, dt.datetime] | None = None,
) -> Sequence[SubmissionSummary]:  # fmt: skip
    """The reports that came for these periods from these units or posts, rejected and deleted ones too; no test ones.

    With them whatever was corrected since that instant: before, it may have spoken of one of these periods or units.
    unnamed: also those that name no period and speak of an instant from the first up to the second.
    """
    summary = SubmissionSummary
    ours: list[ColumnElement[bool]] = [summary.unit.in_(unit_codes), summary.post_id.in_(post_ids)]
    corrected = and_(summary.edits > 0, summary.updated_at >= changed_since)
    speaks: ColumnElement[bool] = summary.period.in_(periods)
    if unnamed is not None:
        start, end = unnamed
        speaks = or_(speaks, and_(summary.period.is_(None), summary.observed_at >= start, summary.observed_at < end))
    return session.scalars(
        select(summary).where(
            summary.project_id == project_id, summary.xml_form_id == xml_form_id, summary.is_draft.is_(False),
            or_(corrected, and_(speaks, or_(*ours))),
        ).order_by(summary.received_at)
    ).all()


def events_about(session: Session, type: str, subjects: Collection[str]) -> list[tuple[Fact, Event]]:
    """Events of this type about these subjects, in the order of the hybrid clock."""
    return _events(session, (type,), subjects)


def decisions_about(session: Session, root_instance_ids: Collection[str]) -> list[tuple[Fact, Event]]:
    """Reviews, deletions and restorations of these reports, in the order of the hybrid clock."""
    return _events(session, ("REVIEW", "DELETE", "RESTORE"), root_instance_ids)


def _events(session: Session, types: Sequence[str], subjects: Collection[str]) -> list[tuple[Fact, Event]]:
    if not subjects:
        return []
    rows = session.execute(
        select(Fact, Event).join(Event, Event.fact_id == Fact.id)
        .where(Event.type.in_(types), Event.subject.in_(subjects)).order_by(Fact.hlc)
    )
    return [(fact, event) for fact, event in rows]


def form_title(session: Session, project_id: int, xml_form_id: str) -> str:
    """The title of the form's published version, or its id when it is not published."""
    title = session.scalar(
        select(FormVersion.title).join(Form, Form.current_version_id == FormVersion.id)
        .where(Form.project_id == project_id, Form.xml_form_id == xml_form_id)
    )
    return title or xml_form_id
