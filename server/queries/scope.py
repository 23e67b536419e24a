"""The limit that queries apply to what somebody may see. Made from an identity in services.identity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """The limit that queries apply. sector_id None: the whole mission. own_actor_id: only what this actor sent."""

    sector_id: int | None = None
    own_actor_id: int | None = None
    released_only: bool = False
