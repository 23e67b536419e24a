"""Backup and restore go round on and between both databases; a damaged file changes nothing."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from server.config import Settings
from server.engines import engine_options, prepare_engine
from server.models import Actor, Area, Audit, Fact, FormVersion, MissionSetting, Submission
from server.problems import Problem
from server.services import accounts, backup, backup_format, database, local_ca, mission, restore
from server.services.blobs import BlobStore
from server.services.journal import append, now, record_event
from tests.databases import PostgresServer, make_settings

Place = tuple[Settings, Engine]
PHOTO = bytes(range(256)) * 4000


@pytest.fixture
def place(tmp_path: Path, postgres: PostgresServer) -> Iterator[Callable[[str, str], Place]]:
    """Makes an empty server: place("sqlite", "a") or place("postgresql", "b")."""
    engines: list[Engine] = []

    def make(kind: str, name: str) -> Place:
        url = f"sqlite:///{tmp_path / name}.sqlite3"
        if kind == "postgresql":
            url = postgres.new_database(f"backup_{tmp_path.name.replace('-', '_')}_{name}".lower())
        engine = create_engine(url, **engine_options(url))
        prepare_engine(engine)
        engines.append(engine)
        return make_settings(tmp_path / name, url), engine

    yield make
    for engine in engines:
        engine.dispose()


def fill(place: Place) -> str:
    """A set-up mission with an account, a file, a submission and an event; returns the file's hash."""
    settings, engine = place
    database.upgrade(engine)
    with Session(engine) as session:
        mission.initialise(session)
        mission.set_mission(session, None, name="MINUSCA « Est »", time_zone="Africa/Bangui")
        sector = mission.put_sector(session, None, "EAST", "Sector East")
        mission.put_unit(session, None, "BANBATT-3", "BANBATT-3", sector.id, "2026-05-01", "2026-11-30")
        session.add(Area(code="0061", level=1, name="Ouaka", lat=6.1234567890123, lon=20.5))
        accounts.create_user(session, None, "o@example.org", accounts.Profile("Officier Élodie", "admin"), "a long password 1")
        stored = BlobStore(settings).put_bytes(session, PHOTO)
        fact = append(
            session, kind="submission", payload_sha256="0" * 64, server_id="s", actor_id=1, actor_name="x", observed_at=now()
        )
        session.add(Submission(
            fact_id=fact.id, project_id=1, xml_form_id="cimic_patrol", instance_id="uuid:1", root_instance_id="uuid:1",
            canonical_hash="0" * 64, xml=b"\x00\xff<xml/>", disposition="stored", receipt="7K3-M2P",
        ))
        record_event(
            session, type="COMMENT", subject="uuid:1", payload={"body": "é\u2028\"", "n": [1, 2.5, None]}, server_id="s",
            actor_id=None, actor_name=None,
        )
        session.commit()
    return stored.sha256


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A backup of a filled server, for tests that only read it, and the hash of the file in it."""
    folder = tmp_path_factory.mktemp("made")
    settings = make_settings(folder / "data", f"sqlite:///{folder / 'made.sqlite3'}")
    engine = create_engine(settings.database_url)
    sha256 = fill((settings, engine))
    backup.make(settings, engine, folder / "all.zip")
    engine.dispose()
    return folder / "all.zip", sha256


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Every table with every row, as Python values."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key.columns))]
            for table in backup_format.tables_of(engine)
        }


@pytest.mark.parametrize(
    ("source", "target"), [("sqlite", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "postgresql"), ("postgresql", "sqlite")]
)
def test_every_table_and_file_comes_back(
    place: Callable[[str, str], Place], tmp_path: Path, source: str, target: str
) -> None:
    here, there = place(source, "here"), place(target, "there")
    sha256 = fill(here)

    made = backup.make(*here, tmp_path / "all.zip")
    done = restore.restore(*there, tmp_path / "all.zip")

    assert contents(there[1]) == contents(here[1])
    assert b"".join(BlobStore(there[0]).chunks(sha256)) == PHOTO
    assert done.rows == made.rows == sum(len(rows) for rows in contents(here[1]).values())


def test_secret_key_comes_back(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("sqlite", "here"), place("sqlite", "there")
    fill(here)
    (there[0].data_dir / "secret.key").write_text("made at first start")

    backup.make(*here, tmp_path / "all.zip")
    restore.restore(*there, tmp_path / "all.zip")

    key = there[0].data_dir / "secret.key"
    assert key.read_text() == here[0].secret_key
    assert key.stat().st_mode & 0o777 == 0o600


def test_numbers_go_on_after_a_restore(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("postgresql", "here"), place("postgresql", "there")
    fill(here)
    backup.make(*here, tmp_path / "all.zip")
    restore.restore(*there, tmp_path / "all.zip")

    with Session(there[1]) as session:
        _user, handed = accounts.create_user(session, None, "new@example.org", accounts.Profile("New", "auditor"))
        record_event(session, type="COMMENT", subject=None, payload={}, server_id="s", actor_id=None, actor_name=None)
        session.commit()

        assert handed is not None
        assert session.scalar(select(func.count()).select_from(Fact)) == 3


def test_backup_is_of_one_instant_while_others_write(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here = place("sqlite", "here")
    fill(here)
    whole = backup_format.lines

    def write_meanwhile(connection: Any, table: Any) -> Iterator[str]:
        # `actors` is read before `audits`: a row in both, written in between, must be in neither.
        if table.name == "audits":
            with Session(here[1]) as session:
                session.add(Actor(type="user", display_name="late", created_at=now()))
                session.add(Audit(action="late", logged_at=now()))
                session.commit()
        yield from whole(connection, table)

    with mock.patch.object(backup_format, "lines", write_meanwhile):
        backup.make(*here, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert b'"late"' not in archive.read("tables/audits.jsonl")


def test_server_that_holds_data_is_not_overwritten(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("sqlite", "here"), place("sqlite", "there")
    fill(here)
    fill(there)
    before = contents(there[1])
    backup.make(*here, tmp_path / "all.zip")

    with pytest.raises(Problem, match="holds data"):
        restore.restore(*there, tmp_path / "all.zip")

    assert contents(there[1]) == before


def test_forced_restore_keeps_what_was_there_in_a_backup(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there, third = place("sqlite", "here"), place("sqlite", "there"), place("sqlite", "third")
    fill(here)
    fill(there)
    with Session(there[1]) as session:
        session.add(Actor(type="user", display_name="only there", created_at=now()))
        session.commit()
    before = contents(there[1])
    backup.make(*here, tmp_path / "all.zip")

    done = restore.restore(*there, tmp_path / "all.zip", force=True)
    assert done.saved is not None
    restore.restore(*third, done.saved)

    assert contents(there[1]) == contents(here[1])
    assert contents(third[1]) == before


def test_server_that_only_ran_init_is_empty(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("sqlite", "here"), place("sqlite", "there")
    fill(here)
    database.upgrade(there[1])
    with Session(there[1]) as session:
        mission.initialise(session)
    backup.make(*here, tmp_path / "all.zip")

    restore.restore(*there, tmp_path / "all.zip")

    assert contents(there[1]) == contents(here[1])


def rewritten(path: Path, target: Path, member: str, change: Callable[[bytes], bytes | None]) -> Path:
    """A copy of the zip at `target` with one member changed (or left out)."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            kept = change(data) if name == member else data
            if kept is not None:
                new.writestr(name, kept)
    return target


@pytest.mark.parametrize("member", ["tables/actors.jsonl", "secret.key", "manifest.json", "blob"])
@pytest.mark.parametrize("damage", ["changed", "missing", "emptied"])
def test_damaged_backup_is_refused_before_anything_changes(
    place: Callable[[str, str], Place], made_once: tuple[Path, str], tmp_path: Path, member: str, damage: str
) -> None:
    there, (path, sha256) = place("sqlite", "there"), made_once
    member = f"blobs/{sha256}" if member == "blob" else member
    changes: dict[str, Callable[[bytes], bytes | None]] = {
        "changed": lambda data: data[:-2] + b"#\n", "missing": lambda data: None, "emptied": lambda data: b"",
    }
    bad = rewritten(path, tmp_path / "changed.zip", member, changes[damage])

    with pytest.raises(Problem) as refused:
        restore.restore(*there, bad, force=True)

    assert refused.value.kind.name == "backup_refused"
    assert database.current_revision(there[1]) is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all", b"\x00" * 10_000])
def test_other_files_are_no_backups(place: Callable[[str, str], Place], tmp_path: Path, content: bytes) -> None:
    there = place("sqlite", "there")
    (tmp_path / "bad.zip").write_bytes(content)

    with pytest.raises(Problem) as refused:
        restore.restore(*there, tmp_path / "bad.zip")

    assert refused.value.kind.name == "backup_refused"


def test_truncated_backup_is_refused(place: Callable[[str, str], Place], made_once: tuple[Path, str], tmp_path: Path) -> None:
    there, whole = place("sqlite", "there"), made_once[0].read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(Problem):
        restore.restore(*there, tmp_path / "cut.zip")


def test_backup_of_a_newer_release_is_refused(
    place: Callable[[str, str], Place], made_once: tuple[Path, str], tmp_path: Path
) -> None:
    there = place("sqlite", "there")

    def claim(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), "revision": "9999"}).encode()

    newer = rewritten(made_once[0], tmp_path / "newer.zip", "manifest.json", claim)

    with pytest.raises(Problem, match="9999"):
        restore.restore(*there, newer)


def test_backup_is_not_overwritten_and_leaves_no_temporary_file(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here = place("sqlite", "here")
    fill(here)
    folder = tmp_path / "backups"
    backup.make(*here, folder / "all.zip")

    with pytest.raises(Problem, match="there already"):
        backup.make(*here, folder / "all.zip")

    assert [path.name for path in folder.iterdir()] == ["all.zip"]
    assert (folder / "all.zip").stat().st_mode & 0o777 == 0o600


def test_failed_backup_leaves_nothing(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here = place("sqlite", "here")
    fill(here)
    folder = tmp_path / "backups"

    with mock.patch.object(BlobStore, "chunks", side_effect=OSError("disk gone")), pytest.raises(OSError, match="disk gone"):
        backup.make(*here, folder / "all.zip")

    assert list(folder.iterdir()) == []


def test_lost_file_is_named_and_the_rest_is_kept(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("sqlite", "here"), place("sqlite", "there")
    sha256 = fill(here)
    BlobStore(here[0]).delete(sha256)

    made = backup.make(*here, tmp_path / "all.zip")
    restore.restore(*there, tmp_path / "all.zip")

    assert made.missing == (sha256,)
    assert contents(there[1]) == contents(here[1])


def test_a_backup_is_made_before_a_migration(place: Callable[[str, str], Place]) -> None:
    settings, engine = place("sqlite", "here")
    fill((settings, engine))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with mock.patch("alembic.command.upgrade"):
        _change, made = backup.upgrade(settings, engine)

    assert made is not None
    assert made.path.parent == settings.data_dir / "backups"
    with zipfile.ZipFile(made.path) as archive:
        assert json.loads(archive.read("manifest.json"))["revision"] == "0000"


def test_no_backup_is_made_for_an_empty_database(place: Callable[[str, str], Place]) -> None:
    settings, engine = place("sqlite", "here")

    change, made = backup.upgrade(settings, engine)

    assert change.changed
    assert made is None


def test_nothing_stays_nothing(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    here, there = place("sqlite", "here"), place("sqlite", "there")
    fill(here)
    with Session(here[1]) as session:
        session.add(Audit(action="x", logged_at=now()))
        session.add(MissionSetting(key="nothing", value=None))
        session.commit()

    backup.make(*here, tmp_path / "all.zip")
    restore.restore(*there, tmp_path / "all.zip")

    with sqlite3.connect(there[0].database_url.removeprefix("sqlite:///")) as raw:
        assert raw.execute("SELECT count(*) FROM audits WHERE action = 'x' AND details IS NULL").fetchone() == (1,)
    raw.close()
    with Session(there[1]) as session:
        assert session.get(MissionSetting, "nothing") is not None
        assert session.scalar(select(func.count()).select_from(FormVersion)) == 0


def test_devices_that_trust_the_authority_trust_it_after_a_restore(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    before, after = place("sqlite", "a"), place("sqlite", "b")
    fill(before)
    old = local_ca.ensure(before[0].data_dir)
    backup.make(*before, tmp_path / "b.zip")
    local_ca.ensure(after[0].data_dir)

    restore.restore(*after, tmp_path / "b.zip")

    new = local_ca.ensure(after[0].data_dir)
    assert new.ca.read_bytes() == old.ca.read_bytes()
    assert new.certificate.read_bytes() != old.certificate.read_bytes()
    assert new.ca_key.stat().st_mode & 0o777 == 0o600


def test_a_damaged_authority_is_refused_and_changes_nothing(place: Callable[[str, str], Place], tmp_path: Path) -> None:
    before, after = place("sqlite", "a"), place("sqlite", "b")
    fill(before)
    local_ca.ensure(before[0].data_dir)
    backup.make(*before, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as whole, zipfile.ZipFile(tmp_path / "c.zip", "w") as damaged:
        for member in whole.namelist():
            damaged.writestr(member, b"other" if member == "tls/ca.crt" else whole.read(member))

    with pytest.raises(Problem, match=r"ca\.crt"):
        restore.restore(*after, tmp_path / "c.zip")

    assert not (after[0].data_dir / "tls").exists()
