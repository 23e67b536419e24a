"""Turns a report's entity operations into observations: who saw what, when, and what was really answered.

The register file names the question behind each property; where that question is empty there is no statement, whatever a
calculation carried along. Must not decide whether an operation may be applied; chains do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from forms.definition import FormDefinition
from forms.entities import EntityOperation
from forms.submission import ParsedSubmission, walk
from forms.values import read_datetime
from sync.merge.faces import distance_m
from sync.merge.facts import Action, Observation, Position, Report, Statement, derived_id
from sync.merge.positions import as_geopoint, away_from, parse_position
from sync.merge.rows import Row
from sync.registers import CONSENT, Property, Register

CLOCK_TOLERANCE = dt.timedelta(hours=24)
# A position this near the unit's own camp, in metres, was read in the camp.
CAMP_M = 100
UNIT_QUESTION, ROLE_QUESTION, SENSITIVITY_QUESTION = "reporting_unit", "reporter_role", "sensitivity"


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What the server knows of a report beside its answers.

    `key` names the report among all forms; `source` is its root instanceID. `clock`, `received_at` and `fact_id` are the
    original's, so that an edit changes neither the order nor the ids; `version` is (clock, instanceID) of the version
    read. `zone` is the mission's.
    `camps`: where units live, by unit code.
    `withdrawn`: the report was rejected or deleted, so it states nothing in lists with a register file.
    """

    form_id: str
    key: str
    source: str
    version: tuple[str, str]
    clock: str
    received_at: dt.datetime
    zone: dt.tzinfo = dt.UTC
    unit: str | None = None
    fact_id: int | None = None
    post_id: int | None = None
    actor_id: int | None = None
    withdrawn: bool = False
    user_agent: str | None = None
    camps: Mapping[str, Position] = field(default_factory=dict)


class Answers:
    """The answers of a submission by question name; inside a repeat, the answers of that instance come first."""

    def __init__(self, found: Iterable[tuple[str, tuple[int, ...], str | None]]) -> None:
        self._found: dict[str, list[tuple[tuple[int, ...], str | None]]] = {}
        for name, indices, text in found:
            self._found.setdefault(name, []).append((indices, text))

    @classmethod
    def of(cls, submission: ParsedSubmission, definition: FormDefinition) -> Answers:
        """The answers that `submission` gives to the form `definition`."""
        return cls((field.name, indices, text) for field, indices, text in walk(submission, definition))

    def asked(self, question: str) -> bool:
        """Whether the form has the question."""
        return question in self._found

    def text(self, question: str, indices: tuple[int, ...] = ()) -> str | None:
        """The answer, stripped; None when empty. `indices` is the repeat instance to look from, outwards."""
        around = [
            (len(where), text.strip())
            for where, text in self._found.get(question, ())
            if where == indices[: len(where)] and text and text.strip()
        ]
        return max(around, key=lambda found: found[0])[1] if around else None


def observed_time(answers: Answers, question: str | None, received_at: dt.datetime, zone: dt.tzinfo) -> tuple[dt.datetime, bool]:
    """When the report saw what it says (UTC), and whether the device's clock must be wrong.

    The register's question, else `report_date`, `end`, `today`, receipt. A mere date is the time of `end` when that is
    the same day, else noon in the mission's zone, never later than receipt. More than 24 h after receipt counts as
    receipt and is flagged.
    """
    for name in (question, "report_date", "end", "today"):
        text = answers.text(name) if name else None
        moment = read_datetime(text, zone)
        if text is None or moment is None:
            continue
        if len(text) <= 10:
            moment = _within_day(moment, answers, zone)
            if dt.timedelta(0) < moment - received_at <= CLOCK_TOLERANCE:
                moment = received_at
        if moment - received_at > CLOCK_TOLERANCE:
            return received_at, True
        return moment.astimezone(dt.UTC), False
    return received_at, False


def _within_day(day: dt.datetime, answers: Answers, zone: dt.tzinfo) -> dt.datetime:
    end = read_datetime(answers.text("end"), zone)
    if end is not None and end.date() == day.date():
        return end
    return day.replace(hour=12)


def observations(
    operations: Sequence[EntityOperation],
    answers: Answers,
    context: ReportContext,
    registers: Mapping[str, Register],
    rows: Sequence[Row] = (),
) -> Report:
    """Everything the report says of things, one observation per entity operation that asks for something and per row.

    Operations on lists without a register file state what they carry, as in ODK Central. `rows`: what register files take
    from the report beside its entities.
    """
    made = [
        _observation(operation, answers, context, registers.get(operation.dataset))
        for operation in operations
        if operation.action != "none"
    ]
    made += [_row_observation(row, answers, context, registers[row.dataset]) for row in rows]
    return Report(context.key, context.version, tuple(made), context.fact_id)


def _row_observation(row: Row, answers: Answers, context: ReportContext, register: Register) -> Observation:
    operation = EntityOperation(
        dataset=row.dataset, path=row.place, indices=row.indices, action="both", entity_id=row.entity_id, label=row.label,
        values=row.values, base_version=0, trunk_version=None, branch_id=None, problem=None,
        answered=dict.fromkeys(row.values, True), source_paths=row.questions,
    )  # fmt: skip
    return _observation(operation, answers, context, register, row)


def first_word(current: Report, versions: Sequence[Report], registers: Mapping[str, Register]) -> tuple[Observation, ...]:
    """What an edited report says: in registers its current version, in plain lists its first version that is sound.

    ODK Central changes no entity by editing the report that made it; an edit counts only when what it corrects could not
    be applied. `versions` are all versions, oldest first, each as if it were a report of its own.
    """
    kept = [o for o in current.observations if o.register in registers]
    plain = [o for o in current.observations if o.register not in registers]
    first = [o for o in versions[0].observations if o.register not in registers]
    said = first if first and not any(o.problem for o in first) else plain
    own = {(o.register, o.entity_id): o for o in plain}
    if said is plain:
        return (*kept, *plain)
    for one in first:
        key = (one.register, one.entity_id)
        kept.append(replace(one, id=own[key].id) if key in own else one)
        later = [o for version in versions[1:] for o in version.observations if (o.register, o.entity_id) == key]
        kept += [replace(o, instead_of=kept[-1].id) for o in later[-1:]]
    return tuple(kept)


def _observation(
    operation: EntityOperation, answers: Answers, context: ReportContext, register: Register | None, row: Row | None = None
) -> Observation:
    question = register.observed.get(context.form_id) if register else None
    observed_at, flagged = observed_time(answers, question, context.received_at, context.zone)
    withdrawn = context.withdrawn and register is not None
    statements = {}
    if register is not None and row is not None and not withdrawn:
        statements = {name: _row_statement(row, name, answers, context.form_id, register) for name in row.values}
    elif not withdrawn:
        statements = _statements(operation, answers, context.form_id, register)
    if register is not None:
        statements |= _worked_out(statements, register)
    if register is not None and _refused(statements, register):
        statements = {name: each for name, each in statements.items() if not register.properties[name].personal}
    place = "/".join((operation.path, *map(str, operation.indices)))
    action: Action = "row" if row is not None else "create" if operation.action == "none" else operation.action
    observation_id = derived_id(context.key, place, operation.dataset, operation.entity_id)
    unit = answers.text(UNIT_QUESTION) or context.unit
    position, camp = _position(statements, register), context.camps.get(unit or "")
    return Observation(
        id=observation_id,
        register=operation.dataset,
        # Faulty ones without an id are kept apart, not gathered under one empty id.
        entity_id=operation.entity_id or f"faulty-{observation_id}",
        action=action,
        clock=context.clock,
        observed_at=observed_at,
        received_at=context.received_at,
        label=operation.label,
        data=dict(operation.values),
        statements=statements,
        clock_flagged=flagged,
        unit=unit,
        role=answers.text(ROLE_QUESTION),
        seen=_seen(answers, register.source.get(context.form_id), operation.indices, register) if register else None,
        position=position,
        source=context.source,
        fact_id=context.fact_id,
        post_id=context.post_id,
        actor_id=context.actor_id,
        base_version=operation.base_version or None,
        trunk_version=operation.trunk_version,
        branch_id=operation.branch_id,
        problem=operation.problem,
        fault=operation.fault,
        user_agent=context.user_agent,
        sensitivity=answers.text(SENSITIVITY_QUESTION),
        withdrawn=withdrawn,
        at_camp=position is not None and camp is not None and distance_m(position, camp) <= CAMP_M,
    )


def _worked_out(statements: Mapping[str, Statement], register: Register) -> dict[str, Statement]:
    """Positions that this report gives by where the observer stood, a bearing and a distance."""
    found: dict[str, Statement] = {}
    for prop in register.properties.values():
        if prop.offset is None or not all(name in statements for name in prop.offset):
            continue
        stood, bearing, metres = (statements[name] for name in prop.offset)
        place = parse_position(stood.value)
        try:
            there = away_from(place, float(bearing.value), float(metres.value)) if place is not None else None
        except ValueError:
            continue
        if there is not None:
            found[prop.name] = Statement(as_geopoint(there), bearing.seen, bearing.question)
    return found


def _refused(statements: Mapping[str, Statement], register: Register) -> bool:
    """Whether this very report says that the person did not agree: then its names and numbers are nobody's, ever."""
    said = statements.get(register.consent or "")
    return said is not None and said.value != CONSENT


def _row_statement(row: Row, name: str, answers: Answers, form_id: str, register: Register) -> Statement:
    source = register.properties[name].source_questions.get(form_id) or register.source.get(form_id)
    return Statement(row.values[name], _seen(answers, source, row.indices, register), row.questions[name])


def _statements(operation: EntityOperation, answers: Answers, form_id: str, register: Register | None) -> dict[str, Statement]:
    if register is None:
        return {name: Statement(text) for name, text in operation.values.items() if operation.answered.get(name)}
    found: dict[str, Statement] = {}
    for prop in register.properties.values():
        statement = _statement(prop, operation, answers, form_id, register)
        if statement is not None:
            found[prop.name] = statement
    return found


def _statement(
    prop: Property, operation: EntityOperation, answers: Answers, form_id: str, register: Register
) -> Statement | None:
    """What the report says of one property: the answer to its question, or the saved value where none is named."""
    source = prop.source_questions.get(form_id) or register.source.get(form_id)
    seen = _seen(answers, source, operation.indices, register)
    questions = [name for name in prop.questions.get(form_id, ()) if answers.asked(name)]
    for name in questions:
        text = answers.text(name, operation.indices)
        if text is not None:
            return Statement(text, seen, name)
    if not questions and operation.answered.get(prop.name):
        return Statement(operation.values[prop.name].strip(), seen)
    return None


def _seen(answers: Answers, question: str | None, indices: tuple[int, ...], register: Register) -> bool | None:
    text = answers.text(question, indices) if question else None
    return None if text is None else not register.seen_codes.isdisjoint(text.split())


def _position(statements: Mapping[str, Statement], register: Register | None) -> Position | None:
    keys = [p.name for p in register.properties.values() if p.type == "geopoint"] if register else ["geometry"]
    return next(
        (place for key in keys if key in statements and (place := parse_position(statements[key].value))),
        None,
    )


def official_observation(
    event_id: str,
    register: str,
    entity_id: str,
    action: Action,
    clock: str,
    at: dt.datetime,
    data: Mapping[str, str],
    label: str | None,
    actor_id: int | None = None,
    fact_id: int | None = None,
    base_version: int | None = None,
    observed_at: dt.datetime | None = None,
    user_agent: str | None = None,
) -> Observation:
    """An officer's own writing of an entity through the API: it states what it carries, empty texts included."""
    return Observation(
        id=derived_id(event_id, "", register, entity_id),
        register=register,
        entity_id=entity_id,
        action=action,
        clock=clock,
        observed_at=observed_at or at,
        received_at=at,
        label=label,
        data=dict(data),
        statements={name: Statement(text) for name, text in data.items()},
        source=event_id,
        fact_id=fact_id,
        actor_id=actor_id,
        base_version=base_version,
        official=True,
        user_agent=user_agent,
    )
