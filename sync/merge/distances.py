"""Rapidfuzz's distances between texts, loaded with the first comparison: its libraries take 3 MB in every idle process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rapidfuzz.distance import JaroWinkler, Levenshtein

__all__ = ["JaroWinkler", "Levenshtein"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from rapidfuzz import distance

    globals()[name] = getattr(distance, name)
    return globals()[name]
