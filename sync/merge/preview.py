"""What other weights would do to the records of a register: which would merge, which would split, how many questions remain.

Folds the same facts again in memory with the other weights, so it says what a rebuild would say. Changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.merge.engine import Engine
from sync.merge.facts import EventFact, Observation, Report
from sync.merge.memory import MemoryStore
from sync.registers import Register


@dataclass(frozen=True, slots=True)
class Outcome:
    """Records as sets of entities by record id, and the number of pairs that officers are asked about."""

    records: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    questions: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`merged`: labels of records that would become one; `split`: labels of what one would become; questions before, after."""

    merged: tuple[tuple[str, ...], ...]
    split: tuple[tuple[str, ...], ...]
    questions: tuple[int, int]


def outcome(register: Register, observations: Iterable[Observation], events: Iterable[EventFact]) -> Outcome:
    """What these facts come to under the rules of a register."""
    store = MemoryStore()
    reports = [Report(each.id, (each.clock, each.id), (each,)) for each in observations]
    Engine(store, {register.name: register}).fold([*reports, *events])
    records = {record.id: tuple(sorted(record.entities)) for record in store.records.values()}
    labels = {record.id: record.label for record in store.records.values()}
    return Outcome(records, labels, sum(task.kind == "pair" for task in store.tasks.values()))


def preview(now: Outcome, then: Outcome) -> Preview:
    """What changes from one outcome to another."""
    return Preview(_joined(now, then), _joined(then, now), (now.questions, then.questions))


def _joined(fine: Outcome, coarse: Outcome) -> tuple[tuple[str, ...], ...]:
    """The labels of the records of `fine` whose entities stand together in one record of `coarse`, group by group."""
    home = {entity: record for record, entities in coarse.records.items() for entity in entities}
    groups: dict[str, set[str]] = defaultdict(set)
    for record, entities in fine.records.items():
        for entity in entities:
            if entity in home:
                groups[home[entity]].add(record)
    return tuple(_labels(fine, sorted(found)) for _, found in sorted(groups.items()) if len(found) > 1)


def _labels(of: Outcome, records: Sequence[str]) -> tuple[str, ...]:
    return tuple(of.labels[record] or record for record in records)
