"""The limit that every query for somebody takes, so that no page or API can forget it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """sector_id None: the whole mission. own_actor_id: only what this actor sent. released_only: partners' releases."""

    sector_id: int | None = None
    own_actor_id: int | None = None
    released_only: bool = False
