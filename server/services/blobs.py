"""Files by the SHA-256 of their bytes: written once, never changed, found again by hash.

Local directory by default (temporary file, fsync, rename); any fsspec URL (s3://...) works the same through a local
spool. A file and its row in `blobs` go together: `put_bytes` and `record` write the row, the caller commits.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy.orm import Session

from server.config import Settings
from server.problems import Problem
from server.queries.submissions import ensure_blob
from server.services.journal import now

CHUNK = 1 << 16
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What is known of a stored file: hashes in hexadecimal, size in bytes."""

    sha256: str
    md5: str
    size: int


@contextmanager
def disk_problems() -> Iterator[None]:
    """Turns "no space left" of the operating system into Problem disk_full (507.1)."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise Problem("disk_full") from error
        raise


class BlobStore:
    """A store below one fsspec URL. Safe for many threads and processes at once."""

    def __init__(self, settings: Settings) -> None:
        self._fs, self._root, self._local = _file_system(settings.blob_url)
        # A rename is only atomic within one file system, so a local store spools inside itself.
        self._spool = Path(self._root) / "spool" if self._local else settings.data_dir / "spool"
        self._spool.mkdir(parents=True, exist_ok=True)

    def writer(self) -> BlobWriter:
        """A new file in the making; use it as a context manager and call `commit`."""
        return BlobWriter(self)

    def put(self, content: bytes | Iterable[bytes]) -> StoredBlob:
        """Stores bytes, or chunks of them. Raises Problem disk_full; then nothing is left behind."""
        with self.writer() as writer:
            for chunk in (content,) if isinstance(content, bytes) else content:
                writer.write(chunk)
            return writer.commit()

    def put_bytes(self, session: Session, data: bytes) -> StoredBlob:
        """Stores bytes and records the row; the caller commits. Raises Problem disk_full."""
        stored = self.put(data)
        record(session, stored)
        return stored

    def open(self, sha256: str) -> IO[bytes]:
        """The file for reading, seekable. Raises Problem not_found when there is none of that hash."""
        try:
            file: IO[bytes] = open(self._path(sha256), "rb") if self._local else self._fs.open(self._path(sha256), "rb")  # noqa: SIM115
        except FileNotFoundError as error:
            raise Problem("not_found") from error
        return file

    def read(self, sha256: str) -> bytes:
        """All bytes of a file that is known to be small (a form's source, a list)."""
        with self.open(sha256) as file:
            return file.read()

    def chunks(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start`, at most `length` of them, in pieces of 64 kB."""
        with self.open(sha256) as file:
            file.seek(start)
            left = length
            while left is None or left > 0:
                piece = file.read(CHUNK if left is None else min(CHUNK, left))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece

    def exists(self, sha256: str) -> bool:
        """Whether a file of that hash is stored."""
        return bool(self._fs.exists(self._path(sha256)))

    def delete(self, sha256: str) -> None:
        """Lets the bytes go (PURGE); a file that is already gone is no error."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(sha256))

    def pieces_path(self, upload_id: str) -> Path:
        """Where the pieces of a file under way lie: on the same file system, so that the whole file is only moved."""
        return self._spool.with_name("pieces") / upload_id

    def describe(self, sha256: str) -> StoredBlob:
        """Hashes and size of a stored file, read anew. Raises Problem not_found."""
        md5, size = hashlib.md5(usedforsecurity=False), 0
        for chunk in self.chunks(sha256):
            md5.update(chunk)
            size += len(chunk)
        return StoredBlob(sha256, md5.hexdigest(), size)

    def check(self) -> None:
        """Writes and removes a small file. Raises Problem disk_full, or OSError, when the store cannot be written to."""
        with self.writer() as writer:
            writer.write(b"fieldpost")
            # Closing flushes; only then does a full disk show.
            writer.finish()
        if not self._local:
            # The spool lies on this machine; the store itself does not.
            self._fs.pipe_file(f"{self._root}/health", b"fieldpost")
            self._fs.rm_file(f"{self._root}/health")

    def sweep(self, older_than_s: float = 86_400.0) -> int:
        """Removes what killed processes left in the spool, once it is a day old; returns how many files."""
        limit, removed = time.time() - older_than_s, 0
        for path in self._spool.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, sha256: str) -> str:
        if not _SHA256.fullmatch(sha256):
            raise Problem("not_found")
        return f"{self._root}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def _keep(self, spooled: Path, stored: StoredBlob) -> None:
        target = self._path(stored.sha256)
        if not self._local:
            if not self._fs.exists(target):
                self._fs.put_file(str(spooled), target)
            spooled.unlink()
            return
        if os.path.exists(target) and os.path.getsize(target) == stored.size:
            spooled.unlink()
            return
        folder = Path(target).parent
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(folder.parent.parent)
            _sync_folder(folder.parent)
        os.replace(spooled, target)
        _sync_folder(folder)


class BlobWriter:
    """A file in the making: hashes while it writes. `commit` keeps it; leaving the context otherwise throws it away."""

    def __init__(self, store: BlobStore, lying: Path | None = None) -> None:
        """A new file, or with `lying` one that is there already with all its bytes; it is taken over."""
        self._store = store
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._size = 0
        self._stored: StoredBlob | None = None
        if lying is None:
            with disk_problems():
                descriptor, name = tempfile.mkstemp(dir=store._spool)
            self._path = Path(name)
            self._file = os.fdopen(descriptor, "wb")
        else:
            self._path, self._file = lying, lying.open("ab")
            self._hash_what_is_there()

    def _hash_what_is_there(self) -> None:
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK):
                self._sha256.update(chunk)
                self._md5.update(chunk)
                self._size += len(chunk)

    def write(self, chunk: bytes | bytearray) -> None:
        """Appends bytes. Raises Problem disk_full."""
        with disk_problems():
            self._file.write(chunk)
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._size += len(chunk)

    def finish(self) -> None:
        """No more bytes follow: closes the file, so that waiting for a decision holds no descriptor."""
        with disk_problems():
            self._file.close()

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._sha256.hexdigest()

    def commit(self) -> StoredBlob:
        """Makes the file durable under its hash; after this a power cut cannot lose it. A second call changes nothing."""
        if self._stored is None:
            stored = StoredBlob(self._sha256.hexdigest(), self._md5.hexdigest(), self._size)
            self.finish()
            with disk_problems():
                with open(self._path, "r+b") as file:
                    os.fsync(file.fileno())
                self._store._keep(self._path, stored)
            self._stored = stored
        return self._stored

    def discard(self) -> None:
        """Throws the file away unless it was committed."""
        if self._stored is None:
            # Closing flushes, and on a full disk that fails once more: the file is thrown away in any case.
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems refuse to sync a directory; the file itself is synced.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


@lru_cache(maxsize=32)
def _file_system(url: str) -> tuple[Any, str, bool]:
    file_system, root = fsspec.core.url_to_fs(url)
    return file_system, str(root).rstrip("/"), isinstance(file_system, LocalFileSystem)


def record(session: Session, stored: StoredBlob) -> None:
    """Writes the file's row unless it is there; the caller commits."""
    ensure_blob(session, sha256=stored.sha256, md5=stored.md5, size=stored.size, stored_at=now())
