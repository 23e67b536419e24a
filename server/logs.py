"""Structured logs to stderr, one line each. Tokens in paths are masked, because logs travel further than databases."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_KEY = re.compile(r"(/key/|/test/|[?&]st=)[^/?&\s]+")


def mask(text: str) -> str:
    """Replaces the token in /v1/key/TOKEN/..., /v1/test/TOKEN/... and ?st=TOKEN by three dots."""
    return _KEY.sub(r"\1...", text)


def _mask_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = mask(value)
    return event


def configure(level: str) -> None:
    """Sets structlog up for this process; may be called again."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_values,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
