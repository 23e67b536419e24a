"""The body of one POST of a report, read piece by piece, so that a large video never lies in memory whole."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.client.files import PIECE


@dataclass(frozen=True, slots=True)
class Part:
    """A file to send: its name in the report, where it lies, its size in bytes and its type."""

    name: str
    path: Path
    size: int
    content_type: str

    @property
    def is_whole(self) -> bool:
        """Whether the file is there with all its bytes."""
        return self.path.is_file() and self.path.stat().st_size == self.size


class Body:
    """A multipart body: report, files and, when more is to come, the part *isIncomplete*. Has a length; can be read once."""

    def __init__(self, xml: bytes, files: Sequence[Part], incomplete: bool) -> None:
        self.boundary = f"fieldpost-{secrets.token_hex(12)}"
        self._sources = list(self._sections(xml, files, incomplete))
        self._length = sum(len(each) if isinstance(each, bytes) else each.size for each in self._sources)
        self._pieces = self._read_all()
        self._rest = b""

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, empty at the end."""
        if size < 0:
            taken, self._rest = self._rest + b"".join(self._pieces), b""
            return taken
        if not self._rest:
            self._rest = next(self._pieces, b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _sections(self, xml: bytes, files: Sequence[Part], incomplete: bool) -> Iterator[bytes | Part]:
        yield self._head("xml_submission_file", "submission.xml", "text/xml") + xml
        for part in files:
            yield b"\r\n" + self._head(part.name, part.name, part.content_type)
            yield part
        if incomplete:
            yield b"\r\n" + self._head("*isIncomplete*") + b"yes"
        yield f"\r\n--{self.boundary}--\r\n".encode()

    def _head(self, name: str, filename: str | None = None, content_type: str | None = None) -> bytes:
        disposition = f'form-data; name="{_quoted(name)}"'
        if filename is not None:
            disposition += f'; filename="{_quoted(filename)}"'
        head = f"--{self.boundary}\r\nContent-Disposition: {disposition}\r\n"
        if content_type is not None:
            head += f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n"
        return f"{head}\r\n".encode()

    def _read_all(self) -> Iterator[bytes]:
        for source in self._sources:
            if isinstance(source, bytes):
                yield from _split(source)
                continue
            with source.path.open("rb") as file:
                left = source.size
                while left > 0:
                    piece = file.read(min(PIECE, left))
                    if not piece:
                        raise OSError(f"{source.path} is shorter than when it was queued")
                    left -= len(piece)
                    yield piece


def _split(data: bytes) -> Iterator[bytes]:
    stream = io.BytesIO(data)
    while piece := stream.read(PIECE):
        yield piece


def _quoted(name: str) -> str:
    # As browsers write it (WHATWG multipart/form-data): a name cannot end its quotes or its line.
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
