"""What the pages of registers show: columns, values in the reader's words, lists, map points, one record with its origin.

Reads only; decisions about records are in services.merging and services.releases.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from sqlalchemy.orm import Session

from forms.values import read_datetime
from server.models import Record
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import lookups, mission, records
from server.services.identity import Identity, Verb
from server.services.journal import now
from sync.merge.names import fold
from sync.merge.positions import parse_position
from sync.registers import Property, Register, Section, load_registers, plain_register
from sync.release import FEW, UNDER_FEW, few

# A facility that nobody confirmed for this long is shown as not confirmed (questionnaire: at least every 6 months).
STALE = dt.timedelta(days=183)
PAGE = 50
# What readers outside the cell see of a handful of people (rule C.9), in English and French.
_UNDER_FEW = (UNDER_FEW, f"moins de {FEW}")
GUARDED = frozenset({"high", "severe"})


@cache
def definitions() -> Mapping[str, Register]:
    """The register files by name, read once a process."""
    return load_registers()


def register(session: Session, name: str, project_id: int = 1) -> Register:
    """What rules this list: its register file, or Central's rules for a list without one. Raises not_found."""
    known = definitions().get(name)
    if known is not None:
        return known
    dataset = form_queries.dataset(session, project_id, name)
    if dataset is None:
        raise Problem("not_found")
    plain = plain_register(name)
    named = {
        row.name: Property(row.name, "text", {"en": row.name, "fr": row.name}, "latest")
        for row in form_queries.properties(session, dataset.id)
    }
    return Register(name, plain.labels, None, plain.sensitivity, named, plain=True)


class Words:
    """Values of a register in the reader's words: labels of codes, names of areas, dates as they are. One query per kind."""

    def __init__(self, session: Session, register: Register, language: str, guarded: bool = True) -> None:
        self.register, self.language, self._guarded = register, language, guarded
        self._session = session
        self._named: dict[str, dict[str, str]] = {}
        self._units: dict[str, str] | None = None
        # Every record has a sensitivity, whether or not a property of the register asks for it.
        lists = {prop.code_list for prop in register.properties.values() if prop.code_list} | {"sensitivity"}
        self._labels = records.code_labels(session, lists)
        self._areas = records.area_names(session)

    def property_label(self, name: str) -> str:
        """The property's name, or its key when the register file does not name it."""
        prop = self.register.properties.get(name)
        return (prop.labels.get(self.language) or prop.labels["en"]) if prop else name

    def code(self, list_name: str | None, code: str) -> str:
        """The label of one code, or the code itself when no list has it."""
        found = self._labels.get((list_name or "", code))
        return found[self.language == "fr"] if found else code

    def area(self, code: str | None) -> str:
        """An area's name, or its code."""
        return self._areas.get(code or "", code or "")

    def value(self, name: str, raw: object) -> str:
        """A property's value as the reader should read it; "" for nothing."""
        text = "" if raw is None else str(raw)
        prop = self.register.properties.get(name)
        if not text or prop is None:
            return text
        if prop.sensitivity in GUARDED and self._guarded:
            return "•••"
        if prop.counts_people and self._guarded and few(text):
            return _UNDER_FEW[self.language == "fr"]
        if prop.type == "select_multiple":
            return ", ".join(self.code(prop.code_list, code) for code in text.split())
        if prop.type == "select_one":
            return self.code(prop.code_list, text)
        if prop.type == "area":
            return self.area(text)
        if prop.type in ("entity", "entities"):
            return self._entities(prop.register or "", text.split())
        if prop.type == "unit":
            return self._unit(text)
        if prop.type == "datetime":
            return text[:16].replace("T", " ")
        if prop.offset is not None and (place := parse_position(text)) is not None and place.accuracy_m:
            return f"{_coordinates(text)} ±{place.accuracy_m:.0f} m"
        return _coordinates(text) if prop.type == "geopoint" else text

    def title(self, record: Any) -> str:
        """What a record is called: by the register file's properties where it names some, else by its label."""
        named = [self.value(name, record.data.get(name)) for name in self.register.title]
        return " · ".join(text for text in named if text) or str(record.label)

    def learn(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Looks up at once what the values of these records name, so that each is not asked for by itself."""
        wanted: dict[str, set[str]] = {}
        rows = list(found)
        for prop in self.register.properties.values():
            if prop.type in ("entity", "entities"):
                ids = {one for row in rows for one in str(row.get(prop.name) or "").split()}
                wanted.setdefault(prop.register or "", set()).update(ids - set(self._named.get(prop.register or "", {})))
        for name, ids in wanted.items():
            labels = records.labels_of_entities(self._session, name, ids) if ids else {}
            self._named.setdefault(name, {}).update({one: labels.get(one, one) for one in ids})

    def _entities(self, name: str, ids: Sequence[str]) -> str:
        """The names of the things that a value points to; ids that nothing is known of stay as they are."""
        known = self._named.setdefault(name, {})
        missing = [one for one in ids if one not in known]
        if missing:
            labels = records.labels_of_entities(self._session, name, missing)
            known.update({one: labels.get(one, one) for one in missing})
        if self._guarded and definitions()[name].sensitivity in GUARDED:
            return "•••"
        return ", ".join(known[one] for one in ids)

    def _unit(self, code: str) -> str:
        if self._units is None:
            self._units = lookups.unit_names(self._session)
        return self._units.get(code, code)

    def options(self, name: str, *, ended: bool = False) -> list[tuple[str, str]]:
        """The codes that a select property can have, in the order of their list. ended: those too that only old records have."""
        wanted, french = self.register.properties[name].code_list or "", self.language == "fr"
        gone = set() if ended else mission.ended_codes(self._session, [wanted], now().date())
        return [
            (code, labels[french]) for (listed, code), labels in self._labels.items()
            if listed == wanted and (listed, code) not in gone
        ]


def _coordinates(text: str) -> str:
    parts = text.split()
    try:
        return f"{float(parts[0]):.5f}, {float(parts[1]):.5f}"
    except (ValueError, IndexError):
        return text


def words(session: Session, identity: Identity, rules: Register, language: str) -> Words:
    """The words for this reader: guarded values (contacts and the like) are for the CIMIC cell only."""
    return Words(session, rules, language, guarded=not identity.may(Verb.RECORD_JUDGE))


def state_property(rules: Register) -> Property | None:
    """The property that tells how the thing is: rule "service", else a passability; None for registers without one."""
    for prop in rules.properties.values():
        if prop.rule == "service" or prop.code_list == "passability":
            return prop
    return None


def state_of(rules: Register, data: Mapping[str, Any]) -> str:
    """good | limited | bad | unknown by the place of the value in the property's order; "plain" without such a property."""
    prop = state_property(rules)
    if prop is None:
        return "plain"
    order = prop.order or ("open", "restricted", "closed")
    value = str(data.get(prop.name) or "")
    if value not in order:
        return "unknown"
    place = order.index(value)
    return "good" if place == 0 else "bad" if place > len(order) / 2 else "limited"


def columns(rules: Register) -> list[str]:
    """The properties that a list shows besides name, area and last confirmation: the register file's, else type, state, then
    two more codes or counts."""
    if rules.columns:
        return list(rules.columns)
    state, kind = state_property(rules), rules.matching.type if rules.matching else None
    first = [name for name in (kind, state.name if state else None) if name]
    skipped = {*first, rules.label_property, rules.matching.group if rules.matching else None}
    more = [
        prop.name for prop in rules.properties.values()
        if prop.name not in skipped and prop.type in {"select_one", "integer", "decimal"} and prop.sensitivity not in GUARDED
    ]
    if not first and not more:
        more = [prop.name for prop in rules.properties.values() if prop.name not in skipped and prop.type != "geopoint"]
    return [*first, *more][:4]


def filterable(rules: Register) -> list[str]:
    """The select properties that a list can be narrowed by: group, type and state first, three at most."""
    state, match = state_property(rules), rules.matching
    keys = (match.group, match.type) if match else ()
    flow = rules.states.property if rules.states else None
    first = [name for name in (flow, *keys, state.name if state else None) if name]
    shown = sorted(rules.properties.values(), key=lambda prop: prop.name not in (*rules.title, *rules.columns))
    more = [prop.name for prop in shown if prop.type == "select_one" and prop.name not in first]
    return [*first, *more][:3]


def filters(rules: Register, asked: Mapping[str, str]) -> records.Filters:
    """Filters from a page's query: q (words, or a position in degrees or MGRS: what lies within 5 km of it), area, stale (days),
    contested, unplaced, and one per filterable property."""
    equal = tuple((name, asked[name]) for name in filterable(rules) if asked.get(name))
    sought = asked.get("q", "")[:200]
    at = parse_position(sought.replace(",", " ").strip()) if any(letter.isdigit() for letter in sought) else None
    return records.Filters(
        words=() if at else tuple(fold(sought).split()), near=(at.lat, at.lon) if at else None,
        area=asked.get("area") or None, equal=equal,
        stale_before=_stale_before(asked.get("stale", "")), contested=asked.get("contested") == "yes",
        unplaced=asked.get("unplaced") == "yes",
    )


def _stale_before(days: str) -> dt.datetime | None:
    return now() - dt.timedelta(days=int(days)) if days.isascii() and days.isdigit() and 0 < int(days) < 10_000 else None


@dataclass(frozen=True)
class Page:
    """One page of a list; `next` is the cursor of the next page, None on the last."""

    rows: list[Record]
    total: int
    next: str | None


def page(session: Session, identity: Identity, rules: Register, asked: Mapping[str, str], project_id: int = 1) -> Page:
    """A page of the register as asked: filters, `sort` (name, stale, fresh, reports) and `after` (a cursor)."""
    narrowed = filters(rules, asked)
    sort: records.Sort = next((known for known in records.SORTS if known == asked.get("sort")), "name")
    after = _cursor(asked.get("after", ""), sort)
    found = list(records.page(session, identity.scope, rules.name, narrowed, sort, after, PAGE + 1, project_id))
    total = records.count(session, identity.scope, rules.name, narrowed, project_id)
    more = len(found) > PAGE
    return Page(found[:PAGE], total, "~".join(reversed(records.cursor(found[PAGE - 1], sort))) if more else None)


def _cursor(text: str, sort: str) -> tuple[str, str] | None:
    record_id, tilde, key = text.partition("~")
    if not tilde:
        return None
    try:
        if sort == "reports":
            int(key)
        elif sort != "name" and dt.datetime.fromisoformat(key).tzinfo is None:
            return None
    except ValueError:
        return None
    return key, record_id


@dataclass(frozen=True)
class Overview:
    """One register on the index: how many records, how many on the map, not confirmed, contested."""

    name: str
    label: str
    total: int
    placed: int
    stale: int
    contested: int
    section: str = "other"


def overview(session: Session, identity: Identity, language: str, project_id: int = 1) -> list[Overview]:
    """Every list of the project, those with register files first."""
    counted = records.counts(session, identity.scope, now() - STALE, project_id)
    shown = []
    for dataset in form_queries.datasets(session, project_id):
        rules = register(session, dataset.name, project_id)
        shown.append(Overview(dataset.name, rules.label(language), *counted.get(dataset.name, (0, 0, 0, 0)), rules.section))
    order = get_args(Section)
    return sorted(shown, key=lambda one: (order.index(one.section), one.name not in definitions(), -one.total, one.label))


def points(rules: Register, spoken: Words, rows: Iterable[Record], href: str) -> Iterator[dict[str, Any]]:
    """GeoJSON features for the map; `href` is the address of a record with {id} in it."""
    # Names of other things would be looked up one by one here, and a map has thousands of points.
    shown = [name for name in columns(rules) if rules.properties[name].type not in ("entity", "entities")]
    for row in rows:
        lines = [spoken.value(name, row.data.get(name)) for name in shown[:3]]
        yield {
            "type": "Feature", "id": row.id,
            "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
            "properties": {
                "title": spoken.title(row), "href": href.replace("{id}", row.id), "state": state_of(rules, row.data),
                "lines": [line for line in lines if line],
            },
        }


def find(session: Session, identity: Identity, name: str, record_id: str, project_id: int = 1) -> Record:
    """The record, or the one that a merged-away id lives on in. Raises not_found outside the scope."""
    found = records.record(session, identity.scope, name, record_id, project_id)
    if found is None:
        survivor = records.survivor_id(session, name, record_id, project_id)
        found = records.record(session, identity.scope, name, survivor, project_id) if survivor else None
    if found is None:
        raise Problem("not_found")
    return found


def check_value(session: Session, rules: Register, name: str, value: str) -> None:
    """Raises invalid_input unless the value fits the property's type: a code of its list, a number, a position, an area."""
    prop = rules.properties.get(name)
    if prop is not None and rules.states is not None and rules.states.property == name:
        raise Problem("invalid_input", reason="Property: a state is changed by its own form.", field="Property")
    if prop is None:
        raise Problem("invalid_input", reason="Property: the register has no such property.", field="Property")
    known: Collection[tuple[str, str]] = ()
    if prop.code_list:
        ended = mission.ended_codes(session, [prop.code_list], now().date())
        known = records.code_labels(session, [prop.code_list]).keys() - ended
    fits = {
        "select_one": (prop.code_list or "", value) in known,
        "select_multiple": all((prop.code_list or "", code) in known for code in value.split()),
        "integer": value.lstrip("-").isdecimal() and value.isascii(), "decimal": _is_number(value),
        "geopoint": parse_position(value) is not None, "area": value in records.area_names(session, [value]),
        "date": _is_day(value), "datetime": read_datetime(value) is not None,
    }  # fmt: skip
    if not fits.get(prop.type, True):
        reason = f"Value: {value!r} is not possible here ({prop.type.replace('_', ' ')})."
        raise Problem("invalid_input", reason=reason, field="Value")


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _is_day(value: str) -> bool:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def several(session: Session, identity: Identity, ids: Collection[str], project_id: int = 1) -> dict[str, Record]:
    """Records by id, those that this actor may see."""
    return records.records_by_id(session, identity.scope, ids, project_id)
