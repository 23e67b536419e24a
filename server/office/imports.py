"""Partners' lists: upload, columns, what they would change, merge, undo. One page per list, which follows its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, flash, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from server.extensions import db
from server.gate import allow, identity
from server.models import ImportBatch, ImportRow, Record
from server.office.layout import back_to, language
from server.office.refusals import words
from server.problems import Problem
from server.queries import importing as queries
from server.services import importing, merging, reconciliation, registers
from server.services.identity import Identity, Verb
from server.services.journal import now
from sync.importing.columns import fields
from sync.merge.matching import reason
from sync.merge.names import fold
from sync.merge.positions import parse_position

ROWS = 50
MOST_POINTS = 3_000
TABS = ("new", "join", "ask", "fault")
blueprint = Blueprint("imports", __name__)


def _session() -> Session:
    return db.session()


def _one(batch_id: str) -> ImportBatch:
    return importing.one(_session(), identity(), batch_id)


@blueprint.app_template_filter("folded")
def folded(text: str) -> str:
    """A text as codes are looked up by it."""
    return fold(text)


@blueprint.get("/imports")
@allow(Verb.RECORD_WRITE)
def index() -> Response:
    """All lists, and the upload."""
    return _index({})


def _index(values: Mapping[str, str], problem: Problem | None = None, **shown: Any) -> Response:
    session, who = _session(), identity()
    page = render_template(
        "imports/index.html", batches=importing.listed(session, who), values=values, state_words=state_words,
        registers=_registers(), problem=words(problem) if problem else None, today=now().date(), **shown,
    )  # fmt: skip
    return make_response(page, problem.status if problem else 200)


def _registers() -> list[tuple[str, str]]:
    files = merging.register_files()
    return [(name, rules.label(language())) for name, rules in files.items() if rules.matching is not None]


@blueprint.post("/imports")
@allow(Verb.RECORD_WRITE)
def upload() -> Response:
    """Takes a list in; the worker reads it."""
    form, file = request.form, request.files.get("file")
    try:
        if file is None or not file.filename:
            raise Problem("invalid_input", reason=_("Choose a file first."))
        batch = importing.begin(
            _session(), identity(), current_app.config["SETTINGS"], dataset=form.get("dataset", ""), name=form.get("name", ""),
            owner=form.get("owner", ""), listed_on=form.get("listed_on", ""), sensitivity=form.get("sensitivity", ""),
            filename=file.filename, file=file.stream,
        )  # fmt: skip
    except Problem as problem:
        _session().rollback()
        return _index(form.to_dict(), problem)
    return back_to("imports.show", batch_id=batch.id)


@blueprint.post("/imports/key")
@allow(Verb.RECORD_JUDGE)
def matching_key() -> Response:
    """Shows addresses for OpenRefine, once."""
    key, until = reconciliation.new_key(_session(), identity())
    root = request.url_root.rstrip("/")
    addresses = [(label, f"{root}/reconcile/{key}/{name}") for name, label in _registers()]
    return _index({}, addresses=addresses, until=until)


@blueprint.post("/imports/key/end")
@allow(Verb.RECORD_JUDGE)
def end_matching_keys() -> Response:
    """Makes all such addresses of the account worthless."""
    reconciliation.end_keys(_session(), identity())
    flash(_("The addresses no longer work."), "ok")
    return back_to("imports.index")


@blueprint.get("/imports/<batch_id>")
@allow(Verb.RECORD_WRITE)
def show(batch_id: str) -> Response:
    """One list in its present state."""
    return _show(_one(batch_id))


def _show(batch: ImportBatch, problem: Problem | None = None) -> Response:
    session, who = _session(), identity()
    rules = importing.register(batch.dataset)
    tab = request.args.get("tab", "")
    tab = tab if tab in TABS else next((t for t in TABS if batch.counts.get(t)), "new")
    spoken = registers.words(session, who, rules, language())
    known = importing.known_texts(session, rules) if batch.state in ("columns", "preview") else {}
    after = request.args.get("after", 0, type=int)
    found = _rows(session, who, batch, tab, after) if batch.state in ("preview", "merging", "merged", "undone") else []
    failed = Problem(batch.problem["name"], **batch.problem["details"]) if batch.problem else None
    shown = problem or failed
    page = render_template(
        "imports/show.html", batch=batch, rules=rules, fields=fields(rules), words=spoken, state_words=state_words,
        tab=tab, tabs=TABS, tab_words=tab_words, rows=found[:ROWS],
        more=found[ROWS - 1].row.number if len(found) > ROWS else None,
        unknown=importing.unknown_values(batch, rules, known) if known else {}, compass=compass,
        problem=words(shown) if shown else None, lang=language(), areas=_area_names(session, batch),
        mapped=[f for f in fields(rules) if f.name in batch.mapping],
    )  # fmt: skip
    return make_response(page, problem.status if problem else 200)


def _area_names(session: Session, batch: ImportBatch) -> dict[str, str]:
    named = {shift["area"] for shift in batch.offsets.get("shifts", [])} if batch.offsets else set()
    return {code: name for code, name, _level, _sector in queries.area_names(session) if code in named} if named else {}


@dataclass(frozen=True)
class Shown:
    """A row as the preview shows it: the record that it meets (when the reader may see it), why, and what differs."""

    row: ImportRow
    record: Record | None
    hidden: bool
    why: str
    differs: tuple[tuple[str, str, str], ...]
    faults: tuple[tuple[str, str], ...]


def _rows(session: Session, who: Identity, batch: ImportBatch, tab: str, after: int) -> list[Shown]:
    if tab == "fault":
        found: Sequence[ImportRow] = queries.faulty(session, batch.id, after, ROWS + 1)
    else:
        found = queries.rows(session, batch.id, tab, after, ROWS + 1)
    visible = registers.several(session, who, {row.match_id for row in found if row.match_id}, batch.project_id)
    rules = importing.register(batch.dataset)
    spoken = registers.words(session, who, rules, language())
    shown = []
    for row in found:
        record = visible.get(row.match_id or "")
        features = row.features or {}
        why = reason(features, language()) if "levels" in features else ""
        if features.get("by"):
            by_key = _("The same row of an earlier list of this name.")
            why = _("The list names our record.") if features["by"] == "id" else by_key
        shown.append(Shown(
            row, record, row.match_id is not None and record is None, why, _differences(row, record, spoken),
            tuple(_fault(fault, row, batch) for fault in row.faults or []),
        ))  # fmt: skip
    return shown


def _differences(row: ImportRow, record: Record | None, spoken: registers.Words) -> tuple[tuple[str, str, str], ...]:
    """(property, ours, the list's) where both say something else."""
    if record is None:
        return ()
    out = []
    for name, text in (row.values or {}).items():
        ours = str(record.data.get(name) or "")
        if ours != text and not (parse_position(text) and parse_position(ours)):
            out.append((spoken.property_label(name), spoken.value(name, ours), spoken.value(name, text)))
    return tuple(out)


def _fault(fault: Mapping[str, Any], row: ImportRow, batch: ImportBatch) -> tuple[str, str]:
    column = fault.get("column")
    name = batch.columns[column]["name"] if column is not None and column < len(batch.columns) else "–"
    return words(Problem(
        fault["code"], row=row.number, column=name, value=fault.get("value", ""), expected=expected_words(fault["expected"]),
        first=fault["expected"],
    ))  # fmt: skip


def expected_words(code: str) -> str:
    """What a cell should have held, in the reader's words."""
    known = {
        "name": _("a name"), "code": _("a value of the code list"), "area": _("one of the mission's areas"),
        "number": _("a number"), "date": _("a date"), "degrees": _("degrees of a position"), "position": _("a position"),
        "id": _("the id of a record"), "known_record": _("a record of ours"), "own_sector": _("a place in your sector"),
    }
    return str(known.get(code, code))


def state_words(state: str) -> tuple[str, str]:
    """(badge, words) of a state."""
    known = {
        "reading": ("info", _("being read")), "columns": ("warn", _("columns to confirm")),
        "checking": ("info", _("being checked")),
        "preview": ("warn", _("to decide")), "merging": ("info", _("being merged")), "merged": ("ok", _("merged")),
        "undone": ("idle", _("taken back")), "failed": ("bad", _("cannot be read")),
    }
    return known[state]


def tab_words(tab: str) -> str:
    """What stands on a tab."""
    known = {
        "new": _("New"), "join": _("Would join a record"), "ask": _("Would be asked"), "fault": _("Cells not understood"),
    }
    return str(known[tab])


def compass(bearing: float) -> str:
    """A direction in eight winds."""
    winds = (_("north"), _("north-east"), _("east"), _("south-east"), _("south"), _("south-west"), _("west"), _("north-west"))
    return str(winds[round(bearing / 45) % 8])


@blueprint.get("/imports/<batch_id>/progress")
@allow(Verb.RECORD_WRITE)
def progress(batch_id: str) -> Response:
    """How far the worker is; once the state has changed the page is loaded anew."""
    batch = _one(batch_id)
    answer = make_response(render_template("imports/progress.html", batch=batch, state_words=state_words))
    if request.args.get("state") != batch.state:
        answer.headers["HX-Refresh"] = "true"
    return answer


@blueprint.get("/imports/<batch_id>/points.geojson")
@allow(Verb.RECORD_WRITE)
def points(batch_id: str) -> Response:
    """The rows on the map: what would be new, join or be asked."""
    batch = _one(batch_id)
    states = {"new": "good", "join": "unknown", "ask": "limited"}
    found = queries.taken(_session(), batch.id, -1, MOST_POINTS)
    return jsonify({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]}, "properties": {
            "title": row.label, "state": states[row.outcome or "new"], "lines": [tab_words(row.outcome or "new")],
        }} for row in found if row.lat is not None
    ]})  # fmt: skip


@blueprint.post("/imports/<batch_id>/columns")
@allow(Verb.RECORD_WRITE)
def columns(batch_id: str) -> Response:
    """Says which column is which, and which text is which code."""

    def take(batch: ImportBatch) -> None:
        mapping, codes = _chosen(request.form, batch)
        importing.set_columns(_session(), identity(), batch, mapping, codes, bool(request.form.get("swap")))

    return _step(batch_id, take)


def _chosen(form: MultiDict[str, str], batch: ImportBatch) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    mapping: dict[str, int] = {}
    codes: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        if name.startswith("column:") and value:
            if not value.isascii() or not value.isdigit():
                raise Problem("unexpected_value", field=name, value=value[:60], reason="there is no such column.")
            mapping[name.removeprefix("column:")] = int(value[:6])
        elif name.startswith("code:"):
            field, _colon, place = name.removeprefix("code:").partition(":")
            text = form.get(f"text:{field}:{place}", "")
            codes.setdefault(field, {})[text] = value
    return mapping, codes


def _step(batch_id: str, action: Callable[[ImportBatch], Response | None]) -> Response:
    """Takes a list one step on and shows it, unless the step leads elsewhere; what is in the way is said above it."""
    try:
        elsewhere = action(_one(batch_id))
    except Problem as problem:
        if problem.kind.name in {"not_allowed", "not_found"}:
            raise
        _session().rollback()
        return _show(_one(batch_id), problem)
    return elsewhere or back_to("imports.show", batch_id=batch_id)


@blueprint.post("/imports/<batch_id>/shifts")
@allow(Verb.RECORD_WRITE)
def shifts(batch_id: str) -> Response:
    """Decides on the shifts that were found."""
    return _step(batch_id, lambda batch: importing.set_shifts(_session(), identity(), batch, request.form.getlist("area")))


@blueprint.post("/imports/<batch_id>/merge")
@allow(Verb.RECORD_WRITE)
def merge(batch_id: str) -> Response:
    """Begins the merge."""

    def begin(batch: ImportBatch) -> None:
        importing.merge(_session(), identity(), batch)

    return _step(batch_id, begin)


@blueprint.post("/imports/<batch_id>/undo")
@allow(Verb.RECORD_WRITE)
def undo(batch_id: str) -> Response:
    """Takes the whole list back."""

    def take_back(batch: ImportBatch) -> None:
        importing.undo(_session(), identity(), batch, request.form.get("reason", ""))
        flash(_("The list is taken back; its records and values are going."), "ok")

    return _step(batch_id, take_back)


@blueprint.post("/imports/<batch_id>/discard")
@allow(Verb.RECORD_WRITE)
def discard(batch_id: str) -> Response:
    """Gives up a list that was never merged."""

    def give_up(batch: ImportBatch) -> Response:
        importing.discard(_session(), identity(), current_app.config["SETTINGS"], batch)
        flash(_("The list is discarded."), "ok")
        return back_to("imports.index")

    return _step(batch_id, give_up)
