"""A report as an officer reads it: answers by group with labels, code labels and findings beside the question.

Pure reading: nothing here changes anything, and nothing here knows pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from forms.fields import Field, FormDefinition, fill_outputs, outputs, text_in
from forms.submission import ParsedSubmission, first_value, walk
from forms.values import Point, read_point
from server.models import Attachment, DecryptedFile, SubmissionSummary
from server.queries import lookups
from server.services.documents import definition_for, parsed
from server.services.report_versions import Version

# Preloads that name a device or its user; rule C.1 keeps them from all but administrators and HQ.
IDENTIFYING = frozenset({"deviceid", "username", "subscriberid", "simserial", "phonenumber", "email"})
TIMES = frozenset({"start", "end", "today"})


@dataclass(frozen=True)
class Answer:
    """One answered question. kind: text | date | dateTime | point | file | number | code; codes are labelled in `text`."""

    name: str
    path: str
    label: str
    text: str
    raw: str
    kind: str
    findings: tuple[str, ...] = ()
    file: Attachment | DecryptedFile | None = None
    point: Point | None = None


@dataclass
class Section:
    """A group or one repeat instance: its title, depth (0 is outermost), answers, and labels of what was left empty."""

    title: str
    depth: int
    answers: list[Answer] = field(default_factory=list)
    blanks: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.answers and not self.blanks


@dataclass(frozen=True)
class Reading:
    """A version of a report made readable. computed: values the form worked out; technical: times and device."""

    sections: tuple[Section, ...]
    computed: tuple[Answer, ...]
    technical: tuple[Answer, ...]
    loose_findings: tuple[str, ...]
    purged: bool = False
    encrypted: bool = False
    unknown_form: bool = False


def read(session: Session, version: Version, summary: SubmissionSummary | None, language: str, *, show_device: bool) -> Reading:
    """The version's answers in the language. Findings come from the summary when it speaks of this version."""
    document = parsed(version.row)
    definition = definition_for(session, version.row)
    if document is None or definition is None or document.encrypted:
        return Reading((), (), (), (), document is None, bool(document and document.encrypted), definition is None)
    reader = _Reader(session, document, definition, version.readable_files, language)
    findings = _findings(summary, language) if summary and summary.current_fact_id == version.row.fact_id else {}
    return reader.read(findings, show_device)


def _findings(summary: SubmissionSummary, language: str) -> dict[tuple[str, tuple[int, ...]], list[str]]:
    found: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for each in summary.findings:
        message = each.get("message")
        text = text_in(message, language, "en") if isinstance(message, Mapping) else str(message or each.get("code", ""))
        found[str(each.get("path", "")), tuple(each.get("indices") or ())].append(text or str(each.get("code", "")))
    return found


class _Reader:
    """Walks one document once to learn which names are needed, and once to write the sections."""

    def __init__(
        self,
        session: Session,
        document: ParsedSubmission,
        definition: FormDefinition,
        files: Mapping[str, Attachment | DecryptedFile],
        language: str,
    ) -> None:
        self.document, self.definition, self.files, self.language = document, definition, files, language
        self.steps = list(walk(document, definition))
        self.names = self._look_up(session)

    def _look_up(self, session: Session) -> dict[str, dict[str, str]]:
        wanted: dict[str, set[str]] = defaultdict(set)
        for each, _indices, text in self.steps:
            source = self._list_file(each)
            if text and source:
                wanted[source] |= set(text.split()) if each.select_multiple else {text}
        found: dict[str, dict[str, str]] = {}
        for source, values in wanted.items():
            if source.startswith("adm"):
                found[source] = lookups.area_names(session, values)
            elif source == "units":
                found[source] = lookups.unit_names(session, values)
            else:
                found[source] = lookups.entity_labels(session, values)
        return found

    def _list_file(self, each: Field) -> str:
        """Name of the list file a select takes its choices from, without ".csv"; "" for choices in the form."""
        if each.itemset is None or each.itemset.instance is None:
            return ""
        instance = self.definition.instances.get(each.itemset.instance)
        return instance.filename.removesuffix(".csv") if instance and instance.filename else ""

    def read(self, findings: dict[tuple[str, tuple[int, ...]], list[str]], show_device: bool) -> Reading:
        sections = [Section("", 0)]
        places = {"": sections[0]}
        computed: list[Answer] = []
        technical: list[Answer] = []
        left = dict(findings)
        for each, indices, text in self.steps:
            if "/meta" in each.path or each.name == "meta":
                continue
            if each.is_structure:
                places[each.path] = self._section(each, indices)
                sections.append(places[each.path])
                continue
            section = places.get(each.parent, sections[0])
            said = tuple(left.pop((each.path, indices), ()))
            self._place(section, computed, technical, each, text, said, show_device)
        loose = [text for texts in left.values() for text in texts]
        return Reading(
            tuple(section for section in sections if not section.is_empty), tuple(computed), tuple(technical), tuple(loose)
        )

    def _place(
        self,
        section: Section,
        computed: list[Answer],
        technical: list[Answer],
        each: Field,
        text: str | None,
        said: tuple[str, ...],
        show_device: bool,
    ) -> None:
        if each.preload or each.name in TIMES | IDENTIFYING:
            if text and (show_device or (each.preload_params or each.name) not in IDENTIFYING):
                technical.append(self._answer(each, text, said))
        elif not each.labels and not each.control:
            if text:
                computed.append(self._answer(each, text, said))
        elif each.type == "note" or each.readonly in {"true()", "1"}:
            return
        elif text is None and not said:
            section.blanks.append(self._label(each))
        else:
            section.answers.append(self._answer(each, text or "", said))

    def _section(self, each: Field, indices: tuple[int, ...]) -> Section:
        number = f" {indices[-1]}" if each.type == "repeat" and indices else ""
        return Section(f"{self._label(each, '')}{number}".strip(), each.path.count("/") - 1)

    def _label(self, each: Field, default: str | None = None) -> str:
        text = text_in(each.labels, self.language, self.definition.default_language)
        if not text:
            return each.name if default is None else default
        values = {expression: self._value_of(expression) for expression in outputs(text)}
        return fill_outputs(text, {key: value for key, value in values.items() if value})

    def _value_of(self, expression: str) -> str:
        path = expression.removeprefix(f"/{self.definition.root}")
        return first_value(self.document, path) or "" if path.startswith("/") else ""

    def _answer(self, each: Field, text: str, said: tuple[str, ...]) -> Answer:
        kind, shown, point = self._shown(each, text)
        return Answer(
            each.name, each.path, self._label(each), shown, text, kind, said, self.files.get(text) if each.binary else None, point
        )

    def _shown(self, each: Field, text: str) -> tuple[str, str, Point | None]:
        if each.binary:
            return "file", text, None
        if each.type == "geopoint":
            point = read_point(text)
            return ("point" if point else "text"), text, point
        if each.select is not None and text:
            values = [text] if each.select == "one" else text.split()
            return "code", ", ".join(self._choice(each, value) for value in values), None
        if each.type in {"date", "dateTime", "int", "decimal"}:
            return each.type, text, None
        return "text", text, None

    def _choice(self, each: Field, value: str) -> str:
        known = self.names.get(self._list_file(each), {})
        return known.get(value) or self.definition.choice_label(each, value, self.language) or value


def worded(definition: FormDefinition | None, name: str, values: Sequence[str], language: str) -> tuple[str, list[str]]:
    """A question outside repeats by its label, and answers to it with its choices by theirs; names of lists stay codes."""
    asked = next((each for each in definition.fields if each.name == name), None) if definition is not None else None
    if definition is None or asked is None:
        return name, list(values)
    label = text_in(asked.labels, language, definition.default_language)
    return fill_outputs(label or name, {}), [_choices(definition, asked, value, language) for value in values]


def _choices(definition: FormDefinition, asked: Field, text: str, language: str) -> str:
    if asked.select is None or not text:
        return text
    values = [text] if asked.select == "one" else text.split()
    return ", ".join(definition.choice_label(asked, value, language) or value for value in values)


@dataclass(frozen=True)
class Pair:
    """One question in two readings of a form; "" where unanswered."""

    label: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


def side_by_side(before: Reading, after: Reading) -> list[Pair]:
    """Every question that one of two readings answers, in form order; the n-th answers of a repeated question meet."""
    texts: dict[tuple[str, int], dict[str, str]] = {}
    labels: dict[tuple[str, int], str] = {}
    for side, reading in (("before", before), ("after", after)):
        seen: dict[str, int] = defaultdict(int)
        for answer in flat(reading):
            key = answer.path, seen[answer.path]
            seen[answer.path] += 1
            texts.setdefault(key, {})[side] = answer.text
            labels.setdefault(key, answer.label)
    return [Pair(labels[key], sides.get("before", ""), sides.get("after", "")) for key, sides in texts.items()]


def flat(reading: Reading) -> Sequence[Answer]:
    """All answers of a reading that a person gave, in form order."""
    return [answer for section in reading.sections for answer in section.answers]
