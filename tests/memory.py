"""Watches the memory of a running server from outside."""

from __future__ import annotations

import threading

import psutil

from tests.processes import RunningServer


class Watch(threading.Thread):
    """Notes by how much the server's processes together grew while it runs, in bytes.

    Each process is held against its own start: one that ends meanwhile (the preparation of the database) hides no growth.
    """

    def __init__(self, server: RunningServer) -> None:
        super().__init__(daemon=True)
        self.start_rss = {psutil.Process(pid): rss for pid in server.pids() if (rss := _rss(pid)) is not None}
        self.highest = 0
        self.over = threading.Event()

    def growth(self) -> int:
        """Resident memory of the living processes now over theirs at the start."""
        grown = ((_rss(process.pid), start) for process, start in self.start_rss.items() if process.is_running())
        return sum(now - start for now, start in grown if now is not None)

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.highest = max(self.highest, self.growth())

    def end(self) -> int:
        """The highest growth seen."""
        self.over.set()
        self.join()
        return max(self.highest, self.growth())


def _rss(pid: int) -> int | None:
    """Resident memory in bytes; None once the process is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return None
