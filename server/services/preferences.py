"""What a person's client wants remembered, for the whole site or one project, in the shape of ODK Central."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from server.models.accounts import Preference
from server.problems import Problem
from server.queries import preferences as queries
from server.services.identity import Identity

SITE = 0
"""Stands for the whole site where a project's number would."""
# ODK Central's own clients keep a handful of short values; these bounds are this server's, so that nobody fills the disk.
MOST, LONGEST_NAME, LONGEST_VALUE = 200, 255, 10_000


def of(session: Session, who: Identity) -> dict[str, dict[str, Any]]:
    """site: values by name; projects: the same by the project's number as text."""
    found: dict[str, dict[str, Any]] = {"site": {}, "projects": {}}
    for row in queries.preferences(session, who.actor_id):
        values = found["site"] if row.project_id == SITE else found["projects"].setdefault(str(row.project_id), {})
        values[row.name] = row.value
    return found


def put(session: Session, who: Identity, project_id: int, name: str, value: Any) -> None:
    """Remembers a value and commits. Raises Problem unexpected_value for too long or too many of them."""
    if len(name) > LONGEST_NAME or len(json.dumps(value)) > LONGEST_VALUE:
        raise Problem("unexpected_value", field="propertyValue", value=name, reason=f"at most {LONGEST_VALUE} characters.")
    row = queries.preference(session, who.actor_id, project_id, name)
    if row is None:
        if queries.count(session, who.actor_id) >= MOST:
            raise Problem("unexpected_value", field="preferences", value=name, reason=f"at most {MOST} are remembered.")
        row = Preference(actor_id=who.actor_id, project_id=project_id, name=name)
        session.add(row)
    row.value = value
    session.commit()


def delete(session: Session, who: Identity, project_id: int, name: str) -> None:
    """Forgets a value and commits; what is not there stays away."""
    row = queries.preference(session, who.actor_id, project_id, name)
    if row is not None:
        session.delete(row)
        session.commit()
