"""Entity lists as ODK Central has them: find, make, describe, add properties. Registers are lists with a register file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.models import Dataset
from server.problems import Problem
from server.queries import entities as queries
from server.queries import forms as form_queries
from server.services import form_datasets, merging, projects
from server.services.audits import audit
from server.services.identity import Identity
from server.services.odata_values import identifier

# ODK's rule for list and property names: an XML name without colon; "__" begins names of the system.
_NAME = re.compile(r"(?!__)[A-Za-z_\u00c0-\u024f][\w\-.\u00c0-\u024f]*")
_RESERVED = frozenset({"name", "label"})


@dataclass(frozen=True)
class ListProperty:
    """A property of a list; forms are the ids of the forms that write it."""

    name: str
    published_at: Any
    forms: tuple[str, ...]

    @property
    def odata_name(self) -> str:
        """Its name in OData."""
        return identifier(self.name)


def find(session: Session, who: Identity, project_id: int, name: str) -> Dataset:
    """The list. Raises Problem not_found."""
    projects.find(session, who, project_id)
    dataset = form_queries.dataset(session, project_id, name)
    if dataset is None:
        raise Problem("not_found")
    return dataset


def listed(session: Session, who: Identity, project_id: int) -> list[Dataset]:
    """Every list of the project by name."""
    projects.find(session, who, project_id)
    return list(form_queries.datasets(session, project_id))


def properties(session: Session, dataset: Dataset) -> list[ListProperty]:
    """The properties of a list in order of publication; a register has those of its register file as well."""
    found = [ListProperty(row.name, row.published_at, tuple(row.forms)) for row in form_queries.properties(session, dataset.id)]
    known = {each.name for each in found}
    register = merging.register_files().get(dataset.register or "")
    for name in register.properties if register else ():
        if name not in known:
            found.append(ListProperty(name, dataset.created_at, ()))
    return found


def create(session: Session, who: Identity, project_id: int, name: str, approval_required: bool) -> Dataset:
    """A new list without properties, committed. Raises uniqueness and unexpected_value."""
    projects.find(session, who, project_id)
    _check_name("name", name)
    if form_queries.dataset(session, project_id, name) is not None:
        raise Problem("uniqueness", fields="name, projectId", values=f"{name}, {project_id}")
    register = name if project_id == projects.MISSION and name in merging.register_files() else None
    dataset = form_datasets.ensure_dataset(session, project_id, name, register=register)
    dataset.approval_required = approval_required
    audit(session, who, "dataset.create", f"dataset:{project_id}/{name}", {"approvalRequired": approval_required})
    session.commit()
    return dataset


def change(session: Session, who: Identity, dataset: Dataset, changes: dict[str, bool]) -> Dataset:
    """Sets approvalRequired and ownerOnly, and commits."""
    if "approvalRequired" in changes:
        dataset.approval_required = changes["approvalRequired"]
    if "ownerOnly" in changes:
        dataset.owner_only = changes["ownerOnly"]
    audit(session, who, "dataset.update", f"dataset:{dataset.project_id}/{dataset.name}", dict(changes))
    session.commit()
    return dataset


def add_property(session: Session, who: Identity, dataset: Dataset, name: str) -> None:
    """Adds a property and commits. Raises uniqueness for one that is there and unexpected_value for an impossible name."""
    _check_name("name", name)
    if name.lower() in _RESERVED:
        raise Problem("unexpected_value", field="name", value=name, reason="the names name and label are taken by the system.")
    if any(each.name.lower() == name.lower() for each in properties(session, dataset)):
        raise Problem("uniqueness", fields="name, datasetId", values=f"{name}, {dataset.id}")
    form_datasets.ensure_dataset(session, dataset.project_id, dataset.name, [name])
    audit(session, who, "dataset.update", f"dataset:{dataset.project_id}/{dataset.name}", {"property": name})
    session.commit()


def _check_name(field: str, name: str) -> None:
    if len(name) > 249 or not _NAME.fullmatch(name):
        reason = "it begins with a letter or _ (not __) and holds letters, digits, - . and _ only, at most 249."
        raise Problem("unexpected_value", field=field, value=name[:100], reason=reason)


def details(session: Session, dataset: Dataset) -> dict[str, Any]:
    """The list with its properties and the forms that read and write it."""
    found = properties(session, dataset)
    writers = sorted({form for each in found for form in each.forms})
    titles = queries.titles(session, dataset.project_id, writers)
    return {
        **columns(dataset), "properties": found,
        "linked_forms": [{"xmlFormId": form, "name": title} for form, title in queries.linked_forms(session, dataset)],
        "source_forms": [{"xmlFormId": form, "name": titles[form]} for form in writers if form in titles],
    }


def columns(dataset: Dataset) -> dict[str, Any]:
    """The attributes of a list."""
    return {
        "name": dataset.name, "project_id": dataset.project_id, "created_at": dataset.created_at,
        "approval_required": dataset.approval_required, "owner_only": dataset.owner_only, "deleted_at": dataset.deleted_at,
    }


def extended(session: Session, who: Identity, rows: list[Dataset]) -> list[dict[str, Any]]:
    """Lists with how many records the actor sees in each."""
    counts = queries.counts(session, who.scope, rows[0].project_id) if rows else {}
    found = []
    for row in rows:
        number, last, conflicts = counts.get(row.name, (0, None, 0))
        found.append({**columns(row), "entities": number, "last_entity": last, "conflicts": conflicts})
    return found
