"""Who acts and what they may do: roles, verbs and the scope that every query takes. Deny by default.

The verbs of a role are data, so that the permission test can walk them. See rule C.8: CIMIC officers see their
sector, partners see releases only, auditors see logs only, nobody of branch 2 (intelligence) gets a role here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from server.queries.scope import Scope

__all__ = ["APP_USER_VERBS", "CENTRAL_ROLES", "ROLES", "Identity", "Scope", "Verb"]


class Verb(StrEnum):
    """What can be done. Each route names one or more; an actor needs at least one of them."""

    FORM_LIST = "form.list"
    FORM_READ = "form.read"
    FORM_PUBLISH = "form.publish"
    SUBMISSION_CREATE = "submission.create"
    SUBMISSION_READ = "submission.read"
    SUBMISSION_REVIEW = "submission.review"
    SUBMISSION_EDIT = "submission.edit"
    QUARANTINE_DECIDE = "quarantine.decide"
    RECORD_READ = "record.read"
    RECORD_JUDGE = "record.judge"
    RECORD_WRITE = "record.write"
    STATE_MOVE = "state.move"
    STATE_APPROVE = "state.approve"
    RELEASE_PROPOSE = "release.propose"
    RELEASE_DECIDE = "release.decide"
    RELEASE_READ = "release.read"
    RETURN_READ = "return.read"
    RETURN_WAIVE = "return.waive"
    DUTY_READ = "duty.read"
    MISSION_MANAGE = "mission.manage"
    USER_MANAGE = "user.manage"
    DEVICE_MANAGE = "device.manage"
    AUDIT_READ = "audit.read"
    PROJECT_READ = "project.read"
    PROJECT_MANAGE = "project.manage"
    DATASET_READ = "dataset.read"
    DATASET_MANAGE = "dataset.manage"
    EXPORT = "export"
    OWN_ACCOUNT = "own.account"


_CELL = frozenset({
    Verb.FORM_LIST, Verb.FORM_READ, Verb.SUBMISSION_READ, Verb.SUBMISSION_REVIEW, Verb.SUBMISSION_CREATE, Verb.SUBMISSION_EDIT,
    Verb.QUARANTINE_DECIDE, Verb.RECORD_READ, Verb.RECORD_JUDGE, Verb.RECORD_WRITE, Verb.STATE_MOVE,
    Verb.RELEASE_PROPOSE,
    Verb.RELEASE_DECIDE, Verb.RELEASE_READ, Verb.RETURN_READ, Verb.RETURN_WAIVE, Verb.DUTY_READ, Verb.PROJECT_READ,
    Verb.DATASET_READ, Verb.EXPORT, Verb.OWN_ACCOUNT,
})
_COLLECTOR = frozenset({Verb.FORM_LIST, Verb.FORM_READ, Verb.SUBMISSION_CREATE, Verb.PROJECT_READ, Verb.OWN_ACCOUNT})

ROLES: dict[str, frozenset[Verb]] = {
    "admin": frozenset(Verb) - {Verb.RELEASE_DECIDE, Verb.STATE_APPROVE},
    "hq_officer": _CELL | {Verb.FORM_PUBLISH, Verb.DEVICE_MANAGE, Verb.MISSION_MANAGE, Verb.PROJECT_MANAGE, Verb.DATASET_MANAGE},
    "officer": _CELL,
    "approver": frozenset({Verb.RECORD_READ, Verb.STATE_APPROVE, Verb.RETURN_READ, Verb.RELEASE_READ, Verb.OWN_ACCOUNT}),
    "observer": _COLLECTOR | {Verb.RETURN_READ},
    "collector": _COLLECTOR,
    "partner": frozenset({Verb.RELEASE_READ, Verb.OWN_ACCOUNT}),
    "auditor": frozenset({Verb.AUDIT_READ, Verb.OWN_ACCOUNT}),
}
CELL = frozenset({"admin", "hq_officer", "officer"})
"""The roles of the CIMIC cell, with the system administrator."""
APP_USER_VERBS = frozenset({Verb.FORM_LIST, Verb.FORM_READ, Verb.SUBMISSION_CREATE})

# What a role is in ODK Central's words (rule C.8); null: no role there.
CENTRAL_ROLES: dict[str, str | None] = {
    "admin": "admin", "hq_officer": "manager", "officer": "viewer", "observer": "formfill", "collector": "formfill",
    "approver": None, "partner": None, "auditor": None,
}


# What a reader of an audience sees: releases to it and to every wider audience. Releases to NGOs are meant for UN
# agencies and the mission's civilian parts too; the military component and local authorities stand beside that line.
AUDIENCE_READS: dict[str, tuple[str, ...]] = {
    "force": ("force", "public"),
    "mission": ("mission", "unct", "ngo", "public"),
    "unct": ("unct", "ngo", "public"),
    "ngo": ("ngo", "public"),
    "authority": ("authority", "public"),
    "public": ("public",),
}
DEFAULT_AUDIENCE = "ngo"


@dataclass(frozen=True)
class Identity:
    """An authenticated actor. how: bearer | basic | digest | cookie (pages) | api_cookie | key | system.

    undivided: the mission has no sectors yet, so an officer without one is not limited. project_role: "manager" or "viewer"
    of the project that the request is about; whole_project: all of it, not only the own sector (see services.project_rights).
    notes: what the actor said about this request, for the audit log. route_class, post_route_class: the kind of link that the
    device, and its post, is said to have (services.route_classes).
    """

    actor_id: int
    name: str
    type: str
    role: str
    how: str
    verbs: frozenset[Verb]
    sector_id: int | None = None
    post_id: int | None = None
    project_id: int | None = None
    email: str | None = None
    language: str = "en"
    audience: str | None = None
    csrf: str | None = None
    read_only: bool = False
    must_change_password: bool = False
    undivided: bool = False
    project_role: str | None = None
    whole_project: bool = False
    notes: str | None = None
    route_class: str | None = None
    post_route_class: str | None = None

    def may(self, *verbs: Verb) -> bool:
        """True if at least one of the verbs is granted."""
        return bool(self.verbs & set(verbs))

    @property
    def outside_cell(self) -> bool:
        """Whether this account is none of the CIMIC cell's, whatever it was assigned in a project."""
        return self.type == "user" and self.role not in CELL

    @property
    def scope(self) -> Scope:
        """Officers and observers see their sector; collectors and app users what they sent; partners releases only."""
        if self.role == "partner":
            return Scope(released_only=True, audiences=AUDIENCE_READS.get(self.audience or DEFAULT_AUDIENCE, ("public",)))
        if self.whole_project:
            return Scope(outside_cell=self.outside_cell)
        if self.role in {"collector", "observer", "app_user", "public_link"}:
            return Scope(sector_id=self.sector_id, own_actor_id=self.actor_id)
        if self.role == "officer" and not (self.undivided and self.sector_id is None):
            # An officer without a sector sees nothing rather than everything; 0 is no sector's id.
            return Scope(sector_id=self.sector_id or 0)
        return Scope(outside_cell=self.outside_cell)
