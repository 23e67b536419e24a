"""Pieces of files under way, one file on disk per upload: its length is the offset from which the sender goes on.

Two requests may write to one upload (a sender came back while the server still waits for the old connection): each append
locks the file and is refused when the file is no longer as long as its writer thinks.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from server.problems import Problem
from server.services.blobs import CHUNK, disk_problems
from server.services.uploads import Readable

ALGORITHMS = ("sha1", "sha256", "md5")
_IN_MEMORY = 1 << 20
_threads = threading.Lock()


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a piece must hash to: one of ALGORITHMS and the digest."""

    algorithm: str
    digest: bytes


def create(path: Path) -> None:
    """Makes the empty file. Raises Problem disk_full."""
    with disk_problems():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=True)


def size(path: Path) -> int | None:
    """How many bytes have come; None when there is no such file (any more)."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def append(path: Path, at: int, most: int, stream: Readable, checksum: Checksum | None) -> int:
    """Adds a request's body to the file and returns the new length; what came before a cut is kept.

    With a checksum the body is added as a whole or not at all. Raises Problem upload_offset when the file does not end
    at `at` (any more), too_large when it would grow over `most` bytes, checksum_mismatch, disk_full.
    """
    if checksum is None:
        return _add(path, at, most, _pieces(stream))
    with SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(path.parent)) as whole:
        digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
        for piece in _pieces(stream):
            if at + whole.tell() + len(piece) > most:
                raise Problem("too_large", limit=most)
            digest.update(piece)
            with disk_problems():
                whole.write(piece)
        if digest.digest() != checksum.digest:
            raise Problem("checksum_mismatch")
        whole.seek(0)
        return _add(path, at, most, _pieces(whole))


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Keeps others from the file while the block runs; False when it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file, _locked(file):
        yield path.exists()


def _add(path: Path, at: int, most: int, content: Iterator[bytes]) -> int:
    """Appends piece by piece, each under the lock; durable when it returns."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        raise Problem("upload_gone") from None
    with file:
        _check_end(file, at)
        try:
            for piece in content:
                if at + len(piece) > most:
                    raise Problem("too_large", limit=most)
                at = _write(file, at, piece)
        finally:
            with disk_problems():
                os.fsync(file.fileno())
    return at


def _write(file: IO[bytes], at: int, piece: bytes) -> int:
    with _locked(file):
        _check_end(file, at)
        # On a full disk half a piece may stay: the sender goes on from what is there when there is room again.
        with disk_problems():
            file.write(piece)
            file.flush()
    return at + len(piece)


def _check_end(file: IO[bytes], at: int) -> None:
    end = file.seek(0, os.SEEK_END)
    if end != at:
        raise Problem("upload_offset", offset=end, got=at)


def _pieces(stream: Readable | IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(CHUNK):
        yield piece


if sys.platform == "win32":

    @contextmanager
    def _locked(file: IO[bytes]) -> Iterator[None]:
        # One process serves there, so that its threads only have to keep off each other.
        with _threads:
            yield
else:
    import fcntl

    @contextmanager
    def _locked(file: IO[bytes]) -> Iterator[None]:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
