"""How well `fieldpost link` links countries that no weight was trained on, per kind and per family of sources, and how fast.

Also draws the reliability plot of docs/matching.md, and measures the development set where it lies beside the project.
"""

from __future__ import annotations

import csv
import os
import resource
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bench.linkage.countries import FIRST_HELD_OUT, REGISTERS, Country, make_country, only
from bench.linkage.measure import Figures, calibration_error, figures, mean, reliability
from bench.linkage.noise import FAMILIES, Row
from bench.linkage.plot import draw
from sync.merge.batch import Local, score_batch
from sync.merge.blocking import own_keys, search_keys, worth_comparing
from sync.merge.faces import Face
from sync.merge.link import face_of_row, known_offsets, link, prepared
from sync.merge.lists import Lists
from sync.merge.matching import load_model, match
from sync.merge.memory import MemoryStore
from sync.registers import Matching, load_registers

ROOT = Path(__file__).resolve().parents[1]
DEVELOPMENT = ROOT.parent / "shared" / "linkage"
PLOT = ROOT / "docs" / "pictures" / "reliability.svg"
ARRIVALS = 300


def rows(countries: int, batch: int, *, plot: bool = False) -> Iterator[dict[str, Any]]:
    """Figures of each register, of each family alone, of the development set, and speeds with `batch` rows."""
    bands = {}
    for name in REGISTERS:
        made = [make_country(name, FIRST_HELD_OUT + number) for number in range(countries)]
        bands[name] = _bands(made, name)
        error = round(calibration_error(bands[name]), 4)
        yield {"register": name, "held_out": "unseen countries", **_mean(made, name), "calibration_error": error}
        torn = [make_country(name, FIRST_HELD_OUT + number, holes=True) for number in range(countries)]
        yield {"register": name, "held_out": "unseen countries, columns missing", **_mean(torn, name)}
        for family in FAMILIES if name != "organisations" else ():
            alone = [make_country(name, FIRST_HELD_OUT + number, only(family)) for number in range(countries)]
            yield {"register": name, "held_out": f"unseen countries, only {family}", **_mean(alone, name)}
    if plot:
        draw(PLOT, bands)
    if (DEVELOPMENT / "reference.csv").exists():
        yield {"register": "facilities", "held_out": "development set", **_mean([_development()], "facilities")}
    yield from _speeds(batch)


def _mean(made: Sequence[Country], name: str) -> dict[str, float]:
    return mean([_linked(country, name) for country in made])


def _linked(country: Country, name: str) -> Figures:
    linked = link(country.reference, country.reports, load_registers()[name])
    reference = {row["record_id"] for row in country.reference}
    return figures(country.truth, linked.clusters, reference, [(pair.a, pair.b) for pair in linked.review])


def _matching(name: str) -> Matching:
    matching = load_registers()[name].matching
    if matching is None:
        raise ValueError(f"the register {name} matches nothing")
    return matching


def _bands(made: Sequence[Country], name: str) -> list[tuple[float, float, int]]:
    judged: list[tuple[float, bool]] = []
    for country in made:
        faces = prepared(face_of_row(row, name) for row in (*country.reference, *country.reports))
        lists = Lists(faces, {row["record_id"] for row in country.reference})
        pairs = score_batch(faces, lists, name, load_model(_matching(name).model), known_offsets(faces))
        judged += [(pair.score, country.truth[pair.a] == country.truth[pair.b]) for pair in pairs]
    return reliability(judged)


def _development() -> Country:
    """The development set; its truth columns are read for measuring only."""
    tables: list[list[Row]] = []
    for name in ("reference", "reports"):
        with (DEVELOPMENT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file)))
    truth = {row["record_id"]: row["true_id"] for table in tables for row in table}
    hidden = {"true_id", "origin", "note"}
    known, new = ([{key: value for key, value in row.items() if key not in hidden} for row in table] for table in tables)
    return Country(known, new, truth)


def _many(count: int) -> tuple[list[Row], list[Row]]:
    """So many rows of many made-up countries in one table."""
    known: list[Row] = []
    new: list[Row] = []
    seed = FIRST_HELD_OUT + 10_000
    while len(known) + len(new) < count:
        country = make_country("facilities", seed)
        seed += 1
        known += [{**row, "record_id": f"{seed}-{row['record_id']}"} for row in country.reference]
        new += [{**row, "record_id": f"{seed}-{row['record_id']}"} for row in country.reports]
    return known, new


def _speeds(batch: int) -> Iterator[dict[str, Any]]:
    known, new = _many(batch)
    started, used = time.perf_counter(), _cpu()
    linked = link(known, new, load_registers()["facilities"], Local(os.cpu_count() or 1))
    yield {
        "register": "facilities", "speed": "batch", "rows": len(known) + len(new), "things": len(set(linked.clusters.values())),
        "seconds": round(time.perf_counter() - started, 1), "cpu_seconds": round(_cpu() - used, 1),
        "peak_mb": _peak_mb(),
    }  # fmt: skip
    yield _arrival([*known, *new])


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_mb() -> int:
    """This process and the largest of its workers, which share what they were born with."""
    return round(sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024)


def _arrival(table: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """One report compared with all records that share a key with it, as the live server does on arrival."""
    matching = _matching("facilities")
    faces = [face_of_row(row, matching.words) for row in table]
    store = MemoryStore()
    store.put_faces("facilities", {face.id: (face, own_keys(face)) for face in faces})
    spent = []
    for face in islice(faces, 0, None, max(1, len(faces) // ARRIVALS)):
        started = time.perf_counter()
        _arrive(store, face, matching)
        spent.append(1000 * (time.perf_counter() - started))
    spent.sort()
    return {
        "register": "facilities", "speed": "one report", "records": len(faces), "median_ms": round(statistics.median(spent), 2),
        "p95_ms": round(spent[int(0.95 * len(spent))], 2),
    }  # fmt: skip


def _arrive(store: MemoryStore, face: Face, matching: Matching) -> None:
    found = store.faces_with_keys("facilities", sorted(search_keys(face)))
    others = {other.id: other for held in found.values() for other in held if other.id != face.id}
    for other in others.values():
        if worth_comparing(face, other):
            match(face, other, matching)
