"""The registers: index, list as table and as map with filters, points for the map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from sqlalchemy.orm import Session

from server.extensions import db, streamed
from server.gate import allow, identity
from server.office.layout import language
from server.queries import records
from server.services import registers, report_duplicates
from server.services.identity import Verb
from sync.registers import Register

blueprint = Blueprint("registers", __name__)
# What the address of a list may carry besides its filters.
_ORDER = ("sort", "after")


def _session() -> Session:
    return db.session()


def _asked() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if value}


@blueprint.get("/registers")
@allow(Verb.RECORD_READ)
def index() -> str:
    """Every register with its counts."""
    lists = registers.overview(_session(), identity(), language())
    headed = [(section, list(group)) for section, group in groupby(lists, key=attrgetter("section"))]
    return render_template("registers/index.html", lists=lists, headed=headed)


@blueprint.get("/registers/<name>")
@allow(Verb.RECORD_READ)
def table(name: str) -> str:
    """A register as a table, narrowed and sorted as the address says; htmx gets the rows alone."""
    session, who, asked = _session(), identity(), _asked()
    rules = registers.register(session, name)
    found = registers.page(session, who, rules, asked)
    shared = _shared(session, rules, asked)
    shared["words"].learn(row.data for row in found.rows)
    whole = not request.headers.get("HX-Request") or bool(request.headers.get("HX-Boosted"))
    return render_template(
        "registers/table.html" if whole else "registers/rows.html",
        rules=rules,
        page=found,
        told_again=report_duplicates.told_again(session, 1, name, [row.id for row in found.rows]),
        asked=asked,
        **shared,
    )


@blueprint.get("/registers/<name>/map")
@allow(Verb.RECORD_READ)
def map_view(name: str) -> str:
    """The same list as a map; the points come from `points`."""
    session, who, asked = _session(), identity(), _asked()
    rules = registers.register(session, name)
    narrowed = registers.filters(rules, asked)
    total = records.count(session, who.scope, name, narrowed)
    return render_template(
        "registers/map.html",
        rules=rules,
        asked=asked,
        total=total,
        limit=records.POINTS_LIMIT,
        **_shared(session, rules, asked),
    )


@blueprint.get("/registers/<name>/points.geojson")
@allow(Verb.RECORD_READ)
def points(name: str) -> Response:
    """The placed records as GeoJSON, streamed; the same filters as the list."""
    session, who = _session(), identity()
    rules = registers.register(session, name)
    rows = records.placed(session, who.scope, name, registers.filters(rules, _asked()))
    spoken = registers.words(session, who, rules, language())
    href = url_for("records.show", name=name, record_id="-id-").replace("-id-", "{id}")
    features = registers.points(rules, spoken, rows, href)
    return Response(streamed(_collection(features)), mimetype="application/geo+json")


def _collection(features: Iterator[dict[str, object]]) -> Iterator[str]:
    yield '{"type":"FeatureCollection","features":['
    for number, feature in enumerate(features):
        yield ("," if number else "") + json.dumps(feature, ensure_ascii=False)
    yield "]}"


def _shared(session: Session, rules: Register, asked: dict[str, str]) -> dict[str, Any]:
    who = identity()
    spoken = registers.words(session, who, rules, language())
    codes = records.areas_in_use(session, who.scope, rules.name)
    return {
        "words": spoken,
        "columns": registers.columns(rules),
        "filterable": registers.filterable(rules),
        "areas": sorted(((code, spoken.area(code)) for code in codes), key=lambda pair: pair[1].lower()),
        "state_of": registers.state_of,
        "state_name": _state_name(rules),
        "label": rules.label(language()),
        "kept": {name: value for name, value in asked.items() if name not in _ORDER},
    }


def _state_name(rules: Register) -> str:
    prop = registers.state_property(rules)
    return prop.name if prop else ""
