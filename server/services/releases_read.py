"""What was released, as readers see it: registers with labels, and pages of rows with code labels. Changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Release
from server.queries import partner as queries
from server.services import code_lists, registers
from server.services.identity import Identity
from server.services.journal import now
from sync.registers import Property


@dataclass(frozen=True)
class ReleasedRegister:
    """One register on the list: name, label in the reader's language, rows in force, rows withdrawn, last decision."""

    name: str
    label: str
    rows: int
    withdrawn: int
    last_decision: dt.datetime | None


@dataclass(frozen=True)
class ReleasedPage:
    """Rows of a register in force: headings (name, label), rows with their cells as text, and where the next page begins."""

    register: ReleasedRegister
    headings: Sequence[tuple[str, str]]
    rows: Sequence[tuple[Release, Sequence[str]]]
    next: str | None


def stamp(instant: dt.datetime | None) -> str | None:
    """An instant as APIs show it: ISO 8601, milliseconds, Z."""
    return None if instant is None else instant.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lists(session: Session, who: Identity, language: str) -> list[ReleasedRegister]:
    """The registers of which this reader may have something, or had it until it was withdrawn."""
    return [
        ReleasedRegister(row.dataset, _label(row.dataset, language), row.rows, row.withdrawn, row.last_decision)
        for row in queries.released_lists(session, who.scope, now())
    ]


def _label(dataset: str, language: str) -> str:
    found = registers.definitions().get(dataset)
    return found.label(language) if found else dataset


def page(session: Session, who: Identity, dataset: str, language: str, *, after: str, limit: int) -> ReleasedPage:
    """One page of rows in force, by release number. Raises not_found for an unknown list."""
    register = registers.register(session, dataset)
    known = {each.name: each for each in lists(session, who, language)}
    head = known.get(dataset) or ReleasedRegister(dataset, register.label(language), 0, 0, None)
    found = queries.page(session, who.scope, dataset, now(), after, limit + 1)
    shown, more = found[:limit], len(found) > limit
    audiences = set(who.scope.audiences) if who.scope.released_only else None
    rules = [
        rule for rule in register.properties.values()
        if rule.type != "geopoint" and rule.name != register.label_property
        and (audiences is None or register.plain or rule.audiences & audiences)
    ]
    names = {rule.code_list: code_lists.labels(session, rule.code_list, language) for rule in rules if rule.code_list}
    rows = []
    for release in shown:
        open_to = [register.plain or release.audience in rule.audiences for rule in rules]
        cells = [
            _cell(release, rule, names.get(rule.code_list or "", {})) if may else ""
            for rule, may in zip(rules, open_to, strict=True)
        ]
        rows.append((release, cells))
    headings = [(rule.name, rule.labels.get(language) or rule.labels["en"]) for rule in rules]
    return ReleasedPage(head, headings, rows, shown[-1].number if more else None)


def _cell(release: Release, rule: Property, labels: dict[str, str]) -> str:
    value = release.data.get(rule.name)
    if value is None:
        return ""
    codes = value if isinstance(value, list) else str(value).split() if rule.type == "select_multiple" else [str(value)]
    return ", ".join(labels.get(str(code), str(code)) for code in codes)
