"""Lets one process at a time do something with a device's store; the system drops the lock when that process dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.client.problems import SenderBusy


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock file while the block runs. Raises SenderBusy when somebody else holds it."""
    with path.open("ab") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise SenderBusy("Another process is sending from this outbox; wait until it has ended.") from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
