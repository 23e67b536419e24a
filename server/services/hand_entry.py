"""A questionnaire filled in by hand on a page, for a report that came by radio or on paper.

Turns what a browser posts into answers, evaluates the form's rules on them, lays the questions out, and builds and
stores the report through the same intake as every phone's.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from forms.fields import Field, FormDefinition, text_in
from forms.filling import Evaluation, evaluate, fill
from forms.validation import AnswerFinding
from forms.values import read_datetime
from server.config import Settings
from server.models import Fact, Form, FormVersion
from server.queries import submissions as submission_queries
from server.services import folding, intake
from server.services.blobs import BlobStore
from server.services.form_media import form_media
from server.services.identity import Identity
from server.services.uploads import Upload, safe_name
from sync.merge.positions import as_geopoint, grid_reference

CHANNELS = ("radio", "paper")
_STEP = re.compile(r"([^/\[\]]+)(?:\[(\d{1,3})\])?")
_INSTANCE = re.compile(r"uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MAX_REPEATS = 100
FEW = 7


@dataclass
class Question:
    """One question as the page draws it. `kind` names the control; `state` changes when it must be drawn anew."""

    key: str
    kind: str
    label: str
    hint: str = ""
    value: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    relevant: bool = True
    required: bool = False
    findings: list[str] = field(default_factory=list)

    @property
    def values(self) -> list[str]:
        """The chosen codes of a select of many."""
        return self.value.split()


@dataclass
class Group:
    """A titled group, or one repeat instance (`number` from 1; `last` is where another one can be added)."""

    key: str
    title: str
    depth: int
    relevant: bool
    repeat: str = ""
    number: int = 0
    last: bool = False


@dataclass
class Sheet:
    """The whole form at one moment: groups and questions in form order, and what the rules say about the answers."""

    items: list[Group | Question]
    findings: Sequence[AnswerFinding]

    @property
    def open_count(self) -> int:
        return len(self.findings)


ListRows = Mapping[str, list[dict[str, str]]]
Posted = Mapping[str, Sequence[str]]


def rows_of(session: Session, settings: Settings, form: Form, version: FormVersion, who: Identity) -> ListRows:
    """The lists that the form reads from files, as rows by file name: entity lists, mission lists, uploaded CSV files."""
    found: dict[str, list[dict[str, str]]] = {}
    for media in form_media(session, form.project_id, version.id, who):
        if not media.name.lower().endswith(".csv"):
            continue
        data = media.content.data if media.content else BlobStore(settings).read(str(media.blob_sha256))
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig", "replace")))
        found[media.name] = [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    return found


def answers_from(definition: FormDefinition, posted: Posted, zone: dt.tzinfo, changed: str = "") -> dict[str, Any]:
    """The answers in what a browser posted: keys are paths with repeat positions, others are ignored.

    changed: the question that was just answered; what it sets elsewhere is worked out anew (ODK's `trigger`).
    """
    answers: dict[str, Any] = {}
    plain = re.sub(r"\[\d+\]", "", changed)
    for key, values in posted.items():
        found = steps(key)
        if not found:
            continue
        path = "".join(f"/{name}" for name, _number in found)
        question = definition.by_path.get(path)
        if question is None:
            continue
        place = _instance_of(answers, found if question.type == "repeat" else found[:-1])
        if place is None or question.is_structure or plain in question.triggers:
            continue
        place[path] = _value(question, values, zone)
    return answers


def steps(key: str) -> list[tuple[str, int]]:
    """("place", 2), ("p_need", 0) of "/place[2]/p_need"; nothing for any other text."""
    if not key.startswith("/"):
        return []
    parts = [_STEP.fullmatch(part) for part in key[1:].split("/")]
    return [(part.group(1), int(part.group(2) or 0)) for part in parts if part] if all(parts) else []


def _instance_of(answers: dict[str, Any], steps: Sequence[tuple[str, int]]) -> dict[str, Any] | None:
    place, path = answers, ""
    for name, number in steps:
        path += f"/{name}"
        if number:
            if number > MAX_REPEATS:
                return None
            instances: list[dict[str, Any]] = place.setdefault(path, [])
            instances.extend({} for _missing in range(number - len(instances)))
            place = instances[number - 1]
    return place


def _value(question: Field, values: Sequence[str], zone: dt.tzinfo) -> Any:
    if question.select in {"multiple", "rank"}:
        return [value for value in values if value]
    text = (values[0] if values else "").replace("\x00", "").strip()
    if question.type == "geopoint":
        plain = " ".join(text.replace(",", " ").split())
        grid = grid_reference(plain)
        return as_geopoint(grid) if grid else plain
    if question.type == "dateTime" and text:
        return read_datetime(text, zone) or text
    return text


def sheet(
    definition: FormDefinition,
    answers: Mapping[str, Any],
    lists: ListRows,
    now: dt.datetime,
    language: str,
    *,
    show_missing: bool,
) -> Sheet:
    """The form laid out with these answers. show_missing: also say which required questions are open."""
    evaluation = evaluate(definition, answers, lists, now)
    findings = [each for each in evaluation.findings if each.code not in {"unknown_node", "evaluation"}]
    drawer = _Drawer(definition, evaluation, language, now.tzinfo or dt.UTC)
    for each in findings:
        if show_missing or each.code != "required":
            drawer.said.setdefault((each.path, each.indices), []).append(text_in(each.message, language, "en") or each.code)
    return Sheet(list(drawer.items(answers)), findings)


class _Drawer:
    def __init__(self, definition: FormDefinition, evaluation: Evaluation, language: str, zone: dt.tzinfo) -> None:
        self.definition, self.evaluation, self.language, self.zone = definition, evaluation, language, zone
        self.said: dict[tuple[str, tuple[int, ...]], list[str]] = {}

    def items(
        self, answers: Mapping[str, Any], path: str = "", prefix: str = "", indices: tuple[int, ...] = (), depth: int = 0
    ) -> Iterator[Group | Question]:
        """Everything under a group, in form order; `answers` are those of the innermost repeat instance around it."""
        for each in self.definition.children.get(path, ()):
            if each.name == "meta" or each.preload:
                continue
            key = f"{prefix}/{each.name}"
            if each.type == "repeat":
                yield from self._repeat(each, key, answers, indices, depth)
            elif each.is_structure:
                title = self._text(each.labels)
                if title:
                    yield Group(key, title, depth, key in self.evaluation.relevant)
                yield from self.items(answers, each.path, key, indices, depth + bool(title))
            elif each.control and (each.labels or each.hints):
                yield self._question(each, key, indices)

    def _repeat(
        self, each: Field, key: str, answers: Mapping[str, Any], indices: tuple[int, ...], depth: int
    ) -> Iterator[Group | Question]:
        instances = answers.get(each.path) or [{}]
        for number, instance in enumerate(instances, 1):
            own = f"{key}[{number}]"
            title = f"{self._text(each.labels) or each.name} {number}"
            relevant = own in self.evaluation.relevant or f"{key}[1]" not in self.evaluation.relevant
            yield Group(own, title, depth, relevant, each.path, number, number == len(instances) and not each.repeat_count)
            yield from self.items(instance, each.path, own, (*indices, number), depth + 1)

    def _question(self, each: Field, key: str, indices: tuple[int, ...]) -> Question:
        relevant = key in self.evaluation.relevant
        value = self.evaluation.values.get(key, "")
        choices = [(choice.value, self._text(choice.labels) or choice.value) for choice in self.evaluation.choices.get(key, ())]
        kind = _kind(each, len(choices))
        if kind == "datetime-local" and value:
            instant = read_datetime(value, self.zone)
            value = instant.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M") if instant else value
        return Question(
            key,
            kind,
            self._text(each.labels) or each.name,
            self._text(each.hints) or "",
            value,
            choices,
            relevant,
            each.required is not None,
            self.said.get((each.path, indices), []),
        )

    def _text(self, labels: Mapping[str, str]) -> str:
        return text_in(labels, self.language, self.definition.default_language) or ""


_KINDS = {
    "int": "number",
    "integer": "number",
    "decimal": "decimal",
    "date": "date",
    "dateTime": "datetime-local",
    "time": "time",
    "geopoint": "geopoint",
}


def _kind(each: Field, choices: int) -> str:
    if each.binary:
        return "file"
    if each.select == "one":
        return "radio" if 0 < choices <= FEW else "select"
    if each.select:
        return "checkbox"
    if each.readonly:
        return "note"
    if each.control == "trigger":
        return "acknowledge"
    if each.type in _KINDS:
        return _KINDS[each.type]
    return "textarea" if "multiline" in each.appearance else "text"


def instance_id(text: str) -> str:
    """The id a page was opened with, or a fresh one: sending a page twice must not make two reports."""
    return text if _INSTANCE.fullmatch(text) else f"uuid:{uuid.uuid4()}"


@dataclass(frozen=True)
class PostedFile:
    """A file that came with the page, for one question."""

    key: str
    name: str
    content_type: str
    data: bytes


def store(
    session: Session,
    settings: Settings,
    definition: FormDefinition,
    answers: dict[str, Any],
    lists: ListRows,
    files: Sequence[PostedFile],
    who: Identity,
    *,
    post_id: int | None,
    channel: str,
    instance: str,
    started: dt.datetime,
    now: dt.datetime,
) -> intake.Receipt:
    """Builds the report and takes it in, marked with its channel; folded in at once so that its page can be shown."""
    named: dict[str, PostedFile] = {}
    for file in files:
        name = _free_name(safe_name(file.name), named)
        named[name] = file
        where = steps(file.key)
        place = _instance_of(answers, where[:-1])
        if place is not None:
            place["".join(f"/{step}" for step, _number in where)] = name
    xml = fill(definition, answers, lists, now, username=who.name, instance_id=instance, start=started, end=now)
    blob_store = BlobStore(settings)
    with Upload(xml) as upload:
        for name, file in named.items():
            upload.add(blob_store, name, file.data, file.content_type)
        receipt = intake.receive(session, upload, project_id=1, sender=intake.Sender(who, channel=channel, post_id=post_id))
    if receipt.stored:
        folding.fold_now(session, [session.get_one(Fact, receipt.fact_id)])
        session.commit()
    return receipt


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    stem, dot, extension = name.rpartition(".")
    number, free = 2, name
    while free in taken:
        free = f"{stem or extension}-{number}{dot}{extension if stem else ''}"
        number += 1
    return free


def already_sent(session: Session, xml_form_id: str, instance: str) -> str | None:
    """The receipt number of the report that this page made before, if it was sent already."""
    found = submission_queries.stored(session, 1, xml_form_id, [instance]).get(instance)
    return found.receipt if found else None
