"""Logs to stderr, one line each: time, level, event, then key=value. Tokens in paths are masked, because logs travel
further than databases. The standard library's logging does it; structlog would cost 12 MB in each process.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import Any

_KEY = re.compile(r"(/key/|/test/|/new-password/|[?&]st=)[^/?&\s]+")
_logger = logging.getLogger("fieldpost")


def mask(text: str) -> str:
    """Replaces the token in /v1/key/TOKEN/..., /v1/test/TOKEN/..., /new-password/TOKEN and ?st=TOKEN by three dots."""
    return _KEY.sub(r"\1...", text)


class _Line(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def configure(level: str) -> None:
    """Sets this process's log up; may be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s"))
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(getattr(logging, level.upper(), logging.INFO))


def _line(event: str, values: dict[str, Any]) -> str:
    return " ".join([event, *(f"{key}={value!r}" for key, value in values.items())])


def info(event: str, **values: Any) -> None:
    """Something worth knowing happened."""
    _logger.info("%s", _line(event, values))


def warning(event: str, **values: Any) -> None:
    """Something is odd but nothing is lost."""
    _logger.warning("%s", _line(event, values))


def error(event: str, exc_info: BaseException | None = None, **values: Any) -> None:
    """Something failed; `exc_info` adds the traceback."""
    _logger.error("%s", _line(event, values), exc_info=exc_info)
