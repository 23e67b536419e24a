"""`python -m bench [--large] [--only NAME]`: prints one JSON object per figure. A benchmark, not a test: nothing here can fail.

Real servers on both databases, reports filled from the shipped questionnaires, CPU seconds of all our processes included.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench import devices, field, linking, reading, reviewing, scale
from tests.databases import PostgresServer, make_settings
from tests.processes import RunningServer

Row = dict[str, Any]


def _servers(directory: Path, postgres: PostgresServer) -> Iterator[tuple[str, RunningServer]]:
    for kind in ("sqlite", "postgresql"):
        data_dir = directory / kind
        url = f"sqlite:///{data_dir / 'fieldpost.sqlite3'}" if kind == "sqlite" else postgres.new_database("bench")
        yield kind, RunningServer(make_settings(data_dir, url), threads=16).prepare()


def _rows(part: Callable[[RunningServer, int, Callable[[], list[int]]], Iterator[Row]], reports: int) -> Iterator[Row]:
    """The rows of a part on each database. The part starts the server."""
    postgres = PostgresServer(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="fieldpost-bench-") as name:
            for kind, server in _servers(Path(name), postgres):
                try:
                    others = partial(devices.database_pids, postgres.directory / "data") if kind == "postgresql" else list
                    for row in part(server, reports, others):
                        yield {"database": kind, **row}
                finally:
                    server.stop()
    finally:
        postgres.stop()


def _devices(server: RunningServer, reports: int, others: Callable[[], list[int]]) -> Iterator[Row]:
    server.start()
    yield from devices.rows(server, reports, others)


def main() -> None:
    """Runs what was asked for and prints as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="many more reports and records; takes long")
    parser.add_argument("--only", choices=["devices", "reading", "reviewing", "linking", "field", "scale"], help="one part only")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "devices": lambda: _rows(_devices, 20_000 if options.large else 2_000),
        "reading": lambda: _rows(reading.rows, 1_000_000 if options.large else 50_000),
        "reviewing": lambda: _rows(reviewing.rows, reviewing.RECORDS),
        "linking": lambda: linking.rows(*((20, 100_000) if options.large else (6, 10_000)), plot=options.only == "linking"),
    }
    # One browser for the engine of the field app; no server takes part.
    parts["field"] = field.rows
    # Folding a million reports takes hours: only when asked for.
    if options.large or options.only == "scale":
        sizes = (1_000, 10_000, 100_000) if options.large else (1_000,)
        parts["scale"] = lambda: (row for size in sizes for row in scale.rows(size))
    for name, part in parts.items():
        if options.only in {None, name}:
            for row in part():
                print(json.dumps({"part": name, **row}), flush=True)


if __name__ == "__main__":
    main()
