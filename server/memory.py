"""Keeps an idle process small: what the C library may hold back, and when it gives freed memory to the system."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

LARGE = 1_000_000
"""Bytes of a document from which its memory is worth giving back at once; reports of phones have some kB."""


def spare_memory() -> None:
    """Tells glibc to keep two arenas and to give freed memory back: with 16 threads it would keep tens of MB. No-op elsewhere."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in ((-8, 2), (-1, 131_072), (-3, 262_144)):  # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        mallopt(parameter, value)


@contextmanager
def loading() -> Iterator[None]:
    """While the application is loaded nothing is looked through for cycles: what modules make stays, and looking costs a tenth
    of the start. What there is at the end is left out of later looks as well."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def give_memory_back() -> None:
    """Returns what was used and freed to the system; no-op where the C library cannot."""
    gc.collect()
    _trim()


def trim_after(size: int) -> None:
    """The same, at once and without looking for cycles, after a document of so many bytes if that is large.

    The nodes of 10 MB of XML take 64 MB in small pieces, which the C library would keep for itself.
    """
    if size > LARGE:
        _trim()


def _trim() -> None:
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return
