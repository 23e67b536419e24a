"""Which questions of a form anything reads: register files, and what is read of every report. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from forms.fields import FormDefinition
from sync.registers.schema import Register

# Read of every report, whatever its form: who, when, where, what it is about, how urgent, how it may be handled.
OF_EVERY_REPORT = frozenset({
    "reporting_unit", "reporter_role", "report_date", "adm1", "adm2", "adm3", "settlement", "settlement_new", "gps", "mgrs",
    "geometry", "urgent", "urgent_text", "un_class", "sensitivity", "release_to", "year", "month", "nil_return",
})
# Marks of a word in a register file that is no question: @answer, =text.
_WORDS = ("@", "=")
_PATH = re.compile(r"[\w.-]*(?:/[\w.-]+)+")


def questions_of(form_id: str, register: Register) -> Iterator[tuple[str | None, set[str]]]:
    """The questions of a form by the property that they fill; those that decide which rows there are by None."""
    for prop in register.properties.values():
        yield prop.name, _names(*prop.questions.get(form_id, ()), prop.source_questions.get(form_id, ""))
    for rule in register.rows:
        if rule.form == form_id:
            yield None, _names(rule.repeat or "", rule.split or "", rule.id or "", *rule.each, *rule.when, *rule.key)


def _names(*told: str) -> set[str]:
    """The questions that a register file names; `a|b` is two of them, and some words are no question."""
    names = {name for each in told for name in each.split("|")}
    return {name for name in names if name and not name.startswith(_WORDS)}


def questions_read(form_id: str, registers: Mapping[str, Register]) -> set[str]:
    """The questions of a form that a register file names."""
    found: set[str] = set()
    for register in registers.values():
        found |= _names(register.observed.get(form_id, ""), register.source.get(form_id, ""))
        found = found.union(*(names for _property, names in questions_of(form_id, register)))
    return found


def unread(definition: FormDefinition, registers: Mapping[str, Register]) -> list[str]:
    """The questions whose answers go no farther than the report and its exports, in form order.

    Read are: what a register file names, what an `entities` sheet saves, what decides about other questions (a choice of list,
    a relevance, a calculation), files (pages show them with the report), and what is read of every report.
    """
    known = questions_read(definition.form_id, registers) | OF_EVERY_REPORT
    saved = {path for block in definition.entity_blocks for path, _property in block.save_to}
    texts = [text for field in definition.fields for text in (field.relevant, field.calculate, field.trigger_calculate) if text]
    texts += [field.itemset.nodeset for field in definition.fields if field.itemset is not None]
    used = {path.rpartition("/")[2] for text in texts for path in _PATH.findall(text)}
    return [
        field.name for field in definition.fields
        if field.control not in (None, "upload", "trigger") and not field.is_structure and field.readonly is None
        and not field.binary and field.name not in known and field.name not in used and field.path not in saved
    ]
