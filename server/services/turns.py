"""Whose turn it is to write to SQLite: a queue for all our processes, because SQLite's own waiting is by pauses and luck.

SQLite lets one connection write; another one that wants to sleeps up to a tenth of a second between its tries. Whoever
takes a turn first finds the database free nearly always. It is a courtesy and no protection: writers that do not queue
are still kept apart by SQLite itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import Connection, Engine

try:
    import fcntl
except ImportError:  # Windows: the threads of one process queue, its processes do not
    fcntl = None  # type: ignore[assignment]

_threads: dict[str, threading.RLock] = {}
_files: dict[str, int] = {}
_depth: dict[str, int] = {}
_making = threading.Lock()


@contextmanager
def turn(bind: Engine | Connection) -> Iterator[None]:
    """Waits for this process's and thread's turn to write; at once where the database is no SQLite file. Re-entrant."""
    name = bind.engine.url.database
    if bind.dialect.name != "sqlite" or not name or name == ":memory:":
        yield
        return
    with _making:
        lock = _threads.setdefault(name, threading.RLock())
    with lock:
        _depth[name] = _depth.get(name, 0) + 1
        try:
            if _depth[name] == 1:
                _take(name)
            yield
        finally:
            _depth[name] -= 1
            if _depth[name] == 0:
                _give(name)


def _take(name: str) -> None:
    # A directory that cannot be written to is SQLite's to complain about.
    with suppress(OSError):
        if name not in _files:
            # Kept open as long as the process lives; what it holds is given back when the process dies.
            _files[name] = os.open(f"{name}-turn", os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            fcntl.flock(_files[name], fcntl.LOCK_EX)


def _give(name: str) -> None:
    if fcntl is not None and name in _files:
        with suppress(OSError):
            fcntl.flock(_files[name], fcntl.LOCK_UN)
