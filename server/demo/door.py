"""The devices' door for the time of the demo: the real application, in which each request happens when its Date says.

Three months must have passed for a demo to show late returns and old news. Only this process, which listens on loopback
for the demo's own devices and ends with it, believes a device's clock; a real server never does.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from server import create_app
from server.config import load_settings
from server.services import journal

_told: ContextVar[dt.datetime | None] = ContextVar("told", default=None)


def application() -> Callable[..., Iterable[bytes]]:
    """The WSGI application with the devices' clock."""
    inner = create_app(load_settings())
    journal.set_clock(lambda: _told.get() or dt.datetime.now(dt.UTC))

    def timed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        token = _told.set(_date(environ.get("HTTP_DATE", "")))
        try:
            return inner(environ, start_response)
        finally:
            _told.reset(token)

    return timed


def _date(text: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text).astimezone(dt.UTC) if text else None
    except ValueError:
        return None


def main(descriptor: int) -> None:
    """Serves on a socket that the parent has opened, until the parent is gone."""
    import os
    import threading
    import time

    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *arguments: Any) -> None:
            """Says nothing: the demo has a progress bar."""

    parent = os.getppid()
    server = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=Quiet, fd=descriptor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        time.sleep(0.2)


if __name__ == "__main__":
    main(int(sys.argv[1]))
