"""Files by the hash of their bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server.models import Blob
from server.problems import Problem
from server.services.blobs import BlobStore
from tests.databases import make_settings


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """An empty store in a directory."""
    return BlobStore(make_settings(tmp_path / "data", "sqlite://"))


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_stored_file_comes_back_by_its_hash(store: BlobStore) -> None:
    stored = store.put(b"content")

    assert stored.sha256 == hashlib.sha256(b"content").hexdigest()
    assert stored.md5 == hashlib.md5(b"content").hexdigest()
    assert (stored.size, store.read(stored.sha256)) == (7, b"content")


def test_the_same_bytes_are_kept_once(store: BlobStore, tmp_path: Path) -> None:
    store.put(b"content")
    store.put(iter([b"con", b"tent"]))

    assert len(files(tmp_path)) == 1


def test_a_part_of_a_file_can_be_read(store: BlobStore) -> None:
    stored = store.put(b"0123456789" * 20_000)

    assert b"".join(store.chunks(stored.sha256, 5, 7)) == b"5678901"
    assert len(b"".join(store.chunks(stored.sha256, 100_000))) == 100_000


def test_what_is_not_committed_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    with store.writer() as writer:
        writer.write(b"half a photo")

    assert files(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_problem_and_leaves_nothing(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(_from: object, _to: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("server.services.blobs.os.replace", full)

    with pytest.raises(Problem) as told:
        store.put(b"content")

    assert told.value.kind.name == "disk_full"
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64])
def test_a_name_that_is_no_hash_finds_nothing(store: BlobStore, name: str) -> None:
    with pytest.raises(Problem) as told:
        store.open(name)

    assert told.value.kind.name == "not_found"


def test_a_cut_file_of_the_same_hash_is_replaced(store: BlobStore, tmp_path: Path) -> None:
    stored = store.put(b"content")
    files(tmp_path)[0].write_bytes(b"con")

    store.put(b"content")

    assert store.read(stored.sha256) == b"content"


def test_what_killed_processes_left_is_swept_after_a_day(store: BlobStore, tmp_path: Path) -> None:
    spool = tmp_path / "data" / "blobs" / "spool"
    old, young = spool / "old", spool / "young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (time.time() - 100_000,) * 2)

    assert store.sweep() == 1
    assert list(spool.iterdir()) == [young]


def test_a_deleted_file_is_gone_and_may_be_deleted_again(store: BlobStore) -> None:
    stored = store.put(b"content")
    store.delete(stored.sha256)
    store.delete(stored.sha256)

    assert not store.exists(stored.sha256)


def test_another_fsspec_store_works_the_same(tmp_path: Path) -> None:
    settings = replace(make_settings(tmp_path / "data", "sqlite://"), blob_url=f"memory://{tmp_path.name}")
    store = BlobStore(settings)

    stored = store.put(b"content")

    assert store.read(stored.sha256) == b"content"
    assert files(tmp_path) == []


def test_a_stored_file_has_its_row(store: BlobStore, session: Session) -> None:
    store.put_bytes(session, b"content")
    store.put_bytes(session, b"content")

    assert [(row.size, row.md5) for row in session.query(Blob)] == [(7, hashlib.md5(b"content").hexdigest())]
