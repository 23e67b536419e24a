"""The import contracts of pyproject.toml hold, every folder has its line in docs/map.md, nothing swallows errors silently."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("forms", "sync", "server")


def test_imports_run_one_way_and_every_module_has_a_place(repository: Path) -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=repository, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def _folders(repository: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout.split("\n")
    folders = {str(Path(name).parent) for name in listed if name and "/" in name}
    return sorted(folder for folder in folders if folder.split("/")[0] in {*PACKAGES, "web", "tests", "docs", "bench"})


def test_every_folder_has_its_line_on_the_map(repository: Path) -> None:
    text = (repository / "docs" / "map.md").read_text()

    missing = [folder for folder in _folders(repository) if f"`{folder}/`" not in text]

    assert missing == []


def test_the_map_names_no_folder_that_is_gone(repository: Path) -> None:
    named = re.findall(r"`([a-z_./]+/)`", (repository / "docs" / "map.md").read_text())

    assert [name for name in named if not (repository / name).is_dir()] == []


def _modules(repository: Path) -> list[Path]:
    return sorted(path for package in PACKAGES for path in (repository / package).rglob("*.py"))


def test_no_module_is_a_drawer_for_odds_and_ends(repository: Path) -> None:
    drawers = {"utils", "helpers", "common", "misc", "tools", "util", "helper"}

    assert [str(path) for path in _modules(repository) if path.stem in drawers] == []


def test_every_module_opens_with_what_it_is_for(repository: Path) -> None:
    bare = [
        str(path)
        for path in _modules(repository)
        if "versions" not in path.parts and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert bare == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_error_is_swallowed_in_silence(repository: Path, package: str) -> None:
    silent = []
    for path in sorted((repository / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                name = getattr(node.type, "id", None)
                if node.type is None or name in {"Exception", "BaseException"}:
                    silent.append(f"{path.relative_to(repository)}:{node.lineno}")

    assert silent == []
