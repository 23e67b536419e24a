"""What a register file says, as frozen dataclasses. Holds no rules of its own and reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Rule = Literal["latest", "service", "place", "all"]
PropertyType = Literal[
    "text",
    "integer",
    "decimal",
    "date",
    "datetime",
    "select_one",
    "select_multiple",
    "area",
    "geopoint",
    "geotrace",
]
Sensitivity = Literal["low", "moderate", "high", "severe"]


class RegisterError(ValueError):
    """A register file is faulty; `faults` lists every fault as one plain sentence each."""

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = tuple(faults)
        super().__init__(f"register file {source}: " + "; ".join(faults))


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a register.

    `questions` maps form id to the questions that state it, tried in order; `source_questions` overrides the register's
    question for "seen or told". `rule`: `latest`; `service` (worse at once, better only when seen); `place` (the first
    position stands until an officer moves it, `moved_m` metres open a proposal); `all` (keep every value).
    """

    name: str
    type: PropertyType
    labels: Mapping[str, str]
    rule: Rule
    code_list: str | None = None
    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source_questions: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    no_statement: frozenset[str] = frozenset()
    moved_m: float = 200.0
    export: str = ""
    sensitivity: Sensitivity = "moderate"
    audiences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CertainRule:
    """When two things are one without asking: equal folded name and position (metres, or both stated accuracies)."""

    same_type: bool
    equal_name: bool
    distance_m: float


@dataclass(frozen=True, slots=True)
class NearRule:
    """Alike names within `distance_m` metres are always proposed; no group and no type means any."""

    distance_m: float
    groups: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Learnt:
    """Weights that a mission learnt from its officers' judgements, in place of those of the model's file."""

    version: str
    bias: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Matching:
    """How the things of a register are compared. `words` and `model` name files of `sync.merge`.

    `learnt`: the mission's own weights, where it has put some in force.
    """

    names: tuple[str, ...]
    aliases: tuple[str, ...]
    type: str | None
    group: str | None
    position: str | None
    area: tuple[str, ...]
    phone: str | None
    code: str | None
    words: str
    model: str
    review_from: float
    link_from: float
    certain: CertainRule | None
    near: tuple[NearRule, ...]
    review_within_m: float | None = None
    learnt: Learnt | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """A register: an entity list with types, match features and merge rules. `plain` lists have none (Central's way)."""

    name: str
    labels: Mapping[str, str]
    label_property: str | None
    sensitivity: Sensitivity
    properties: Mapping[str, Property]
    observed: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    seen_codes: frozenset[str] = frozenset({"observed"})
    told_days: float = 30.0
    trust: tuple[str, ...] = ()
    matching: Matching | None = None
    plain: bool = False

    def label(self, language: str) -> str:
        """The register's name in `language`, English when there is none."""
        return self.labels.get(language) or self.labels["en"]


def plain_register(name: str) -> Register:
    """A list without a register file: one entity per record, no matching, the last update wins as in ODK Central."""
    words = name.replace("_", " ")
    label = words[:1].upper() + words[1:]
    return Register(name, {"en": label, "fr": label}, None, "moderate", {}, plain=True)
