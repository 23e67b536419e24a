"""Gunicorn's threaded worker for slow clients: a waiting room before the threads, and threads that step aside while they wait.

A connection gets a thread when its headers are all here, and its body too if that is short. A long body is read by a thread,
which makes room for another whenever the client lets it wait. Otherwise a few phones on a dying link (or somebody with
bad intent) would hold every thread.
"""

from __future__ import annotations

import re
import select
import selectors
import socket
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from server.cli.endings import Endings, serving
from server.cli.threads import Threads

HEADER_SECONDS = 30.0
# A client that sends (or takes) nothing for so long in the middle of a request is cut off.
STALLED_SECONDS = 60.0
BODY_SECONDS = 600.0
# How many connections may sit in the waiting room; then who came first goes.
PLACES = 700
# Threads of one process, with those that wait for clients; an idle one costs some 50 kB, and most do not exist.
MOST_THREADS = 256
# So much is looked at without taking it; longer headers (an address alone may have 64 kB) get their thread at once.
LOOK = 32_768
UNKNOWN = LOOK + 1
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_NOT_YET = re.compile(rb"\r\n(?:expect|transfer-encoding):", re.IGNORECASE)


class PatientSocket(socket.socket):
    """A client's connection: reading and writing step aside while the client lets them wait, and end when it is gone."""

    threads: Threads | None = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As ever; a connection that was reset, or that stalls, has come to its end: what was read before is kept."""
        if flags or self.threads is None or self.gettimeout() == 0.0:
            return super().recv(size, flags)
        try:
            return super().recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._wait(select.POLLIN)
        except ConnectionResetError:
            return b""
        try:
            return super().recv(size, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionResetError):
            return b""

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """As ever. Raises TimeoutError for a client that takes nothing."""
        if flags or self.threads is None or self.gettimeout() == 0.0:
            return super().sendall(data, flags)
        left = memoryview(data).cast("B")
        while left:
            try:
                left = left[super().send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                if not self._wait(select.POLLOUT):
                    raise TimeoutError("the client takes nothing") from None
        return None

    def _wait(self, what: int) -> bool:
        """Until the client is ready; False, and the connection is dead, when it is not for a minute."""
        own = self.gettimeout()
        seconds = STALLED_SECONDS if own is None else min(own, STALLED_SECONDS)
        poll = select.poll()
        poll.register(self, what)
        with self.threads.away(self._hang_up) if self.threads is not None else nullcontext():
            ready = bool(poll.poll(seconds * 1000))
        if not ready and own is not None and own <= seconds:
            raise TimeoutError("timed out")
        if not ready:
            self._hang_up()
        return ready

    def _hang_up(self) -> None:
        try:
            self.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is gone already; whoever reads next finds out.
            return


@dataclass
class Guest:
    """A connection in the waiting room: since when, until when it may sit without a new byte, how much had come."""

    conn: TConn
    came: float
    deadline: float
    seen: int = 0


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Looks at what has arrived without taking it, from the loop that also accepts."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.guests: dict[int, Guest] = {}
        # Edge-triggered: it tells each time that more has come, though nobody takes what is there.
        self.room = select.epoll()

    def get_thread_pool(self) -> Threads:
        """Called by gunicorn before the first connection."""
        threads = Threads(self.cfg.threads, max(MOST_THREADS, self.cfg.threads))
        if self.cfg.is_ssl:
            from server.cli.tls_sockets import PatientTlsSocket

            PatientTlsSocket.threads = threads
        return threads

    def init_process(self) -> None:
        """The room is made after the fork, so that processes do not share it."""
        self.room.close()
        self.room = select.epoll()
        super().init_process()

    def load_wsgi(self) -> None:
        """Loads the application; its answers may end the connection."""
        super().load_wsgi()
        self.wsgi: Any = Endings(self.wsgi)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """As gunicorn's own; the request is at hand for an answer that ends the connection."""
        serving(req)
        return super().handle_request(req, conn)

    def run(self) -> None:
        """Serves until told to stop."""
        self.poller.register(self.room.fileno(), selectors.EVENT_READ, self._look)
        super().run()

    def accept(self, listener: Any) -> None:
        """As gunicorn's own, with our kind of socket."""
        try:
            plain, address = listener.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError | ConnectionAbortedError):
                raise
            return
        client = PatientSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        client.threads = None if self.cfg.is_ssl else self.tpool
        self.nr_conns += 1
        conn = TConn(self.cfg, client, address, listener.getsockname())
        # The encrypted socket steps aside by itself from its first byte on; gunicorn would hold the thread for seconds.
        conn.data_ready = bool(self.cfg.is_ssl)
        self.enqueue_req(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """A connection that has something to say, or has just come: to a thread if it has said enough."""
        read_ahead = conn.parser is not None and conn.parser.unreader.buf.getvalue()
        if self.cfg.is_ssl or read_ahead:
            super().enqueue_req(conn)
            return
        needed, seen = look(conn.sock)
        if needed <= seen:
            super().enqueue_req(conn)
            return
        now = time.monotonic()
        self.guests[conn.sock.fileno()] = Guest(conn, now, now + HEADER_SECONDS, seen)
        self.room.register(conn.sock.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        if len(self.guests) > PLACES:
            self._hang_up(next(iter(self.guests)))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As ever; then those go who have said nothing for too long."""
        super().wait_for_and_dispatch_events(timeout)
        now = time.monotonic()
        for number in [each for each, guest in self.guests.items() if now > guest.deadline or not self.alive]:
            self._hang_up(number)

    def _look(self, _fileobj: Any) -> None:
        """Somebody in the waiting room has said more, or left."""
        for number, event in self.room.poll(0):
            guest = self.guests.get(number)
            if guest is None:
                continue
            needed, seen = look(guest.conn.sock)
            if needed <= seen or event & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                del self.guests[number]
                self.room.unregister(number)
                super().enqueue_req(guest.conn)
            elif seen > guest.seen and needed != UNKNOWN:
                # A short body comes slowly: it may, as long as it comes.
                guest.seen = seen
                guest.deadline = min(time.monotonic() + STALLED_SECONDS, guest.came + BODY_SECONDS)

    def _hang_up(self, number: int) -> None:
        guest = self.guests.pop(number)
        self.room.unregister(number)
        self.nr_conns -= 1
        guest.conn.close()


def look(sock: socket.socket) -> tuple[int, int]:
    """How many bytes a thread needs before it starts, and how many are here.

    UNKNOWN while the headers are not whole. 0 when waiting makes no sense: nothing more will come, the body is long, its
    length is not told, or the client waits to be asked for it.
    """
    try:
        seen = sock.recv(LOOK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return UNKNOWN, 0
    except OSError:
        return 0, 0
    end = seen.find(_END)
    if not seen or (end < 0 and len(seen) >= LOOK):
        return 0, len(seen)
    if end < 0:
        return UNKNOWN, len(seen)
    head = seen[: end + 2]
    length = _LENGTH.search(head)
    needed = end + len(_END) + (int(length[1]) if length else 0)
    return (0 if _NOT_YET.search(head) or needed > LOOK else needed), len(seen)
