"""What merging needs of a store: the facts folded so far, an index to find likely pairs, and the records it made.

Protocols only. The server keeps all this in its database; `sync.merge.memory` keeps it in dictionaries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from sync.merge.faces import Face
from sync.merge.facts import EventFact, Judgement, Observation, Report, Retraction
from sync.merge.matching import Match
from sync.merge.records import EntityState, Record
from sync.merge.review import Task

EntityKey = tuple[str, str]
"""(register, entity id)"""


class MergeStore(Protocol):
    """Every method takes many ids at once, so that a store in a database needs few questions.

    Nothing here judges: what is written is what was given, and reads give it back.
    """

    def report_version(self, key: str) -> tuple[str, str] | None:
        """The version of the report that is folded in; None when there is none, or when only current ones are handed in."""

    def put_reports(self, reports: Sequence[Report]) -> list[EntityKey]:
        """Replaces what older versions of the reports said; returns the entities that those spoke of."""

    def put_event(self, event: EventFact) -> bool:
        """Keeps an event; False when it was there already."""

    def event(self, event_id: str) -> EventFact | None:
        """A folded event by id."""

    def observations(self, register: str, entity_ids: Collection[str]) -> dict[str, list[Observation]]:
        """The observations of each entity."""

    def entities_of(self, observation_ids: Collection[str]) -> dict[str, EntityKey]:
        """Which entity each known observation speaks of."""

    def judgements(self, observation_ids: Collection[str]) -> list[Judgement]:
        """Every judgement that names one of these observations, retracted ones too."""

    def entity_events(self, register: str, entity_ids: Collection[str]) -> list[EventFact]:
        """Every pin, choice and deletion or restoring of these entities, retracted ones too."""

    def retractions(self, event_ids: Collection[str]) -> list[Retraction]:
        """Every retraction of these events, and of those retractions, and so on."""

    def put_faces(self, register: str, faces: Mapping[str, tuple[Face | None, Iterable[str]]]) -> None:
        """Files the faces of entities under their blocking keys, in place of what was filed before."""

    def keep_faces(self, register: str, faces: Mapping[str, Face]) -> None:
        """Takes faces in place of those filed before, which have the same keys."""

    def faces(self, register: str, entity_ids: Collection[str]) -> dict[str, Face]:
        """The faces filed for these entities, of those that have one."""

    def faces_with_keys(self, register: str, keys: Collection[str]) -> dict[str, list[Face]]:
        """The faces filed under each of these keys."""

    def matches(self, register: str, entity_ids: Collection[str]) -> list[Match]:
        """The compared pairs in which one of these entities takes part."""

    def put_matches(self, register: str, entity_ids: Collection[str], matches: Sequence[Match]) -> None:
        """Replaces all compared pairs in which one of these entities takes part."""

    def members(self, register: str, entity_ids: Collection[str]) -> set[str]:
        """These entities and all that share a record with one of them now."""

    def put_results(
        self,
        register: str,
        states: Mapping[str, EntityState],
        records: Sequence[Record],
        tasks: Sequence[Task],
        verdicts: Mapping[tuple[str, str], str],
    ) -> None:
        """Replaces the records and tasks of whole components.

        `states` are all their entities, with or without a record; `verdicts` the judgements in force by pair.
        """
