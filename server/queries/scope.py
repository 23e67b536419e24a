"""The limit that queries apply to what somebody may see. Made from an identity in services.identity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """The limit that queries apply. sector_id None: the whole mission. own_actor_id: only what this actor sent.

    audiences: with released_only, the audiences whose releases may be read. outside_cell: not what is the CIMIC cell's own.
    """

    sector_id: int | None = None
    own_actor_id: int | None = None
    released_only: bool = False
    audiences: tuple[str, ...] = ()
    outside_cell: bool = False
