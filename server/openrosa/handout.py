"""The express way for what phones download all the time: the form list and the XML of a form, by a device's key.

Stands before Flask like the express way of reports and asks the database once. It answers 200 and 304 for a device that may
have what it asks for; whatever is not plainly ordinary goes on to the door's own views. Its answers are those of the views,
header for header (tests compare them).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags
from werkzeug.sansio.utils import get_current_url
from werkzeug.wsgi import get_host

from forms import openrosa
from forms.xmlsafe import encoding_of
from server.config import Settings
from server.openrosa.forms import FORM_XML, Address
from server.queries.device_forms import ListedForm
from server.queries.handout import Listed, Statements
from server.services.authentication import token_hash
from server.services.devices_seen import EVERY
from server.services.form_downloads import is_noted
from server.services.journal import now
from server.services.route_classes import length_for

_PATH = re.compile(r"/v1/key/([A-Za-z0-9!$]{64})/projects/([0-9]{1,9})/(?:(formList)|forms/([^/\x00]{1,255})\.xml)")
# Whoever asks for a part, or by date, is served by the views.
_CONDITIONS = ("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")
_MOST_KEPT = 8_000_000
_LARGEST_KEPT = 2_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """What is sent: its bytes, the same gzipped, and the ETags of both."""

    data: bytes
    gzipped: bytes
    etag: str
    weak_etag: str
    content_type: str

    @property
    def size(self) -> int:
        """Bytes of both."""
        return len(self.data) + len(self.gzipped)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status line, headers and body as WSGI takes them."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Kept:
    """The documents that were asked for last, 8 MB of them. A key names its bytes for good, so none can be out of date."""

    def __init__(self) -> None:
        self._documents: OrderedDict[Any, Document] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Document | None]) -> Document | None:
        """The document of that key, made when it is not here."""
        with self._lock:
            found = self._documents.get(key)
            if found is not None:
                self._documents.move_to_end(key)
                return found
        made = make()
        if made is not None and made.size <= _LARGEST_KEPT:
            with self._lock:
                self._bytes += made.size - (self._documents[key].size if key in self._documents else 0)
                self._documents[key] = made
                while self._bytes > _MOST_KEPT:
                    self._bytes -= self._documents.popitem(last=False)[1].size
        return made


class HandOut:
    """Answers form lists and forms; None for what it leaves to the views."""

    def __init__(self, settings: Settings, engine: Engine, language: Callable[[str], str]) -> None:
        self._settings, self._language = settings, language
        self._statements = Statements(engine)
        self._kept = Kept()

    def answer(self, environ: dict[str, Any]) -> Answer | None:
        """The answer to this request, or None when it is not plainly ordinary."""
        asked = _plain(environ)
        if asked is None:
            return None
        token, project_id, form_id = asked[1], int(asked[2]), _form_id(asked[4])
        if asked[3] and environ.get("HTTP_X_OPENROSA_VERSION", "").strip() != "1.0":
            return None
        try:
            key = token_hash(token)
            listed = self._statements.listed(key, project_id, form_id)
            # Once in a few minutes a device goes the long way, where it is noted that it called.
            if listed is None or listed.last_seen_at is None or now() - listed.last_seen_at >= EVERY:
                return None
            # And once per version, where it is noted that it has it.
            if form_id is not None and not is_noted(key, listed.forms[0].version_id):
                return None
            if form_id is not None and _holds(environ, listed.forms[0].md5):
                return self._unchanged(environ, listed, f'"{listed.forms[0].md5}"')
            document = self._list(environ, token, project_id, listed) if form_id is None else self._form(listed.forms[0])
        except SQLAlchemyError:
            return None  # the view meets the same fault and says so in the words of its catalogue
        return None if document is None else self._delivered(environ, listed, document)

    def _list(self, environ: dict[str, Any], token: str, project_id: int, listed: Listed) -> Document | None:
        host = get_current_url(environ["wsgi.url_scheme"], get_host(environ)).rstrip("/")
        address = Address.of_key(host, token, project_id)

        def make() -> Document:
            data = openrosa.form_list([address.of_form(form) for form in listed.forms])
            # As werkzeug's add_etag.
            etag = f'W/"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"'
            return Document(data, gzip.compress(data, 6, mtime=0), etag, etag, openrosa.CONTENT_TYPE)

        return self._kept.get((address.root, listed.forms), make)

    def _form(self, form: ListedForm) -> Document | None:
        def make() -> Document | None:
            data = self._statements.xml(form.version_id)
            if data is None:
                return None
            kind = FORM_XML.format(encoding_of(data))
            return Document(data, gzip.compress(data, 6, mtime=0), f'"{form.md5}"', f'W/"{form.md5}"', kind)

        return self._kept.get((form.version_id, form.md5), make)

    def _delivered(self, environ: dict[str, Any], who: Listed, document: Document) -> Answer:
        if _holds(environ, document.etag.removeprefix("W/").strip('"')):
            return self._unchanged(environ, who, document.etag)
        language = self._language(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        headers = [*self._headers(environ, who), ("Content-Type", document.content_type), ("Content-Language", language)]
        body, etag = document.data, document.etag
        if _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            body, etag = document.gzipped, document.weak_etag
            headers.append(("Content-Encoding", "gzip"))
        return Answer("200 OK", [*headers, ("ETag", etag), ("Content-Length", str(len(body)))], body)

    def _unchanged(self, environ: dict[str, Any], who: Listed, etag: str) -> Answer:
        return Answer("304 NOT MODIFIED", [*self._headers(environ, who), ("ETag", etag)], b"")

    def _headers(self, environ: dict[str, Any], who: Listed) -> list[tuple[str, str]]:
        length = length_for(self._settings, who.route_class, who.post_route_class, environ.get("REMOTE_ADDR"))
        return [
            ("X-OpenRosa-Version", "1.0"), ("X-OpenRosa-Accept-Content-Length", str(length)),
            ("Cache-Control", "private, no-cache"), ("Accept-Ranges", "bytes"), ("Vary", "Accept-Encoding"),
        ]  # fmt: skip


def _holds(environ: dict[str, Any], etag: str) -> bool:
    held = environ.get("HTTP_IF_NONE_MATCH")
    return bool(held) and parse_etags(held).contains_weak(etag)


def _plain(environ: dict[str, Any]) -> re.Match[str] | None:
    if environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING") or environ.get("SCRIPT_NAME"):
        return None
    if any(condition in environ for condition in _CONDITIONS):
        return None
    return _PATH.fullmatch(environ["PATH_INFO"])


def _form_id(raw: str | None) -> str | None:
    # WSGI hands on the bytes of a path as if they were Latin-1; what is no UTF-8 names no form.
    return None if raw is None else raw.encode("latin-1").decode("utf-8", "replace")


@lru_cache(maxsize=64)
def _takes_gzip(header: str) -> bool:
    return parse_accept_header(header, Accept).quality("gzip") > 0
