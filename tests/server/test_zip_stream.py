"""Zips sent while they are made: readable, with any names, in the plain form and in the one for large files."""

from __future__ import annotations

import io
import os
import zipfile

import pytest

from server.exports.zip_stream import Deflated, ZipStream, entry_name

PHOTO = os.urandom(300_000)


def made(large: bool) -> bytes:
    """A zip of a streamed table, a table that waited, and a photo."""
    with ZipStream(large) as archive, Deflated() as waiting:
        waiting.write(b"b,1\r\n" * 100_000)
        pieces = [
            *archive.entry("a é.csv", iter([b"a" * 70_000, b"", b"z"])), *archive.deflated("b.csv", waiting),
            *archive.entry("media/p.jpg", iter([PHOTO])), *archive.finish(),
        ]
    return b"".join(pieces)


@pytest.mark.parametrize("large", [False, True])
def test_what_was_put_in_comes_out(large: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(made(large))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a é.csv", "b.csv", "media/p.jpg"]
        assert archive.read("a é.csv") == b"a" * 70_000 + b"z"
        assert archive.read("b.csv") == b"b,1\r\n" * 100_000
        assert archive.read("media/p.jpg") == PHOTO


def test_an_empty_zip_is_a_zip() -> None:
    with ZipStream() as archive:
        data = b"".join(archive.finish())

    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == []


def test_more_entries_than_sixteen_bits_count() -> None:
    with ZipStream() as archive:
        pieces = [piece for number in range(66_000) for piece in archive.entry(f"{number}", iter([b"x"]))]
        data = b"".join([*pieces, *archive.finish()])

    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert len(read.namelist()) == 66_000
        assert read.read("65999") == b"x"


@pytest.mark.parametrize("name, expected", [
    ("../../etc/passwd", "....etcpasswd"), ("a:b*c?.jpg", "abc.jpg"), ("photo\0.jpg", "photo.jpg"), ("...", "file"),
    ("dots. ", "dots"), ("مدرسة.jpg", "مدرسة.jpg"), ("", "file"),
])  # fmt: skip
def test_names_are_safe_on_every_system(name: str, expected: str) -> None:
    assert entry_name(name) == expected
