"""What every writer takes: columns with types, and rows with an optional position. WGS84 degrees, UTC times."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "integer", "decimal", "date", "datetime"]
CHUNK = 1 << 16


@dataclass(frozen=True)
class Column:
    """One column: its name in files and the type of its values (None is allowed in every column)."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Row:
    """One thing: a stable id, values by column name, position in degrees or None."""

    id: str
    values: Mapping[str, Any]
    lat: float | None = None
    lon: float | None = None


def plain(value: Any, kind: Kind) -> str | int | float | None:
    """A value as text or number of its column's type; what does not fit its type comes out as text, never lost.

    Datetimes are ISO 8601 with milliseconds and Z.
    """
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(str(each) for each in value)
    if kind in ("integer", "decimal"):
        return _number(value, kind)
    return str(value)


def _number(value: Any, kind: Kind) -> str | int | float:
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    if not math.isfinite(number):
        return str(value)
    return int(number) if kind == "integer" and number.is_integer() else number


def batched(pieces: Iterable[str]) -> Iterator[bytes]:
    """Joins small pieces of text into UTF-8 chunks of about 64 kB, so that a network write is worth its cost."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield "".join(held).encode()
            held, size = [], 0
    if held:
        yield "".join(held).encode()
