"""What a register file says, as frozen dataclasses. Holds no rules of its own and reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sync.registers.states import States

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
    "geoshape",
    "time",
    "entity",
    "entities",
    "unit",
]
Sensitivity = Literal["low", "moderate", "high", "severe"]
Section = Literal["places", "people", "community", "support", "security", "work", "other"]


CONSENT = "yes"
"""The answer by which a person agrees that name and number are kept (code list yn)."""


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
    `register`: the list that a value of type "entity" names a thing of ("entities": several, by spaces). `on_devices`:
    whether phones get it with the list; unless the file says so, not what is personal or of high or severe sensitivity.
    `personal`: a person's name or number; exports leave it out unless it is asked for, and the register may want consent for it.
    `counts_people`: how many people of a group; what leaves says "under 5" instead of 1 to 4 (rule C.9).
    `offset`: a position worked out from what one report says: the properties with where the observer stood, the bearing
    (degrees) and the distance (metres) to the thing.
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
    register: str | None = None
    on_devices: bool = True
    personal: bool = False
    counts_people: bool = False
    offset: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class KeepAway:
    """Records of the register are warnings to keep away (rule C.2): `property` says by how many `metres`, until the property
    `state` has a code of `ends`. One officer alone may release a warning in a state of `alone`, because delay kills. `near`:
    the register whose things stand beside the warning when they lie within that distance."""

    property: str
    metres: int
    state: str
    ends: frozenset[str]
    alone: frozenset[str]
    near: str | None = None

    def stands(self, data: Mapping[str, Any]) -> bool:
        """Whether a record with these values is still to be kept away from."""
        return data.get(self.state) not in self.ends


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing of a record is released while `property` has one of `codes`, until the time in the property `until` (rule C.2)."""

    property: str
    codes: frozenset[str]
    until: str


@dataclass(frozen=True, slots=True)
class RowRule:
    """How a report of `form` fills rows of a register, beside what an `entities` sheet may write.

    One row per report, per instance of `repeat`, per answered question of `each` (question to code) or per code chosen in
    the select `split`; answers in `nothing` make none. `when` maps questions to the answers that must have been given.
    `id` is the question that names a known row; else rows with equal `key` are one, whichever report states them; else
    the row is the report's own. `label` and `needs` name properties: what the row is called, and of which at least one
    must be answered for there to be a row. `a|b` takes the first question that is answered.
    """

    form: str
    repeat: str | None = None
    each: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None
    nothing: frozenset[str] = frozenset()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    id: str | None = None
    key: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


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
    """A register: an entity list with types, match features and merge rules. `plain` lists have none (Central's way).

    `title`: the properties that name a record on pages, where reports fill it by rows; `columns`: what lists show beside
    that; `section`: under which heading the register stands. All three may be left out. `consent`: the property that must
    be "yes" for a record to have its personal ones (rule C.9). `states`: the states that its records pass through, where
    they have any (rule C.4); `cell_only`: nobody outside the cell sees its records, only releases of them (rule C.2);
    `cell_reads`: the same for readers, but phones choose from its list as ever (rule C.8). `warning`: its records are warnings.
    `held`: what keeps them from being released for a while.
    """

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
    rows: tuple[RowRule, ...] = ()
    title: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    section: Section = "other"
    consent: str | None = None
    states: States | None = None
    cell_only: bool = False
    cell_reads: bool = False
    warning: KeepAway | None = None
    held: Held | None = None

    def label(self, language: str) -> str:
        """The register's name in `language`, English when there is none."""
        return self.labels.get(language) or self.labels["en"]

    @property
    def of_the_cell(self) -> bool:
        """Whether readers outside the CIMIC cell see neither its records nor the reports that fill it."""
        return self.cell_only or self.cell_reads

    @property
    def personal(self) -> frozenset[str]:
        """The properties that are a person's name or number."""
        return frozenset(prop.name for prop in self.properties.values() if prop.personal)

    def withheld(self, data: Mapping[str, Any]) -> frozenset[str]:
        """What of a record with these values nobody is shown: names and numbers without a consent that still counts (C.9)."""
        if self.consent is None or data.get(self.consent) == CONSENT:
            return frozenset()
        return self.personal


def plain_register(name: str) -> Register:
    """A list without a register file: one entity per record, no matching, the last update wins as in ODK Central."""
    words = name.replace("_", " ")
    label = words[:1].upper() + words[1:]
    return Register(name, {"en": label, "fr": label}, None, "moderate", {}, plain=True)
