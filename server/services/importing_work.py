"""What the worker does for partners' lists: read, check, merge, in short slices between its other work, with progress.

Everything is in the database between two slices but the open file: a worker that dies begins the reading anew, goes on with
the checking where it was, and never writes a row of a merge twice, because progress and facts are one commit.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import ImportBatch, ImportRow
from server.problems import Problem
from server.queries import importing as queries
from server.queries.merge_rows import list_key
from server.queries.merge_store import SqlMergeStore
from server.queries.mission import server_id
from server.services import import_facts, importing, journal, list_files, merging
from server.services.summaries import zone_of
from server.services.turns import turn
from sync.importing import offset, rows
from sync.importing.columns import fields
from sync.importing.rows import Reading
from sync.merge.blocking import search_keys
from sync.merge.faces import Face, face_of
from sync.merge.matching import Match, match
from sync.merge.names import fold
from sync.registers import Matching, Register

SLICE = 0.5
# A reader that has not been heard of for so long is dead, and its list is read anew.
OTHER_READER = dt.timedelta(seconds=60)
READ_ROWS, SAID_ROWS, MATCH_ROWS = 1_000, 500, 100
# Rows of one fact, and facts of one commit: a batch of folding (25 facts on SQLite) shall hold the database for a moment only.
FACT_ROWS, FACTS = 10, 25
SAMPLES, MOST_VALUES = 3, 60


class Importer:
    """Works on one list at a time; holds the file that is being read."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reader: _Reader | None = None

    def work(self, session: Session, seconds: float = SLICE) -> bool:
        """Works for about so long and commits; False when no list waits for the worker."""
        end = time.monotonic() + seconds
        while True:
            with turn(session.get_bind()):
                batch = queries.next_to_work(session)
                if batch is None:
                    session.rollback()
                    return False
                batch_id = batch.id
                try:
                    self._step(session, batch)
                    session.commit()
                except Problem as problem:
                    session.rollback()
                    self._fail(session, batch_id, problem)
            if time.monotonic() >= end:
                return True

    def drain(self, session: Session) -> None:
        """Works until no list waits (the console)."""
        while self.work(session, 5.0):
            pass

    def _step(self, session: Session, batch: ImportBatch) -> None:
        if batch.state == "reading":
            self._read(session, batch)
        elif batch.state == "checking":
            check(session, batch)
        else:
            merge(session, batch)

    def _read(self, session: Session, batch: ImportBatch) -> None:
        if self.reader is None or self.reader.batch_id != batch.id or self.reader.token != batch.options.get("reader"):
            self.reader = None
            if batch.options.get("reader") and journal.now() - batch.updated_at < OTHER_READER:
                time.sleep(0.05)  # somebody else reads this list
                return
            queries.delete_rows(session, batch.id)
            self.reader = _Reader(self.settings, batch)
            batch.done, batch.options = 0, {"reader": self.reader.token}
        batch.updated_at = journal.now()
        if self.reader.next(session, batch):
            return
        self.reader = None
        importing.upload_path(self.settings, batch.id).unlink(missing_ok=True)

    def _fail(self, session: Session, batch_id: str, problem: Problem) -> None:
        """A list that cannot be read says why on its page; its file and rows go."""
        self.reader = None
        batch = session.get_one(ImportBatch, batch_id)
        batch.state = "failed"
        batch.problem = {"name": problem.kind.name, "details": problem.details}
        batch.updated_at = journal.now()
        queries.delete_rows(session, batch_id)
        importing.upload_path(self.settings, batch_id).unlink(missing_ok=True)
        session.commit()


class _Reader:
    """Reads a list into rows, noting samples and values of each column."""

    def __init__(self, settings: Settings, batch: ImportBatch) -> None:
        self.batch_id, self.token = batch.id, str(uuid.uuid4())
        path = importing.upload_path(settings, batch.id)
        if not path.exists():
            raise list_files.unreadable("the uploaded file is gone; upload it again", 0)
        self.file = list_files.open_list(path, batch.format)
        self.values: list[dict[str, int]] = [{} for _ in self.file.headings]
        self.samples: list[list[str]] = [[] for _ in self.file.headings]

    def next(self, session: Session, batch: ImportBatch) -> bool:
        """Takes the next rows; False once all are read, and the batch then waits for its columns."""
        part = _take(self.file.rows, READ_ROWS)
        queries.add_rows(session, batch.id, part)
        for _number, cells in part:
            for place, cell in enumerate(cells):
                self._note(place, cell.strip())
        batch.done += len(part)
        batch.total = batch.done
        if len(part) == READ_ROWS:
            return True
        if not batch.done:
            raise list_files.unreadable("there is no row under the heading", 2)
        batch.columns = [
            {"name": name, "samples": self.samples[place], "values": self._few(place)}
            for place, name in enumerate(self.file.headings)
        ]
        batch.options = {"encoding": self.file.encoding, "delimiter": self.file.delimiter}
        batch.mapping = importing.suggested(batch.columns, importing.register(batch.dataset))
        batch.state, batch.updated_at = "columns", journal.now()
        return False

    def _note(self, place: int, text: str) -> None:
        if not text:
            return
        samples, values = self.samples[place], self.values[place]
        if len(samples) < SAMPLES and text[:80] not in samples:
            samples.append(text[:80])
        if len(values) <= MOST_VALUES and len(text) <= 80:
            values[text] = values.get(text, 0) + 1

    def _few(self, place: int) -> list[str]:
        """The different texts of a column that has few, the most frequent first."""
        values = self.values[place]
        return sorted(values, key=lambda text: (-values[text], text)) if len(values) <= MOST_VALUES else []


def _take(found: Iterator[list_files.Numbered], most: int) -> list[list_files.Numbered]:
    part: list[list_files.Numbered] = []
    for one in found:
        part.append(one)
        if len(part) == most:
            break
    return part


# Checking


def reading_of(session: Session, batch: ImportBatch, rules: Register) -> Reading:
    """How this list's rows are read, with the mission's codes and areas as they are now."""
    codes = importing.known_texts(session, rules)
    merged = {name: {**codes.get(name, {}), **batch.codes.get(name, {})} for name in codes}
    shifts = {area: (float(vector[0]), float(vector[1])) for area, vector in (batch.shifts or {}).items()}
    columns = {name: int(column) for name, column in batch.mapping.items()}
    swap = bool(batch.options.get("swap"))
    return Reading(rules, columns, merged, known_areas(session), groups_above(session, rules), swap, shifts)


def known_areas(session: Session) -> dict[str, str]:
    """Area codes by folded code and folded name."""
    areas: dict[str, str] = {}
    twice: set[str] = set()
    for code, name, _level, _sector in queries.area_names(session, ended=False):
        if areas.setdefault(fold(name), code) != code:
            twice.add(fold(name))
    # Two areas of one name cannot be told apart by it; a code always can.
    areas = {name: code for name, code in areas.items() if name not in twice}
    areas |= {fold(code): code for code, *_ in queries.area_names(session)}
    return areas


def groups_above(session: Session, rules: Register) -> dict[str, tuple[str, Mapping[str, str]]]:
    """A group that follows from the type: the code list says which group each type is of."""
    matching = rules.matching
    if matching is None or not matching.group or not matching.type:
        return {}
    named = rules.properties[matching.type].code_list
    parents = {item.code: item.parent_code for item in queries.codes(session, [named or ""]) if item.parent_code}
    return {matching.group: (matching.type, parents)}


def check(session: Session, batch: ImportBatch) -> None:
    """One piece of checking: first what rows say, then whether positions are shifted, then what each row meets."""
    rules = importing.register(batch.dataset)
    batch.total = batch.total or 2 * queries.count(session, batch.id)
    fresh = queries.rows(session, batch.id, "read", -1, SAID_ROWS)
    if fresh:
        _say(session, batch, rules, fresh)
        return
    if not batch.options.get("keys_checked"):
        _refuse_repeated(session, batch)
        batch.options = {**batch.options, "keys_checked": True}
    if "shifts" not in batch.offsets:
        batch.offsets = _offsets(session, batch)
    said = queries.rows(session, batch.id, "said", -1, MATCH_ROWS)
    if said:
        _meet(session, batch, rules, said)
        return
    batch.counts = {**queries.counts(session, batch.id), "repeated": queries.repeated_names(session, batch.id)}
    batch.state, batch.updated_at = "preview", journal.now()


def _say(session: Session, batch: ImportBatch, rules: Register, found: Sequence[ImportRow]) -> None:
    reading = reading_of(session, batch, rules)
    sectors = queries.area_sectors(session) if batch.sector_id is not None else {}
    understood = {row.number: rows.understand(row.cells, reading) for row in found}
    for row in found:
        said = understood[row.number]
        faults = list(said.faults)
        sound = said.sound
        if said.area and sectors.get(said.area, batch.sector_id) not in (batch.sector_id, None):
            faults.append(rows.Fault(_area_column(rules, reading), "cell_wrong", "own_sector", said.area))
            sound = False
        row.key, row.known, row.label, row.observed_on = said.key, said.known, said.label, said.observed
        row.values, row.area = dict(said.values), said.area
        row.lat, row.lon = (said.position.lat, said.position.lon) if said.position else (None, None)
        row.name_key = fold(said.label)[:120] if said.label else None
        row.faults = [dataclasses.asdict(fault) for fault in faults] or None
        row.match_id, row.score, row.features = None, None, None
        row.outcome = "said" if sound else "fault"
    batch.done += len(found)


def _refuse_repeated(session: Session, batch: ImportBatch) -> None:
    """A code that stands twice in a list names no row: the first keeps it, the others are left out."""
    for row, first in queries.repeated_keys(session, batch.id):
        fault = rows.Fault(batch.mapping.get("_key"), "cell_repeated", str(first), (row.key or "")[:80])
        row.faults = [*(row.faults or []), dataclasses.asdict(fault)]
        row.outcome = "fault"


def _area_column(rules: Register, reading: Reading) -> int | None:
    return next((reading.columns[f.name] for f in fields(rules) if f.kind == "area" and f.name in reading.columns), None)


def _offsets(session: Session, batch: ImportBatch) -> dict[str, Any]:
    """Tests the positions against those of the records of the same name, and whether they are changed round."""
    names: dict[str, tuple[str | None, float, float] | None] = {}
    records = queries.placed_records(session, batch.project_id, batch.dataset)
    for label, area, lat, lon in records:
        key = fold(label)[:120]
        names[key] = None if key in names else (area, lat, lon)
    placed = queries.placed_names(session, batch.id)
    once: dict[str, int] = {}
    for _number, key, *_rest in placed:
        once[key] = once.get(key, 0) + 1
    twins = []
    for number, key, area, lat, lon in placed:
        met = names.get(key)
        if met is not None and once[key] == 1:
            twins.append(offset.Twin(number, area or met[0], lat, lon, met[1], met[2]))
    found = offset.find(twins)
    swapped = offset.look_swapped([(p[3], p[4]) for p in placed], [(r[2], r[3]) for r in records])
    return {"compared": len(twins), "swapped": swapped, "shifts": [dataclasses.asdict(shift) for shift in found]}


def _meet(session: Session, batch: ImportBatch, rules: Register, found: Sequence[ImportRow]) -> None:
    """Says of each row whether it would join a record, be asked about, or be new: by the comparison that folding makes."""
    key = list_key(batch.project_id, batch.dataset)
    files = merging.registers(session)
    store, matching = SqlMergeStore(session, files), files.get(key, rules).matching
    zone = zone_of(session)
    source = import_facts.source_of(header_payload(batch), batch.id, zone, batch.created_by)
    things = {row.number: rows.thing_id(source.id, source.name, source.register, row.key, row.number) for row in found}
    known = queries.records_of(
        session, batch.project_id, batch.dataset, {*things.values(), *(row.known for row in found if row.known)}
    )
    faces = {row.number: _face(row, source, rules) for row in found}
    wanted = {number: search_keys(face) for number, face in faces.items() if face is not None}
    index = store.faces_with_keys(key, sorted(frozenset[str]().union(*wanted.values())))
    best: dict[int, Match] = {}
    for number, keys in wanted.items():
        face = faces[number]
        if face is not None and matching is not None:
            others = {other.id: other for each in keys for other in index.get(each, ()) if other.id != face.id}
            chosen = _best(face, others.values(), matching)
            if chosen is not None:
                best[number] = chosen
    met = queries.records_of(session, batch.project_id, batch.dataset, {_other(m, things[n]) for n, m in best.items()})
    for row in found:
        _decide(row, things[row.number], known, best.get(row.number), met, batch)
    batch.done += len(found)


def header_payload(batch: ImportBatch) -> dict[str, Any]:
    """What the IMPORT event would say of the source, as far as observations need it."""
    return {
        "listed_on": batch.listed_on.isoformat(), "name": batch.name, "project_id": batch.project_id,
        "dataset": batch.dataset, "sensitivity": batch.sensitivity, "post_id": batch.post_id,
    }  # fmt: skip


def _face(row: ImportRow, source: rows.Source, rules: Register) -> Face | None:
    now = journal.now()
    said = rows.observation(
        source, row.number, row.key, row.label or "", row.values or {}, row.observed_on, "", now
    )
    return face_of(said.entity_id, [said], rules)


def _best(face: Face, others: Any, matching: Matching) -> Match | None:
    """The certain match, else the most probable one that would be proposed."""
    proposed = [m for m in (match(face, other, matching) for other in others) if m.proposed]
    return max(proposed, key=lambda m: (m.certain, m.score, m.a, m.b), default=None)


def _other(pair: Match, thing: str) -> str:
    return pair.b if pair.a == thing else pair.a


def _decide(
    row: ImportRow, thing: str, known: Mapping[str, Any], best: Match | None, met: Mapping[str, Any], batch: ImportBatch
) -> None:
    record = known.get(row.known or "") or known.get(thing)
    if row.known and row.known not in known:
        row.faults = [*(row.faults or []), dataclasses.asdict(rows.Fault(
            batch.mapping.get("_known"), "cell_wrong", "known_record", row.known
        ))]  # fmt: skip
        row.known = None
    if record is not None:
        row.outcome, row.score, row.features = "join", 1.0, {"by": "id" if row.known else "key"}
    elif best is not None:
        record = met.get(_other(best, thing))
        row.outcome, row.score, row.features = "join" if best.certain else "ask", best.score, dict(best.features)
    if record is None:
        row.outcome = "new"
        return
    row.match_id = record.id
    if row.outcome == "join" and batch.sector_id is not None and record.sector_id not in (batch.sector_id, None):
        # An officer does not write on another sector's records, through a list as little as on a page.
        row.outcome, row.match_id = "fault", None
        row.faults = [*(row.faults or []), dataclasses.asdict(rows.Fault(None, "cell_wrong", "own_sector", row.label or ""))]


# Merging


def merge(session: Session, batch: ImportBatch) -> None:
    """Writes the next rows as facts; progress is part of the same commit."""
    after = int(batch.options.get("merged_to", 0))
    batch.total = batch.total or sum(batch.counts.get(outcome, 0) for outcome in ("new", "join", "ask"))
    part = queries.taken(session, batch.id, after, FACT_ROWS * FACTS)
    own = server_id(session)
    for start in range(0, len(part), FACT_ROWS):
        some = part[start : start + FACT_ROWS]
        journal.record_event(
            session, type=import_facts.ROWS, subject=batch.id, payload={"rows": [_said(row) for row in some]},
            server_id=own, actor_id=batch.created_by, actor_name=batch.created_name,
        )  # fmt: skip
    _join_known(session, batch, part, own)
    batch.done += len(part)
    if part:
        batch.options = {**batch.options, "merged_to": part[-1].number}
    if len(part) < FACT_ROWS * FACTS:
        batch.state, batch.updated_at = "merged", journal.now()


def _said(row: ImportRow) -> dict[str, Any]:
    said: dict[str, Any] = {"row": row.number, "label": row.label, "values": row.values or {}}
    if row.key:
        said["key"] = row.key
    if row.observed_on:
        said["observed"] = row.observed_on.isoformat()
    return said


def _join_known(session: Session, batch: ImportBatch, part: Sequence[ImportRow], own: str) -> None:
    """Rows that name our own record are the same thing as that, by the list's word and with its officer's authority."""
    named = {row.number: row.known for row in part if row.known}
    if not named:
        return
    anchors = queries.anchors(session, batch.project_id, batch.dataset, set(named.values()))
    source = import_facts.source_of(header_payload(batch), batch.id, dt.UTC, None)
    for row in part:
        anchor = anchors.get(row.known or "")
        if anchor is None or row.known == rows.thing_id(source.id, source.name, source.register, row.key, row.number):
            continue
        said = rows.observation(source, row.number, row.key, row.label or "", {}, None, "", journal.now())
        payload = {
            "authority": batch.authority, "reason": f"{batch.name}, row {row.number}: our record's id", "a": said.id, "b": anchor,
            "verdict": "same",
        }  # fmt: skip
        journal.record_event(
            session, type="JUDGE", subject=said.id, payload=payload, server_id=own, actor_id=batch.created_by,
            actor_name=batch.created_name,
        )  # fmt: skip
