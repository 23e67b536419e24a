"""Findings of a form as a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from forms.findings import Finding
from server.problems import Problem


def refusal(findings: Iterable[Finding]) -> Problem:
    """The Problem that carries findings: details hold `count` and `findings` (dicts with sheet, row, column, advice)."""
    found = list(findings)
    return Problem(
        "form_refused", count=sum(each.level == "error" for each in found), findings=[each.as_dict() for each in found]
    )
