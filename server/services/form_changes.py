"""What a new version of a form touches beyond the form: merged fields of registers, returns, columns of exports.

Reads only. What differs in the form itself is `forms.difference`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from forms.difference import Difference, compare
from forms.fields import FormDefinition
from server.models import Form, FormVersion, ReturnPlan
from server.problems import Problem
from server.queries import forms as queries
from server.queries import mission as mission_queries
from server.services import registers
from server.services.definitions import definition_of
from server.services.export_csv import CsvForm, Shape
from sync.registers import Register
from sync.registers.reading import questions_of

# Questions by which a return is placed on the board: whose it is, which month it speaks of, whether there was nothing
# (rules of data C.7; services.reading reads them).
PLACING = frozenset({"reporting_unit", "report_date", "year", "month", "period", "nil_return"})
Effect = Literal["gained", "lost", "changed"]


@dataclass(frozen=True, slots=True)
class Field:
    """A merged field: a property of a register, or which rows it gets (property None). `questions` are those behind it
    that changed, came or went."""

    register: str
    property: str | None
    effect: Effect
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """A return plan on this form; `questions` that place it on the board and changed, empty when it counts as before."""

    plan: ReturnPlan
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of one table of the CSV export: `gone` stay in exports with the questions of older versions only; the values
    of `changed` mean something else from now on."""

    table: str
    came: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """What a difference touches."""

    difference: Difference
    fields: tuple[Field, ...]
    returns: tuple[Return, ...]
    columns: tuple[Columns, ...]


def version_of(session: Session, form: Form, version_id: int | None) -> FormVersion:
    """That version of this form, published or the present draft. Raises Problem not_found for any other number."""
    found = queries.version_by_id(session, version_id)
    if found is None or found.form_id != form.id or (found.published_at is None and found.id != form.draft_version_id):
        raise Problem("not_found")
    return found


def impact(session: Session, form: Form, old: FormVersion, new: FormVersion) -> Impact:
    """What publishing `new` in place of `old` changes."""
    before, after = definition_of(old), definition_of(new)
    difference = compare(before, after)
    plans = [plan for plan in mission_queries.return_plans(session) if plan.xml_form_id == form.xml_form_id]
    placing = tuple(sorted(PLACING & difference.meaningful))
    return Impact(
        difference,
        tuple(_fields(form.xml_form_id, registers.definitions(), before, after, difference)),
        tuple(Return(plan, placing) for plan in plans),
        tuple(_columns(form.xml_form_id, before, after, difference)),
    )


def _fields(
    form_id: str, known: Mapping[str, Register], before: FormDefinition, after: FormDefinition, difference: Difference
) -> Iterator[Field]:
    was, now = sources(form_id, known, before), sources(form_id, known, after)
    for key in sorted(was.keys() | now.keys(), key=lambda each: (each[0], each[1] is None, each[1] or "")):
        old, new = was.get(key, frozenset()), now.get(key, frozenset())
        touched = tuple(sorted((old ^ new) | ((old | new) & difference.meaningful)))
        if touched:
            effect: Effect = "gained" if not old else "lost" if not new else "changed"
            yield Field(key[0], key[1], effect, touched)


def sources(
    form_id: str, known: Mapping[str, Register], definition: FormDefinition
) -> dict[tuple[str, str | None], frozenset[str]]:
    """(register, property) -> names of the form's questions that fill it, by an `entities` sheet or by register files.

    Property None: what decides which rows there are. Properties that nothing in this form fills are left out.
    """
    found: dict[tuple[str, str | None], set[str]] = {}
    for block in definition.entity_blocks:
        for path, name in block.save_to:
            found.setdefault((block.dataset, name), set()).add(path.rpartition("/")[2])
        found.setdefault((block.dataset, None), set()).add("entity")
    for register in known.values():
        for filled, questions in questions_of(form_id, register):
            found.setdefault((register.name, filled), set()).update(each for each in questions if each in definition.by_name)
    return {key: frozenset(questions) for key, questions in found.items() if questions}


def _columns(form_id: str, before: FormDefinition, after: FormDefinition, difference: Difference) -> Iterator[Columns]:
    was, now = _tables(form_id, before), _tables(form_id, after)
    paths = {each.path for each in difference.changes if each.of_meaning and each.kind == "changed"}
    for table in dict.fromkeys([*now, *was]):
        old, new = was.get(table, {}), now.get(table, {})
        came = tuple(name for name in new if name not in old)
        gone = tuple(name for name in old if name not in new)
        changed = tuple(name for name, path in new.items() if name in old and path in paths)
        if came or gone or changed:
            yield Columns(table, came, gone, changed)


def _tables(form_id: str, definition: FormDefinition) -> dict[str, dict[str, str]]:
    """Per table of the export: column -> path of the question."""
    form = CsvForm(form_id, definition, Shape())
    found: dict[str, dict[str, str]] = {}
    for table in form.tables:
        leaves = (table.inners[-1].table if table.inners else form.root).leaves
        found[table.name] = {name: leaves[column.leaf][1].path for column in table.columns for name in column.names}
    return found
