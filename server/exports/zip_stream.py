"""A zip that is sent while it is made (PKZIP APPNOTE 6.3): entries of unknown length, in bounded memory, with a fast deflate.

What is written comes back as bytes to send. The directory at the end waits in a temporary file, however long it becomes.
"""

from __future__ import annotations

import re
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from types import TracebackType

from isal import isal_zlib

_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1f\x80-\x9f]')
_NO_NAME = re.compile(r"^\.+$|[. ]+$")
_DEFLATED = 8
_UTF8, _SIZES_FOLLOW = 0x800, 0x8
_LIMIT = 0xFFFFFFFF
_IN_MEMORY = 1_000_000
_PIECE = 65_536
_LEVEL = 2
# The first day that the format knows (1 January 1980): the same data give the same bytes, so a cut download can go on by Range.
_TIME = 1 << 21 | 1 << 16


class Deflated:
    """A file that is compressed as it is written and waits, compressed, until it is its turn in a zip."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed by the context)
        self._deflate = _deflate()
        self.checksum = self.size = self.packed_size = 0

    def write(self, data: bytes) -> None:
        """Appends bytes."""
        self.checksum = zlib.crc32(data, self.checksum)
        self.size += len(data)
        self._keep(self._deflate.compress(data))

    def close(self) -> None:
        """Ends the compression, so that the sizes are known."""
        self._keep(self._deflate.flush())

    def pieces(self) -> Iterator[bytes]:
        """The compressed bytes, after `close`."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece

    def _keep(self, packed: bytes) -> None:
        self.packed_size += len(packed)
        self._file.write(packed)

    def __enter__(self) -> Deflated:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


class ZipStream:
    """The zip. large: entries may pass 4 GB (zip64), which some old programs cannot unpack."""

    def __init__(self, large: bool = False) -> None:
        self._large = large
        self._offset = 0
        self._entries = 0
        self._directory = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed by the context)

    def __enter__(self) -> ZipStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._directory.close()

    def entry(self, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """A file whose length is not known before its end. Raises OverflowError past 4 GB unless the zip is large."""
        start = self._offset
        yield self._sent(self._header(name, _SIZES_FOLLOW, 0, 0, 0))
        # Photos too, which gain nothing: readers that unpack while they receive need deflate to find the end of an entry.
        deflate = _deflate()
        checksum = size = packed_size = 0
        for piece in pieces:
            checksum, size = zlib.crc32(piece, checksum), size + len(piece)
            if packed := deflate.compress(piece):
                packed_size += len(packed)
                yield self._sent(packed)
        packed = deflate.flush()
        packed_size += len(packed)
        yield self._sent(packed)
        if not self._large and max(size, packed_size) > _LIMIT:
            raise OverflowError(f"{name} is larger than 4 GB")
        sizes = struct.pack("<QQ" if self._large else "<LL", packed_size, size)
        yield self._sent(b"PK\x07\x08" + struct.pack("<L", checksum) + sizes)
        self._note(name, _SIZES_FOLLOW, checksum, packed_size, size, start)

    def deflated(self, name: str, file: Deflated) -> Iterator[bytes]:
        """A file that was compressed before."""
        file.close()
        start = self._offset
        yield self._sent(self._header(name, 0, file.checksum, file.packed_size, file.size))
        for piece in file.pieces():
            yield self._sent(piece)
        self._note(name, 0, file.checksum, file.packed_size, file.size, start)

    def finish(self) -> Iterator[bytes]:
        """The directory; nothing may follow."""
        start = self._offset
        self._directory.seek(0)
        while piece := self._directory.read(_PIECE):
            yield self._sent(piece)
        size, end = self._offset - start, self._offset
        if self._entries > 0xFFFF or start > _LIMIT or size > _LIMIT:
            yield struct.pack(
                "<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, self._entries, self._entries, size, start
            ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
        entries = min(self._entries, 0xFFFF)
        yield struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, entries, entries, min(size, _LIMIT), min(start, _LIMIT), 0)

    def _sent(self, data: bytes) -> bytes:
        self._offset += len(data)
        return data

    def _header(self, name: str, flags: int, checksum: int, packed_size: int, size: int) -> bytes:
        encoded, extra, version = name.encode(), b"", 20
        if self._large or max(packed_size, size) > _LIMIT:
            extra, version = struct.pack("<HHQQ", 1, 16, size, packed_size), 45
            packed_size = size = _LIMIT
        fixed = struct.pack(
            "<4sHHHLLLLHH", b"PK\x03\x04", version, flags | _UTF8, _DEFLATED, _TIME, checksum, packed_size, size,
            len(encoded), len(extra),
        )
        return fixed + encoded + extra

    def _note(self, name: str, flags: int, checksum: int, packed_size: int, size: int, start: int) -> None:
        """An entry of the directory; numbers that do not fit into 32 bit move to an extra field, in the order prescribed."""
        encoded, extra = name.encode(), b""
        shown = []
        for number in (size, packed_size, start):
            if number >= _LIMIT:
                extra += struct.pack("<Q", number)
            shown.append(min(number, _LIMIT))
        if extra:
            extra = struct.pack("<HH", 1, len(extra)) + extra
        version = 45 if extra or self._large else 20
        self._directory.write(struct.pack(
            "<4sHHHHLLLLHHHHHLL", b"PK\x01\x02", 0x0300 | version, version, flags | _UTF8, _DEFLATED, _TIME, checksum,
            shown[1], shown[0], len(encoded), len(extra), 0, 0, 0, 0o100644 << 16, shown[2],
        ) + encoded + extra)
        self._entries += 1


def entry_name(name: str) -> str:
    """The name as a file may be called on every system: signs that some refuse are left out, as are dots at the end."""
    return _NO_NAME.sub("", _UNSAFE.sub("", name)).strip(" ")[:200] or "file"


def _deflate() -> isal_zlib.Compress:
    return isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
