"""The service of one register: manifest, batches of queries, data extension, suggestions, preview."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.problems import Problem
from server.services import importing, registers
from server.services import reconciliation as matching
from server.services.identity import Verb
from sync.registers import Register

VERSIONS = ("0.1", "0.2")
PREVIEW = (420, 180)
MAX_JSON = 2_000_000
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]{0,99}")
blueprint = Blueprint("reconciliation", __name__)


def _session() -> Session:
    return db.session()


def _language() -> str:
    return identity().language


def for_other_sites(answer: Response) -> Response:
    """Lets scripts of other sites read the answer. The key in the address is what opens it, no cookie ever does."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _answer(access: str, body: object) -> Response:
    """JSON, or JSONP where `callback` asks for it.

    Not for "-": a browser adds remembered Basic credentials to the script of any site.
    """
    callback = request.args.get("callback", "")
    text = json.dumps(body, ensure_ascii=False)
    if not callback:
        return for_other_sites(Response(text, mimetype="application/json"))
    if access == "-" or not _CALLBACK.fullmatch(callback):
        reason = "it is no name of a function, or not allowed."
        raise Problem("unexpected_value", field="callback", value=callback[:100], reason=reason)
    # The comment keeps the answer from being taken for something else than a script.
    safe = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("<", "\\u003c")
    return for_other_sites(Response(f"/**/{callback}({safe});", mimetype="application/javascript"))


def _parameter(name: str) -> Any:
    """A parameter of the query or of the form, as JSON. Raises unparseable."""
    text = request.form.get(name) or request.args.get(name, "")
    if len(text) > MAX_JSON:
        raise Problem("too_large", limit=MAX_JSON)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("unparseable", reason=f"'{name}' is no JSON.") from error


def _base(access: str, rules: Register) -> str:
    return f"{request.url_root.rstrip('/')}/reconcile/{access}/{rules.name}"


@blueprint.route("/reconcile/<access>/<name>", methods=["GET", "POST"])
@allow(Verb.RECORD_JUDGE)
def service(access: str, name: str) -> Response:
    """The manifest; with `queries` the candidates of each; with `extend` values of records."""
    rules = importing.register(name)
    if "queries" in request.values:
        return _answer(access, _candidates(rules, _parameter("queries")))
    if "extend" in request.values:
        return _answer(access, _extension(rules, _parameter("extend")))
    return _answer(access, manifest(access, rules))


def manifest(access: str, rules: Register) -> dict[str, Any]:
    """What the service is and can do."""
    base, root = _base(access, rules), request.url_root.rstrip("/")
    spoken = registers.words(_session(), identity(), rules, _language())
    suggested = {
        kind: {"service_url": base, "service_path": f"/suggest/{kind}"} for kind in ("entity", "property", "type")
    }  # fmt: skip
    return {
        "versions": list(VERSIONS), "name": f"Fieldpost: {rules.label(_language())}",
        "identifierSpace": f"{root}/registers/{rules.name}/", "schemaSpace": f"{root}/registers/{rules.name}#",
        "defaultTypes": matching.types(_session(), rules, spoken)[:1],
        "view": {"url": f"{root}/registers/{rules.name}/{{{{id}}}}"},
        "suggest": suggested,
        "preview": {"url": f"{base}/preview?id={{{{id}}}}", "width": PREVIEW[0], "height": PREVIEW[1]},
        "extend": {"propose_properties": {"service_url": base, "service_path": "/properties"}, "property_settings": []},
    }  # fmt: skip


def _candidates(rules: Register, queries: object) -> dict[str, Any]:
    if not isinstance(queries, Mapping) or len(queries) > matching.MOST_QUERIES:
        raise Problem("unparseable", reason=f"'queries' is an object of at most {matching.MOST_QUERIES} queries.")
    asked = {str(key): matching.read_query(query) for key, query in queries.items()}
    matcher = matching.Matcher(_session(), identity(), rules, _language())
    return {key: matcher.answer(one) for key, one in asked.items()}


def _extension(rules: Register, wanted: object) -> dict[str, Any]:
    ids = wanted.get("ids") if isinstance(wanted, Mapping) else None
    properties = wanted.get("properties") if isinstance(wanted, Mapping) else None
    if not isinstance(ids, list) or not isinstance(properties, list) or not all(isinstance(each, str) for each in ids):
        raise Problem("unparseable", reason="'extend' has 'ids' and 'properties'.")
    names = [each.get("id") if isinstance(each, Mapping) else None for each in properties]
    if len(ids) > matching.MOST_IDS or len(names) > 100 or not all(isinstance(name, str) for name in names):
        raise Problem("unparseable", reason=f"at most {matching.MOST_IDS} ids and 100 properties, each with its 'id'.")
    return matching.extend(_session(), identity(), rules, ids, [str(name) for name in names], _language())


@blueprint.get("/reconcile/<access>/<name>/suggest/<any(entity, property, type):kind>")
@allow(Verb.RECORD_JUDGE)
def suggest(access: str, name: str, kind: str) -> Response:
    """What begins with, or holds, the words of `prefix`; `cursor` leaves out so many."""
    rules, prefix = importing.register(name), request.args.get("prefix", "")
    start = min(max(request.args.get("cursor", 0, type=int), 0), 10_000)
    if kind == "entity":
        found = matching.suggest(_session(), identity(), rules, prefix, start, _language()) if prefix.strip() else []
        return _answer(access, {"result": found})
    spoken = registers.words(_session(), identity(), rules, _language())
    known = matching.properties(rules, _language()) if kind == "property" else matching.types(_session(), rules, spoken)
    text = prefix.strip().lower()
    fitting = [one for one in known if text in one["id"].lower() or text in one["name"].lower()]
    # What begins so comes before what only holds it.
    fitting.sort(key=lambda one: not (one["name"].lower().startswith(text) or one["id"].lower().strip("_").startswith(text)))
    return _answer(access, {"result": fitting[start : start + matching.USUAL_CANDIDATES]})


@blueprint.get("/reconcile/<access>/<name>/properties")
@allow(Verb.RECORD_JUDGE)
def properties(access: str, name: str) -> Response:
    """What the records can be extended by."""
    rules = importing.register(name)
    limit = min(max(request.args.get("limit", 100, type=int), 1), 100)
    known = {*rules.properties, "_lat", "_lon"}
    found = [one for one in matching.properties(rules, _language()) if one["id"] in known]
    return _answer(access, {"type": request.args.get("type", rules.name), "limit": limit, "properties": found[:limit]})


@blueprint.get("/reconcile/<access>/<name>/preview")
@allow(Verb.RECORD_JUDGE)
def preview(access: str, name: str) -> Response:
    """A record in a small frame."""
    rules = importing.register(name)
    session, who = _session(), identity()
    record = registers.find(session, who, rules.name, request.args.get("id", ""))
    spoken = registers.words(session, who, rules, _language())
    lines = [
        (spoken.property_label(each), spoken.value(each, record.data[each])) for each in rules.properties if record.data.get(each)
    ]
    rows = Markup("").join(Markup("<tr><th align=left>{}</th><td>{}</td></tr>").format(*line) for line in lines)
    page = Markup("<!DOCTYPE html><html lang={}><meta charset=utf-8><title>{}</title><h3>{}</h3><table>{}</table></html>").format(
        _language(), record.label, record.label, rows
    )
    answer = for_other_sites(Response(str(page), mimetype="text/html"))
    # Made to be shown in the frame of another tool; it holds no script and opens with the key only.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors *"
    return answer
