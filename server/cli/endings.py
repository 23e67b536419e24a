"""Lets an answer end its connection: gunicorn takes "Connection: close" out of what an application says.

After a refusal whose body was not read to its end (a terabyte was announced), the client must not think that it may go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_present = threading.local()


def serving(request: Any) -> None:
    """Notes the request of gunicorn's that this thread serves now."""
    _present.request = request


class Endings:
    """The application; closes the connection after an answer with "Connection: close"."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serves as the application does."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                _present.request.force_close()
            return start_response(status, headers, exc_info)

        return self.application(environ, start)
