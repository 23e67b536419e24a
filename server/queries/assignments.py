"""Queries over assignments: who may fill which form, beside what people's roles give them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from server.models import Actor, AppUser, Assignment, Form, User


def people(session: Session) -> Sequence[tuple[int, str]]:
    """Actor id and role of every person who can log in, by id."""
    rows = session.execute(
        select(User.actor_id, User.role).join(Actor, Actor.id == User.actor_id)
        .where(Actor.deleted_at.is_(None)).order_by(User.actor_id)
    )
    return [(row[0], row[1]) for row in rows]


def assignments(session: Session, project_id: int, form_id: int | None) -> Sequence[Assignment]:
    """What is assigned on a form, or (form_id None) on the whole project."""
    on_form = Assignment.form_id.is_(None) if form_id is None else Assignment.form_id == form_id
    return session.scalars(
        select(Assignment).where(Assignment.project_id == project_id, on_form).order_by(Assignment.id)
    ).all()


@dataclass(frozen=True)
class RolesOf:
    """What somebody was assigned on a project as a whole, and on one form of it."""

    on_project: frozenset[str]
    on_form: frozenset[str]


def roles_of(session: Session, actor_id: int, project_id: int, xml_form_id: str | None) -> RolesOf:
    """The roles of an actor in a project and on its form of that id; of no form for None."""
    named = session.execute(
        select(Assignment.role, Form.xml_form_id).outerjoin(Form, Form.id == Assignment.form_id)
        .where(
            Assignment.actor_id == actor_id, Assignment.project_id == project_id,
            or_(Assignment.form_id.is_(None), and_(Form.xml_form_id == xml_form_id, Form.deleted_at.is_(None))),
        )
    ).all()
    return RolesOf(
        frozenset(row[0] for row in named if row[1] is None), frozenset(row[0] for row in named if row[1] is not None)
    )


def forms_of(session: Session, actor_id: int, project_id: int) -> set[int]:
    """Keys of the project's forms on which the actor has any role."""
    return set(session.scalars(
        select(Assignment.form_id)
        .where(Assignment.actor_id == actor_id, Assignment.project_id == project_id, Assignment.form_id.is_not(None))
    ))


def of_actor(session: Session, actor_id: int) -> Sequence[Assignment]:
    """Everything that is assigned to somebody, in whatever project."""
    return session.scalars(select(Assignment).where(Assignment.actor_id == actor_id)).all()


def actors(session: Session, actor_ids: Collection[int]) -> dict[int, Actor]:
    """Live actors by id."""
    rows = session.scalars(select(Actor).where(Actor.id.in_(actor_ids), Actor.deleted_at.is_(None)))
    return {row.id: row for row in rows}


def form_assignments(session: Session, project_id: int) -> Sequence[tuple[Assignment, str]]:
    """Every assignment on a form of the project with the form's id."""
    rows = session.execute(
        select(Assignment, Form.xml_form_id).join(Form, Form.id == Assignment.form_id)
        .where(Assignment.project_id == project_id, Form.deleted_at.is_(None)).order_by(Assignment.id)
    )
    return [(row[0], row[1]) for row in rows]


def assignment(session: Session, actor_id: int, role: str, project_id: int, form_id: int | None) -> Assignment | None:
    """That very assignment."""
    on_form = Assignment.form_id.is_(None) if form_id is None else Assignment.form_id == form_id
    return session.scalars(
        select(Assignment).where(
            Assignment.actor_id == actor_id, Assignment.role == role, Assignment.project_id == project_id, on_form
        )
    ).first()


def actor_exists(session: Session, actor_id: int, project_id: int) -> bool:
    """Whether there is a live person with that id, or an app user of this project."""
    found = session.execute(
        select(Actor.type, AppUser.project_id).outerjoin(AppUser, AppUser.actor_id == Actor.id)
        .where(Actor.id == actor_id, Actor.deleted_at.is_(None))
    ).first()
    return found is not None and (found[0] == "user" or found[1] == project_id)
