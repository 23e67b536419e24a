"""Columns of numbers. Numpy is loaded when a batch asks for it: a server at rest does without its 20 MB."""

from __future__ import annotations

from typing import Any, TypeAlias

Numbers: TypeAlias = Any
"""A numpy array."""


def numpy() -> Any:
    """The module numpy."""
    import numpy as np

    return np
