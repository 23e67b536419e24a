"""The express way for the requests that come by the thousand: a device's key, one report, nothing special about it; and
what phones download all the time (openrosa.handout).

Stands before Flask. It answers nothing but "stored": whatever is not plainly ordinary goes on to the door's own views,
with the body that was read, so that every other answer has one place where it is made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from multipart import MultipartError
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from forms import openrosa
from forms.encryption import is_manifest
from forms.submission import SubmissionXmlError, derived_instance_id, parse_submission
from forms.xmlsafe import XmlRefused
from server.config import Settings
from server.extensions import db
from server.openrosa import messages
from server.openrosa.handout import HandOut
from server.problems import Problem
from server.proxies import TrustedProxy
from server.services.authentication import token_hash
from server.services.blobs import BlobStore
from server.services.express import Counter, Parcel, Stored
from server.services.holding import reason_to_hold
from server.services.route_classes import length_for
from server.services.schemes import in_clear
from server.services.uploads import Upload, read_upload

_PATH = re.compile(r"/v1/key/([A-Za-z0-9!$]{64})/projects/([0-9]{1,9})/submission/?")
# Larger ones are not worth the memory: their files take longer than all the rest.
_MOST_BYTES = 1 << 20
_MAX_TEXT = 255

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def install(app: Flask) -> None:
    """Puts the express way before the application. Its transactions are its own, so tests that roll back leave it out."""
    settings: Settings = app.config["SETTINGS"]
    with app.app_context():
        counter, handout = Counter(db.engine), HandOut(settings, db.engine, _language)
    served: Any = app.wsgi_app
    # Behind a proxy it must see the phone's own address as well, so it stands behind what reads that.
    if isinstance(served, TrustedProxy):
        served = TrustedProxy(ExpressWay(served.plain, settings, counter, handout), settings.trusted_proxy)
    else:
        served = ExpressWay(served, settings, counter, handout)
    app.wsgi_app = served  # type: ignore[method-assign]


class ExpressWay:
    """The WSGI application with the express way before it."""

    def __init__(self, application: Application, settings: Settings, counter: Counter, handout: HandOut) -> None:
        self._application = application
        self._settings = settings
        self._counter = counter
        self._store = BlobStore(settings)
        self._handout = handout

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers 201 for a report that could be stored without any question, and ordinary downloads; hands all else on."""
        if environ["REQUEST_METHOD"] == "GET":
            found = self._handout.answer(environ)
            if found is None:
                return self._application(environ, start_response)
            start_response(found.status, found.headers)
            return [found.body]
        key = _is_plain(environ)
        if key is None:
            return self._application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        stored = self._stored(key, environ, body)
        if stored is None:
            environ["wsgi.input"].seek(0)
            return self._application(environ, start_response)
        language = _language(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        answer = _answer(messages.received(language, stored.receipt))
        start_response("201 CREATED", [
            ("Content-Type", openrosa.CONTENT_TYPE), ("Content-Length", str(len(answer))), ("X-OpenRosa-Version", "1.0"),
            ("X-OpenRosa-Accept-Content-Length", self._announced(environ, stored)), ("Content-Language", language),
            ("Cache-Control", "private, no-cache"), ("X-Fieldpost-Receipt", stored.receipt),
        ])
        return [answer]

    def _announced(self, environ: Environ, stored: Stored) -> str:
        who = stored.grant
        return str(length_for(self._settings, who.route_class, who.post_route_class, environ.get("REMOTE_ADDR")))

    def _stored(self, key: re.Match[str], environ: Environ, body: bytes) -> Stored | None:
        """What became of the report, or None when it is not plainly ordinary."""
        try:
            with read_upload(environ["wsgi.input"], environ.get("CONTENT_TYPE", ""), self._store) as upload:
                parcel = self._parcel(key, environ, upload)
                if parcel is None:
                    return None
                if upload.files:
                    # Files are made durable before the transaction, so that others need not wait; never for strangers.
                    if not self._counter.would_take(parcel):
                        return None
                    parcel.files = [(file.name, file.content_type, file.writer.commit()) for file in upload.files]
                return self._counter.hand_in(parcel)
        except (Problem, MultipartError, XmlRefused, SubmissionXmlError):
            # The door's own view says it in the words of its catalogue.
            return None

    def _parcel(self, key: re.Match[str], environ: Environ, upload: Upload) -> Parcel | None:
        query = environ.get("QUERY_STRING", "")
        asked = parse_qs(query, keep_blank_values=True) if query else {}
        if asked.keys() - {"deviceID", "strict"}:
            return None
        parsed = parse_submission(upload.xml)
        if parsed.encrypted or parsed.deprecated_id or reason_to_hold(parsed) is not None:
            return None
        if b"base64EncryptedKey" in upload.xml and is_manifest(parsed.root):
            return None
        return Parcel(
            token_sha256=token_hash(key[1]), project_id=int(key[2]), parsed=parsed,
            instance_id=parsed.instance_id or derived_instance_id(parsed.canonical_hash),
            packed=self._counter.pack(int(key[2]), parsed, upload.xml),
            xml_sha256=hashlib.sha256(upload.xml).hexdigest(), device_id=_clean(asked.get("deviceID", [""])[0]),
            user_agent=_clean(environ.get("HTTP_USER_AGENT", "")),
            in_clear=in_clear(environ["wsgi.url_scheme"], environ.get("REMOTE_ADDR")),
        )


def _is_plain(environ: Environ) -> re.Match[str] | None:
    """Whether this is the request that the express way is for, from its head alone."""
    if environ["REQUEST_METHOD"] != "POST" or environ.get("HTTP_X_OPENROSA_VERSION", "").strip() != "1.0":
        return None
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isascii() or not length.isdigit() or int(length) > _MOST_BYTES or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    if environ.get("HTTP_CONTENT_ENCODING") or "%00" in environ.get("QUERY_STRING", ""):
        return None
    return _PATH.fullmatch(environ["PATH_INFO"])


def _clean(text: str) -> str | None:
    return text[:_MAX_TEXT] or None if text.isprintable() else "".join(filter(str.isprintable, text))[:_MAX_TEXT] or None


@lru_cache(maxsize=64)
def _language(header: str) -> str:
    return messages.spoken(parse_accept_header(header, LanguageAccept))


def _answer(text: str) -> bytes:
    return openrosa.response(text, "submit_success")
