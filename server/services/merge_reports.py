"""What stored reports say of things, as merging knows it: current versions under officers' decisions about them.

Reads only. Rules of what a report says live in `sync.merge.observations`; what becomes of it is `sync.merge.engine`'s.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.orm import Session

from forms.entities import EntityOperation, operations
from forms.fields import FormDefinition
from server.models import Fact, Submission
from server.queries import merge_facts as queries
from server.queries import submissions as reports
from server.queries.merge_rows import list_key, split_key
from server.services.documents import definition_for, parsed
from server.services.summaries import zone_of
from sync.merge import observations
from sync.merge.facts import Position, Report
from sync.merge.observations import Answers, ReportContext
from sync.merge.positions import parse_position
from sync.merge.rows import filled_rows, fills
from sync.registers import Register

Key = tuple[int, str, bool, str]
KEPT_OUT = "KEEP_OUT"
"""The event by which a report's entities stay out of a list (see merging.pass_over)."""


def reported(
    session: Session, keys: Collection[Key], rules: Mapping[str, Register], known_until: dt.datetime | None = None
) -> list[Report]:
    """What the current versions of these reports say of things; `known_until`: what they said by then (UTC)."""
    return said_by(session, reports.roots_of(session, [key for key in keys if not key[2]]), rules, known_until)


def said_by(
    session: Session, stored: Sequence[tuple[Submission, Fact]], rules: Mapping[str, Register],
    known_until: dt.datetime | None = None,
) -> list[Report]:  # fmt: skip
    """The same of reports whose versions (queries.submissions.roots_of) are at hand; tests of drafts say nothing."""
    versions: dict[Key, list[Submission]] = {}
    envelopes: dict[int, Fact] = {}
    for row, fact in stored:
        if row.is_draft:
            continue
        if known_until is not None and fact.received_at > known_until:
            continue
        versions.setdefault((row.project_id, row.xml_form_id, row.is_draft, row.root_instance_id), []).append(row)
        envelopes[row.fact_id] = fact
    if not versions:
        return []
    decisions = _decisions(session, [key[3] for key in versions], known_until)
    units = queries.post_units(session, {row.post_id for rows in versions.values() for row in rows if row.post_id})
    zone, held_back, camps = zone_of(session), queries.approval_lists(session), _camps(session)
    found = []
    definitions: dict[tuple[int, str, str], FormDefinition | None] = {}
    for key, rows in versions.items():
        ordered = reports.in_order(rows)
        form = (key[0], key[1], ordered[-1].form_version)
        if form not in definitions:
            definitions[form] = definition_for(session, ordered[-1])
        state = decisions.get((key[0], key[1], key[3]), _Decision())
        context = dataclasses.replace(_context(key, ordered, envelopes, units, zone, state), camps=camps)
        report = _report(ordered[-1], definitions[form], context, rules, state, held_back)
        if len(ordered) > 1:
            every = [
                _report(row, definition_for(session, row), _as_of(context, row, envelopes), rules, state, held_back)
                for row in ordered
            ]
            report = dataclasses.replace(report, observations=observations.first_word(report, every, rules))
        found.append(report)
    return found


def _camps(session: Session) -> dict[str, Position]:
    return {unit: place for unit, text in queries.camps(session).items() if (place := parse_position(text)) is not None}


def _as_of(context: ReportContext, row: Submission, envelopes: Mapping[int, Fact]) -> ReportContext:
    """The context of one version of a report, as if it were a report of its own."""
    envelope = envelopes[row.fact_id]
    return dataclasses.replace(
        context, key=f"{context.key}@{row.instance_id}", clock=envelope.hlc, received_at=envelope.received_at,
        user_agent=row.user_agent,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Decision:
    """What officers decided about a report: its review state, whether it is deleted, and lists that its entities stay out of."""

    review: str | None = None
    deleted: bool = False
    passed: frozenset[str] = frozenset()


def _decisions(
    session: Session, roots: Sequence[str], known_until: dt.datetime | None = None
) -> dict[tuple[int, str, str], _Decision]:
    found: dict[tuple[int, str, str], _Decision] = {}
    for event, fact in reports.deciding_events(session, roots, ("REVIEW", "DELETE", "RESTORE", KEPT_OUT)):
        payload, later = event.payload, known_until is not None and fact.received_at > known_until
        if later or "xml_form_id" not in payload or event.subject is None:
            continue
        key = (int(payload.get("project_id", 1)), str(payload["xml_form_id"]), event.subject)
        before = found.get(key, _Decision())
        if event.type == "REVIEW":
            found[key] = dataclasses.replace(before, review=payload.get("state"))
        elif event.type == KEPT_OUT:
            found[key] = dataclasses.replace(before, passed=before.passed | {str(payload.get("dataset"))})
        else:
            found[key] = dataclasses.replace(before, deleted=event.type == "DELETE")
    return found


def _context(
    key: Key,
    ordered: Sequence[Submission],
    envelopes: Mapping[int, Fact],
    units: Mapping[int, str],
    zone: dt.tzinfo,
    state: _Decision,
) -> ReportContext:
    original, current = ordered[0], ordered[-1]
    envelope = envelopes[original.fact_id]
    return ReportContext(
        form_id=key[1],
        key=f"{key[0]}:{key[1]}:{key[3]}",
        source=key[3],
        version=(envelopes[current.fact_id].hlc, current.instance_id),
        clock=envelope.hlc,
        received_at=envelope.received_at,
        zone=zone,
        unit=units.get(original.post_id or 0),
        fact_id=original.fact_id,
        post_id=original.post_id,
        actor_id=original.submitter_id,
        withdrawn=state.deleted or state.review == "rejected",
        user_agent=original.user_agent,
    )


def _report(
    row: Submission,
    definition: FormDefinition | None,
    context: ReportContext,
    rules: Mapping[str, Register],
    state: _Decision,
    held_back: Collection[tuple[int, str]],
) -> Report:
    # A form without entities says nothing of things, unless register files take rows from it.
    ruled = _of_project(rules, row.project_id)
    submission = parsed(row) if definition is not None and (definition.entity_blocks or fills(ruled, row.xml_form_id)) else None
    if submission is None or definition is None:
        return Report(context.key, context.version, (), context.fact_id)
    asked = [
        dataclasses.replace(allowed, dataset=list_key(row.project_id, operation.dataset))
        for operation in operations(submission, definition)
        if (allowed := _allowed(operation, row.project_id, state, held_back)) is not None
    ]
    taken = filled_rows(submission, definition, ruled, row.xml_form_id, context.source, asked)
    return observations.observations(asked, Answers.of(submission, definition), context, rules, taken)


def _of_project(rules: Mapping[str, Register], project_id: int) -> Mapping[str, Register]:
    """The register files that rule lists of this project, by the names that merging has for the lists."""
    return {key: register for key, register in rules.items() if split_key(key)[0] == project_id}


def _allowed(
    operation: EntityOperation, project_id: int, state: _Decision, held_back: Collection[tuple[int, str]]
) -> EntityOperation | None:
    """A list that asks for approval takes new entities only from approved reports; updates it takes at once, as Central does.

    The same holds for reports that waited for it when approval was switched off and nobody wanted their entities.
    """
    kept_out = (project_id, operation.dataset) in held_back or operation.dataset in state.passed
    if not kept_out or state.review == "approved" or operation.action == "update":
        return operation
    return dataclasses.replace(operation, action="update") if operation.action == "both" else None
