"""`fieldpost area` and `fieldpost code` as an administrator types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import RunningServer
from tests.server.test_console_keys import run

AREAS = "code,name,level,parent_code\nXX01,Région 1,1,\nXX0101,District 1,2,XX01\n"


@pytest.fixture
def prepared(make_server: Callable[..., RunningServer]) -> RunningServer:
    return make_server().prepare()


def test_areas_come_in_from_a_file_with_their_version(prepared: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text(AREAS, encoding="utf-8")

    first = run(prepared, "area", "import", str(path), "--boundary-version", "v02")
    again = run(prepared, "area", "import", str(path), "--boundary-version", "v02")
    shown = run(prepared, "area", "list").stdout

    assert (first.returncode, first.stdout) == (0, "2 added, 0 changed, 0 as they were, 0 kept for old records only\n")
    assert again.stdout.startswith("0 added, 0 changed, 2 as they were")
    assert "level 1: 1" in shown
    assert "version v02: 2 areas, 0 with boundary" in shown


def test_a_faulty_file_says_where_and_stores_nothing(prepared: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text(AREAS.replace("2,XX01", "2,XX09"), encoding="utf-8")

    refused = run(prepared, "area", "import", str(path))

    assert refused.returncode != 0
    assert "row 3" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "level" not in run(prepared, "area", "list").stdout


def test_a_code_of_the_missions_own_is_added_and_ended(prepared: RunningServer) -> None:
    added = run(prepared, "code", "add", "need", "x-firewood", "Firewood", "Bois de feu")
    listed = run(prepared, "code", "list", "need").stdout
    ended = run(prepared, "code", "end", "need", "x-firewood")
    after = run(prepared, "code", "list", "need").stdout

    assert (added.stdout, ended.stdout) == ("added\n", "ended\n")
    assert "x-firewood\tFirewood\tBois de feu\n" in listed
    assert "x-firewood\tFirewood\tBois de feu  (ended)\n" in after


@pytest.mark.parametrize("code", ["firewood", "x-", "X-Firewood of all kinds"])
def test_a_code_without_the_prefix_or_with_other_letters_is_refused_with_a_reason(prepared: RunningServer, code: str) -> None:
    refused = run(prepared, "code", "add", "need", code, "Firewood", "Bois de feu")

    assert refused.returncode != 0
    assert "x-" in refused.stderr
    assert "Traceback" not in refused.stderr
