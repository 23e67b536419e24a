"""A form as a person reads it: groups, repeats and questions in order, in one of its languages, without filling anything.

Pure: from a definition to plain data. How conditions are worded is the page's business (`forms.conditions` reads them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from forms.conditions import Said, said, written
from forms.fields import Field, FormDefinition, Labels, language_code, text_in

Asked = Literal[
    "group", "repeat", "note", "text", "integer", "decimal", "date", "time", "datetime", "geopoint", "geotrace", "geoshape",
    "select_one", "select_multiple", "rank", "image", "audio", "video", "file", "barcode", "range", "acknowledge", "calculate",
    "metadata", "hidden",
]  # fmt: skip
SILENT: Final = frozenset({"calculate", "metadata", "hidden"})
"""What nobody is asked: computed, written by the phone, or carried along."""

MOST_CHOICES: Final = 60
"""Choices listed per question; what is more is counted. Nobody reads a list of 400 villages on a page."""

_TYPES: Final[dict[str, Asked]] = {
    "int": "integer", "integer": "integer", "decimal": "decimal", "date": "date", "time": "time", "dateTime": "datetime",
    "geopoint": "geopoint", "geotrace": "geotrace", "geoshape": "geoshape", "barcode": "barcode",
}  # fmt: skip
_SELECTS: Final[dict[str, Asked]] = {"one": "select_one", "multiple": "select_multiple", "rank": "rank"}
_MEDIA: Final[dict[str, Asked]] = {"image": "image", "audio": "audio", "video": "video"}
_OUTPUT: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """A group, repeat or question. `required` is True, False or the condition under which it is.

    `choices`: (label, stored value) of the first `MOST_CHOICES`; `more_choices` how many follow; `file` names the list that
    comes beside the form; `filter` is the condition that narrows the list, as written. `calculation` as written. `repeat_count`:
    how often a repeat is asked, as written. `save_to`: the property of an entity list that the answer is kept in.
    """

    path: str
    name: str
    asked: Asked
    label: str
    hint: str
    required: bool | Said
    read_only: bool
    relevant: Said | None
    constraint: Said | None
    message: str
    choices: tuple[tuple[str, str], ...]
    more_choices: int
    file: str | None
    filter: str
    calculation: str
    default: str
    repeat_count: str
    save_to: str | None
    children: tuple[Item, ...]


def asked(each: Field) -> Asked:
    """What kind of question a field is, in the words of a sheet; by control and media for what a bind calls a string."""
    if each.type == "repeat":
        return "repeat"
    if each.type == "structure":
        return "group"
    if each.control is None:
        return "calculate" if each.calculate else "metadata" if each.preload else "hidden"
    if each.select is not None:
        return _SELECTS[each.select]
    if each.type == "binary":
        return _MEDIA.get((each.media_type or "").partition("/")[0], "file")
    if each.control == "trigger":
        return "acknowledge"
    if each.control == "range":
        return "range"
    if each.type in _TYPES:
        return _TYPES[each.type]
    return "note" if each.readonly == "true()" and not each.calculate else "text"


def outline(definition: FormDefinition, language: str) -> tuple[Item, ...]:
    """Everything that a phone shows, in order, with texts in `language` (a name or a code such as "fr").

    What nobody is asked (computed, metadata) is left out; see `computed`. A group around nothing asked is left out as well.
    """
    return tuple(_items(definition, language, ""))


def computed(definition: FormDefinition, language: str) -> tuple[Item, ...]:
    """The fields that nobody is asked, in form order, the form's own meta block aside."""
    silent = [each for each in definition.fields if asked(each) in SILENT and not each.path.startswith("/meta/")]
    return tuple(_item(definition, language, each, ()) for each in silent)


def language_of(definition: FormDefinition, wanted: str) -> str:
    """The form's language for a name or code ("fr"): the form's default one where it has no such language."""
    code = language_code(wanted)
    found = (each for each in definition.languages if each == wanted or language_code(each) == code)
    return next(found, definition.default_language)


def _items(definition: FormDefinition, language: str, parent: str) -> Iterator[Item]:
    # Forms nest at most a couple of hundred groups (definition.MAX_DEPTH), so recursion is bounded.
    for each in definition.children.get(parent, ()):
        if asked(each) in SILENT:
            continue
        inside = tuple(_items(definition, language, each.path)) if each.is_structure else ()
        if not each.is_structure or inside:
            yield _item(definition, language, each, inside)


def _item(definition: FormDefinition, language: str, each: Field, children: tuple[Item, ...]) -> Item:
    def read(expression: str | None) -> Said | None:
        return said(expression, definition, each.path, language) if expression else None

    def text(labels: Labels) -> str:
        return _filled(text_in(labels, language, definition.default_language) or "", definition, each.path, language)

    choices = definition.choices_of(each) if each.select else ()
    shown = tuple(
        (text_in(choice.labels, language, definition.default_language) or choice.value, choice.value)
        for choice in choices[:MOST_CHOICES]
    )
    listed = definition.instances.get(each.itemset.instance or "") if each.itemset else None
    required = read(each.required) if each.required not in (None, "true()") else None
    return Item(
        path=each.path, name=each.name, asked=asked(each), label=text(each.labels), hint=text(each.hints),
        required=required if required is not None else each.required == "true()",
        read_only=each.readonly == "true()", relevant=read(each.relevant), constraint=read(each.constraint),
        message=text(each.constraint_msgs), choices=shown, more_choices=len(choices) - len(shown),
        file=listed.filename if listed else None,
        filter=written(each.itemset.filter, definition, each.path) if each.itemset and each.itemset.filter else "",
        calculation=written(each.calculate, definition, each.path) if each.calculate else "", default=each.default,
        repeat_count=written(each.repeat_count, definition, each.path) if each.repeat_count else "",
        save_to=each.save_to, children=children,
    )  # fmt: skip


def _filled(text: str, definition: FormDefinition, path: str, language: str) -> str:
    """A text whose answers from elsewhere stand as “the other question” in brackets."""
    def name(found: re.Match[str]) -> str:
        inner = written(found.group(1), definition, path)
        other = definition.find(inner[2:-1]) if inner.startswith("${") else None
        label = text_in(other.labels, language, definition.default_language) if other else None
        return f"[{label or (other.name if other else inner)}]"

    return _OUTPUT.sub(name, text)
