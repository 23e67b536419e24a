"""Every one of the 127 statements has a test of its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATEMENTS = range(1, 128)
HERE = Path(__file__).parent


@pytest.mark.parametrize("number", STATEMENTS)
def test_the_statement_has_a_test(number: int) -> None:
    written = "".join(path.read_text() for path in HERE.glob("test_*.py"))

    assert re.search(rf"^def test_statement_{number:03}_\w+\(", written, re.MULTILINE)


def test_no_test_claims_a_statement_that_does_not_exist() -> None:
    written = "".join(path.read_text() for path in HERE.glob("test_*.py"))

    assert {int(number) for number in re.findall(r"def test_statement_(\d+)_", written)} == set(STATEMENTS)


def test_the_table_of_the_document_names_files_that_exist(repository: Path) -> None:
    named = set(re.findall(r"`(?:tests/conformance/)?(test_\w+\.py)`", (repository / "docs" / "conformance.md").read_text()))
    numbered = {path.name for path in HERE.glob("test_*.py") if "\ndef test_statement_" in path.read_text()}

    assert named == numbered
