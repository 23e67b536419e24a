"""The forms of a project changed together, as ODK Central's PUT of a project does: states, and who is assigned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from server.models import Project
from server.problems import Problem
from server.services import assignments, form_catalogue, forms
from server.services.assignments import Target
from server.services.identity import Identity
from server.services.roles import find_role


def replace(session: Session, who: Identity, project: Project, wishes: Sequence[dict[str, Any]] | None) -> None:
    """Sets states and assignments as wished and commits; None changes nothing.

    wishes: xmlFormId, and optionally state and assignments (actorId, roleId). Raises Problem forms_mismatch (501.2) unless
    they name exactly the project's forms, each once.
    """
    if wishes is None:
        return
    there = {form.xml_form_id: form for form, _version in form_catalogue.listed(session, who, project.id)}
    if sorted(wish["xmlFormId"] for wish in wishes) != sorted(there):
        raise Problem("forms_mismatch")
    for wish in wishes:
        form = there[wish["xmlFormId"]]
        if "state" in wish and wish["state"] != form.state:
            forms.set_state(session, form, wish["state"], who)
        if "assignments" in wish:
            _assign(session, who, Target(project, form), wish["assignments"])


def _assign(session: Session, who: Identity, target: Target, wished: Sequence[dict[str, int]]) -> None:
    wanted = {(each["actorId"], each["roleId"]) for each in wished}
    present = {(row.actor_id, row.role_id) for row in assignments.listed(session, target) if _is_given(row.role_id)}
    for actor_id, role_id in sorted(wanted - present):
        assignments.assign(session, who, find_role(str(role_id)), actor_id, target)
    for actor_id, role_id in sorted(present - wanted):
        assignments.unassign(session, who, find_role(str(role_id)), actor_id, target)


def _is_given(role_id: int) -> bool:
    # Public links hold their form by an assignment of their own, which is not for clients to take.
    return find_role(str(role_id)).system != "pub-link"
