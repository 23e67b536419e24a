"""Checks of the survey sheet: types, names, groups, labels, references and expressions.

Walks the rows once to index them, then looks at each on its own, so that one fault never hides the next.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from forms.findings import Finding, Place, error, warning
from forms.formcheck import expressions
from forms.formcheck.types import FILE_EXTENSIONS, RowType, is_visible, parse_type, type_advice
from forms.formcheck.workbook import Row, Sheet, Workbook

NAME: Final = re.compile(r"[^\W\d][\w.\-]*")
EXPRESSION_COLUMNS: Final = ("relevant", "constraint", "required", "calculation", "choice_filter", "repeat_count")
TEXT_COLUMNS: Final = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
MAX_DEPTH: Final = 50
"""Deepest nesting of groups accepted; pyxform recurses over it, and no phone screen shows more than three."""
_YES_NO: Final = frozenset({"yes", "no", "true", "false", "true()", "false()"})
_NAME_ADVICE: Final = "Use letters, digits, _ and -, beginning with a letter or _, without spaces."


@dataclass(frozen=True, slots=True)
class Question:
    """A row with what its place in the form says of it. ``path`` is absolute, such as ``/data/g_loc/adm1``."""

    row: Row
    type: RowType
    name: str
    path: str
    parent: str


@dataclass(slots=True)
class Survey:
    """The indexed survey sheet, which the checks of the other sheets look into."""

    sheet: Sheet
    root: str
    questions: list[Question] = field(default_factory=list)
    groups: list[Finding] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    has_loop: bool = False

    def row_of_path(self, path: str) -> int | None:
        """Return the row that makes a node, None for nodes pyxform adds by itself."""
        return next((q.row.number for q in self.questions if q.path == path), None)

    def row_of_name(self, name: str) -> int | None:
        """Return the first row with a name."""
        return next((q.row.number for q in self.questions if q.name == name), None)

    def paths(self) -> frozenset[str]:
        """Return every node's path, with the nodes pyxform adds (metadata, repeat counts, "other" texts)."""
        own = {q.path for q in self.questions}
        counts = {f"{q.path}_count" for q in self.questions if q.row.get("repeat_count")}
        others = {f"{q.path}_other" for q in self.questions if q.type.or_other}
        meta = {f"/{self.root}/meta{tail}" for tail in ("", "/instanceID", "/instanceName", "/audit", "/entity")}
        return frozenset({f"/{self.root}", *own, *counts, *others, *meta})

    def added_names(self) -> frozenset[str]:
        """Return names a reference may use although no row bears them, because pyxform adds the nodes."""
        counts = {f"{q.name}_count" for q in self.questions if q.row.get("repeat_count")}
        others = {f"{q.name}_other" for q in self.questions if q.type.or_other}
        return frozenset({"instanceID", "instanceName", *counts, *others})

    def list_rows(self) -> dict[str, list[Question]]:
        """Return choice list or file -> the questions that take their choices from it."""
        used: dict[str, list[Question]] = {}
        for question in self.questions:
            if question.type.kind == "select" and not question.type.from_answers:
                used.setdefault(question.type.list_name, []).append(question)
        return used

    def instances(self, choice_lists: frozenset[str]) -> frozenset[str]:
        """Return the names that ``instance()`` may use."""
        files = {PurePath(name).stem for name in self.list_rows()}
        external = {PurePath(q.name).stem for q in self.questions if q.type.base in ("csv-external", "xml-external")}
        return frozenset({*choice_lists, *files, *external, "__last-saved"})


def index(workbook: Workbook) -> Survey:
    """Index the survey sheet; groups without a partner are reported in ``groups``."""
    sheet = workbook.sheet("survey")
    settings = workbook.sheet("settings")
    root = (settings.rows[0].get("name") if settings.rows else "") or "data"
    survey = Survey(sheet, root)
    stack: list[Question] = []
    for row in sheet.rows:
        row_type = parse_type(row.get("type"))
        if row.get("disabled").lower() in ("yes", "true") or row_type.kind == "setting" or not row.get("type"):
            continue
        if row_type.kind == "end":
            survey.groups.extend(_close(stack, row, row_type))
            continue
        parent = stack[-1].path if stack else f"/{root}"
        name = "audit" if row_type.base == "audit" else row.get("name")
        path = f"/{root}/meta/audit" if name == "audit" and row_type.base == "audit" else f"{parent}/{name}"
        question = Question(row, row_type, name, path, parent)
        survey.questions.append(question)
        survey.names.update([name] if name else [])
        if row_type.kind == "begin":
            stack.append(question)
            if len(stack) == MAX_DEPTH + 1:
                survey.groups.append(_too_deep(question))
            survey.has_loop |= row_type.container == "loop"
    survey.groups.extend(_never_closed(question) for question in stack)
    return survey


def check_survey(survey: Survey, choice_lists: frozenset[str]) -> Iterator[Finding]:
    """Yield every finding of the survey sheet. ``choice_lists`` are the lists the choices sheet defines."""
    if "type" not in survey.sheet.columns:
        message = "The survey sheet has no column type."
        yield error("missing-column", message, "Add the columns type, name and label.", Place("survey", 1))
        return
    yield from survey.groups
    yield from _untyped_rows(survey)
    yield from _name_clashes(survey)
    known, instances = survey.paths(), survey.instances(choice_lists)
    for question in survey.questions:
        yield from _check_type(question, choice_lists)
        yield from _check_name(question)
        yield from _check_texts(survey, question)
        yield from check_references(survey, question.row, "survey")
        yield from _check_expressions(survey, question, known, instances)


def check_references(survey: Survey, row: Row, sheet: str) -> Iterator[Finding]:
    """Yield a finding for each ``${name}`` in a row that is malformed, unknown or ambiguous."""
    for column, text in row.cells.items():
        if "${" not in text:
            continue
        place = Place(sheet, row.number, column)
        if expressions.malformed_reference(text):
            message = "A reference to a question is not written as ${name}."
            yield error("bad-reference", message, "Write ${, the question's name and }.", place)
        for name in dict.fromkeys(expressions.references(text)):
            if not NAME.fullmatch(name) or survey.names[name] == 1 or name in survey.added_names():
                continue
            if survey.names[name] == 0:
                advice = expressions.did_you_mean(name, survey.names)
                message = f"No question is called {name}."
                yield error("missing-question", message, advice, place)
            else:
                message = f"Several questions are called {name}."
                advice = "Give each a name of its own."
                yield error("ambiguous-reference", message, advice, place)


def check_expression(
    survey: Survey, row: Row, sheet: str, column: str, context: str, known: frozenset[str], instances: frozenset[str]
) -> Iterator[Finding]:
    """Yield the faults of one expression cell: syntax, functions, paths and lists that do not exist."""
    text = row.get(column).translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    reported = expressions.malformed_reference(text)
    problems = [p for p in expressions.syntax_problems(text) if not (reported and p.code == "bad-character")]
    if not problems and not survey.has_loop:
        found = expressions.path_problems(text, known, context)
        # In a choice filter a bare name is a column of the list.
        problems += [p for p in found if not (column == "choice_filter" and p.code == "bare-name")]
    for name in expressions.instances(text):
        if name not in instances:
            message = f"The form has no list called {name}."
            advice = f"Add a select_one_from_file {name}.csv question, or a row of type csv-external named {name}."
            problems.append(expressions.Problem("missing-instance", message, advice))
    for problem in problems:
        yield error(problem.code, problem.message, problem.advice, Place(sheet, row.number, column))


def _close(stack: list[Question], row: Row, row_type: RowType) -> Iterator[Finding]:
    if not stack:
        message = f"This {row_type.base} closes nothing."
        advice = "Remove the row, or add the begin row it belongs to."
        yield error("unbalanced-group", message, advice, Place("survey", row.number, "type"))
        return
    opened = stack.pop()
    if opened.type.container != row_type.container:
        message = f"This {row_type.base} closes {opened.type.base} {opened.name} of row {opened.row.number}."
        advice = f"Close it with end_{opened.type.container}, or close the inner one first."
        yield error("unbalanced-group", message, advice, Place("survey", row.number, "type"))


def _never_closed(question: Question) -> Finding:
    message = f"{question.type.base} {question.name} is never closed."
    advice = f"Add a row end_{question.type.container} behind its last question."
    return error("unbalanced-group", message, advice, Place("survey", question.row.number, "type"))


def _too_deep(question: Question) -> Finding:
    message = f"Groups are nested more than {MAX_DEPTH} deep."
    return error("too-deep", message, "Use fewer groups.", Place("survey", question.row.number, "type"))


def _untyped_rows(survey: Survey) -> Iterator[Finding]:
    for row in survey.sheet.rows:
        named = row.get("name") or any(survey.sheet.texts(row, "label").values())
        if named and not row.get("type"):
            advice = "Give it a type, or empty the row."
            message = "This question has no type."
            yield error("missing-type", message, advice, Place("survey", row.number, "type"))


def _name_clashes(survey: Survey) -> Iterator[Finding]:
    exact: dict[tuple[str, str], int] = {}
    folded: dict[tuple[str, str], int] = {}
    for question in survey.questions:
        if not question.name:
            continue
        key, number = (question.parent, question.name), question.row.number
        low = (question.parent, question.name.casefold())
        place = Place("survey", number, "name")
        if key in exact:
            message = f"The name {question.name} is already used in row {exact[key]}."
            yield error("duplicate-name", message, "Give each question a name of its own.", place)
        elif low in folded:
            message = f"The name {question.name} differs from row {folded[low]} only in capitals."
            yield warning("similar-name", message, "Some programs cannot tell them apart; rename one.", place)
        exact.setdefault(key, number)
        folded.setdefault(low, number)


def _check_type(question: Question, choice_lists: frozenset[str]) -> Iterator[Finding]:
    row_type, number = question.type, question.row.number
    place = Place("survey", number, "type")
    if row_type.kind == "unknown":
        text = question.row.get("type")
        yield error("unknown-type", f"{text} is no type of question.", type_advice(text), place)
    elif row_type.kind == "select" and row_type.container == "file" and not row_type.from_file:
        advice = f"Write the file's full name, such as {row_type.list_name}.csv ({', '.join(FILE_EXTENSIONS)})."
        yield error("missing-extension", f"{row_type.list_name} is no file name.", advice, place)
    elif row_type.kind == "select" and row_type.base != "select one external" and not row_type.from_file:
        if row_type.list_name not in choice_lists and not row_type.from_answers:
            message = f"The choices sheet has no list {row_type.list_name}."
            advice = expressions.did_you_mean(row_type.list_name, choice_lists)
            yield error("missing-list", message, advice, place)
    elif row_type.base == "calculate" and not (question.row.get("calculation") or question.row.get("default")):
        advice = "Write the expression into the column calculation."
        message = "This calculate has no calculation."
        yield error("missing-calculation", message, advice, Place("survey", number, "calculation"))


def _check_name(question: Question) -> Iterator[Finding]:
    place = Place("survey", question.row.number, "name")
    if not question.name and question.type.base != "note":
        yield error("missing-name", "This row has no name.", _NAME_ADVICE, place)
    elif question.name and not NAME.fullmatch(question.name):
        yield error("bad-name", f"{question.name} cannot be a name.", _NAME_ADVICE, place)
    elif question.name == "meta":
        advice = "Choose another name."
        yield error("bad-name", "The name meta is kept for the form's metadata.", advice, place)


def _check_texts(survey: Survey, question: Question) -> Iterator[Finding]:
    row, sheet = question.row, survey.sheet
    computed = row.get("calculation") or row.get("trigger")
    shown = any(row.cells.get(column) for column in row.cells if column.split("::")[0] in ("label", "hint", "media"))
    media = any(column.split("::")[0] in ("image", "audio", "video", "media") for column in row.cells)
    if is_visible(question.type) and not (shown or media or computed):
        message = "This question has no label."
        advice = "Write what the phone shall show."
        yield error("missing-label", message, advice, Place("survey", row.number, "label"))
        return
    yield from missing_translations(sheet, row, TEXT_COLUMNS)


def missing_translations(sheet: Sheet, row: Row, columns: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a warning for each text given in one language and missing in another that has a column."""
    for column in columns:
        texts = sheet.texts(row, column)
        if not any(texts.values()):
            continue
        for language in (language for language, text in texts.items() if not text):
            where = f"{column}::{language}" if language else column
            message = f"The {column.replace('_', ' ')} is not translated into {language or 'the default language'}."
            advice = "Translate it; otherwise phones in that language show an empty line."
            place = Place(sheet.name, row.number, where)
            yield warning("missing-translation", message, advice, place)


def _check_expressions(
    survey: Survey, question: Question, known: frozenset[str], instances: frozenset[str]
) -> Iterator[Finding]:
    for column in EXPRESSION_COLUMNS:
        text = question.row.get(column)
        if text and not (column == "required" and text.lower() in _YES_NO):
            yield from check_expression(survey, question.row, "survey", column, question.path, known, instances)
