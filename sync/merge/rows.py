"""Rows that a report fills in a register by the register file alone, without an `entities` sheet in the form.

A register file says which form, which repeat or question makes a row, and what makes two reports speak of one row. Must not
decide what a value means or which report wins; observations and survivorship do.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from forms.definition import FormDefinition
from forms.entities import EntityOperation, entity_uuid
from forms.submission import ParsedSubmission, walk
from sync.merge.facts import NAMESPACE
from sync.merge.names import fold
from sync.registers import Property, Register, RowRule

# Words that a register file uses in place of a question: what the row's own question answers, the code that the file gives
# that question, the report's own name, (with a list behind it) the entity that the same report writes, and a fixed text.
ANSWER, CODE, REPORT, ENTITY, FIXED = "@answer", "@code", "@report", "@entity:", "="
# Longest part of a key and of a label, in characters: a text of megabytes must not be kept in an index.
LONGEST = 200
Indices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row that a report states: `entity_id` is derived, so that every server names it alike.

    `place` tells it from the other rows of the report; `values` holds what was answered, per property, and `questions` the
    question that said it.
    """

    dataset: str
    place: str
    indices: Indices
    entity_id: str
    label: str
    values: Mapping[str, str]
    questions: Mapping[str, str]


def row_id(*parts: str) -> str:
    """An entity id (a UUID of version 4's form, as ODK tools ask for) that depends on `parts` only."""
    return str(uuid.UUID(bytes=uuid.uuid5(NAMESPACE, "\x1f".join(("row", *parts))).bytes, version=4))


def fills(registers: Mapping[str, Register], form_id: str) -> bool:
    """Whether any register takes rows from this form."""
    return any(rule.form == form_id for register in registers.values() for rule in register.rows)


class _Reading:
    """The answers of a report, looked up from inside a repeat outwards, with the words a register file may use."""

    def __init__(
        self, submission: ParsedSubmission, definition: FormDefinition, source: str, operations: Sequence[EntityOperation]
    ) -> None:
        self._found: dict[str, list[tuple[Indices, str]]] = {}
        self._instances: dict[str, list[Indices]] = {}
        self._asked: set[str] = set()
        self._source = source
        written = [operation for operation in operations if operation.action != "none" and not operation.indices]
        self._entities = {operation.dataset.rpartition("/")[2]: operation.entity_id for operation in written}
        for field, indices, text in walk(submission, definition):
            if field.type == "repeat":
                self._instances.setdefault(field.name, []).append(indices)
                continue
            self._asked.add(field.name)
            if text and text.strip():
                self._found.setdefault(field.name, []).append((indices, text.strip()))

    def instances(self, repeat: str | None) -> Sequence[Indices]:
        return self._instances.get(repeat, ()) if repeat else ((),)

    def text(self, question: str, indices: Indices, answer: str = "", code: str = "") -> str:
        """The answer, "" when there is none. `a|b` takes the first that is answered."""
        for name in question.split("|"):
            found = self._one(name, indices, answer, code)
            if found:
                return found
        return ""

    def _one(self, name: str, indices: Indices, answer: str, code: str) -> str:
        if name == ANSWER:
            return answer
        if name == CODE:
            return code
        if name == REPORT:
            return self._source
        if name.startswith(FIXED):
            return name.removeprefix(FIXED)
        if name.startswith(ENTITY):
            return self._entities.get(name.removeprefix(ENTITY), "")
        around = [(len(where), text) for where, text in self._found.get(name, ()) if where == indices[: len(where)]]
        return max(around)[1] if around else ""


def filled_rows(
    submission: ParsedSubmission,
    definition: FormDefinition,
    registers: Mapping[str, Register],
    form_id: str,
    source: str,
    operations: Sequence[EntityOperation] = (),
) -> list[Row]:
    """Every row that the report fills, in the order of the registers' names and then of the form.

    `source`: the report's root instanceID; a row without a key of its own is named after it. `operations`: the entity
    operations of the same report. An encrypted report that nobody unlocked fills nothing.
    """
    if submission.encrypted:
        return []
    ordered = sorted(registers.items())
    wanted = [(name, register, rule) for name, register in ordered for rule in register.rows if rule.form == form_id]
    if not wanted:
        return []
    reading = _Reading(submission, definition, source, operations)
    found: list[Row] = []
    for name, register, rule in wanted:
        for indices in reading.instances(rule.repeat):
            if all(reading.text(question, indices) in codes for question, codes in rule.when.items()):
                for answer, code in _answers(rule, reading, indices):
                    row = _row(name, register, rule, reading, indices, answer, code)
                    if row is not None:
                        found.append(row)
    return found


def _answers(rule: RowRule, reading: _Reading, indices: Indices) -> Iterator[tuple[str, str]]:
    """(answer, code) per row: one for a plain rule, one per answered question, or one per chosen code."""
    if rule.each:
        for question, code in rule.each.items():
            answer = reading.text(question, indices)
            if answer and answer not in rule.nothing:
                yield answer, code
    elif rule.split:
        for answer in dict.fromkeys(reading.text(rule.split, indices).split()):
            if answer not in rule.nothing:
                yield answer, answer
    else:
        yield "", ""


def _row(
    dataset: str, register: Register, rule: RowRule, reading: _Reading, indices: Indices, answer: str, code: str
) -> Row | None:
    """The row, or None when it says nothing of its register."""
    values: dict[str, str] = {}
    questions: dict[str, str] = {}
    for prop in register.properties.values():
        for question in prop.questions.get(rule.form, ()):
            text = reading.text(question, indices, answer, code)
            if text and text not in prop.no_statement:
                values[prop.name], questions[prop.name] = text, question
                break
    if not values or not any(values.get(name) for name in rule.needs or values):
        return None
    place = "/".join((rule.form, rule.repeat or "", *map(str, indices), code))
    own = row_id(dataset, reading.text(REPORT, ()), place)
    entity_id = _named(rule, reading, indices, answer) or _keyed(dataset, rule, reading, indices, answer, code) or own
    label = " · ".join(_short(values[name], register.properties[name]) for name in rule.label if values.get(name))
    return Row(dataset, place, indices, entity_id, label or register.label("en"), values, questions)


def _short(text: str, prop: Property) -> str:
    return text[:LONGEST] if prop.type != "datetime" else text[:16].replace("T", " ")


def _named(rule: RowRule, reading: _Reading, indices: Indices, answer: str) -> str | None:
    """The id of a row that was chosen from a list, when the report chose one."""
    return entity_uuid(reading.text(rule.id, indices, answer)) if rule.id else None


def _keyed(dataset: str, rule: RowRule, reading: _Reading, indices: Indices, answer: str, code: str) -> str | None:
    """The id that all reports with the same key share; None when a part of the key is not answered."""
    parts = [fold(reading.text(part, indices, answer, code)[:LONGEST]) for part in rule.key]
    return row_id(dataset, *parts) if parts and all(parts) else None
