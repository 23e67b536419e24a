"""Entity lists as ODK Central has them: find, make, describe, add properties. Registers are lists with a register file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from forms.entities import is_list_name, is_property_name
from server.models import Dataset
from server.problems import Problem
from server.queries import entities as queries
from server.queries import forms as form_queries
from server.queries.entities import WantedRecords
from server.queries.scope import Scope
from server.services import access, folding, form_datasets, merging, projects
from server.services.audits import audit
from server.services.definitions import definition_of
from server.services.identity import Identity
from server.services.journal import now
from server.services.odata_values import identifier
from server.services.project_rights import MISSION

_LIST_RULE = "This is not a valid dataset name: it is an XML name without '.' and does not begin with __."
_PROPERTY_RULE = "This is not a valid property name: it is an XML name, does not begin with __ and is not name or label."


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


def create(session: Session, who: Identity, project_id: int, wish: Mapping[str, Any]) -> Dataset:
    """A new list without properties ({name, approvalRequired, ownerOnly, accessFilter}), committed.

    A list of that name that was deleted comes back with what it held. Raises uniqueness (409.3), dataset_name_case (409.16)
    and unexpected_value.
    """
    projects.find(session, who, project_id)
    name = wish["name"]
    if not is_list_name(name):
        raise Problem("unexpected_value", field="name", value=name[:100], reason=_LIST_RULE)
    check_case(session, project_id, name)
    if form_queries.dataset(session, project_id, name) is not None:
        raise Problem("uniqueness", fields="name, projectId", values=f"{name}, {project_id}")
    register = name if project_id == MISSION and name in merging.register_files() else None
    dataset = form_datasets.ensure_dataset(session, project_id, name, register=register)
    _set(session, dataset, wish)
    audit(session, who, "dataset.create", actee(dataset), {"properties": [], "data": _told(wish)})
    session.commit()
    return dataset


def check_case(session: Session, project_id: int, name: str) -> None:
    """Raises dataset_name_case (409.16) when another list's name differs in capitals only."""
    for each in form_queries.datasets(session, project_id):
        if each.name != name and each.name.lower() == name.lower():
            raise Problem("dataset_name_case", current=each.name, provided=name)


def change(session: Session, who: Identity, dataset: Dataset, changes: Mapping[str, Any], convert: bool | None) -> Dataset:
    """Sets approvalRequired, ownerOnly and accessFilter, and commits.

    Taking approval off asks what becomes of the reports that wait for it: raises pending_submissions (400.29) unless
    `convert` says so; true makes their entities now, false is remembered of each of them (a KEEP_OUT event), so that a
    rebuild makes none either; approving such a report later does.
    """
    waiting = []
    if changes.get("approvalRequired") is False and dataset.approval_required:
        waiting = queries.unapproved(session, dataset, writers(session, dataset))
        if waiting and convert is None:
            raise Problem("pending_submissions", count=len(waiting))
    _set(session, dataset, changes)
    audit(session, who, "dataset.update", actee(dataset), {"data": _told(changes)})
    session.flush()
    if waiting and convert:
        folding.fold_again(session, waiting)
    elif waiting:
        merging.pass_over(session, who, dataset.project_id, dataset.name, waiting)
    session.commit()
    return dataset


def _told(wish: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in wish.items() if name in ("approvalRequired", "ownerOnly", "accessFilter")}


def _set(session: Session, dataset: Dataset, wish: Mapping[str, Any]) -> None:
    if "approvalRequired" in wish:
        dataset.approval_required = wish["approvalRequired"]
    if "ownerOnly" in wish:
        dataset.owner_only = wish["ownerOnly"]
        if wish["ownerOnly"]:
            dataset.access_rules = None
    if "accessFilter" in wish:
        asked = wish["accessFilter"]
        dataset.owner_only = asked is not None and asked["type"] == "ownerOnly"
        ruled = asked is not None and asked["type"] == "property"
        dataset.access_rules = _rules(session, dataset, asked.get("rules") or []) if ruled else None


def _rules(session: Session, dataset: Dataset, rules: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Raises unexpected_value for no rule, and for a property that the list or the project does not have."""
    if not rules:
        raise Problem("unexpected_value", field="accessFilter.rules", value="[]", reason="it names at least one rule.")
    known = {each.name for each in properties(session, dataset)}
    theirs = {each.name for each in access.properties(session, dataset.project_id)}
    for rule in rules:
        for field, names in (("datasetProperty", known), ("actorProperty", theirs)):
            if rule[field] not in names:
                raise Problem("unexpected_value", field=field, value=rule[field][:100], reason="there is no such property.")
    return [{"datasetProperty": rule["datasetProperty"], "actorProperty": rule["actorProperty"]} for rule in rules]


def add_property(session: Session, who: Identity, dataset: Dataset, name: str) -> None:
    """Adds a property and commits. Raises uniqueness for one that is there and unexpected_value for an impossible name."""
    if not is_property_name(name):
        raise Problem("unexpected_value", field="name", value=name[:100], reason=_PROPERTY_RULE)
    if any(each.name.lower() == name.lower() for each in properties(session, dataset)):
        raise Problem("uniqueness", fields="name, datasetId", values=f"{name}, {dataset.id}")
    form_datasets.ensure_dataset(session, dataset.project_id, dataset.name, [name])
    audit(session, who, "dataset.update", actee(dataset), {"properties": [name]})
    session.commit()


def delete_property(session: Session, who: Identity, dataset: Dataset, name: str) -> None:
    """Takes a property off the list and commits. Raises not_found, and state_conflict while it is written or filled."""
    row = next((each for each in form_queries.properties(session, dataset.id) if each.name == name), None)
    register = merging.register_files().get(dataset.register or "")
    if row is None:
        raise Problem("not_found")
    if row.forms or (register and name in register.properties):
        raise Problem("state_conflict", reason=f"forms or the register write the property {name}: {', '.join(row.forms) or '-'}")
    everywhere = WantedRecords(dataset.project_id, dataset.name, Scope())
    number, first = queries.filled(session, everywhere, name)
    if number:
        shown = ", ".join(label for _id, label in first)
        raise Problem("state_conflict", reason=f"{number} entities have a value in {name}, such as {shown}")
    session.delete(row)
    audit(session, who, "dataset.update.property.delete", actee(dataset), {"properties": [name]})
    session.commit()


def delete(session: Session, who: Identity, dataset: Dataset) -> None:
    """Takes a list off and commits; its facts stay. Raises state_conflict while it is a register or forms use it."""
    found = details(session, dataset)
    used = [each["xmlFormId"] for key in FORMS_AROUND for each in found[key]]
    if dataset.register or used:
        reason = "the list is a register of the mission" if dataset.register else f"forms use the list: {', '.join(used)}"
        raise Problem("state_conflict", reason=reason)
    dataset.deleted_at = now()
    audit(session, who, "dataset.delete", actee(dataset), None)
    session.commit()


FORMS_AROUND = ("linked_forms", "source_forms", "draft_linked_forms", "draft_source_forms")


def actee(dataset: Dataset) -> str:
    """How the audit log names the list."""
    return f"dataset:{dataset.project_id}/{dataset.name}"


def writers(session: Session, dataset: Dataset, draft: bool = False) -> dict[str, str]:
    """Ids and titles of the forms whose published version (draft: whose draft) writes entities of this list."""
    found = {}
    for form_id, title, version in queries.source_forms(session, dataset.project_id, draft):
        if any(block.dataset == dataset.name for block in definition_of(version).entity_blocks):
            found[form_id] = title
    return found


def details(session: Session, dataset: Dataset) -> dict[str, Any]:
    """The list with its properties, its last change, and the forms that read and write it."""
    linked = {draft: queries.linked_forms(session, dataset, draft) for draft in (False, True)}
    source = {draft: writers(session, dataset, draft).items() for draft in (False, True)}
    everywhere = WantedRecords(dataset.project_id, dataset.name, Scope(), None)
    return {
        **columns(dataset), "properties": properties(session, dataset), "last_update": queries.last_change(session, everywhere),
        "linked_forms": _named(linked[False]), "source_forms": _named(source[False]),
        "draft_linked_forms": _named(linked[True]), "draft_source_forms": _named(source[True]),
    }


def _named(found: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"xmlFormId": form_id, "name": title or form_id} for form_id, title in found]


def columns(dataset: Dataset) -> dict[str, Any]:
    """The attributes of a list."""
    return {
        "name": dataset.name, "project_id": dataset.project_id, "created_at": dataset.created_at,
        "approval_required": dataset.approval_required, "owner_only": dataset.owner_only, "deleted_at": dataset.deleted_at,
        "access_filter": _access_filter(dataset),
    }


def _access_filter(dataset: Dataset) -> dict[str, Any] | None:
    if dataset.owner_only:
        return {"type": "ownerOnly"}
    return {"type": "property", "rules": dataset.access_rules} if dataset.access_rules else None


def extended(session: Session, who: Identity, rows: list[Dataset]) -> list[dict[str, Any]]:
    """Lists with how many records the actor sees in each."""
    counts = queries.counts(session, who.scope, rows[0].project_id) if rows else {}
    found = []
    for row in rows:
        number, last, conflicts = counts.get(row.name, (0, None, 0))
        found.append({**columns(row), "entities": number, "last_entity": last, "conflicts": conflicts})
    return found
