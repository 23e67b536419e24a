"""Reads register files (TOML) into `Register`, naming every fault of a file at once. Must not guess a missing value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, get_args

from sync.registers.schema import (
    CertainRule,
    Held,
    KeepAway,
    Matching,
    NearRule,
    Property,
    PropertyType,
    Register,
    RegisterError,
    RowRule,
    Rule,
    Section,
    Sensitivity,
)
from sync.registers.states import parse_states

BUILTIN_DIR = Path(__file__).parent
AUDIENCES = frozenset({"internal", "force", "mission", "unct", "ngo", "authority", "public"})
# An entity property must be an XML name without a dot, not start with two underscores, and not be name or label.
_NAME = re.compile(r"^(?!__)[A-Za-z_][\w-]*$")
_REGISTER_KEYS = {
    "name", "labels", "label_property", "sensitivity", "told_days", "trust", "seen_codes", "observed", "source",
    "property", "matching", "rows", "title", "columns", "section", "consent", "states", "cell_only", "cell_reads",
    "warning", "held",
}  # fmt: skip
_PROPERTY_KEYS = {
    "name", "type", "list", "labels", "from", "source", "rule", "order", "no_statement", "moved_m", "export",
    "sensitivity", "audiences", "register", "on_devices", "personal", "counts_people", "offset",
}  # fmt: skip
_ROW_KEYS = {"form", "repeat", "each", "split", "nothing", "when", "id", "key", "label", "needs"}
_MATCHING_KEYS = {
    "names", "aliases", "type", "group", "position", "area", "phone", "code", "words", "model", "review_from",
    "link_from", "certain", "near", "review_within_m",
}  # fmt: skip


class _Faults:
    """Collects faults and offers typed look-ups that note a fault instead of raising."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, fault: str) -> None:
        self.found.append(fault)

    def unknown(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in sorted(set(table) - known):
            self.add(f"{where}: '{key}' is not a setting (known: {', '.join(sorted(known))})")

    def get(self, where: str, table: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
        value = table.get(key, default)
        if value is None and default is None and key not in table:
            self.add(f"{where}: '{key}' is missing")
            return kind()
        accepted = (int, float) if kind is float else kind
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            self.add(f"{where}: '{key}' must be {_plain(kind)}, not {value!r}")
            return kind()
        return float(cast(float, value)) if kind is float else value

    def texts(self, where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.add(f"{where}: '{key}' must be a list of texts, not {value!r}")
            return ()
        return tuple(value)

    def mapping(self, where: str, table: Mapping[str, Any], key: str) -> dict[str, str]:
        value = table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            self.add(f"{where}: '{key}' must map names to texts, not {value!r}")
            return {}
        return dict(value)

    def choice(self, where: str, value: str, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            self.add(f"{where}: '{value}' is not one of {', '.join(allowed)}")


def _plain(kind: type) -> str:
    return {str: "a text", float: "a number", bool: "true or false", list: "a list", dict: "a table"}[kind]


def _optional(faults: _Faults, where: str, table: Mapping[str, Any], key: str) -> str | None:
    return str(faults.get(where, table, key, str)) if key in table else None


def _labels(faults: _Faults, where: str, table: Mapping[str, Any]) -> dict[str, str]:
    labels = faults.mapping(where, table, "labels")
    for language in ("en", "fr"):
        if not labels.get(language):
            faults.add(f"{where}: 'labels' lacks {language}")
    return labels


def _questions(faults: _Faults, where: str, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    given = table.get("from", {})
    if not isinstance(given, dict):
        faults.add(f"{where}: 'from' must map form ids to lists of questions")
        return {}
    return {str(form): faults.texts(f"{where} from", given, form) for form in given}


def _property(faults: _Faults, table: Mapping[str, Any], sensitivity: Sensitivity) -> Property:
    name = faults.get("property", table, "name", str)
    where = f"property {name or '?'}"
    faults.unknown(where, table, _PROPERTY_KEYS)
    if not _NAME.match(name) or name.lower() in ("name", "label"):
        faults.add(f"{where}: not a possible property name")
    kind = faults.get(where, table, "type", str)
    faults.choice(where, kind, get_args(PropertyType))
    rule = faults.get(where, table, "rule", str)
    faults.choice(where, rule, get_args(Rule))
    own = faults.get(where, table, "sensitivity", str, sensitivity)
    faults.choice(where, own, get_args(Sensitivity))
    personal = faults.get(where, table, "personal", bool, False)
    order = faults.texts(where, table, "order")
    if rule == "service" and not order:
        faults.add(f"{where}: rule 'service' needs 'order', best first")
    if rule == "place" and kind != "geopoint":
        faults.add(f"{where}: rule 'place' is for geopoints")
    if kind in ("select_one", "select_multiple") and not table.get("list"):
        faults.add(f"{where}: a select needs 'list'")
    if (kind in ("entity", "entities")) != ("register" in table):
        faults.add(f"{where}: 'register' names the list of an entity, and an entity needs it")
    audiences = faults.texts(where, table, "audiences")
    for audience in audiences:
        faults.choice(f"{where} audiences", audience, tuple(sorted(AUDIENCES)))
    return Property(
        name=name, type=cast(PropertyType, kind), labels=_labels(faults, where, table), rule=cast(Rule, rule),
        code_list=table.get("list"), questions=_questions(faults, where, table),
        source_questions=faults.mapping(where, table, "source"), order=order,
        no_statement=frozenset(faults.texts(where, table, "no_statement")),
        moved_m=faults.get(where, table, "moved_m", float, 200.0), export=faults.get(where, table, "export", str, name),
        sensitivity=cast(Sensitivity, own), audiences=frozenset(audiences),
        register=_optional(faults, where, table, "register"),
        on_devices=faults.get(where, table, "on_devices", bool, own not in ("high", "severe") and not personal),
        personal=personal,
        counts_people=faults.get(where, table, "counts_people", bool, False), offset=_offset(faults, where, table),
    )  # fmt: skip


def _offset(faults: _Faults, where: str, table: Mapping[str, Any]) -> tuple[str, str, str] | None:
    parts = faults.texts(where, table, "offset")
    if parts and (len(parts) != 3 or table.get("type") != "geopoint"):
        faults.add(f"{where}: 'offset' of a geopoint names three properties: position, bearing, distance")
        return None
    return (parts[0], parts[1], parts[2]) if parts else None


def _warning(faults: _Faults, table: Mapping[str, Any], properties: Mapping[str, Property]) -> KeepAway:
    faults.unknown("warning", table, {"property", "metres", "state", "ends", "alone", "near"})
    found = KeepAway(
        property=faults.get("warning", table, "property", str), metres=round(faults.get("warning", table, "metres", float)),
        state=faults.get("warning", table, "state", str), ends=frozenset(faults.texts("warning", table, "ends")),
        alone=frozenset(faults.texts("warning", table, "alone")), near=_optional(faults, "warning", table, "near"),
    )  # fmt: skip
    for used in (found.property, found.state):
        if used not in properties:
            faults.add(f"warning: '{used}' is not a property")
    return found


def _held(faults: _Faults, table: Mapping[str, Any], properties: Mapping[str, Property]) -> Held:
    faults.unknown("held", table, {"property", "codes", "until"})
    found = Held(
        faults.get("held", table, "property", str), frozenset(faults.texts("held", table, "codes")),
        faults.get("held", table, "until", str),
    )  # fmt: skip
    for used in (found.property, found.until):
        if used not in properties:
            faults.add(f"held: '{used}' is not a property")
    return found


def _row(faults: _Faults, table: Mapping[str, Any], properties: Mapping[str, Property]) -> RowRule:
    form = faults.get("rows", table, "form", str)
    where = f"rows of {form or '?'}"
    faults.unknown(where, table, _ROW_KEYS)
    when = faults.get(where, table, "when", dict, {})
    row = RowRule(
        form=form, repeat=_optional(faults, where, table, "repeat"), each=faults.mapping(where, table, "each"),
        split=_optional(faults, where, table, "split"), nothing=frozenset(faults.texts(where, table, "nothing")),
        when={str(question): faults.texts(f"{where} when", when, question) for question in when},
        id=_optional(faults, where, table, "id"), key=faults.texts(where, table, "key"),
        label=faults.texts(where, table, "label"), needs=faults.texts(where, table, "needs"),
    )  # fmt: skip
    for used in (*row.label, *row.needs):
        if used not in properties:
            faults.add(f"{where}: '{used}' is not a property of this register")
    if row.each and row.split:
        faults.add(f"{where}: either 'each' or 'split'")
    if not any(form in prop.questions for prop in properties.values()):
        faults.add(f"{where}: no property has a question of this form ('from')")
    return row


def _near(faults: _Faults, table: Mapping[str, Any]) -> NearRule:
    where = "matching near"
    faults.unknown(where, table, {"distance_m", "groups", "types"})
    return NearRule(
        faults.get(where, table, "distance_m", float),
        frozenset(faults.texts(where, table, "groups")),
        frozenset(faults.texts(where, table, "types")),
    )


def _certain(faults: _Faults, table: Mapping[str, Any]) -> CertainRule:
    where = "matching certain"
    faults.unknown(where, table, {"same_type", "equal_name", "distance_m"})
    return CertainRule(
        faults.get(where, table, "same_type", bool, False),
        faults.get(where, table, "equal_name", bool),
        faults.get(where, table, "distance_m", float),
    )


def _matching(faults: _Faults, table: Mapping[str, Any], properties: Mapping[str, Property]) -> Matching:
    where = "matching"
    faults.unknown(where, table, _MATCHING_KEYS)
    names, aliases = faults.texts(where, table, "names"), faults.texts(where, table, "aliases")
    area = faults.texts(where, table, "area")
    single = {key: table.get(key) for key in ("type", "group", "position", "phone", "code")}
    for used in (*names, *aliases, *area, *[value for value in single.values() if value]):
        if used not in properties:
            faults.add(f"{where}: '{used}' is not a property of this register")
    if not names:
        faults.add(f"{where}: 'names' needs at least one property")
    review_from = faults.get(where, table, "review_from", float)
    link_from = faults.get(where, table, "link_from", float)
    if not 0 < review_from < link_from <= 1:
        faults.add(f"{where}: 0 < review_from < link_from <= 1 does not hold")
    within = table.get("review_within_m")
    if within is not None and not (isinstance(within, int | float) and within > 0):
        faults.add(f"{where}: 'review_within_m' is a number of metres above 0")
    certain = table.get("certain")
    return Matching(
        names=names, aliases=aliases, area=area, words=faults.get(where, table, "words", str),
        model=faults.get(where, table, "model", str), review_from=review_from, link_from=link_from,
        certain=_certain(faults, certain) if isinstance(certain, dict) else None,
        near=tuple(_near(faults, near) for near in table.get("near", [])),
        review_within_m=float(within) if isinstance(within, int | float) else None, **single,
    )  # fmt: skip


def parse_register(text: str, source: str = "?") -> Register:
    """The register that `text` (TOML) describes.

    Raises `RegisterError` with every fault found: unknown or missing settings, wrong types, unknown rules, codes or
    audiences, matching on properties that do not exist. `source` is the name used in the message.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegisterError(source, [f"not TOML: {error}"]) from error
    faults = _Faults()
    faults.unknown("register", table, _REGISTER_KEYS)
    name = faults.get("register", table, "name", str)
    if not _NAME.match(name):
        faults.add(f"register: '{name}' is not a possible list name")
    sensitivity = faults.get("register", table, "sensitivity", str)
    faults.choice("register", sensitivity, get_args(Sensitivity))
    listed = [_property(faults, item, sensitivity) for item in faults.get("register", table, "property", list)]
    properties = {item.name: item for item in listed}
    if len(properties) != len(listed):
        faults.add("register: a property is named twice")
    label_property = faults.get("register", table, "label_property", str)
    if label_property not in properties:
        faults.add(f"register: label_property '{label_property}' is not a property")
    title, columns = faults.texts("register", table, "title"), faults.texts("register", table, "columns")
    for used in (*title, *columns, *(part for item in listed for part in item.offset or ())):
        if used not in properties:
            faults.add(f"register: '{used}' is not a property")
    consent = _optional(faults, "register", table, "consent")
    if consent is not None and (consent not in properties or properties[consent].personal):
        faults.add(f"register: 'consent' names a property that says yes or no, which '{consent}' is not")
    section = faults.get("register", table, "section", str, "other")
    faults.choice("register", section, get_args(Section))
    matching, states, warning, held = (table.get(key) for key in ("matching", "states", "warning", "held"))
    rows = tuple(_row(faults, item, properties) for item in faults.get("register", table, "rows", list, []))
    register = Register(
        name=name, labels=_labels(faults, "register", table), label_property=label_property, sensitivity=sensitivity,
        properties=properties, observed=faults.mapping("register", table, "observed"),
        source=faults.mapping("register", table, "source"),
        seen_codes=frozenset(faults.texts("register", table, "seen_codes")) or frozenset({"observed"}),
        told_days=faults.get("register", table, "told_days", float, 30.0), trust=faults.texts("register", table, "trust"),
        matching=_matching(faults, matching, properties) if isinstance(matching, dict) else None,
        rows=rows, section=cast(Section, section), title=title, columns=columns, consent=consent,
        states=parse_states(faults, states, properties) if isinstance(states, dict) else None,
        cell_only=faults.get("register", table, "cell_only", bool, False),
        cell_reads=faults.get("register", table, "cell_reads", bool, False),
        warning=_warning(faults, warning, properties) if isinstance(warning, dict) else None,
        held=_held(faults, held, properties) if isinstance(held, dict) else None,
    )  # fmt: skip
    if register.cell_only and register.cell_reads:
        faults.add("register: 'cell_only' says more than 'cell_reads'; leave one out")
    if faults.found:
        raise RegisterError(source, faults.found)
    return register


def load_registers(directory: Path = BUILTIN_DIR) -> dict[str, Register]:
    """Every register file (`*.toml`) of `directory`, by name, in the order of their names.

    Raises `RegisterError` for a faulty file and for two files that define one register. The files are read once a process:
    what they say is frozen, and an idle server holds it once.
    """
    return dict(_loaded(directory))


@lru_cache(maxsize=4)
def _loaded(directory: Path) -> Mapping[str, Register]:
    registers: dict[str, Register] = {}
    for path in sorted(directory.glob("*.toml")):
        register = parse_register(path.read_text(encoding="utf-8"), path.name)
        if register.name in registers:
            raise RegisterError(path.name, [f"register '{register.name}' is defined twice"])
        registers[register.name] = register
    return registers
