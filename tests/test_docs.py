"""Documentation that fails when it lies: every setting, command, option, problem and address is found in docs/."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from flask import Flask

from server.cli import COMMANDS, cli
from server.config import PREFIX, SETTINGS, Setting
from server.problems import CATALOGUE, Kind


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_explained(repository: Path, setting: Setting) -> None:
    default = f"`{setting.default}`" if setting.default else "(empty)"

    text = (repository / "docs" / "settings.md").read_text()

    assert f"| `{PREFIX}{setting.name}` | {default} | {setting.help} |" in text.splitlines()


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


def _options() -> list[tuple[str, list[str]]]:
    context = click.Context(cli)
    found = []
    for name in _commands():
        command: click.Command | None = cli
        for part in name.split():
            command = command.get_command(context, part) if isinstance(command, click.Group) else None
        assert command is not None
        found += [(name, option.opts) for option in command.params if isinstance(option, click.Option)]
    return found


@pytest.mark.parametrize(("name", "spellings"), _options())
def test_every_option_is_explained(repository: Path, name: str, spellings: list[str]) -> None:
    text = (repository / "docs" / "cli.md").read_text()

    assert any(re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", text) for spelling in spellings)


def test_no_command_is_explained_that_does_not_exist(repository: Path) -> None:
    pages = [repository / "README.md", *(repository / "docs").rglob("*.md")]
    known = {name.split()[0] for name in _commands()}

    named = {name for page in pages for name in re.findall(r"(?:bin/|`|^    )fieldpost ([a-z]+)", page.read_text(), re.MULTILINE)}

    assert named - known == set()


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_every_problem_is_listed_as_it_is(repository: Path, kind: Kind) -> None:
    row = f"| {kind.code} | `{kind.name}` | {kind.message} | {kind.advice} |"

    assert row in (repository / "docs" / "problems.md").read_text().splitlines()


def test_no_problem_is_listed_that_does_not_exist(repository: Path) -> None:
    listed = re.findall(r"^\| \d+\.\d+ \| `(\w+)` ", (repository / "docs" / "problems.md").read_text(), re.MULTILINE)

    assert set(listed) <= set(CATALOGUE)


def test_every_address_for_programs_is_explained(repository: Path, app: Flask) -> None:
    text = (repository / "docs" / "api.md").read_text()
    missing = set()

    for rule in app.url_map.iter_rules():
        if app.view_functions[rule.endpoint].__module__.startswith("server.office"):
            continue
        words = re.findall(r"[$A-Za-z][\w$.-]*[A-Za-z]", re.sub(r"<[^>]*>", " ", rule.rule))
        missing |= {f"{word} of {rule.rule}" for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)}

    assert missing == set()


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    broken = []
    for page in [repository / "README.md", *(repository / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")

    assert broken == []


def test_every_test_named_for_hostile_input_exists(repository: Path) -> None:
    text = (repository / "docs" / "security.md").read_text()
    rows = [line for line in text.split("## Hostile input")[1].split("\n## ")[0].splitlines() if line.startswith("| ")][1:]

    named = [re.search(r"`([\w/]+\.py)::(test_\w+)` \|$", row) for row in rows]

    missing = [row for row, found in zip(rows, named, strict=True) if found is None or not _is_test(repository, *found.groups())]
    assert rows
    assert missing == []


def _is_test(repository: Path, file: str, name: str) -> bool:
    path = repository / "tests" / file
    return path.is_file() and f"\ndef {name}(" in path.read_text()
