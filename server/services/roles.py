"""The roles of this server in ODK Central's words: numbers, system names and verbs that clients of Central know.

What somebody may do is decided by services.identity; this is only how it is told to Central's clients.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.problems import Problem
from server.services.identity import CENTRAL_ROLES, Identity


@dataclass(frozen=True)
class CentralRole:
    """A role as GET /roles shows it."""

    id: int
    system: str
    name: str
    verbs: tuple[str, ...]


_FILL = ("project.read", "form.list", "form.read", "submission.create")
_VIEW = (
    "project.read", "form.list", "form.read", "submission.list", "submission.read", "dataset.list", "dataset.read",
    "entity.list", "entity.read",
)
_MANAGE = (
    *_VIEW, "form.create", "form.update", "form.delete", "submission.create", "submission.update", "submission.delete",
    "field_key.create", "field_key.list", "field_key.delete", "assignment.list", "assignment.create", "assignment.delete",
    "dataset.create", "dataset.update", "entity.create", "entity.update", "entity.delete", "project.update", "session.end",
)
_ADMIN = (
    *_MANAGE, "project.create", "project.delete", "user.create", "user.list", "user.read", "user.update", "user.delete",
    "user.password.invalidate", "audit.read", "config.read",
)
ROLES = (
    CentralRole(1, "admin", "Administrator", _ADMIN),
    # pyODK assigns app users to forms by the number 2.
    CentralRole(2, "app-user", "App User", ("form.list", "form.read", "submission.create")),
    CentralRole(5, "manager", "Project Manager", _MANAGE),
    CentralRole(6, "viewer", "Project Viewer", _VIEW),
    CentralRole(7, "formfill", "Data Collector", _FILL),
    CentralRole(8, "pub-link", "Public Link", ("form.read", "submission.create")),
)
# What lets somebody fill forms and nothing else, and what is assigned on a project or on one form; on the whole site a role
# is the account's own.
FILLING = frozenset({"app-user", "formfill"})
ASSIGNED = FILLING | {"manager", "viewer"}
# This server's role behind a role that is assigned on the whole site; whoever loses it keeps the least.
ON_SITE = {"admin": "admin", "manager": "hq_officer", "viewer": "officer", "formfill": "collector"}
LEAST = "collector"


def find_role(name: str) -> CentralRole:
    """The role of that number or system name. Raises Problem not_found."""
    for role in ROLES:
        if name in {str(role.id), role.system}:
            return role
    raise Problem("not_found")


def central_role(role: str) -> CentralRole | None:
    """ODK Central's role that people with this server's role have there; None for roles Central does not have."""
    system = CENTRAL_ROLES.get(role)
    return find_role(system) if system else None


def central_verbs(who: Identity) -> list[str]:
    """What the actor may do, in ODK Central's words."""
    devices = {"field_key": "app-user", "public_link": "pub-link"}
    role = find_role(devices[who.type]) if who.type in devices else central_role(who.role)
    verbs = set(role.verbs) if role else set()
    if who.project_role is not None:
        verbs |= set(find_role(who.project_role).verbs)
    if who.role == "officer":
        # An officer reviews and corrects in the own sector, which Central's viewer may not.
        verbs |= {"submission.create", "submission.update", "entity.create", "entity.update"}
    return sorted(verbs)
