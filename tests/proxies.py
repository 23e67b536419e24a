"""A shaping TCP proxy on loopback: the kernel here has no netem, so the poor link is made in user space.

Times and rates are of the simulated link; `speed` says how many simulated seconds pass in a real one. The proxy counts
every byte that it takes from the client and from the server, also those that a cut then loses.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# Small buffers, so that what a sender believes sent is not far ahead of what went over the link.
_BUFFER = 4096
_PIECE = 1024


@dataclass
class Link:
    """What the link does. rate in bytes/s each way, latency in s one way; a stall of `stall` s every `stall_every` s.

    cut_every: seconds after which all connections break. All in simulated time.
    """

    rate: float = 8_000.0
    latency: float = 0.8
    cut_every: float = 90.0
    stall_every: float = 40.0
    stall: float = 6.0
    speed: float = 20.0


@dataclass
class Counted:
    """What went over the link."""

    up: int = 0
    down: int = 0
    connections: int = 0
    cuts: int = 0

    @property
    def total(self) -> int:
        """Bytes both ways."""
        return self.up + self.down


@dataclass
class _Way:
    """One direction of one connection: bytes wait for their turn (rate) and their time (latency)."""

    source: socket.socket
    target: socket.socket
    free_at: float = 0.0
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    ended: bool = False


class ShapingProxy:
    """Carries connections to `port` on loopback over a poor link. Runs in a thread of its own."""

    def __init__(self, port: int, link: Link) -> None:
        self.link, self.counted = link, Counted()
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.port = int(self._listener.getsockname()[1])
        self._ways: list[_Way] = []
        self._began = time.monotonic()
        self._cut_at = link.cut_every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        return (time.monotonic() - self._began) * self.link.speed

    def start(self) -> None:
        """Opens the link."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Closes everything."""
        self._over.set()
        self._thread.join()
        self._cut()
        self._listener.close()

    def _run(self) -> None:
        while not self._over.is_set():
            now = self.now
            if now >= self._cut_at:
                self.counted.cuts += 1
                self._cut()
                self._cut_at = now + self.link.cut_every
            readable = [self._listener, *(way.source for way in self._ways if self._may_read(way, now))]
            ready, _, _ = select.select(readable, [], [], 0.002)
            if self._listener in ready:
                self._accept()
            for way in list(self._ways):
                if way.source in ready:
                    self._read(way, now)
                self._deliver(way, now)

    def _may_read(self, way: _Way, now: float) -> bool:
        stalled = now % self.link.stall_every < self.link.stall
        return not way.ended and not stalled and way.free_at <= now

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            client.close()
            return
        self.counted.connections += 1
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(True)
        self._ways += [_Way(client, server), _Way(server, client)]

    def _read(self, way: _Way, now: float) -> None:
        try:
            data = way.source.recv(_PIECE)
        except OSError:
            data = b""
        if not data:
            way.ended = True
            way.waiting.append((now + self.link.latency, b""))
            return
        if way in self._ways[::2]:
            self.counted.up += len(data)
        else:
            self.counted.down += len(data)
        way.free_at = max(way.free_at, now - 0.5) + len(data) / self.link.rate
        way.waiting.append((way.free_at + self.link.latency, data))

    def _deliver(self, way: _Way, now: float) -> None:
        while way.waiting and way.waiting[0][0] <= now:
            _, data = way.waiting.popleft()
            try:
                if data:
                    way.target.sendall(data)
                else:
                    way.target.shutdown(socket.SHUT_WR)
            except OSError:
                self._close(way)
                return

    def _close(self, way: _Way) -> None:
        for at in range(0, len(self._ways), 2):
            pair = self._ways[at : at + 2]
            if any(each is way for each in pair):
                for each in pair:
                    each.source.close()
                del self._ways[at : at + 2]
                return

    def _cut(self) -> None:
        for way in self._ways:
            with suppress(OSError):
                # A reset and not an orderly end, as when a satellite is lost.
                way.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            way.source.close()
        self._ways = []


@contextmanager
def poor_link(port: int, link: Link | None = None) -> Iterator[ShapingProxy]:
    """A poor link to that port while the block runs."""
    proxy = ShapingProxy(port, link or Link())
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
