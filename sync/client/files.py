"""Files of a device, each kept once under the SHA-256 or MD5 of its bytes; a name that is there is whole.

A file is written beside, flushed to the disk and renamed, so that a power cut leaves no half file under its name.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PIECE = 1 << 16


def pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, 64 kB at a time."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def keep(folder: Path, content: Iterable[bytes], algorithm: str = "sha256") -> tuple[str, int]:
    """Writes the content into the folder under its digest, durably; returns digest and size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.new(algorithm, usedforsecurity=False), 0
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in content:
                digest.update(piece)
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / digest.hexdigest())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _flush_folder(folder)
    return digest.hexdigest(), size


def drop_others(folder: Path, wanted: set[str], older_than: float = 3600.0) -> None:
    """Removes the files that nobody needs any more, and what a killed process left half written.

    What is younger than so many seconds stays: somebody may be about to queue a report with it.
    """
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in wanted and time.time() - path.stat().st_mtime >= older_than:
                path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Makes a rename durable; Windows has no such call for a folder."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
