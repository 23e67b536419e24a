"""Fixtures of the stories."""

from __future__ import annotations

from tests.flow.missions import mission

__all__ = ["mission"]
