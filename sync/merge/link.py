"""Matches the rows of two tables in one go: which rows are one thing, and which pairs an officer should look at.

Faces come from plain columns; comparison, weights and clustering are those of the live server, cut where F1 is best
instead of where nothing can be wrong. Pure: rows in, mapping and pairs out.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import h3

from sync.merge.blocking import name_keys, own_keys
from sync.merge.clustering import cluster, components
from sync.merge.faces import Face, named, phone_digits
from sync.merge.facts import Position
from sync.merge.judgements import Pair, pair_of
from sync.merge.matching import Match, load_model, match
from sync.merge.names import fold
from sync.merge.neighbourhood import neighbour_levels
from sync.registers import Matching, Register

Row = Mapping[str, str]
AREAS = ("adm1", "adm2", "adm3")
# A key that more rows share than this finds nothing that another key would not, and costs its square.
MAX_BLOCK = 60
KEEP_FROM = 0.02


@dataclass(frozen=True, slots=True)
class Linked:
    """`clusters` maps every row id to its cluster's id; `review` are pairs worth an officer's look, best first."""

    clusters: Mapping[str, str]
    review: tuple[Match, ...]


def face_of_row(row: Row, words: str) -> Face:
    """The face of a table row; absent or unreadable columns are unknown."""
    return Face(
        id=row["record_id"],
        names=named([row.get("name") or ""], words) or named(["?"], words),
        type=(row.get("type") or "").strip() or None,
        position=_position(row),
        areas=tuple(fold(row.get(name) or "") or None for name in AREAS),
        phone=phone_digits(row.get("phone")),
        code=fold(row.get("code") or "").replace(" ", "") or None,
        observed=_date(row.get("date")),
        unit=(row.get("team") or "").strip() or None,
    )


def _position(row: Row) -> Position | None:
    try:
        lat, lon = float(row.get("lat") or ""), float(row.get("lon") or "")
        accuracy = float(row.get("gps_acc_m") or 0) or None
    except ValueError:
        return None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    return Position(lat, lon, accuracy)


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def without_shared_positions(faces: Sequence[Face]) -> list[Face]:
    """A position that three or more differently named rows share (a town's or a district's middle) is no position."""
    names: dict[tuple[float, float], set[str]] = defaultdict(set)
    for face in faces:
        if face.position:
            names[(face.position.lat, face.position.lon)].add(face.names[0].sound)
    shared = {place for place, found in names.items() if len(found) >= 3}
    return [
        replace(face, position=None) if face.position and (face.position.lat, face.position.lon) in shared else face
        for face in faces
    ]


def candidate_pairs(faces: Sequence[Face]) -> set[Pair]:
    """The pairs that share a name key, a rare word, a phone, a code, or neighbouring places."""
    blocks: dict[str, list[str]] = defaultdict(list)
    for face in faces:
        for key in _keys(face):
            blocks[key].append(face.id)
    found = {pair_of(a, b) for ids in blocks.values() if len(ids) <= MAX_BLOCK for a, b in combinations(ids, 2)}
    return found | _neighbours(faces)


def _keys(face: Face) -> set[str]:
    keys = {key for key in own_keys(face) if not key.startswith("g:")} | set(name_keys(face))
    for name in face.names:
        keys |= {"t:" + word for word in name.sounds if len(word) >= 4}
        keys |= {"f:" + name.skeleton[:4]} if len(name.skeleton) >= 4 else set()
    return keys


def _neighbours(faces: Sequence[Face]) -> set[Pair]:
    """Pairs in the same or neighbouring small cells; in crowded cells everything is compared just the same."""
    cells: dict[str, list[str]] = defaultdict(list)
    for face in faces:
        if face.position:
            cells[h3.latlng_to_cell(face.position.lat, face.position.lon, 7)].append(face.id)
    found: set[Pair] = set()
    for cell, ids in cells.items():
        for near in h3.grid_disk(cell, 1):
            found.update(pair_of(a, b) for a in ids for b in cells.get(near, ()) if a != b)
    return found


def link(reference: Iterable[Row], reports: Iterable[Row], register: Register) -> Linked:
    """Links the rows of both tables (each needs a unique `record_id`) by the rules of `register`.

    Columns: name, type, adm1, adm2, adm3, lat, lon, gps_acc_m, phone, code, date, team; all may be absent or empty.
    Raises ValueError for a register without matching and for a repeated record_id.
    """
    matching = register.matching
    if matching is None:
        raise ValueError(f"the register '{register.name}' has no matching rules")
    rows = [*reference, *reports]
    repeated = [key for key, count in Counter(row["record_id"] for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(f"record_id '{repeated[0]}' is used by {len(repeated)} rows more than once")
    faces = without_shared_positions([face_of_row(row, matching.words) for row in rows])
    matches = score_pairs(faces, matching)
    model = load_model(matching.model)
    scores = {(m.a, m.b): m.score for m in matches}
    clusters: dict[str, str] = {}
    parts = components([face.id for face in faces], scores)
    home = {member: number for number, part in enumerate(parts) for member in part}
    within: dict[int, dict[Pair, float]] = defaultdict(dict)
    for pair, score in scores.items():
        within[home[pair[0]]][pair] = score
    for number, part in enumerate(parts):
        for members in cluster(part, within.get(number, {}), model.link_from):
            clusters.update(dict.fromkeys(members, members[0]))
    review = [m for m in matches if clusters[m.a] != clusters[m.b] and m.score >= model.review_from]
    return Linked(clusters, tuple(_by_worth(review, clusters)))


def score_pairs(faces: Sequence[Face], matching: Matching) -> list[Match]:
    """All candidate pairs with their scores, the hopeless ones left out, in the order of their ids."""
    by_id = {face.id: face for face in faces}
    compared = (match(by_id[a], by_id[b], matching) for a, b in sorted(candidate_pairs(faces)))
    alone = [m for m in compared if m.score >= KEEP_FROM]
    model = load_model(matching.model)
    levels = neighbour_levels({(m.a, m.b): m.score for m in alone})
    return [replace(m, score=model.among_neighbours(levels[(m.a, m.b)], m.score)) for m in alone]


def _by_worth(pairs: Sequence[Match], clusters: Mapping[str, str]) -> list[Match]:
    """One pair per two clusters, ordered by probability times the sizes of both."""
    sizes = Counter(clusters.values())
    best: dict[Pair, Match] = {}
    for pair in sorted(pairs, key=lambda m: (-m.score, m.a, m.b)):
        best.setdefault(pair_of(clusters[pair.a], clusters[pair.b]), pair)
    return sorted(best.values(), key=lambda m: (-m.score * sizes[clusters[m.a]] * sizes[clusters[m.b]], m.a, m.b))
