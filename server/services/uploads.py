"""Reads a report as it comes over the wire: multipart in, XML in bounded memory, files straight into the blob spool.

Nothing is durable or recorded here; services.intake keeps the spooled files once it has decided to store the report.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from forms.xmlsafe import MAX_BYTES as MAX_XML
from server.problems import Problem
from server.services.blobs import CHUNK, BlobStore, BlobWriter, StoredBlob

XML_PART = "xml_submission_file"
INCOMPLETE_PART = "*isIncomplete*"
# ODK Collect splits at 100 files; more than this in one POST is no phone.
MAX_PARTS = 1_000
MAX_NAME = 255
_MAX_FIELD = 65_536
_KINDS = {"multipart/form-data", "multipart/mixed"}


class Readable(Protocol):
    """A body to read from, such as a WSGI input stream."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is durable already (it came in pieces); stands where a file in the making stands otherwise."""

    stored: StoredBlob

    @property
    def sha256(self) -> str:
        """Its hash."""
        return self.stored.sha256

    def commit(self) -> StoredBlob:
        """Nothing is left to do."""
        return self.stored

    def discard(self) -> None:
        """It stays: nobody else names it, and the next upload of the same bytes finds it."""


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file that came with a report, still in the spool."""

    name: str
    content_type: str
    writer: BlobWriter | StoredFile


@dataclass(slots=True)
class Upload:
    """A report's XML and its files. Leave its context and whatever was not kept is gone from the spool."""

    xml: bytes = b""
    files: list[IncomingFile] = field(default_factory=list)
    incomplete: bool = False

    def add(self, store: BlobStore, name: str, content: bytes | Iterable[bytes], content_type: str) -> None:
        """Adds a file from memory or in pieces (an entry page, an API call). Raises Problem disk_full."""
        writer = store.writer()
        self.files.append(IncomingFile(safe_name(name), content_type, writer))
        for piece in (content,) if isinstance(content, bytes) else content:
            writer.write(piece)
        writer.finish()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self.files:
            file.writer.discard()


def safe_name(name: str) -> str:
    """The file name without folders, control characters and excess length (255 characters, the extension kept).

    Phones send plain names; whoever sends "../../etc/passwd" gets a file called "passwd".
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(each for each in last if unicodedata.category(each) not in {"Cc", "Cs"}).strip()
    if clean in {"", ".", ".."}:
        return "file"
    stem, dot, extension = clean.rpartition(".")
    if len(clean) > MAX_NAME and dot and len(extension) < 20:
        return f"{stem[: MAX_NAME - len(extension) - 1]}.{extension}"
    return clean[:MAX_NAME]


def read_upload(stream: Readable, content_type: str, store: BlobStore) -> Upload:
    """Reads a multipart body to its end: form-data as all clients send it, or mixed as OpenRosa allows.

    Raises Problem multipart_unparseable (400.39), missing_multipart_field (400.7), too_large (413.1) when the XML part
    alone is larger than forms.xmlsafe.MAX_BYTES, disk_full (507.1).
    """
    kind, options = parse_options_header(content_type)
    if kind not in _KINDS or not options.get("boundary"):
        raise Problem("multipart_unparseable", reason="it is no multipart/form-data with a boundary")
    upload = Upload()
    try:
        _Reader(upload, store).read(stream, options["boundary"])
    except MultipartError as error:
        upload.__exit__(None, None, None)
        raise Problem("multipart_unparseable", reason=str(error)) from error
    except BaseException:
        upload.__exit__(None, None, None)
        raise
    return upload


class _Reader:
    """Sorts the parts of one body: the XML, the flag that more is to come, files, and fields nobody asked for."""

    def __init__(self, upload: Upload, store: BlobStore) -> None:
        self.upload, self.store = upload, store
        self.xml: bytearray | None = None
        self.part = ""
        self.writer: BlobWriter | None = None
        self.ignored = 0

    def read(self, stream: Readable, boundary: str) -> None:
        with PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
            for chunk in _chunks(stream):
                for event in parser.parse(chunk):
                    self._take(event)
        if self.xml is None:
            raise Problem("missing_multipart_field", field=XML_PART)
        self.upload.xml = bytes(self.xml)

    def _take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if event is None:
            if self.writer is not None:
                self.writer.finish()
            self.part, self.writer = "", None
        elif isinstance(event, MultipartSegment):
            self._begin(event)
        else:
            self._body(event)

    def _begin(self, segment: MultipartSegment) -> None:
        self.ignored = 0
        if segment.name == XML_PART:
            if self.xml is not None:
                raise Problem("multipart_unparseable", reason=f"it has more than one part {XML_PART}")
            self.part, self.xml = "xml", bytearray()
        elif segment.name == INCOMPLETE_PART:
            self.part, self.upload.incomplete = "field", True
        elif _is_file(segment):
            self.part, self.writer = "file", self.store.writer()
            kind = (segment.content_type or "application/octet-stream")[:MAX_NAME]
            self.upload.files.append(IncomingFile(safe_name(_file_name(segment)), kind, self.writer))
        else:
            self.part = "field"

    def _body(self, chunk: bytes | bytearray) -> None:
        if self.writer is not None:
            self.writer.write(chunk)
        elif self.part == "xml" and self.xml is not None:
            if len(self.xml) + len(chunk) > MAX_XML:
                raise Problem("too_large", limit=MAX_XML)
            self.xml += chunk
        else:
            self.ignored += len(chunk)
            if self.ignored > _MAX_FIELD:
                raise Problem("multipart_unparseable", reason="a plain field is longer than 64 kB")


def _is_file(segment: MultipartSegment) -> bool:
    disposition = str(segment.header("Content-Disposition", "")).lower()
    return "filename" in disposition or segment.content_type not in {None, "text/plain"}


def _file_name(segment: MultipartSegment) -> str:
    disposition = str(segment.header("Content-Disposition", ""))
    # The parser leaves RFC 5987 names (filename*=UTF-8''...) alone; werkzeug reads them.
    if "filename*" in disposition.lower():
        from werkzeug.http import parse_options_header as parse_disposition

        return parse_disposition(disposition)[1].get("filename", "") or str(segment.name)
    return str(segment.filename or segment.name or "")


def _chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
