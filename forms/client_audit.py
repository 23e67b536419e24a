"""Reads the log that ODK Collect keeps of how a form was filled (audit.csv): the known columns, line by line.

A log is kept as it came whatever is in it; here it is only read, so a damaged one gives what can be read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

FILE_NAME = "audit.csv"
# XForms specification, "client audit logs"; the order is ODK Central's.
COLUMNS = ("event", "node", "start", "end", "latitude", "longitude", "accuracy", "old-value", "new-value")
_MAX_CELL = 1_000_000


def rows(data: bytes) -> Iterator[tuple[str, ...]]:
    """The lines of one log, one text per column of COLUMNS; a column that the log lacks is empty, others are left out."""
    csv.field_size_limit(_MAX_CELL)
    lines = data.decode("utf-8-sig", "replace").replace("\0", "").splitlines(keepends=True)
    reader = csv.reader(lines)
    try:
        header = {name.strip().lower(): place for place, name in enumerate(next(reader, []))}
        places = [header.get(name) for name in COLUMNS]
        for line in reader:
            if line:
                yield tuple(line[place] if place is not None and place < len(line) else "" for place in places)
    except csv.Error:
        # A cell of a megabyte or more: no log of a phone; what came before it is good.
        return
