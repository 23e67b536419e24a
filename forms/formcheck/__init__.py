"""Checks a spreadsheet form before it is converted, and finds every fault in one go.

pyxform stops at its first error and ODK Validate lets unknown functions and paths pass; an officer who mends a
form wants the whole list with sheet, row, column and what to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from forms.findings import Finding, Place, error
from forms.formcheck.entities import check_entities
from forms.formcheck.lists import check_choices, check_columns, check_settings, choice_lists
from forms.formcheck.survey import Survey, check_references, check_survey, index
from forms.formcheck.workbook import Workbook

MAX_PER_CODE: Final = 100


def check_workbook(workbook: Workbook, fallback_form_id: str | None = None) -> tuple[Finding, ...]:
    """Return every finding of all sheets in the order of sheets and rows; empty when there is nothing to say."""
    survey = index(workbook)
    if not survey.sheet.columns:
        message, advice = "The file has no sheet called survey.", "Name the sheet that holds the questions survey."
        return (error("missing-sheet", message, advice, Place("survey")),)
    lists = choice_lists(workbook)
    known, instances = survey.paths(), survey.instances(lists)
    found = [
        *check_columns(workbook),
        *check_survey(survey, lists),
        *check_choices(workbook, survey),
        *check_entities(workbook, survey, known, instances),
        *check_settings(workbook, fallback_form_id),
        *_references(workbook, survey),
    ]
    return tuple(_capped(sorted(dict.fromkeys(found), key=_order)))


def _references(workbook: Workbook, survey: Survey) -> Iterator[Finding]:
    for name in ("choices", "settings"):
        for row in workbook.sheet(name).rows:
            yield from check_references(survey, row, name)


def _capped(found: list[Finding]) -> Iterator[Finding]:
    """Let each kind of finding through a hundred times, then say how many more there are: nobody reads 50,000."""
    counts: Counter[str] = Counter()
    for finding in found:
        counts[finding.code] += 1
        if counts[finding.code] <= MAX_PER_CODE:
            yield finding
    for code, count in counts.items():
        if count > MAX_PER_CODE:
            last = next(finding for finding in reversed(found) if finding.code == code)
            message = f"The same was found {count - MAX_PER_CODE} times more."
            yield replace(last, row=None, message=message)


def _order(finding: Finding) -> tuple[int, int]:
    sheets = ("survey", "choices", "entities", "settings")
    return sheets.index(finding.sheet) if finding.sheet in sheets else len(sheets), finding.row or 0


__all__ = ["Survey", "check_workbook", "index"]
