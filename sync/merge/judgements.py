"""What officers said about pairs: which judgement is in force, and which "same" is suspended because it breaks a
"different". A pure function of the judgements and retractions, in whatever order they are given.

Judgements are made on observations; here they are read as links between the entities those observations belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.merge.facts import EventFact, Judgement, Retraction, Verdict

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Links:
    """`must` and `cannot` are what clustering obeys; `unsure` pairs are parked; `suspended` are "same" judgements that
    would break a "different" (the record is contested until an officer retracts one of them)."""

    must: Mapping[Pair, Judgement]
    cannot: Mapping[Pair, Judgement]
    unsure: Mapping[Pair, Judgement]
    suspended: tuple[Judgement, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispute:
    """As many persons called a pair the same as called it different: the latest word of each side.

    Until somebody tips the balance the two stay apart, which loses nothing; whoever made neither of the two may do so,
    and either of the two may come round.
    """

    same: Judgement
    different: Judgement


def pair_of(a: str, b: str) -> Pair:
    """The two ids in their order."""
    return (a, b) if a < b else (b, a)


def standing(events: Iterable[EventFact], retractions: Iterable[Retraction]) -> list[EventFact]:
    """The events that no standing retraction takes back. Retracting a retraction makes the event stand again.

    A retraction counts only against an event of its own authority or a lower one, and only an earlier one, so that
    no two retractions can take each other back.
    """
    by_target: dict[str, list[Retraction]] = {}
    for retraction in retractions:
        by_target.setdefault(retraction.target, []).append(retraction)

    def stands(event: EventFact) -> bool:
        against = by_target.get(event.id, ())
        return not any(
            r.authority >= event.authority and (r.clock, r.id) > (event.clock, event.id) and stands(r) for r in against
        )

    return [event for event in events if stands(event)]


def in_force(judgements: Iterable[Judgement], entity_of: Mapping[str, str]) -> dict[Pair, Judgement]:
    """The judgement of each pair of entities that counts.

    Each person has one voice, the latest; only voices of the highest authority that spoke count. Of "same" and
    "different" the one with more persons stands, by its latest word; with as many on either side the pair is in dispute
    and "different" stands until it is settled. Where nobody said either, "unsure" stands.
    `entity_of` maps observations to entities; a judgement on an observation not yet known is left out until it is.
    """
    return {pair: _outcome(voices) for pair, voices in _voices(judgements, entity_of).items()}


def disputes(judgements: Iterable[Judgement], entity_of: Mapping[str, str]) -> dict[Pair, Dispute]:
    """The pairs of entities about which persons of the same authority disagree and nobody has tipped the balance."""
    found: dict[Pair, Dispute] = {}
    for pair, voices in _voices(judgements, entity_of).items():
        same, different = _said(voices, "same"), _said(voices, "different")
        if same and len(same) == len(different):
            found[pair] = Dispute(same[-1], different[-1])
    return found


def _outcome(voices: Sequence[Judgement]) -> Judgement:
    same, different = _said(voices, "same"), _said(voices, "different")
    if same and len(same) > len(different):
        return same[-1]
    return different[-1] if different else max(voices, key=_rank)


def _said(voices: Sequence[Judgement], verdict: Verdict) -> list[Judgement]:
    return sorted((voice for voice in voices if voice.verdict == verdict), key=_rank)


def _rank(judgement: Judgement) -> tuple[int, str, str]:
    return judgement.rank


def _voices(judgements: Iterable[Judgement], entity_of: Mapping[str, str]) -> dict[Pair, list[Judgement]]:
    """For each pair of entities the latest word of every person, of the highest authority that spoke about it.

    Persons are told apart by name, as other servers know no accounts of this one; words without a name are one person's.
    """
    found: dict[Pair, dict[str, Judgement]] = {}
    for judgement in judgements:
        a, b = entity_of.get(judgement.a), entity_of.get(judgement.b)
        if a is None or b is None or a == b:
            continue
        own, person = found.setdefault(pair_of(a, b), {}), judgement.actor or ""
        if person not in own or judgement.rank > own[person].rank:
            own[person] = judgement
    top = {pair: max(voice.authority for voice in own.values()) for pair, own in found.items()}
    return {pair: [voice for voice in own.values() if voice.authority == top[pair]] for pair, own in found.items()}


class _Groups:
    """Disjoint sets of entities that refuse a union across a "different"."""

    def __init__(self, cannot: Iterable[Pair]) -> None:
        self.members: dict[str, set[str]] = {}
        self.apart: dict[str, set[str]] = {}
        for a, b in cannot:
            self.apart.setdefault(a, set()).add(b)
            self.apart.setdefault(b, set()).add(a)

    def join(self, a: str, b: str) -> bool:
        group_a, group_b = self.members.setdefault(a, {a}), self.members.setdefault(b, {b})
        if group_a is group_b:
            return True
        if any(not self.apart.get(member, set()).isdisjoint(group_b) for member in group_a):
            return False
        group_a |= group_b
        for member in group_b:
            self.members[member] = group_a
        return True


def links(found: Mapping[Pair, Judgement]) -> Links:
    """Sorts judgements in force into links. Strongest first, a "same" that would break a "different" is suspended."""
    cannot = {pair: j for pair, j in found.items() if j.verdict == "different"}
    unsure = {pair: j for pair, j in found.items() if j.verdict == "unsure"}
    groups = _Groups(sorted(cannot))
    must: dict[Pair, Judgement] = {}
    suspended: list[Judgement] = []
    same = [(pair, j) for pair, j in found.items() if j.verdict == "same"]
    for pair, judgement in sorted(same, key=lambda item: item[1].rank, reverse=True):
        if groups.join(*pair):
            must[pair] = judgement
        else:
            suspended.append(judgement)
    return Links(must, cannot, unsure, tuple(suspended))
