"""Checks of the choices and settings sheets: what a select offers, and what the form is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from forms.findings import Finding, Place, error, warning
from forms.formcheck import expressions
from forms.formcheck.survey import TEXT_COLUMNS, Survey, missing_translations
from forms.formcheck.workbook import Row, Sheet, Workbook

MAX_FORM_ID: Final = 249
_LIST_ADVICE: Final = "Fill in list_name, name and label."
_YES: Final = frozenset({"yes", "true", "true()"})
# Columns pyxform itself reads; any other column of the choices sheet is data for choice filters.
_CHOICE_COLUMNS: Final = frozenset({"list_name", "name", "label"})
_SHEET_OF_COLUMNS: Final = {
    "survey": (
        *("type", "name", *TEXT_COLUMNS, "required", "relevant", "constraint", "calculation", "trigger", "default"),
        *("choice_filter", "appearance", "parameters", "save_to", "repeat_count", "read_only", "image", "audio"),
        *("video", "big-image", "media", "bind", "body", "instance", "disabled", "note", "autoplay", "rows", "intent"),
        *("no_app_error_string", "noapperrorstring", "compact_tag", "query", "control"),
    ),
    "settings": (
        *("form_title", "form_id", "version", "default_language", "instance_name", "style", "name", "public_key"),
        *("submission_url", "auto_send", "auto_delete", "allow_choice_duplicates", "namespaces", "attribute"),
        *("clean_text_values", "omit_instanceid", "prefix", "delimiter", "client_editable", "sms_keyword"),
    ),
}


def choice_lists(workbook: Workbook) -> frozenset[str]:
    """Return the names of the lists the choices sheet defines."""
    return frozenset(row.get("list_name") for row in workbook.sheet("choices").rows if row.get("list_name"))


def check_choices(workbook: Workbook, survey: Survey) -> Iterator[Finding]:
    """Yield every finding of the choices sheet and of the choice filters that look into it."""
    sheet = workbook.sheet("choices")
    used = survey.list_rows()
    duplicates_allowed = setting(workbook, "allow_choice_duplicates").lower() in _YES
    multiple = {name for name, questions in used.items() if any(q.type.multiple for q in questions)}
    seen: dict[tuple[str, str], int] = {}
    for row in sheet.rows:
        if not row.cells:
            continue
        yield from _check_choice(sheet, row, multiple)
        key = (row.get("list_name"), row.get("name"))
        if all(key) and key in seen and not duplicates_allowed:
            message = f"The list {key[0]} already has the choice {key[1]} in row {seen[key]}."
            advice = "Rename or remove one of them."
            yield error("duplicate-choice", message, advice, Place("choices", row.number, "name"))
        seen.setdefault(key, row.number)
    yield from _unused_lists(sheet, survey)
    yield from _filter_columns(sheet, survey)


def check_settings(workbook: Workbook, fallback_form_id: str | None) -> Iterator[Finding]:
    """Yield the findings of the settings sheet. A missing form_id is forgiven where a fallback is given."""
    form_id, version = setting(workbook, "form_id"), setting(workbook, "version")
    row = 2 if workbook.sheet("settings").rows else None
    if not form_id and not fallback_form_id:
        message = "The settings sheet gives no form_id."
        advice = "Add a settings sheet with the columns form_title, form_id and version."
        yield error("missing-form-id", message, advice, Place("settings", row, "form_id"))
    if len(form_id) > MAX_FORM_ID:
        message = f"The form_id has more than {MAX_FORM_ID} characters."
        yield error("bad-form-id", message, "Shorten it.", Place("settings", row, "form_id"))
    if not version:
        message = "The form has no version."
        advice = "Write a number that rises with each change, such as the date and a counter: 2026112201."
        yield warning("missing-version", message, advice, Place("settings", row, "version"))
    if not setting(workbook, "form_title"):
        message = "The form has no title; phones will show its form_id."
        yield warning("missing-title", message, "Fill in form_title.", Place("settings", row, "form_title"))
    yield from _default_language(workbook, row)


def check_columns(workbook: Workbook) -> Iterator[Finding]:
    """Yield a warning for each unknown column that looks like a misspelt one, for pyxform ignores it in silence."""
    for name, known in _SHEET_OF_COLUMNS.items():
        sheet = workbook.sheet(name)
        for column, written in sheet.columns.items():
            base = column.split("::")[0]
            if base in known or ":" in base:
                continue
            advice = expressions.did_you_mean(base, known)
            if advice.startswith("Did"):
                message = f"The column {written} is not known and is ignored."
                yield warning("unknown-column", message, advice, Place(name, 1, written))


def setting(workbook: Workbook, column: str) -> str:
    """Return a value of the settings sheet, "" when it is not given."""
    rows = workbook.sheet("settings").rows
    return rows[0].get(column) if rows else ""


def _check_choice(sheet: Sheet, row: Row, multiple: set[str]) -> Iterator[Finding]:
    list_name, name = row.get("list_name"), row.get("name")
    name_cell = Place("choices", row.number, "name")
    if not list_name:
        place = Place("choices", row.number, "list_name")
        yield error("missing-list-name", "This choice belongs to no list.", _LIST_ADVICE, place)
    if not name:
        yield error("missing-choice-name", "This choice has no name.", _LIST_ADVICE, name_cell)
    if " " in name and list_name in multiple:
        message = f"The choice {name} has a space, but several of the list {list_name} can be ticked."
        advice = "Answers are separated by spaces; write _ instead."
        yield error("space-in-choice", message, advice, name_cell)
    media = any(column.split("::")[0] in ("image", "audio", "video", "media") for column in row.cells)
    if not any(sheet.texts(row, "label").values()) and not media:
        message = f"The choice {name} has no label."
        yield error("missing-label", message, "Write what the phone shall show.", Place("choices", row.number, "label"))
    yield from missing_translations(sheet, row, ("label",))


def _unused_lists(sheet: Sheet, survey: Survey) -> Iterator[Finding]:
    used = set(survey.list_rows())
    mentioned = {name for q in survey.questions for text in q.row.cells.values() for name in expressions.instances(text)}
    loops = {q.type.list_name for q in survey.questions if q.type.kind == "begin"}
    ticks = " ".join(q.row.get("parameters") for q in survey.questions)
    seen: set[str] = set()
    for row in sheet.rows:
        name = row.get("list_name")
        if name and name not in seen and name not in used | mentioned | loops and name not in ticks:
            message = f"No question uses the list {name}."
            advice = "Remove the list, or correct the type of the question that should use it."
            yield warning("unused-list", message, advice, Place("choices", row.number, "list_name"))
        seen.add(name)


def _filter_columns(sheet: Sheet, survey: Survey) -> Iterator[Finding]:
    """A filter on a column the choices lack hides every choice on the phone, and no validator says so."""
    columns = {column.split("::")[0] for column in sheet.columns} | _CHOICE_COLUMNS
    for question in survey.questions:
        text = question.row.get("choice_filter")
        inline = question.type.kind == "select" and not (question.type.from_file or question.type.from_answers)
        if not text or not inline or question.type.base == "select one external":
            continue
        for name in dict.fromkeys(expressions.bare_names(text)):
            if name not in columns:
                message = f"The choices sheet has no column {name}, so this filter leaves no choice."
                advice = expressions.did_you_mean(name, columns - {"label"})
                yield error("missing-filter-column", message, advice, Place("survey", question.row.number, "choice_filter"))


def _default_language(workbook: Workbook, row: int | None) -> Iterator[Finding]:
    language = setting(workbook, "default_language")
    sheet = workbook.sheet("survey")
    languages = [name for name in sheet.languages("label") if name]
    if language and languages and language not in languages:
        message = f"No label is in the default language {language}."
        advice = f"Write it as in the headers: {', '.join(languages)}."
        yield error("bad-default-language", message, advice, Place("settings", row, "default_language"))
