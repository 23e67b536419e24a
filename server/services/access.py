"""Who gets which entities of a list on a device: all, those of the own making, or those that a rule matches.

A project's app users, public links and collectors may have values for the project's actor properties; a rule matches an
entity whose property equals the actor's. One rule that matches is enough; an actor without a value matches nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from forms.entities import MAX_NAME, is_property_name
from server.models import ActorProperty, ActorValue, Dataset
from server.problems import Problem
from server.queries import access as queries
from server.services.audits import audit
from server.services.identity import Identity, Verb
from sync.registers import load_registers

MAX_VALUE = 1_000


@dataclass(frozen=True)
class Access:
    """What limits an actor's copy of a list. owner_id: whose entities only; pairs: (property, value), one of which must
    hold, or None without rules."""

    owner_id: int | None = None
    pairs: tuple[tuple[str, str], ...] | None = None


def of(session: Session, dataset: Dataset, identity: Identity | None) -> Access:
    """What limits this actor; staff who may read lists are not limited, a nobody gets nothing of a limited list."""
    register = load_registers().get(dataset.register or "")
    actor_id = identity.actor_id if identity is not None else 0
    if identity is not None and identity.may(Verb.DATASET_READ):
        # Outside the cell everybody has of the cell's own lists what they reported themselves (rule C.8).
        hidden = identity.outside_cell and register is not None and register.of_the_cell
        return Access(owner_id=actor_id) if hidden else Access()
    if register is not None and register.cell_only:
        return Access(owner_id=actor_id)
    if dataset.owner_only:
        return Access(owner_id=actor_id)
    if not dataset.access_rules:
        return Access()
    values = queries.values(session, dataset.project_id, [actor_id]).get(actor_id, {})
    pairs = {
        (rule["datasetProperty"], values[rule["actorProperty"]])
        for rule in dataset.access_rules
        if values.get(rule["actorProperty"])
    }
    return Access(pairs=tuple(sorted(pairs)))


def properties(session: Session, project_id: int) -> list[ActorProperty]:
    """The actor properties of a project by name."""
    return list(queries.properties(session, project_id))


def add_property(session: Session, who: Identity, project_id: int, name: str) -> None:
    """Adds an actor property, committed. Raises uniqueness in whatever capitals, unexpected_value for an impossible name."""
    if not is_property_name(name):
        raise Problem("unexpected_value", field="name", value=name[:MAX_NAME], reason="This is not a valid property name.")
    if any(each.name.lower() == name.lower() for each in properties(session, project_id)):
        raise Problem("uniqueness", fields="name, projectId", values=f"{name}, {project_id}")
    session.add(ActorProperty(project_id=project_id, name=name))
    audit(session, who, "actor_property.create", f"project/{project_id}", {"name": name})
    session.commit()


def used_values(session: Session, project_id: int) -> dict[str, list[str]]:
    """By property, the values in use."""
    found: dict[str, set[str]] = {each.name: set() for each in properties(session, project_id)}
    for values in queries.values(session, project_id).values():
        for name, value in values.items():
            found[name].add(value)
    return {name: sorted(values) for name, values in found.items()}


def values(session: Session, project_id: int, actor_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """The properties of these actors."""
    return queries.values(session, project_id, actor_ids)


def actor_exists(session: Session, actor_id: int) -> bool:
    """Whether there is such an actor."""
    return queries.actor_exists(session, actor_id)


def set_values(session: Session, who: Identity, project_id: int, actor_id: int, wish: Mapping[str, object]) -> None:
    """Sets properties of an actor; null takes one away. The caller commits.

    Raises unexpected_value for a property that the project does not have, and invalid_type for what is no text.
    """
    known = {each.name: each for each in properties(session, project_id)}
    for name, value in wish.items():
        if name not in known:
            raise Problem("unexpected_value", field="properties", value=name[:100], reason="the project has no such property.")
        if value is not None and not isinstance(value, str):
            raise Problem("invalid_type", expected="string", got=type(value).__name__, field=name[:100])
        if value is not None and len(value) > MAX_VALUE:
            raise Problem("unexpected_value", field=name, value=value[:100], reason=f"it has at most {MAX_VALUE} characters.")
        row = session.get(ActorValue, (known[name].id, actor_id))
        if row is not None and value is None:
            session.delete(row)
        elif row is not None and value is not None:
            row.value = value
        elif value is not None:
            session.add(ActorValue(property_id=known[name].id, actor_id=actor_id, value=value))
    if wish:
        audit(session, who, "field_key.property.set", f"actor:{actor_id}", {"properties": dict(wish)})
