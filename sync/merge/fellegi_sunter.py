"""The first model as settings of Splink: the same weights, written as m and u probabilities of comparison levels.

A logistic regression over levels is a Fellegi-Sunter model: a level's weight is the logarithm of m/u, the bias that of the prior
odds. Splink asks for the levels of a pair through the SQL function `fieldpost_level(row_l, row_r, family)`, which `register`
gives to a DuckDB connection, so that features stay in one function. Must not know any table but `rows`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sync.merge.batch import Batch
from sync.merge.candidates import batch_keys, cell_of, cells_around, most_rows
from sync.merge.features import (
    DISTANCE_NAMES,
    LENGTH_NAMES,
    LIKENESS_NAMES,
    VAGUE_NAMES,
    compare,
)
from sync.merge.matching import Model

FUNCTION = "fieldpost_level"
EXCLUDED = "excluded"
_PLACES = frozenset((*DISTANCE_NAMES, *VAGUE_NAMES, "nowhere"))
_CLASSES = {
    **dict.fromkeys(LIKENESS_NAMES, "name"), **dict.fromkeys(_PLACES, "place"), **dict.fromkeys(LENGTH_NAMES, "length"),
    "place_one": "country", "place_clash": "country", "swapped": "mistake", "minutes": "mistake",
    "offset": "mistake",
}  # fmt: skip
# A pair of two groups of kinds (a school, a clinic) is never one thing.
_NEVER = 1e-30


def family(level: str) -> str:
    """The comparison that a level belongs to; of each family at most one level holds for a pair."""
    parts = [_family_of_part(part) for part in level.split("*")]
    return "_x_".join(parts)


def _family_of_part(part: str) -> str:
    if part in _CLASSES:
        return _CLASSES[part]
    head = part.partition(":")[0]
    for prefix in ("acronym", "classes", "own", "shared"):
        if head.startswith(prefix):
            return prefix
    if head in ("inside", "area_crossed", "area_name", "area_unknown", "only_place"):
        return head
    return head if ":" in part else head.partition("_")[0]


def settings(model: Model) -> dict[str, Any]:
    """The settings of Splink 5 for a table `rows` with the columns row, keys (see `register`)."""
    families: dict[str, list[str]] = defaultdict(list)
    for level in sorted(model.weights):
        families[family(level)].append(level)
    comparisons = [
        _comparison(name, {level: model.weights[level] for level in levels}) for name, levels in sorted(families.items())
    ]
    comparisons.append({
        "output_column_name": EXCLUDED, "comparison_description": "two groups of kinds",
        "comparison_levels": [
            {
                "sql_condition": _condition(EXCLUDED, EXCLUDED), "label_for_charts": EXCLUDED,
                "m_probability": _NEVER, "u_probability": 1.0,
            },
            _otherwise(),
        ],
    })  # fmt: skip
    return {
        "link_type": "dedupe_only", "unique_id_column_name": "row", "sql_dialect": "duckdb",
        "probability_two_random_records_match": 1 / (1 + math.exp(-model.bias)), "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": "l.keys = r.keys", "sql_dialect": "duckdb", "arrays_to_explode": ["keys"]}
        ],
        "retain_matching_columns": False, "retain_intermediate_calculation_columns": False,
        "additional_columns_to_retain": [], "linker_uid": model.version,
    }  # fmt: skip


def _comparison(name: str, weights: Mapping[str, float]) -> dict[str, Any]:
    levels = [
        {
            "sql_condition": _condition(name, level), "label_for_charts": level,
            # Any two numbers with this quotient say the same; these lie between 0 and 1.
            "m_probability": 1 / (1 + math.exp(-weight)), "u_probability": 1 / (1 + math.exp(weight)),
        }
        for level, weight in weights.items()
    ]  # fmt: skip
    return {"output_column_name": name, "comparison_description": name, "comparison_levels": [*levels, _otherwise()]}


def _condition(name: str, level: str) -> str:
    return f"{FUNCTION}(row_l, row_r, '{name}') = '{level}'"


def _otherwise() -> dict[str, Any]:
    return {"sql_condition": "ELSE", "label_for_charts": "other", "m_probability": 0.5, "u_probability": 0.5}


def level_function(batch: Batch) -> Callable[[int, int, str], str]:
    """What `fieldpost_level` answers for two rows of a batch and a family: the level that holds, or an empty text."""

    @lru_cache(maxsize=100_000)
    def levels(a: int, b: int) -> dict[str, str]:
        found = compare(batch.faces[a], batch.faces[b], batch.words, batch.offsets)
        held = {EXCLUDED: EXCLUDED} if found.excluded else {}
        return held | {family(level): level for level in found.levels}

    return lambda a, b, name: levels(min(a, b), max(a, b)).get(name, "")


def register(connection: Any, batch: Batch) -> None:
    """Gives a DuckDB connection the table `rows` (row, keys) of a batch and the function `fieldpost_level`.

    `keys` are the keys that few rows share, and the pairs of cells that touch; two rows that share one are compared.
    """
    import pyarrow as pa

    counts: dict[str, int] = defaultdict(int)
    own = [batch_keys(face) for face in batch.faces]
    for keys in own:
        for key in keys:
            counts[key] += 1
    cells = [cell_of(face) for face in batch.faces]
    rows = [
        sorted({key for key in keys if 1 < counts[key] <= most_rows(key)} | _sides(cell))
        for keys, cell in zip(own, cells, strict=True)
    ]  # fmt: skip
    table = pa.table({"row": pa.array(range(len(rows)), pa.int64()), "keys": pa.array(rows, pa.list_(pa.string()))})
    connection.register("arriving", table)
    connection.execute("create or replace table rows as select * from arriving")
    connection.unregister("arriving")
    connection.create_function(FUNCTION, level_function(batch), ["BIGINT", "BIGINT", "VARCHAR"], "VARCHAR")


def _sides(cell: int | None) -> set[str]:
    """A key for each two cells that touch, borne by the rows of both."""
    return set() if cell is None else {f"g:{min(cell, near)}:{max(cell, near)}" for near in cells_around(cell)}
