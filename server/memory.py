"""Keeps an idle process small: what the C library may hold back, and when it gives freed memory to the system."""

from __future__ import annotations

import ctypes
import gc


def spare_memory() -> None:
    """Tells glibc to keep two arenas and to give freed memory back: with 16 threads it would keep tens of MB. No-op elsewhere."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in ((-8, 2), (-1, 131_072), (-3, 262_144)):  # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        mallopt(parameter, value)


def give_memory_back() -> None:
    """Returns what was used and freed to the system; no-op where the C library cannot."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return
