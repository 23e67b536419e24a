"""Door: devices (OpenRosa form list, manifest, form, media, submission), for ODK Collect and our own clients.

The same views stand under a device's key, under a user's project and, for a draft's test, under its token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from server.gate import allow, public
from server.openrosa import field_app, forms, messages, resumable, submissions
from server.openrosa.answers import envelope, settings
from server.problems import Problem
from server.services.identity import Verb
from server.services.schemes import challenges

# project_id is a plain part as in the central door: with an int converter here, forms/<path> would win over its routes.
_KEY = "/v1/key/<token>/projects/<project_id>"
_USER = "/v1/projects/<project_id>"
_TEST = "/v1/test/<token>/projects/<project_id>/forms/<path:form_id>"
_MAX_NUMBER = 2**31 - 1
# A file or a report may be called "manifest" as well; such an address is the API's.
_OWN = re.compile(
    r"^/v1/(key|test)/|^/v1/projects/[^/]+/(formList|submission|uploads(/[^/]+)?"
    r"|forms/.*(?<!/attachments)(?<!/submissions)/manifest|datasets/.*(?<!/entities)/integrity)/?$"
)
_PIECES = re.compile(r"/uploads(/[^/]+)?/?$")
_DRAIN_STEP = 1 << 20
# What somebody without rights may make the server read before it hangs up.
_DRAIN_STRANGER = 64 << 20

View = Callable[..., Response]

_DEVICE_ROUTES: tuple[tuple[str, View, Verb, tuple[str, ...]], ...] = (
    ("/formList", forms.form_list, Verb.FORM_LIST, ("GET",)),
    ("/forms/<path:form_id>.xml", forms.form_xml, Verb.FORM_READ, ("GET",)),
    ("/forms/<path:form_id>/manifest", forms.manifest, Verb.FORM_READ, ("GET",)),
    ("/forms/<path:form_id>/attachments/<path:name>", forms.attachment, Verb.FORM_READ, ("GET",)),
    ("/datasets/<path:name>/integrity", forms.integrity, Verb.FORM_READ, ("GET",)),
    ("/submission", submissions.announce, Verb.SUBMISSION_CREATE, ("GET",)),
    ("/submission", submissions.submit, Verb.SUBMISSION_CREATE, ("POST",)),
    ("/uploads", resumable.options, Verb.SUBMISSION_CREATE, ("OPTIONS",)),
    ("/uploads", resumable.create, Verb.SUBMISSION_CREATE, ("POST",)),
    ("/uploads/<upload_id>", resumable.options, Verb.SUBMISSION_CREATE, ("OPTIONS",)),
    ("/uploads/<upload_id>", resumable.status, Verb.SUBMISSION_CREATE, ("HEAD",)),
    ("/uploads/<upload_id>", resumable.go_on, Verb.SUBMISSION_CREATE, ("PATCH",)),
    ("/uploads/<upload_id>", resumable.give_up, Verb.SUBMISSION_CREATE, ("DELETE",)),
    ("/uploads/<upload_id>", resumable.overridden, Verb.SUBMISSION_CREATE, ("POST",)),
)
# The field app's own questions; users have pages for that.
_APP_ROUTES: tuple[tuple[str, View, Verb, tuple[str, ...]], ...] = (
    ("/field", field_app.facts, Verb.FORM_LIST, ("GET",)),
    ("/sealed", field_app.submit_sealed, Verb.SUBMISSION_CREATE, ("POST",)),
)
_TEST_ROUTES: tuple[tuple[str, View, tuple[str, ...]], ...] = (
    ("/draft/formList", forms.draft_form_list, ("GET",)),
    ("/draft.xml", forms.draft_xml, ("GET",)),
    ("/draft/manifest", forms.draft_manifest, ("GET",)),
    ("/draft/attachments/<path:name>", forms.draft_attachment, ("GET",)),
    ("/datasets/<path:name>/integrity", forms.draft_integrity, ("GET",)),
    ("/draft/submission", submissions.announce_draft, ("GET",)),
    ("/draft/submission", submissions.submit_draft, ("POST",)),
)
# ODK Central asks for X-OpenRosa-Version on these only; form XML and media are plain downloads there.
_SPOKEN = ("/formList", "/manifest", "/submission", "/integrity")


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    for path, view, verb, methods in _DEVICE_ROUTES:
        checked = allow(verb)(_speaking(view) if path.endswith(_SPOKEN) else _numbered(view))
        # tus answers OPTIONS by a view of its own; Flask must not do so before it.
        automatic = "/uploads" not in path
        for way, root in (("key", _KEY), ("user", _USER)):
            name = _endpoint(way, path, view)
            app.add_url_rule(root + path, name, checked, methods=methods, provide_automatic_options=automatic)
    for path, view, verb, methods in _APP_ROUTES:
        app.add_url_rule(_KEY + path, _endpoint("key", path, view), allow(verb)(_numbered(view)), methods=methods)
    # Its files lie at an address of the API, so this one is for accounts alone.
    of_version = allow(Verb.FORM_READ)(_speaking(forms.version_manifest))
    app.add_url_rule(f"{_USER}/forms/<path:form_id>/versions/<version>/manifest", "openrosa.user.version_manifest", of_version)
    for path, view, methods in _TEST_ROUTES:
        checked = public(_speaking(view) if path.endswith(_SPOKEN) else _numbered(view))
        app.add_url_rule(_TEST + path, f"openrosa.test.{view.__name__}", checked, methods=methods)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return _OWN.match(path) is not None


def render_problem(problem: Problem) -> Response:
    """The problem as an OpenRosaResponse whose message the phone shows; the body is read to its end first."""
    response = envelope(messages.problem_text(problem), problem.status, "error", 0)
    if problem.status == 401:
        for each in challenges(request, settings(), stale=bool(problem.details.get("stale"))):
            response.headers.add("WWW-Authenticate", each)
    if problem.status == 413 or (request.method in {"POST", "PATCH"} and not _drained(problem)):
        response.headers["Connection"] = "close"
    return resumable.mark(response) if _PIECES.search(request.path) else response


def _endpoint(way: str, path: str, view: View) -> str:
    return f"openrosa.{way}.{'upload.' if '/uploads' in path else ''}{view.__name__}{'.one' if path.endswith('_id>') else ''}"


def _speaking(view: View) -> View:
    """The view for clients that say which OpenRosa they speak. Raises Problem openrosa_version for others."""
    inner = _numbered(view)

    @wraps(view)
    def checked(**arguments: Any) -> Response:
        if request.headers.get("X-OpenRosa-Version", "").strip() != "1.0":
            raise Problem("openrosa_version")
        return inner(**arguments)

    return checked


def _numbered(view: View) -> View:
    """The view with its project as a number. Raises Problem invalid_type (400.11, as in ODK Central) for anything else."""

    @wraps(view)
    def checked(**arguments: Any) -> Response:
        return view(**{**arguments, "project_id": _number(arguments["project_id"])})

    return checked


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Problem("invalid_type", expected="an integer", got=text[:50], field="project_id")
    return min(int(text[:12]), _MAX_NUMBER)


def _drained(problem: Problem) -> bool:
    """Reads what is left of the body, so that the phone gets round to reading the answer; False when it was too much."""
    limit, seen = _DRAIN_STRANGER if problem.status in {401, 403} else None, 0
    try:
        while piece := request.stream.read(_DRAIN_STEP):
            seen += len(piece)
            if limit is not None and seen > limit:
                return False
    except (ClientDisconnected, RequestEntityTooLarge):
        return False
    return True
