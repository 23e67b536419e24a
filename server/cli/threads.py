"""Threads that serve requests: so many at work, and others in their place while some only wait for a slow client.

A phone on a satellite link sends a photo for minutes. Its thread does nothing meanwhile, so it does not count; when its bytes
come it takes its turn again. Threads that are too many after a bad hour end by themselves.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

Task = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]

IDLE_SECONDS = 30.0
# Who has waited for a client for less than this is not sent away for others, however many there are.
DISPLACED_AFTER = 2.0


class _Seat:
    """Where an idle thread waits for its next task."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.task: Task | None = None


class Threads:
    """At most `busy` tasks at work at once in at most `most` threads; the rest of the threads wait for clients."""

    def __init__(self, busy: int, most: int) -> None:
        self._busy, self._most = busy, most
        self._lock = threading.Lock()
        self._tasks: deque[Task] = deque()
        self._idle: list[_Seat] = []
        self._returning: deque[threading.Event] = deque()
        self._away: dict[int, tuple[float, Callable[[], None]]] = {}
        self._alive = self._working = 0
        self._closed = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Runs the function in one of the threads, as an executor does."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._tasks.append((future, function, arguments))
            hang_up = self._call_somebody()
        if hang_up is not None:
            hang_up()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more tasks. Threads are daemons, so that nobody waits for a client's last byte at the end."""
        with self._lock:
            self._closed = True
            dropped = list(self._tasks) if cancel_futures else []
            if cancel_futures:
                self._tasks.clear()
            for seat in self._idle:
                seat.called.set()
            self._idle.clear()
        for future, _function, _arguments in dropped:
            future.cancel()

    @contextmanager
    def away(self, hang_up: Callable[[], None]) -> Iterator[None]:
        """The block waits for a client: another thread may work meanwhile. hang_up ends the wait when all threads wait."""
        me = threading.get_ident()
        with self._lock:
            self._away[me] = (time.monotonic(), hang_up)
            self._leave()
            displace = self._call_somebody()
        if displace is not None:
            displace()
        try:
            yield
        finally:
            self._come_back(me)

    def _come_back(self, me: int) -> None:
        with self._lock:
            del self._away[me]
            if self._working < self._busy:
                self._working += 1
                return
            turn = threading.Event()
            self._returning.append(turn)
        # The place is handed over by whoever leaves; `_working` counts it already.
        turn.wait()

    def _leave(self) -> None:
        """Gives up a place at work: to one who came back from waiting, if there is one. The lock is held."""
        if self._returning:
            self._returning.popleft().set()
        else:
            self._working -= 1

    def _call_somebody(self) -> Callable[[], None] | None:
        """Hands waiting tasks to threads while there are places at work. The lock is held.

        When every thread waits for a client it returns how to hang up on the one that has waited longest.
        """
        while self._tasks and self._working < self._busy:
            if self._idle:
                seat = self._idle.pop()
                seat.task = self._tasks.popleft()
                seat.called.set()
            elif self._alive < self._most:
                self._alive += 1
                threading.Thread(target=self._run, args=(self._tasks.popleft(),), daemon=True, name="request").start()
            else:
                return self._longest_away()
            self._working += 1
        return None

    def _longest_away(self) -> Callable[[], None] | None:
        if not self._away:
            return None
        since, hang_up = min(self._away.values(), key=lambda waiting: waiting[0])
        return hang_up if time.monotonic() - since >= DISPLACED_AFTER else None

    def _run(self, task: Task | None) -> None:
        seat = _Seat()
        while task is not None:
            future, function, arguments = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)
            # Nothing of the request may live on while the thread waits for the next one.
            del task, future, function, arguments
            task = self._next(seat)

    def _next(self, seat: _Seat) -> Task | None:
        """Leaves its place and waits for the next task; None when this thread is one too many. A task comes with a place."""
        with self._lock:
            self._leave()
            if self._tasks and self._working < self._busy:
                self._working += 1
                return self._tasks.popleft()
            if self._closed:
                self._alive -= 1
                return None
            seat.task = None
            seat.called.clear()
            self._idle.append(seat)
        while not seat.called.wait(IDLE_SECONDS):
            with self._lock:
                if self._alive > self._busy and seat in self._idle:
                    self._idle.remove(seat)
                    self._alive -= 1
                    return None
        return seat.task
