"""GeoPackage for QGIS and the like. GDAL runs in a child process: it is heavy, and a web process must not carry it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from server.exports.table import CHUNK, Column, Row, plain

_CHILD = Path(__file__).with_name("geopackage_child.py")
# GeoPackage's own types; a date and a time are stored as such, so that QGIS filters by them.
_SECONDS = 600


class GeoPackageFailed(Exception):
    """The child process could not write the file; the message holds what it said."""


def write(rows: Iterable[Row], columns: Sequence[Column], layer: str, folder: Path) -> Iterator[bytes]:
    """Chunks of a GeoPackage with one point layer. It is made in `folder` as a temporary file, which is gone at the end.

    Raises GeoPackageFailed before the first chunk, so that an answer has not begun when something is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="gpkg-") as directory:
        path = Path(directory) / "layer.gpkg"
        make(rows, columns, layer, path)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def make(rows: Iterable[Row], columns: Sequence[Column], layer: str, path: Path) -> None:
    """Writes the GeoPackage to `path`. Raises GeoPackageFailed."""
    lines = path.with_suffix(".jsonl")
    try:
        with lines.open("w", encoding="utf-8") as file:
            head = {"layer": layer, "columns": [["id", "text"], *([column.name, column.kind] for column in columns)]}
            file.write(json.dumps(head) + "\n")
            for row in rows:
                values = [row.id, *(plain(row.values.get(column.name), column.kind) for column in columns)]
                file.write(json.dumps([row.lat, row.lon, values]) + "\n")
        _run(lines, path)
    finally:
        lines.unlink(missing_ok=True)


def _run(lines: Path, path: Path) -> None:
    # -I: neither the working directory nor PYTHON* variables can put other code in the child's way.
    command = [sys.executable, "-I", str(_CHILD), str(lines), str(path)]
    environment = {key: os.environ[key] for key in ("PATH", "TMPDIR", "SYSTEMROOT") if key in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise GeoPackageFailed(f"it took longer than {_SECONDS} seconds") from error
    if done.returncode or not path.exists():
        raise GeoPackageFailed(done.stderr.strip()[-2000:] or f"exit status {done.returncode}")
