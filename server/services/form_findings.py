"""Findings of a form as a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from forms.findings import Finding
from server.problems import Problem


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
