"""`fieldpost key ...` as real commands: a key made, forms encrypted, a private key brought; nothing secret is printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from server.models import EncryptionKey, Form, FormVersion
from tests.conformance.samples import form_xml
from tests.encrypting import KeyPair
from tests.processes import REPOSITORY, RunningServer

PASSPHRASE = "three words and a number 7"


@pytest.fixture
def prepared(make_server: Callable[..., RunningServer]) -> RunningServer:
    return make_server().prepare()


def run(server: RunningServer, *words: str, typed: str = PASSPHRASE) -> subprocess.CompletedProcess[str]:
    program = [str(Path(sys.executable).parent / "fieldpost"), *words]
    return subprocess.run(
        program, env=server.environment(), cwd=REPOSITORY, input=f"{typed}\n", capture_output=True, text=True, timeout=120,
        check=False,
    )


def publish(server: RunningServer, folder: Path, form_id: str, submission: str = "") -> None:
    path = folder / f"{form_id}.xml"
    path.write_text(form_xml(form_id, submission=submission))
    assert run(server, "form", "publish", str(path)).returncode == 0


def test_a_key_is_made_and_encrypts_the_form(prepared: RunningServer, tmp_path: Path) -> None:
    publish(prepared, tmp_path, "patrol")

    made = run(prepared, "key", "create", "--name", "Cell", "--hint", "safe", "--form", "patrol", "--passphrase-stdin")

    assert made.returncode == 0, made.stderr
    assert PASSPHRASE not in made.stdout + made.stderr
    with prepared.session() as session:
        key = session.scalars(select(EncryptionKey)).one()
        form = session.scalars(select(Form)).one()
        assert session.get_one(FormVersion, form.current_version_id).key_id == key.id
    assert "Cell\tsafe\tpatrol" in run(prepared, "key", "list").stdout


def test_a_short_passphrase_is_refused(prepared: RunningServer) -> None:
    refused = run(prepared, "key", "create", "--passphrase-stdin", typed="short")

    assert refused.returncode == 1
    assert "required length" in refused.stderr


def test_the_private_key_of_a_form_of_its_own_is_brought(prepared: RunningServer, tmp_path: Path) -> None:
    pair = KeyPair.make(tmp_path)
    publish(prepared, tmp_path, "own", f'<submission base64RsaPublicKey="{pair.public}"/>')

    brought = run(prepared, "key", "import", str(pair.private), "--passphrase-stdin")

    assert brought.returncode == 0, brought.stderr
    assert "managed\t\t\town" in run(prepared, "key", "list").stdout


@pytest.mark.parametrize(
    "words", [("key", "encrypt", "9", "patrol"), ("key", "import", __file__), ("key", "create", "--form", "none")]
)
def test_what_cannot_be_done_is_said_in_a_line(prepared: RunningServer, words: tuple[str, ...]) -> None:
    failed = run(prepared, *words, *(("--passphrase-stdin",) if words[1] != "encrypt" else ()))

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr


def test_publishing_says_which_questions_no_register_reads(prepared: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "patrol.xml"
    path.write_text(form_xml("patrol"))

    told = run(prepared, "form", "publish", str(path)).stdout
    shipped = run(prepared, "form", "publish", str(REPOSITORY / "forms" / "library" / "route_status.xlsx")).stdout

    assert "no register reads: name, place" in told
    assert "no register reads" not in shipped
