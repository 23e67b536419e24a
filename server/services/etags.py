"""Stamps for ETags of lists: made from a fingerprint of what is listed, before the body is made."""

from __future__ import annotations

import hashlib

from server.services.identity import Identity


def event_stamp(fingerprint: str, address: str, who: Identity) -> str:
    """A stamp that changes with the data, the query and what the actor may see."""
    parts = (fingerprint, address, str(who.scope))
    return "eventhash:" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
