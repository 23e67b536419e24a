"""Turns a form file into an XForm: reads it, checks it, lets pyxform convert it, checks the result.

Loads pyxform and the spreadsheet readers (some 40 MB); a web process reaches it through ``forms.xlsform`` only.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from pyxform.errors import PyXFormError
from pyxform.xls2xform import convert as pyxform_convert

from forms.definition import FormXmlError, parse
from forms.findings import Converted, Finding, FormRefused, Place, error, warning
from forms.formcheck import Survey, check_workbook, index
from forms.formcheck.validator import odk_validate
from forms.formcheck.workbook import file_kind, read_workbook
from forms.formcheck.xform import read_xform
from forms.formcheck.xform_entities import FATAL as ENTITY_FAULTS

_ROW = re.compile(r"\[row : (\d+)\]")
_SHEET = re.compile(r"On the '(\w+)' sheet")
_COLUMN = re.compile(r"the '([^']+)' value")
_QUOTED = re.compile(r"'([^']+)'")
MAX_FIELDS: Final = 10_000
"""Most nodes of a form's answers; the longest real forms have some thousands."""

# Nothing can be published without an id, under one that is too long for devices, or when entities could not be made.
_FATAL: Final = frozenset({"missing-form-id", "bad-form-id", "unsafe-file-name"}) | ENTITY_FAULTS
_Judge = Callable[[tuple[Finding, ...]], tuple[Finding, ...]]
_ADVICE: Final = "Correct this place in the form and upload it again."

logging.getLogger("pyxform").setLevel(logging.ERROR)


def convert_here(
    data: bytes, filename: str, fallback_form_id: str | None, validate: bool, before_java: Callable[[], None] = lambda: None,
    lenient: bool = False,
) -> Converted:
    """Convert in this process; see ``forms.xlsform.convert`` for arguments, result and errors.

    ``before_java`` is called between conversion and ODK Validate: a child lifts there what would stop a JVM.
    """
    judge = _softened if lenient else _as_found
    kind = file_kind(data, filename)
    if kind == "xml":
        return _validated(_finish(data, (), None, judge), None, validate, before_java, judge)
    workbook = read_workbook(data, kind)
    survey = index(workbook)
    found = check_workbook(workbook, fallback_form_id)
    if fallback_form_id:
        workbook.definition["fallback_form_name"] = fallback_form_id
    xml, more = _pyxform(workbook.definition, survey)
    found = _merged(found, more)
    if xml is None:
        raise FormRefused(found)
    found = judge(found)
    if _errors(found):
        raise FormRefused(found)
    return _validated(_finish(xml, found, survey, judge), survey, validate, before_java, judge)


def _as_found(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return found


def _softened(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Make errors warnings, all but those without which there is no form to publish."""
    return tuple(
        replace(each, level="warning") if each.level == "error" and each.code not in _FATAL else each for each in found
    )


def _finish(xml: bytes, found: tuple[Finding, ...], survey: Survey | None, judge: _Judge) -> Converted:
    identity, of_xml = read_xform(xml)
    found = _merged(found, judge(tuple(_located(finding, survey) for finding in of_xml)))
    found = _merged(found, _unusable(xml))
    if _errors(found):
        raise FormRefused(found)
    return Converted(xml, identity.form_id, identity.version, identity.title, found)


def _unusable(xml: bytes) -> Iterator[Finding]:
    """Read the form as the server will, so that it never meets one that it cannot read, or not in good time."""
    try:
        count = len(parse(xml).fields)
    except FormXmlError as problem:
        yield error("not-an-xform", str(problem), "Upload an XForm or an XLSForm.")
        return
    if count > MAX_FIELDS:
        message = f"The form has {count} questions and groups; {MAX_FIELDS} is the most."
        yield error("too-many-questions", message, "Split it into several forms.")


def _validated(
    form: Converted, survey: Survey | None, validate: bool, before_java: Callable[[], None], judge: _Judge
) -> Converted:
    if not validate:
        return form
    before_java()
    found = _merged(form.findings, judge(tuple(_located(finding, survey) for finding in odk_validate(form.xml))))
    if _errors(found):
        raise FormRefused(found)
    return replace(form, findings=found)


def _pyxform(definition: dict[str, Any], survey: Survey) -> tuple[bytes | None, list[Finding]]:
    warnings: list[str] = []
    try:
        result = pyxform_convert(xlsform=definition, warnings=warnings, validate=False, pretty_print=False)
    except MemoryError:
        raise
    except PyXFormError as problem:
        return None, [*_warnings(warnings), *_pyxform_errors(problem, survey)]
    # pyxform answers some odd forms with a KeyError or an AttributeError; to the officer that is one more finding.
    except Exception as problem:
        message = f"The form cannot be converted: {type(problem).__name__}: {problem}"
        return None, [*_warnings(warnings), error("pyxform-failed", message, _ADVICE)]
    return result.xform.encode("utf-8"), list(_warnings(warnings))


def _warnings(texts: Iterable[str]) -> Iterator[Finding]:
    for text in dict.fromkeys(texts):
        yield warning("pyxform", _plain(text), "Look at this place in the form.", _place(text))


def _pyxform_errors(problem: PyXFormError, survey: Survey) -> Iterator[Finding]:
    for text in re.split(r"\n(?=\[row : )", str(problem)):
        place = _place(text)
        context = problem.context or {}
        if context:
            place = Place(context.get("sheet"), context.get("row"), context.get("column"))
        elif place.row is None:
            place = _guessed_place(text, problem, survey)
        yield error("pyxform", _plain(text), _ADVICE, place)


def _place(text: str) -> Place:
    row, sheet, column = _ROW.search(text), _SHEET.search(text), _COLUMN.search(text)
    number = int(row.group(1)) if row else None
    named = sheet.group(1) if sheet else ("survey" if row else None)
    return Place(named, number, column.group(1) if column else None)


def _guessed_place(text: str, problem: PyXFormError, survey: Survey) -> Place:
    """Find the row of an error that does not give it: by a quoted name or type, else by the row being read."""
    if "instanceID" in text:
        return Place("settings", 2, "omit_instanceid")
    for word in _QUOTED.findall(text):
        row = survey.row_of_name(word) or next((q.row.number for q in survey.questions if q.row.get("type") == word), None)
        if row is not None:
            return Place("survey", row)
    return Place("survey", row) if (row := _row_being_read(problem)) else Place()


def _row_being_read(problem: PyXFormError) -> int | None:
    """Take the row from pyxform's loop over the survey sheet, which knows it where its message does not."""
    for frame, _ in traceback.walk_tb(problem.__traceback__):
        if frame.f_code.co_name == "workbook_to_json":
            row = frame.f_locals.get("row_number")
            return row if isinstance(row, int) else None
    return None


def _plain(text: str) -> str:
    return " ".join(_ROW.sub("", text).split())


def _located(finding: Finding, survey: Survey | None) -> Finding:
    """Turn a node's path, which checks of the XML give as the column, into the row of the survey sheet."""
    if survey is None or finding.sheet is not None or not finding.column:
        return finding
    row = survey.row_of_path(finding.column.split("[")[0])
    place = Place("survey", row) if row else Place(None, None, finding.column)
    build = error if finding.level == "error" else warning
    return build(finding.code, finding.message, finding.advice, place)


def _errors(found: Iterable[Finding]) -> bool:
    return any(finding.level == "error" for finding in found)


def _merged(found: tuple[Finding, ...], more: Iterable[Finding]) -> tuple[Finding, ...]:
    """Add findings of a later stage unless an earlier one already speaks of that row, or of the form as a whole."""
    rows = {(f.sheet, f.row) for f in found if f.row is not None}
    faulty_rows = {(f.sheet, f.row) for f in found if f.row is not None and f.level == "error"}
    exact = {(f.code, f.sheet, f.row, f.column) for f in found}
    had_errors = _errors(found)
    kept = list(found)
    for finding in more:
        spoken_of = faulty_rows if finding.level == "error" else rows
        said = (finding.sheet, finding.row) in spoken_of or (finding.code, finding.sheet, finding.row, finding.column) in exact
        echo = finding.level == "error" and finding.row is None and had_errors
        if not said and not echo:
            kept.append(finding)
    return tuple(kept)
