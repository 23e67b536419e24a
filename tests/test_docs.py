"""Documentation that fails when it lies: every setting, command and problem code is found in docs/."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from server.cli import COMMANDS, cli
from server.config import PREFIX, SETTINGS
from server.problems import CATALOGUE


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_explained(repository: Path, setting: object) -> None:
    text = (repository / "docs" / "settings.md").read_text()

    assert f"`{PREFIX}{setting.name}`" in text  # type: ignore[attr-defined]


def test_no_setting_is_explained_that_does_not_exist(repository: Path) -> None:
    named = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", (repository / "docs" / "settings.md").read_text()))

    assert named <= {PREFIX + setting.name for setting in SETTINGS}


def _commands() -> list[str]:
    found = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found += [f"{name} {sub}" for sub in command.commands] if isinstance(command, click.Group) else [name]
    return found


@pytest.mark.parametrize("name", _commands())
def test_every_command_is_explained(repository: Path, name: str) -> None:
    assert f"`fieldpost {name}" in (repository / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("name", _commands())
def test_every_command_has_help(name: str) -> None:
    command: click.Command | None = cli
    for part in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), part)

    assert command is not None
    assert command.help


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_every_problem_code_is_listed(repository: Path, kind: object) -> None:
    assert f"| {kind.code} |" in (repository / "docs" / "problems.md").read_text()  # type: ignore[attr-defined]


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    broken = []
    for page in [repository / "README.md", *(repository / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")

    assert broken == []
