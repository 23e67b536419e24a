"""The commands init, user, backup, restore and export as an administrator types them, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def fieldpost(data: Path, *arguments: str, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the console command over its own data directory."""
    environment = {"PATH": os.environ["PATH"], "FIELDPOST_DATA_DIR": str(data), "LC_ALL": "C.UTF-8", **settings}
    command = [sys.executable, "-c", "from server.cli import main; main()", *arguments]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command, env=environment, input=typed, capture_output=True, text=True, check=False, cwd=root, timeout=120
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after `init` with an administrator; its tests only add to it."""
    data = tmp_path_factory.mktemp("console") / "data"
    assert fieldpost(data, "init").returncode == 0
    account = ("user", "create", "Admin@Example.org", "--role", "admin", "--password-stdin")
    made = fieldpost(data, *account, typed="a long password 1\n")
    assert made.returncode == 0, made.stderr
    return data


def test_init_again_changes_nothing(server: Path) -> None:
    done = fieldpost(server, "init")

    assert done.returncode == 0
    assert "project 1: there already" in done.stdout
    assert "0 codes added, 0 refreshed" in done.stdout


def test_users_are_listed(server: Path) -> None:
    assert "admin@example.org" in fieldpost(server, "user", "list").stdout


def test_one_time_password_is_printed_and_no_other(server: Path) -> None:
    handed = fieldpost(server, "user", "create", "b@example.org", "--role", "auditor")
    own = ("user", "create", "c@example.org", "--role", "auditor", "--password-stdin")
    given = fieldpost(server, *own, typed="a long password 2\n")

    assert "one-time password: " in handed.stdout
    assert "password" not in given.stdout


def test_password_is_given_anew(server: Path) -> None:
    done = fieldpost(server, "user", "reset-password", "admin@example.org")

    assert done.returncode == 0
    assert "one-time password: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("user", "create", "no-address", "--role", "admin", "--password-stdin"), "a long password 1\n", "E-mail"),
        (("user", "create", "x@example.org", "--role", "king"), "", "king"),
        (("user", "create", "x@example.org", "--role", "admin", "--password-stdin"), "", "no password came"),
        (("user", "create", "x@example.org", "--role", "admin", "--password-stdin"), "short\n", "at least 10"),
        (("user", "create", "x@example.org", "--role", "officer", "--branch", "G2"), "", "intelligence"),
        (("user", "create", "x@example.org", "--role", "officer", "--sector", "NOWHERE"), "", "NOWHERE"),
        (("user", "create", "admin@example.org", "--role", "admin"), "", "already exists"),
        (("user", "reset-password", "nobody@example.org"), "", "nobody@example.org"),
        (("export", "nothing", "-o", "x.csv"), "", "facilities"),
        (("export", "facilities", "-o", "x.csv", "--audience", "ngo"), "", "--released"),
        (("export", "facilities", "-o", "/nonexistent/x.csv"), "", "x.csv"),
        (("restore", "/dev/null"), "", "no backup file"),
        (("backup", "/proc/none/all.zip"), "", "cannot be written"),
    ],
)
def test_faulty_command_says_what_is_wrong(server: Path, arguments: tuple[str, ...], typed: str, said: str) -> None:
    done = fieldpost(server, *arguments, typed=typed)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_command_before_init_is_told_to_run_it(tmp_path: Path) -> None:
    done = fieldpost(tmp_path / "empty", "user", "list")

    assert done.returncode != 0
    assert "fieldpost init" in done.stderr


def test_backup_is_restored_elsewhere(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"

    made = fieldpost(server, "backup", str(file))
    done = fieldpost(tmp_path / "other", "restore", str(file))
    twice = fieldpost(tmp_path / "other", "restore", str(file))

    assert made.returncode == 0, made.stderr
    assert "secret key" in made.stdout
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other" / "secret.key").read_text() == (server / "secret.key").read_text()
    assert "admin@example.org" in fieldpost(tmp_path / "other", "user", "list").stdout
    assert twice.returncode != 0
    assert "--force" in twice.stderr


def test_register_is_written_to_a_file(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "facilities.geojson"

    done = fieldpost(server, "export", "facilities", "--format", "geojson", "--released", "--audience", "ngo", "-o", str(file))

    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text())["type"] == "FeatureCollection"


@pytest.mark.parametrize("command", [("init",), ("user",), ("user", "create"), ("backup",), ("restore",), ("export",)])
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = fieldpost(tmp_path, *command, "--help")

    assert done.returncode == 0
    assert "Usage:" in done.stdout
