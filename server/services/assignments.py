"""Who has which role in ODK Central's sense: on the site (the account's own role), in a project, on a form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Actor, Assignment, Form, Project
from server.problems import Problem
from server.queries import assignments as queries
from server.services import people
from server.services.audits import audit
from server.services.identity import CENTRAL_ROLES, Identity, Verb
from server.services.project_rights import MISSION
from server.services.roles import ASSIGNED, FILLING, LEAST, ON_SITE, CentralRole, central_role, find_role


@dataclass(frozen=True)
class Target:
    """What a role is given on: the whole site, a project, or one form of it."""

    project: Project | None = None
    form: Form | None = None

    @property
    def actee(self) -> str:
        """How the audit log names it."""
        if self.form is not None:
            return f"form:{self.form.xml_form_id}"
        return f"project/{self.project.id}" if self.project is not None else "*"


@dataclass(frozen=True)
class Assigned:
    """Who has which role, and on which form when forms are listed together."""

    actor_id: int
    role_id: int
    actor: Actor
    xml_form_id: str | None = None


def listed(session: Session, target: Target, role: CentralRole | None = None) -> list[Assigned]:
    """The assignments on this very target, of one role or of all."""
    if target.project is None:
        # Everybody with an account may fill forms, so only the roles beyond that are told.
        people_of = [(actor_id, name) for actor_id, name in queries.people(session) if CENTRAL_ROLES[name] != "formfill"]
        pairs = [(actor_id, central_role(name)) for actor_id, name in people_of]
        return _named(session, [(actor_id, found.id, None) for actor_id, found in pairs if found], role)
    rows = queries.assignments(session, target.project.id, target.form.id if target.form else None)
    return _named(session, [(row.actor_id, find_role(row.role).id, None) for row in rows], role)


def listed_by_form(session: Session, project: Project, role: CentralRole | None = None) -> list[Assigned]:
    """Every assignment on a form of the project."""
    rows = queries.form_assignments(session, project.id)
    return _named(session, [(row.actor_id, find_role(row.role).id, xml_form_id) for row, xml_form_id in rows], role)


def _named(session: Session, rows: Iterable[tuple[int, int, str | None]], role: CentralRole | None) -> list[Assigned]:
    wanted = [row for row in rows if role is None or row[1] == role.id]
    actors = queries.actors(session, {row[0] for row in wanted})
    return [Assigned(actor_id, role_id, actors[actor_id], form) for actor_id, role_id, form in wanted if actor_id in actors]


def assign(session: Session, who: Identity, role: CentralRole, actor_id: int, target: Target) -> None:
    """Gives somebody a role and commits; twice is once.

    Raises Problem not_found for an unknown actor, unexpected_value for a role that cannot be given there or to them, and
    not_allowed for whoever may not give it.
    """
    actor = _actor(session, actor_id, target)
    if target.project is None:
        _give_account(session, who, role, actor)
        return
    if role.system not in ASSIGNED:
        raise _refused(role, f"here it is one of {', '.join(sorted(ASSIGNED))}.")
    _check_person(session, who, role, actor, target.project)
    form_id = target.form.id if target.form else None
    if queries.assignment(session, actor_id, role.system, target.project.id, form_id) is None:
        session.add(Assignment(actor_id=actor_id, role=role.system, project_id=target.project.id, form_id=form_id))
        audit(session, who, "assignment.create", target.actee, {"actorId": actor_id, "role": role.system})
    session.commit()


def unassign(session: Session, who: Identity, role: CentralRole, actor_id: int, target: Target) -> None:
    """Takes a role back and commits. Raises Problem not_found when it was not given."""
    actor = _actor(session, actor_id, target)
    if target.project is None:
        if actor.type != "user" or central_role(people.account(session, actor_id).role) != role:
            raise Problem("not_found")
        people.change(session, who, actor_id, {"role": LEAST})
        return
    row = queries.assignment(session, actor_id, role.system, target.project.id, target.form.id if target.form else None)
    if row is None:
        raise Problem("not_found")
    session.delete(row)
    audit(session, who, "assignment.delete", target.actee, {"actorId": actor_id, "role": role.system})
    session.commit()


def _actor(session: Session, actor_id: int, target: Target) -> Actor:
    found = queries.actors(session, [actor_id]).get(actor_id)
    if found is None or not queries.actor_exists(session, actor_id, target.project.id if target.project else 0):
        raise Problem("not_found")
    return found


def _give_account(session: Session, who: Identity, role: CentralRole, actor: Actor) -> None:
    if role.system not in ON_SITE or actor.type != "user":
        raise _refused(role, f"on the whole site people have one of {', '.join(sorted(ON_SITE))}.")
    if central_role(people.account(session, actor.id).role) != role:
        people.change(session, who, actor.id, {"role": ON_SITE[role.system]})


def _check_person(session: Session, who: Identity, role: CentralRole, actor: Actor, project: Project) -> None:
    if actor.type != "user":
        if role.system not in FILLING:
            raise _refused(role, "app users fill forms and nothing else.")
        return
    if CENTRAL_ROLES[people.account(session, actor.id).role] is None:
        # Partners read what is released, auditors the log: they get no way past that (rule C.8).
        raise _refused(role, "this account's own role goes with no role in a project; change that first.")
    # In the mission's own project these roles open what the mission knows, as accounts do.
    if project.id == MISSION and role.system not in FILLING and not who.may(Verb.USER_MANAGE):
        raise Problem("not_allowed")


def _refused(role: CentralRole, reason: str) -> Problem:
    return Problem("unexpected_value", field="roleId", value=role.system, reason=reason)
