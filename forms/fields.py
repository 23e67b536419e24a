"""What a form version is made of: fields, choices, lists, entity declarations, actions.

Plain frozen data that can be cached as JSON. Reading it out of a form's XML is `forms.definition`'s business.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

SelectKind = Literal["one", "multiple", "rank"]
MediaType = Literal["image", "audio", "video", "file"]
Labels = Mapping[str, str]
"""Language as the form names it ("French (fr)") -> text; a form without translations uses the key "default"."""

STRUCTURES: Final = frozenset({"structure", "repeat"})


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a select: what is stored, what is shown, and the further columns a choice filter may use."""

    value: str
    labels: Labels
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Itemset:
    """Where a select takes its choices from.

    `instance` is the id of a list (None when the choices come from the answers themselves, e.g. a repeat);
    `filter` the XPath condition inside `item[...]`, or None; `nodeset` the whole expression as written.
    """

    nodeset: str
    instance: str | None
    filter: str | None
    value_ref: str
    label_ref: str
    randomized: bool


@dataclass(frozen=True, slots=True)
class Instance:
    """A secondary instance (list). `src`/`filename` are set for a list that comes as a file, `rows` for an inline one."""

    id: str
    src: str | None
    filename: str | None
    rows: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file the form needs beside its XML."""

    filename: str
    type: MediaType


@dataclass(frozen=True, slots=True)
class Action:
    """A `setvalue`/`setgeopoint`: what is put where when one of `events` happens.

    `target` and `trigger` are paths relative to the root (`trigger` None: the event concerns the whole form or,
    for odk-new-repeat, the repeat `repeat`); `attribute` is set when the target is an attribute of `target`.
    """

    kind: str
    events: tuple[str, ...]
    target: str
    attribute: str | None
    expression: str | None
    text: str
    trigger: str | None
    repeat: str | None


@dataclass(frozen=True, slots=True)
class EntityBlock:
    """One `<entity>` declaration: `path` of that node, `container` of the group or repeat whose meta block holds it.

    `create`/`update` say whether the attribute is present; `save_to` pairs (question path, property).
    """

    dataset: str
    path: str
    container: str
    repeat: str | None
    create: bool
    update: bool
    save_to: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One node of the primary instance, in form order; groups and repeats are fields as well.

    `path` is relative to the root ("/g_loc/adm1"), `type` is the bind's type without an `xsd:` prefix, or
    "structure"/"repeat"/"unknown", as ODK Central's field list has it. Expressions are XPath as written.
    `repeat` is the nearest repeat around the field, not itself. `order` counts from 0.
    """

    path: str
    name: str
    type: str
    order: int
    binary: bool = False
    select_multiple: bool = False
    select: SelectKind | None = None
    control: str | None = None
    labels: Labels = field(default_factory=dict)
    hints: Labels = field(default_factory=dict)
    required: str | None = None
    required_msgs: Labels = field(default_factory=dict)
    relevant: str | None = None
    constraint: str | None = None
    constraint_msgs: Labels = field(default_factory=dict)
    calculate: str | None = None
    readonly: str | None = None
    triggers: tuple[str, ...] = ()
    trigger_calculate: str | None = None
    preload: str | None = None
    preload_params: str | None = None
    default: str = ""
    appearance: str = ""
    media_type: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    itemset: Itemset | None = None
    choices: tuple[Choice, ...] = ()
    repeat: str | None = None
    repeat_count: str | None = None
    save_to: str | None = None

    @property
    def is_structure(self) -> bool:
        """True for groups and repeats, which hold fields and no answer of their own."""
        return self.type in STRUCTURES

    @property
    def parent(self) -> str:
        """Path of the group, repeat or (as "") root around this field."""
        return self.path[: self.path.rfind("/")]


@dataclass(frozen=True)
class FormDefinition:
    """One form version, read once and cached. Build it with `forms.definition.parse` or `from_json`."""

    form_id: str
    version: str | None
    title: str
    languages: tuple[str, ...]
    default_language: str
    root: str
    namespace: str | None
    namespaces: Mapping[str, str]
    has_meta: bool
    public_key: str | None
    fields: tuple[Field, ...]
    attachments: tuple[Attachment, ...]
    instances: Mapping[str, Instance]
    entity_blocks: tuple[EntityBlock, ...]
    entities_version: str | None
    actions: tuple[Action, ...]
    attribute_calculates: Mapping[str, str]
    """XPath calculations of attributes, keyed "/g/meta/entity/@id"."""
    template: str
    """The primary instance's XML as the form gives it: defaults, templates of repeats, entity attributes."""

    @cached_property
    def by_path(self) -> Mapping[str, Field]:
        """Fields by path."""
        return {each.path: each for each in self.fields}

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by name; the first in form order wins where a name occurs twice."""
        found: dict[str, Field] = {}
        for each in self.fields:
            found.setdefault(each.name, each)
        return found

    @cached_property
    def children(self) -> Mapping[str, tuple[Field, ...]]:
        """Fields directly under a group or repeat path; "" is the root."""
        found: dict[str, list[Field]] = {}
        for each in self.fields:
            found.setdefault(each.parent, []).append(each)
        return {path: tuple(fields) for path, fields in found.items()}

    @property
    def repeats(self) -> tuple[str, ...]:
        """Paths of all repeats, in form order."""
        return tuple(each.path for each in self.fields if each.type == "repeat")

    def find(self, name_or_path: str) -> Field | None:
        """The field with that path ("/g/adm1") or, without a leading slash, name."""
        source = self.by_path if name_or_path.startswith("/") else self.by_name
        return source.get(name_or_path)

    def choices_of(self, each: Field) -> tuple[Choice, ...]:
        """All choices the form itself carries for a select, before any filter; empty for lists from a file."""
        if each.itemset is None or each.itemset.instance is None:
            return each.choices
        instance = self.instances.get(each.itemset.instance)
        return self._choices(each.itemset, instance) if instance and instance.rows else each.choices

    def choice_label(self, each: Field, value: str, language: str) -> str | None:
        """The label of one stored value in `language` (see `text_in`); None when the form does not carry it."""
        found = self._choice_index(each).get(value)
        return text_in(found.labels, language, self.default_language) if found else None

    def _choice_index(self, each: Field) -> Mapping[str, Choice]:
        cache: dict[str, Mapping[str, Choice]] = self.__dict__.setdefault("_choice_cache", {})
        if each.path not in cache:
            cache[each.path] = {choice.value: choice for choice in self.choices_of(each)}
        return cache[each.path]

    def _choices(self, itemset: Itemset, instance: Instance) -> tuple[Choice, ...]:
        cache: dict[tuple[str, str, str], tuple[Choice, ...]] = self.__dict__.setdefault("_itemset_cache", {})
        key = (instance.id, itemset.value_ref, itemset.label_ref)
        if key not in cache:
            cache[key] = tuple(self._choice(itemset, row) for row in instance.rows)
        return cache[key]

    def _choice(self, itemset: Itemset, row: Mapping[str, str]) -> Choice:
        labels = {key.removeprefix("label::"): text for key, text in row.items() if key.startswith("label::")}
        if not labels and itemset.label_ref in row:
            labels = {self.default_language: row[itemset.label_ref]}
        extra = {key: text for key, text in row.items() if not key.startswith("label::")}
        return Choice(row.get(itemset.value_ref, ""), labels, extra)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_json` turns back into an equal definition."""
        return {**asdict(self), "_format": JSON_FORMAT}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FormDefinition":
        """The reverse of `to_json`; raises ValueError when the data was written by another layout of this class."""
        if data.get("_format") != JSON_FORMAT:
            raise ValueError("The cached form definition has another format; parse the form's XML again.")
        values = {key: value for key, value in data.items() if key != "_format"}
        values["languages"] = tuple(values["languages"])
        values["fields"] = tuple(_field_from(each) for each in values["fields"])
        values["attachments"] = tuple(Attachment(**each) for each in values["attachments"])
        values["instances"] = {
            key: Instance(**{**each, "rows": tuple(each["rows"])}) for key, each in values["instances"].items()
        }
        values["entity_blocks"] = tuple(_block_from(each) for each in values["entity_blocks"])
        values["actions"] = tuple(Action(**{**each, "events": tuple(each["events"])}) for each in values["actions"])
        return cls(**values)


JSON_FORMAT: Final = 1
"""Raise it when a dataclass of this module changes, so that stale caches are read again from the XML."""

_CODE: Final = re.compile(r"\(([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\)\s*$")


def language_code(language: str) -> str:
    """The code of a form's language: "fr" for "French (fr)"; the lower-cased name where it carries no code."""
    found = _CODE.search(language)
    return (found.group(1) if found else language).lower()


def text_in(texts: Labels, language: str, default_language: str = "default") -> str | None:
    """The text in `language` (full name or code such as "fr"), else in the default language, else any; None if none."""
    if language in texts:
        return texts[language]
    wanted = language_code(language)
    for each, text in texts.items():
        if language_code(each) == wanted:
            return text
    return texts.get(default_language) or next(iter(texts.values()), None)


_OUTPUT: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def outputs(text: str) -> Iterator[str]:
    """XPath expressions embedded in a label, hint or message, where the form had `<output value="...">`."""
    return (found.group(1).strip() for found in _OUTPUT.finditer(text))


def fill_outputs(text: str, values: Mapping[str, str]) -> str:
    """A label with each `{{expression}}` replaced by its value; unknown ones become an ellipsis."""
    return _OUTPUT.sub(lambda found: values.get(found.group(1).strip(), "…"), text)


def _field_from(data: Mapping[str, Any]) -> Field:
    values = dict(data)
    values["itemset"] = Itemset(**values["itemset"]) if values["itemset"] else None
    values["choices"] = tuple(Choice(**each) for each in values["choices"])
    values["triggers"] = tuple(values["triggers"])
    return Field(**values)


def _block_from(data: Mapping[str, Any]) -> EntityBlock:
    return EntityBlock(**{**data, "save_to": tuple((path, name) for path, name in data["save_to"])})
