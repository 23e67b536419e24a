"""The API's document (OpenAPI 3.1), made from the routes, the schemas that views name, and the views' own first lines."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app
from werkzeug.routing import Rule

from server.central.replies import as_json
from server.central.routes import routes
from server.gate import public
from server.schemas.base import ProblemAnswer, Request, Stamp
from server.schemas.described import Description, Shape, described

if TYPE_CHECKING:
    from apispec.ext.marshmallow import MarshmallowPlugin

PREFIX = "/v1/"
_PLACE = re.compile(r"<(?:[^:<>]+:)?(\w+)>")
_NAMES = {"form_id": "xmlFormId", "name": "name", "role": "roleId", "version_id": "versionId"}
_NUMBERS = {"project_id", "actor_id", "number"}
_OPENROSA = "OpenRosa"
_ABOUT = (
    "The addresses and shapes of ODK Central, so that its clients work: pyODK, ruODK, Power BI, Excel, QGIS, ODK Collect. "
    "Booleans of the query are true or false in any case. Times are ISO 8601 in UTC. Instance IDs may come as uuid:... or "
    "uuid%3A.... Every address also takes a slash at its end."
)
_SECURITY: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/sessions."},
    "basic": {"type": "http", "scheme": "basic", "description": "E-mail address and password, over https only."},
    "link": {"type": "apiKey", "in": "query", "name": "st", "description": "The key of an app user or a public link."},
    "cookie": {
        "type": "apiKey", "in": "cookie", "name": "__Host-session",
        "description": "Set by POST /v1/sessions over https; changes also want X-Requested-With: XMLHttpRequest or __csrf.",
    },
}


@routes.get("/openapi.json")
@public
@described("application/json")
def show_document() -> Response:
    """This document."""
    return as_json(document(current_app._get_current_object()))  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=2)
def document(app: Flask) -> dict[str, Any]:
    """The document of this application's routes below /v1, as a dict of JSON values."""
    # Imported when somebody asks: a server that nobody asks for its document needs no memory for it.
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    plugin = MarshmallowPlugin()
    spec = APISpec("Fieldpost", "1", "3.1.0", plugins=[plugin], info={"description": _ABOUT})
    plugin.map_to_openapi_type(Stamp, "string", "date-time")  # type: ignore[no-untyped-call]
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    spec.components.schema("Problem", schema=ProblemAnswer)
    addresses: dict[str, dict[str, Any]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            for method in _methods(rule):
                addresses.setdefault(template(rule), {})[method.lower()] = _operation(app, rule, method)
    for address, operations in sorted(addresses.items()):
        spec.path(address, operations=operations)
    made: dict[str, Any] = spec.to_dict()
    for name in _requests(plugin):
        # What a request holds besides is passed over, as in ODK Central, and not refused.
        made["components"]["schemas"][name].pop("additionalProperties", None)
    return made


def _requests(plugin: MarshmallowPlugin) -> list[str]:
    converter = plugin.converter
    return [name for key, name in converter.refs.items() if issubclass(key[0], Request)] if converter else []


def _methods(rule: Rule) -> list[str]:
    """What the rule is there for: HEAD and OPTIONS only where they have a view of their own."""
    methods = rule.methods or set()
    if methods == {"OPTIONS"}:
        return ["OPTIONS"]
    return sorted(methods - {"OPTIONS"} - ({"HEAD"} if "GET" in methods else set()))


def template(rule: Rule) -> str:
    """The rule as the document writes addresses: {xmlFormId} for <path:form_id>."""
    return _PLACE.sub(lambda found: f"{{{parameter(found.group(1))}}}", rule.rule)


def parameter(name: str) -> str:
    """How the document calls a part of an address: in ODK Central's camel case."""
    first, *rest = name.split("_")
    return _NAMES.get(name, first + "".join(word.title() for word in rest))


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    found: Description = getattr(view, "fieldpost_description", Description("*/*"))
    openrosa = rule.endpoint.startswith("openrosa.")
    summary, _, more = (view.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{rule.endpoint}".replace(".", "_"),
        "summary": summary, "tags": [_OPENROSA if openrosa else view.__module__.rpartition(".")[2].replace("_", " ")],
        "parameters": list(_parameters(rule, found)), "responses": _responses(found, openrosa),
    }
    if more.strip():
        operation["description"] = more.strip()
    if found.body is not None:
        operation["requestBody"] = {"required": not found.optional, "content": _content(found.body)}
    open_to_all = getattr(view, "fieldpost_public", False) or "<token>" in rule.rule.partition("/projects/")[0]
    operation["security"] = [] if open_to_all else [{name: []} for name in _SECURITY]
    return operation


def _parameters(rule: Rule, found: Description) -> Iterator[dict[str, Any]]:
    for name in _PLACE.findall(rule.rule):
        kind = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1} if name in _NUMBERS else {"type": "string", "minLength": 1}
        yield {"name": parameter(name), "in": "path", "required": True, "schema": kind}
    if found.query is not None:
        yield {"in": "query", "schema": found.query}
    if found.extended:
        more = {"type": "string", "enum": ["true", "false"]}
        yield {"name": "X-Extended-Metadata", "in": "header", "schema": more, "description": "true: counts and names as well."}


def _responses(found: Description, openrosa: bool) -> dict[str, Any]:
    answer = _content(found.answer, found.many) if found.answer is not None else {}
    problem = {"*/*": {}} if openrosa else {"application/json": {"schema": ProblemAnswer}}
    return {
        str(found.status): {"description": "Done.", **({"content": answer} if answer else {})},
        "default": {"description": "Refused; the code says why.", "content": problem},
    }


def _content(shape: Shape, many: bool = False) -> dict[str, Any]:
    if isinstance(shape, str | tuple):
        return {kind: {} for kind in ((shape,) if isinstance(shape, str) else shape)}
    if shape is None:
        return {}
    return {"application/json": {"schema": {"type": "array", "items": shape} if many else shape}}
