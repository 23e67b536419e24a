"""Findings of a form as a refusal, and what nobody will read of it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from forms.findings import Finding
from server.models import FormVersion
from server.problems import Problem
from server.services.definitions import definition_by_version_id
from sync.registers import load_registers
from sync.registers.reading import unread


def refusal(findings: Iterable[Finding]) -> Problem:
    """The Problem that carries findings: details hold `count` and `findings` (dicts with sheet, row, column, advice).

    entity_form_invalid (400.25) when nothing is wrong but what the form says of entities, else form_refused (400.15).
    """
    found = list(findings)
    errors = [each for each in found if each.level == "error"]
    told = {"count": len(errors), "findings": [each.as_dict() for each in found]}
    if errors and all(each.code.startswith("entities-") for each in errors):
        return Problem("entity_form_invalid", reason=errors[0].message, **told)
    return Problem("form_refused", **told)


def unread_questions(session: Session, version: FormVersion) -> list[str]:
    """The questions of a form version whose answers go no farther than the report and its exports, in form order.

    No fault of the form, so it is told beside the findings: whoever adds a question sees that no register takes it up.
    """
    definition = definition_by_version_id(session, version.id)
    return unread(definition, load_registers()) if definition is not None else []
