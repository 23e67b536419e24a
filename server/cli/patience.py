"""Gunicorn's threaded worker, with a waiting room: a connection gets a thread only when its headers are all here.

Otherwise a few phones on a dying link (or somebody with bad intent) that send half a header would hold every thread.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

HEADER_SECONDS = 30.0
LOOK_SECONDS = 0.05
# A header so long is no phone on a thin line; its thread may wait for the rest (the address alone may have 64 kB).
LONG_HEADER = 32_768
_END = b"\r\n\r\n"
_present = threading.local()


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Looks at what has arrived without taking it, from the loop that also accepts."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Until when they may take: connections without a byte yet, and those with half a header.
        self.silent: dict[TConn, float] = {}
        self.begun: dict[TConn, float] = {}

    def load_wsgi(self) -> None:
        """Loads the application; its answers may say "Connection: close", which gunicorn itself takes out."""
        super().load_wsgi()
        self.wsgi = _Hanging(self.wsgi)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """As ever; the request is at hand for an answer that ends the connection."""
        _present.request = req
        return super().handle_request(req, conn)

    def enqueue_req(self, conn: TConn) -> None:
        """A connection that has something to say, or has just come: to a thread if its headers are whole."""
        read_ahead = conn.parser is not None and conn.parser.unreader.buf.getvalue()
        if self.cfg.is_ssl or read_ahead or _is_whole(conn.sock):
            super().enqueue_req(conn)
            return
        self.silent[conn] = time.monotonic() + HEADER_SECONDS
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._speaks, conn))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As ever; half headers are looked at again and again, as the system does not tell when more of one has come."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS) if self.begun else timeout)
        now = time.monotonic()
        for conn in [each for each in self.begun if _is_whole(each.sock)]:
            del self.begun[conn]
            super().enqueue_req(conn)
        for conn in [each for each, deadline in (self.silent | self.begun).items() if now > deadline or not self.alive]:
            self._hang_up(conn)

    def _speaks(self, conn: TConn, _socket: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        deadline = self.silent.pop(conn)
        if _is_whole(conn.sock):
            super().enqueue_req(conn)
        else:
            self.begun[conn] = deadline

    def _hang_up(self, conn: TConn) -> None:
        if self.silent.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)
        self.begun.pop(conn, None)
        self.nr_conns -= 1
        conn.close()


class _Hanging:
    """The application; closes the connection after an answer with "Connection: close" (a body too large to be read)."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                _present.request.force_close()
            return start_response(status, headers, exc_info)

        return self.application(environ, start)


def _is_whole(sock: socket.socket) -> bool:
    """Whether all headers are here, or nothing more will come (the thread then finds out why)."""
    try:
        seen = sock.recv(LONG_HEADER, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not seen or _END in seen or len(seen) >= LONG_HEADER
