"""Encrypted connections: the thread steps aside while a client is slow or silent, as on the plain port (server.cli.patience)."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from server.cli.patience import HEADER_SECONDS, STALLED_SECONDS
from server.cli.threads import Threads


class PatientTlsSocket(ssl.SSLSocket):
    """As patience.PatientSocket, for encrypted connections. threads is the pool of the process, set by its worker."""

    threads: Threads | None = None

    def do_handshake(self, block: bool = False) -> None:
        """The whole handshake within HEADER_SECONDS. Raises TimeoutError."""
        self._patiently(super().do_handshake, within=HEADER_SECONDS)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As ever; a connection that was reset has come to its end."""
        if self.gettimeout() == 0.0:
            return super().recv(buflen, flags)
        try:
            return cast(bytes, self._patiently(super().recv, buflen, flags))
        except ConnectionResetError:
            return b""

    def send(self, data: Any, flags: int = 0) -> int:
        """As ever. Raises TimeoutError for a client that takes nothing."""
        if self.gettimeout() == 0.0:
            return super().send(data, flags)
        return cast(int, self._patiently(super().send, data, flags))

    def _patiently(self, action: Callable[..., Any], *arguments: Any, within: float | None = None) -> Any:
        """Tries until it is done; between tries the thread steps aside. Raises TimeoutError after a minute of silence."""
        own = self.gettimeout()
        until = None if within is None else time.monotonic() + within
        self.setblocking(False)
        try:
            while True:
                try:
                    return action(*arguments)
                except ssl.SSLWantReadError:
                    self._wait(select.POLLIN, own, until)
                except ssl.SSLWantWriteError:
                    self._wait(select.POLLOUT, own, until)
        finally:
            if self.fileno() >= 0:
                self.settimeout(own)

    def _wait(self, what: int, own: float | None, until: float | None) -> None:
        seconds = STALLED_SECONDS if own is None else min(own, STALLED_SECONDS)
        if until is not None:
            seconds = min(seconds, max(until - time.monotonic(), 0.0))
        poll = select.poll()
        poll.register(self.fileno(), what)
        if self.threads is None:
            ready = poll.poll(seconds * 1000)
        else:
            with self.threads.away(self._hang_up):
                ready = poll.poll(seconds * 1000)
        if not ready:
            raise TimeoutError("the client says nothing")

    def _hang_up(self) -> None:
        try:
            socket.socket.shutdown(self, socket.SHUT_RDWR)
        except OSError:
            # It is gone already; whoever reads next finds out.
            return


@lru_cache(maxsize=1)
def _context(certificate: str, key: str, _changed: float) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    context.sslsocket_class = PatientTlsSocket
    return context


def context_for(conf: Any, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Gunicorn's hook, called for each connection: one context for all, until the certificate is another."""
    return _context(conf.certfile, conf.keyfile, os.stat(conf.certfile).st_mtime)
