"""Checks of the entities sheet and of ``save_to``: what a report writes into the registers.

A fault here doubles or loses real places, so the check is stricter than pyxform's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from forms.findings import Finding, Place, error, warning
from forms.formcheck import expressions
from forms.formcheck.survey import NAME, Question, Survey, check_expression, check_references
from forms.formcheck.workbook import Row, Workbook

COLUMNS: Final = ("list_name", "label", "entity_id", "create_if", "update_if", "repeat")
_RESERVED: Final = frozenset({"name", "label"})
_ONCE = re.compile(r"once\(\s*uuid\([^()]*\)\s*\)")
_UUID = re.compile(r"(?<![\w.\-])uuid\(")
_UUID_ADVICE: Final = (
    "Add a calculate new_id = once(uuid()) and use ${new_id}: a bare uuid() changes with every edit and doubles the thing."
)
_NAME_ADVICE: Final = "Use letters, digits and _, beginning with a letter, without a period or two leading underscores."


def check_entities(
    workbook: Workbook, survey: Survey, known: frozenset[str], instances: frozenset[str]
) -> Iterator[Finding]:
    """Yield every finding of the entities sheet and of the column ``save_to``."""
    sheet = workbook.sheet("entities")
    for column, written in sheet.columns.items():
        if column.split("::")[0] not in COLUMNS and column != "dataset":
            advice = expressions.did_you_mean(column, COLUMNS)
            yield error("unknown-column", f"The column {written} is not known.", advice, Place("entities", 1, written))
    rows = [row for row in sheet.rows if row.cells]
    for row in rows:
        yield from _check_declaration(survey, row, instances)
        yield from check_references(survey, row, "entities")
        for column in ("entity_id", "create_if", "update_if"):
            if row.get(column):
                root = f"/{survey.root}"
                yield from check_expression(survey, row, "entities", column, root, known, instances)
        yield from _check_uuid(survey, row)
    yield from _duplicate_lists(rows)
    yield from _check_save_to(survey, [_list_name(row) for row in rows])


def _list_name(row: Row) -> str:
    return row.get("list_name") or row.get("dataset")


def _check_declaration(survey: Survey, row: Row, instances: frozenset[str]) -> Iterator[Finding]:
    name, list_cell = _list_name(row), Place("entities", row.number, "list_name")
    entity_id, create_if, update_if = (row.get(column) for column in ("entity_id", "create_if", "update_if"))
    if not name:
        yield error("missing-list-name", "This entity has no list_name.", _NAME_ADVICE, list_cell)
    elif not _is_plain_name(name):
        yield error("bad-list-name", f"{name} cannot name an entity list.", _NAME_ADVICE, list_cell)
    if not row.get("label") and (create_if or not entity_id):
        message, advice = "A new entity needs a label.", "Fill in label, such as ${name}."
        yield error("missing-entity-label", message, advice, Place("entities", row.number, "label"))
    if update_if and not entity_id:
        message, advice = "An update needs an entity_id.", "Fill in the question that chooses the entity, such as ${facility}."
        yield error("missing-entity-id", message, advice, Place("entities", row.number, "entity_id"))
    if entity_id and create_if and not update_if:
        message, advice = "With entity_id and create_if, update_if is needed too.", "Say when an existing entity is updated."
        yield error("missing-update-if", message, advice, Place("entities", row.number, "update_if"))
    if entity_id and name and name not in instances:
        message = f"The form does not carry the list {name}, so it cannot update it."
        advice = f"Add a select_one_from_file {name}.csv question, or a row of type csv-external named {name}."
        yield error("missing-instance", message, advice, list_cell)
    if not any(q.row.get("save_to") for q in survey.questions):
        message, advice = "No question saves to this entity.", "Fill in the column save_to in the survey sheet."
        yield warning("no-save-to", message, advice, list_cell)


def _is_plain_name(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and "." not in name and not name.startswith("__")


def _check_uuid(survey: Survey, row: Row) -> Iterator[Finding]:
    """Follow the entity_id through the calculations it uses; a ``uuid()`` outside ``once()`` is refused."""
    expression = row.get("entity_id")
    if _UUID.search(_ONCE.sub("", expression)):
        message = "The entity id is a bare uuid()."
        yield error("bare-uuid", message, _UUID_ADVICE, Place("entities", row.number, "entity_id"))
    for question in _used_calculations(survey, expression):
        if _UUID.search(_ONCE.sub("", question.row.get("calculation"))) and not question.row.get("trigger"):
            message = f"{question.name} gives the entity id, but is a bare uuid()."
            yield error("bare-uuid", message, _UUID_ADVICE, Place("survey", question.row.number, "calculation"))


def _used_calculations(survey: Survey, expression: str) -> list[Question]:
    by_name = {question.name: question for question in survey.questions if question.row.get("calculation")}
    waiting, found = list(expressions.references(expression)), dict[str, Question]()
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            waiting.extend(expressions.references(by_name[name].row.get("calculation")))
    return list(found.values())


def _duplicate_lists(rows: list[Row]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for row in rows:
        name = _list_name(row)
        if name and name in seen:
            message = f"The list {name} is already declared in row {seen[name]}."
            yield error("duplicate-list", message, "Keep one row per list.", Place("entities", row.number, "list_name"))
        seen.setdefault(name, row.number)


def _check_save_to(survey: Survey, lists: list[str]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], int] = {}
    for question in survey.questions:
        text = question.row.get("save_to")
        if not text:
            continue
        place = Place("survey", question.row.number, "save_to")
        list_name, _, prop = text.rpartition("#")
        yield from _save_to_problems(question, list_name, prop, lists, place)
        key = (list_name, prop)
        if key in seen:
            message = f"{text} is already filled by row {seen[key]}."
            yield error("duplicate-save-to", message, "Each property takes one question.", place)
        seen.setdefault(key, question.row.number)


def _save_to_problems(question: Question, list_name: str, prop: str, lists: list[str], place: Place) -> Iterator[Finding]:
    if not lists:
        message, advice = "save_to needs an entities sheet.", "Add the sheet entities with list_name and label."
        yield error("missing-entities", message, advice, place)
    elif len(lists) > 1 and not list_name:
        advice = f"Write the list before it, such as {lists[0]}#{prop}."
        yield error("ambiguous-save-to", "The form writes several lists.", advice, place)
    elif list_name and list_name not in lists:
        message = f"The entities sheet has no list {list_name}."
        yield error("missing-list", message, expressions.did_you_mean(list_name, lists), place)
    if not _is_plain_name(prop):
        yield error("bad-save-to", f"{prop} cannot name a property.", _NAME_ADVICE, place)
    elif prop.lower() in _RESERVED:
        message = f"{prop} is kept for the entity's own {prop.lower()}."
        yield error("bad-save-to", message, "Choose another property name.", place)
    if question.type.kind == "begin":
        message, advice = "A group cannot be saved to a property.", "Move save_to to a question."
        yield error("bad-save-to", message, advice, place)
