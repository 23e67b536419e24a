"""The built app as files: compressed beforehand, kept for ever when named by content, asked for anew when not.

Must not know anything of reports: these files are the same for everybody.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Response, request, send_file
from flask_babel import gettext as _
from werkzeug.security import safe_join

from server.gate import public
from server.problems import Problem

STATIC = Path(__file__).parent / "static"
YEAR = 365 * 24 * 3600
HEADERS = {
    # WebAssembly only for the engine's XPath parser and the bar code reader; nothing is ever evaluated from text.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(self), publickey-credentials-get=(self)",
}
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm"}
# The best first; what is not a coding of HTTP is never looked for.
_CODINGS = (("br", ".br"), ("gzip", ".gz"))


def hardened(answer: Response) -> Response:
    """The answer with this door's headers; the pages' own do not go over them."""
    for name, value in HEADERS.items():
        answer.headers[name] = value
    return answer


@public
def start() -> Response:
    """/field is /field/."""
    return hardened(Response(status=308, headers={"Location": f"{request.script_root}/field/"}))


@public
def app_page() -> Response:
    """The app's one page; where it was not built, a sentence that says how."""
    if not (STATIC / "index.html").is_file():
        text = _("The field app was not built. Run `make setup` on the server.")
        return hardened(Response(text + "\n", status=503, mimetype="text/plain"))
    return _file("index.html")


@public
def app_file(name: str) -> Response:
    """One of its files. Raises Problem not_found."""
    return _file(name)


def _file(name: str) -> Response:
    found = safe_join(str(STATIC), name)
    path = Path(found) if found else None
    # The compressed twins are no files of their own, and neither is the mark that says when the app was built.
    if path is None or not path.is_file() or path.suffix in {".br", ".gz"} or path.name.startswith("."):
        raise Problem("not_found")
    coding, twin = _twin(path)
    media = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    answer = send_file(twin, mimetype=media, conditional=False, etag=False)
    named = name.startswith("assets/")
    answer.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if named else "no-cache"
    answer.set_etag(_mark(twin, twin.stat().st_mtime))
    if coding:
        answer.headers["Content-Encoding"] = coding
    answer.vary.add("Accept-Encoding")
    answer.make_conditional(request)
    return hardened(answer)


def _twin(path: Path) -> tuple[str | None, Path]:
    """The smallest form of a file that this reader takes, with the name of its coding."""
    for coding, suffix in _CODINGS:
        twin = path.with_name(path.name + suffix)
        if request.accept_encodings.quality(coding) > 0 and "Range" not in request.headers and twin.is_file():
            return coding, twin
    return None, path


@lru_cache(maxsize=256)
def _mark(path: Path, _changed: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
