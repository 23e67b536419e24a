"""How an instant is written in every answer of the API."""

from __future__ import annotations

import datetime as dt


def stamp(instant: dt.datetime | None) -> str | None:
    """`2026-11-22T16:23:14.713Z`; clients cut at the point, so the milliseconds are always there."""
    if instant is None:
        return None
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
