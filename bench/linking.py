"""How well and how fast `fieldpost link` links made-up countries that no weight was trained on, per kind of thing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bench.linkage import organisations, worlds
from bench.linkage.measure import f1
from bench.linkage.noise import rows_of
from sync.merge.link import link
from sync.registers import load_registers

FIRST_SEED = 900_000
"""Training draws its countries from small seeds; these are never among them."""


def rows(countries: int) -> Iterator[dict[str, Any]]:
    """One row per kind: precision, recall, F1 pairwise, B-cubed F1, questions per 100 reports, seconds."""
    registers = load_registers()
    for name in ("facilities", "settlements", "organisations"):
        sums: Counter[str] = Counter()
        for number in range(countries):
            table, truth = _country(name, FIRST_SEED + number)
            started = time.perf_counter()
            linked = link((), table, registers[name])
            sums.update(_measure(truth, linked.clusters, len(linked.review)) | {"seconds": time.perf_counter() - started})
        yield {"register": name, "countries": countries, **{key: round(value / countries, 3) for key, value in sums.items()}}


def _country(name: str, seed: int) -> tuple[Any, Mapping[str, str]]:
    if name == "organisations":
        return organisations.rows_of(seed, 260)
    return rows_of(worlds.make_world(seed, name), seed)


def _measure(truth: Mapping[str, str], found: Mapping[str, str], questions: int) -> dict[str, float]:
    both = Counter((truth[key], found[key]) for key in truth)
    real, made = Counter(truth.values()), Counter(found.values())
    hit, found_pairs, real_pairs = _pairs(both), _pairs(made), _pairs(real)
    precision = sum(n * n / made[key[1]] for key, n in both.items()) / len(truth)
    recall = sum(n * n / real[key[0]] for key, n in both.items()) / len(truth)
    return {
        "rows": len(truth),
        "precision": hit / found_pairs if found_pairs else 1.0,
        "recall": hit / real_pairs if real_pairs else 1.0,
        "f1": f1(hit, found_pairs, real_pairs),
        "bcubed_f1": 2 * precision * recall / (precision + recall),
        "questions_per_100": 100 * questions / len(truth),
    }


def _pairs(counts: Mapping[Any, int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.values())
