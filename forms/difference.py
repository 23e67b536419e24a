"""What is different between two versions of a form: questions added, gone, moved, and what about a question changed.

Pure; which registers, returns and exports that touches is the server's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from forms.conditions import written
from forms.fields import Field, FormDefinition, Labels, language_code
from forms.outline import asked

Aspect = Literal[
    "type", "label", "hint", "required", "relevant", "constraint", "message", "choices", "choice_labels", "list", "filter",
    "calculation", "default", "read_only", "appearance", "repeat_count", "save_to", "entity",
]  # fmt: skip
WORDING: Final[frozenset[Aspect]] = frozenset({"label", "hint", "message", "choice_labels", "appearance"})
"""Aspects that change what is read on a phone and nothing about what an answer means."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One aspect of a question: what it was and what it is, "" for nothing. For choices: the codes gone and those new."""

    aspect: Aspect
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One question. `path` is where it stands now (where it stood, when it is gone); `old_path` is set when it moved.

    `labels`: its texts by language of the form, of the newer version where it has it.
    """

    kind: Literal["added", "removed", "moved", "changed"]
    path: str
    name: str
    asked: str
    labels: Labels
    aspects: tuple[Changed, ...] = ()
    old_path: str | None = None

    @property
    def of_meaning(self) -> bool:
        """Whether answers are something else than before, and not merely asked in other words."""
        return self.kind != "changed" or any(each.aspect not in WORDING for each in self.aspects)


@dataclass(frozen=True, slots=True)
class Difference:
    """All of it: questions in the order of the newer form, those gone last; languages by code; title when it changed."""

    changes: tuple[Change, ...]
    languages_added: tuple[str, ...]
    languages_removed: tuple[str, ...]
    title: tuple[str, str] | None

    def __bool__(self) -> bool:
        return bool(self.changes or self.languages_added or self.languages_removed or self.title)

    @property
    def meaningful(self) -> frozenset[str]:
        """Names of the questions whose answers are something else than before."""
        return frozenset(each.name for each in self.changes if each.of_meaning)


def compare(old: FormDefinition, new: FormDefinition) -> Difference:
    """What `new` does otherwise than `old`. The order of questions alone is no difference."""
    gone = {path: each for path, each in old.by_path.items() if path not in new.by_path}
    came = {path: each for path, each in new.by_path.items() if path not in old.by_path}
    moved = dict(_moves(gone, came))
    changes: list[Change] = []
    for path, each in new.by_path.items():
        before = old.by_path.get(path) or gone.get(moved.get(path, ""))
        if before is None:
            changes.append(Change("added", path, each.name, asked(each), each.labels))
            continue
        aspects = tuple(_aspects(old, before, new, each))
        if path in moved:
            changes.append(Change("moved", path, each.name, asked(each), each.labels, aspects, moved[path]))
        elif aspects:
            changes.append(Change("changed", path, each.name, asked(each), each.labels, aspects))
    found_again = set(moved.values())
    left = [each for path, each in gone.items() if path not in found_again]
    changes += [Change("removed", each.path, each.name, asked(each), each.labels) for each in left]
    codes = [{language_code(each) for each in definition.languages if each != "default"} for definition in (old, new)]
    title = (old.title, new.title) if old.title != new.title else None
    return Difference(tuple(changes), tuple(sorted(codes[1] - codes[0])), tuple(sorted(codes[0] - codes[1])), title)


def _moves(gone: Mapping[str, Field], came: Mapping[str, Field]) -> Iterator[tuple[str, str]]:
    """(new path, old path) of questions that merely stand in another group: the only one of that name on either side."""
    def single(fields: Mapping[str, Field]) -> dict[str, Field]:
        names = Counter(each.name for each in fields.values())
        return {each.name: each for each in fields.values() if names[each.name] == 1}

    before = single(gone)
    for name, each in single(came).items():
        if name in before and not each.is_structure and not before[name].is_structure:
            yield each.path, before[name].path


def _aspects(old: FormDefinition, before: Field, new: FormDefinition, after: Field) -> Iterator[Changed]:
    pairs = zip(_told(old, before), _told(new, after), strict=True)
    yield from (Changed(aspect, was, now) for (aspect, was), (_same, now) in pairs if was != now)
    yield from _texts("label", before.labels, after.labels)
    yield from _texts("hint", before.hints, after.hints)
    yield from _texts("message", before.constraint_msgs, after.constraint_msgs)
    yield from _choices(old, before, new, after)
    yield from _entity(old, before, new, after)


def _told(definition: FormDefinition, each: Field) -> list[tuple[Aspect, str]]:
    """What is one text per question; the kind of question first."""
    def expression(text: str | None) -> str:
        return written(text, definition, each.path) if text else ""

    itemset = each.itemset
    listed = definition.instances.get(itemset.instance or "") if itemset else None
    return [
        ("type", asked(each)), ("required", expression(each.required)), ("relevant", expression(each.relevant)),
        ("constraint", expression(each.constraint)),
        # The id of a list within the form is of no consequence; a file beside it or another question's answers are.
        ("list", (listed.filename or "") if listed else (itemset.nodeset if itemset else "")),
        ("filter", expression(itemset.filter if itemset else None)), ("calculation", expression(each.calculate)),
        ("default", each.default), ("read_only", expression(each.readonly)), ("appearance", each.appearance),
        ("repeat_count", expression(each.repeat_count)), ("save_to", each.save_to or ""),
    ]  # fmt: skip


def _by_code(texts: Labels) -> dict[str, str]:
    return {language_code(language): text for language, text in texts.items()}


def _texts(aspect: Aspect, before: Labels, after: Labels) -> Iterator[Changed]:
    """One change per language, the language in brackets where the form has any. A new language alone is told once, above."""
    was, now = _by_code(before), _by_code(after)
    for code in dict.fromkeys([*was, *now]):
        old, new = was.get(code, ""), now.get(code, "")
        if old != new and (code in was or not was) and (code in now or not now):
            mark = f" ({code})" if code != "default" else ""
            yield Changed(aspect, old + mark if old else "", new + mark if new else "")


def _choices(old: FormDefinition, before: Field, new: FormDefinition, after: Field) -> Iterator[Changed]:
    was = {choice.value: _by_code(choice.labels) for choice in old.choices_of(before)}
    now = {choice.value: _by_code(choice.labels) for choice in new.choices_of(after)}
    gone, came = [value for value in was if value not in now], [value for value in now if value not in was]
    if gone or came:
        yield Changed("choices", ", ".join(gone), ", ".join(came))
    for value, labels in was.items():
        present = now.get(value, {})
        for code in sorted(code for code in labels.keys() & present.keys() if labels[code] != present[code]):
            yield Changed("choice_labels", f"{value}: {labels[code]}", f"{value}: {present[code]}")


def _entity(old: FormDefinition, before: Field, new: FormDefinition, after: Field) -> Iterator[Changed]:
    """Of an entity declaration: its list, and when and under which id it creates or updates. Versions of entities are the
    software's own."""
    def told(definition: FormDefinition, path: str) -> dict[str, str]:
        block = next((each for each in definition.entity_blocks if each.path == path), None)
        if block is None:
            return {}
        found = {"list_name": block.dataset, "create": "yes" if block.create else "", "update": "yes" if block.update else ""}
        for name in ("id", "create", "update"):
            expression = definition.attribute_calculates.get(f"{path}/@{name}")
            if expression:
                found[name] = written(expression, definition, path)
        return found

    was, now = told(old, before.path), told(new, after.path)
    for key in dict.fromkeys([*was, *now]):
        if was.get(key, "") != now.get(key, ""):
            yield Changed("entity", f"{key}: {was.get(key, '')}", f"{key}: {now.get(key, '')}")
