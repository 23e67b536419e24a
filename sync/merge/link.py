"""Matches the rows of two tables in one go: which rows are one thing, and which pairs an officer should look at.

Faces come from plain columns; comparison, weights and clustering are those of the live server, cut where F1 is best
instead of where nothing can be wrong. Pure: rows in, mapping and pairs out.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sync.merge.batch import Engine, score_batch
from sync.merge.clustering import cluster, components
from sync.merge.faces import LONGEST, Face, named, phone_digits
from sync.merge.facts import Position
from sync.merge.features import compare
from sync.merge.judgements import Pair, pair_of
from sync.merge.lists import KnownOffsets, Lists, find_offsets, with_coordinates_unswapped, with_shared_positions_vague
from sync.merge.matching import DIGITS, Match, load_model, match_of
from sync.merge.names import fold
from sync.merge.neighbourhood import Scored
from sync.registers import Register

Row = Mapping[str, str]
AREAS = ("adm1", "adm2", "adm3")
_DAY_FIRST = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
# Pairs under this make no component: they only weigh inside one.
EDGE_FROM = 0.05
# A pair that shares no key or is hopeless by itself counts against joining two clusters as so much of one that scored 0.
UNSEEN = 0.25
# Of names borne by more rows than this nobody knows which belong together.
ONE_NAME_ROWS = 6
# What officers can be asked to answer for 100 rows; the order is by worth, so nothing that matters more is left out.
QUESTIONS_PER_100 = 18


@dataclass(frozen=True, slots=True)
class Linked:
    """`clusters` maps every row id to its cluster's id; `review` are pairs worth an officer's look, best first."""

    clusters: Mapping[str, str]
    review: tuple[Match, ...]


def face_of_row(row: Row, words: str) -> Face:
    """The face of a table row; absent or unreadable columns are unknown. Of a long text the beginning is compared."""

    def text(column: str) -> str:
        return (row.get(column) or "").strip()[:LONGEST]

    return Face(
        id=row["record_id"],
        names=named([row.get("name") or ""], words) or named(["?"], words),
        type=text("type") or None,
        position=_position(row),
        areas=tuple(fold(text(name)) or None for name in AREAS),
        phone=phone_digits(text("phone")),
        code=fold(text("code")).replace(" ", "") or None,
        observed=_date(row.get("date")),
        unit=text("team") or None,
    )


def _position(row: Row) -> Position | None:
    try:
        lat, lon = _number(row.get("lat")), _number(row.get("lon"))
    except ValueError:
        return None
    try:
        accuracy = _number(row.get("gps_acc_m") or "0") or None
    except ValueError:
        accuracy = None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    return Position(lat, lon, accuracy if accuracy and accuracy > 0 else None)


def _number(text: str | None) -> float:
    """A number with a decimal point or, as French tables have it, a comma."""
    return float((text or "").replace(",", "."))


def _date(text: str | None) -> dt.date | None:
    """A date as 2026-03-05 or, day first, 05/03/2026."""
    found = _DAY_FIRST.match(text or "")
    try:
        return dt.date(*(int(part) for part in found.groups()[::-1])) if found else dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def link(reference: Iterable[Row], reports: Iterable[Row], register: Register, engine: Engine | None = None) -> Linked:
    """Links the rows of both tables (each needs a unique `record_id`) by the rules of `register`.

    Columns: name, type, adm1, adm2, adm3, lat, lon, gps_acc_m, phone, code, date, team; all may be absent or empty.
    `engine`: where pairs are found and scored; the answer does not depend on it. One process of this machine when None.
    Raises ValueError for a register without matching and for a repeated record_id.
    """
    matching = register.matching
    if matching is None:
        raise ValueError(f"the register '{register.name}' has no matching rules")
    reference = list(reference)
    rows = [*reference, *reports]
    repeated = [key for key, count in Counter(row["record_id"] for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(f"record_id '{repeated[0]}' is borne by more than one row; give every row of both tables its own")
    faces = prepared([face_of_row(row, matching.words) for row in rows])
    by_id = {face.id: face for face in faces}
    known = {row["record_id"] for row in reference}
    offsets = known_offsets(faces)
    model = load_model(matching.model)
    pairs = score_batch(faces, Lists(faces, known), matching.words, model, offsets, engine)
    clusters = grouped(by_id, pairs, known, model.link_from, model.tie_from)
    questions = worth_asking(pairs, clusters, len(rows) - len(known), known, model.review_from)
    rivals = _rivals(pairs, questions)
    shown = [
        match_of(by_id[q.a], by_id[q.b], compare(by_id[q.a], by_id[q.b], matching.words, offsets), q.score, rivals[(q.a, q.b)])
        for q in questions
    ]
    return Linked(clusters, tuple(shown))


@dataclass(frozen=True, slots=True)
class Question:
    """Two rows, `a` < `b`, that stand for their clusters, and the best score between the clusters."""

    a: str
    b: str
    score: float


def _rivals(pairs: Iterable[Scored], questions: Sequence[Question]) -> dict[Pair, float]:
    """For each question the best score that one of the two rows reaches with a third."""
    asked = {row for question in questions for row in (question.a, question.b)}
    best: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for pair in pairs:
        for row, other in ((pair.a, pair.b), (pair.b, pair.a)):
            if row in asked:
                best[row] = sorted([*best[row], (pair.score, other)], reverse=True)[:2]

    def rival(row: str, other: str) -> float:
        return max((score for score, third in best[row] if third != other), default=0.0)

    return {(q.a, q.b): max(rival(q.a, q.b), rival(q.b, q.a)) for q in questions}


def prepared(faces: Iterable[Face]) -> list[Face]:
    """The faces by id, with the positions mended that the batch as a whole shows to be wrong."""
    return with_shared_positions_vague(with_coordinates_unswapped(sorted(faces, key=lambda face: face.id)))


def known_offsets(faces: Iterable[Face]) -> KnownOffsets | None:
    """The constant offsets that pairs of one name show, for names that few rows bear; None when there are none."""
    by_name: dict[str, list[Face]] = defaultdict(list)
    for face in faces:
        if face.position and face.names:
            by_name[face.names[0].sound].append(face)
    few = [same for _, same in sorted(by_name.items()) if 1 < len(same) <= ONE_NAME_ROWS]
    offsets = find_offsets(pair for same in few for pair in combinations(same, 2))
    return offsets if offsets.vectors else None


def grouped(
    ids: Iterable[str], pairs: Sequence[Scored], reference: Collection[str], link_from: float, tie_from: float = 0.0
) -> dict[str, str]:
    """The cluster of each id: average linkage, to a row of the reference from `tie_from` on, and two of those only where they are
    surely one thing."""
    scores = {(pair.a, pair.b): pair.score for pair in pairs}
    clusters: dict[str, str] = {}
    parts = components(ids, (pair for pair, score in scores.items() if score >= EDGE_FROM))
    home = {member: number for number, part in enumerate(parts) for member in part}
    within: dict[int, dict[Pair, float]] = defaultdict(dict)
    for pair, score in scores.items():
        if home[pair[0]] == home[pair[1]]:
            within[home[pair[0]]][pair] = score
    for number, part in enumerate(parts):
        known = [row for row in part if row in reference]
        for members in cluster(part, within.get(number, {}), link_from, sole=known, tie_from=tie_from, unseen=UNSEEN):
            clusters.update(dict.fromkeys(members, members[0]))
    return clusters


def worth_asking(
    pairs: Sequence[Scored], clusters: Mapping[str, str], reports: int, reference: Collection[str] = (), review_from: float = 0.02
) -> list[Question]:
    """One question per two clusters, ordered by what a "same" is likely to mend, as many as officers can answer.

    What it mends: average score times the root of both sizes. The average counts what was never compared as 0, as linkage does.
    The root is what did best on held-out countries: of two large clusters one member may stand wrongly, so their size promises
    more than it keeps. The rows shown are those that stand best for their clusters, not those that happen to be most alike.
    """
    sizes = Counter(clusters.values())
    sums: dict[Pair, list[float]] = defaultdict(list)
    within: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        if clusters[pair.a] == clusters[pair.b]:
            within[pair.a].append(pair.score)
            within[pair.b].append(pair.score)
        elif pair.score >= review_from:
            sums[pair_of(clusters[pair.a], clusters[pair.b])].append(pair.score)

    def worth(between: Pair) -> float:
        return round(math.fsum(sums[between]) / math.sqrt(sizes[between[0]] * sizes[between[1]]), DIGITS)

    chosen = sorted(sums, key=lambda between: (-worth(between), between))[: QUESTIONS_PER_100 * reports // 100]
    wanted = {name for between in chosen for name in between}
    standing: dict[str, str] = {}
    for row in sorted(
        (row for row in clusters if clusters[row] in wanted),
        key=lambda row: (row not in reference, -round(math.fsum(within[row]), DIGITS), row),
    ):
        standing.setdefault(clusters[row], row)
    return [Question(*pair_of(standing[x], standing[y]), max(sums[(x, y)])) for x, y in chosen]
