"""Shared by all tests: both databases as real servers, an app per test in a rolled-back transaction, a small cast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.databases", "tests.cast", "tests.processes"]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """FIELDPOST_* of the developer's shell must not change what the tests see."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("FIELDPOST_")}
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent
