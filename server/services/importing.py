"""A partner's list from upload to merge and back: what officers decide at each step. The work between is the worker's.

upload -> (reading) -> columns -> (checking) -> preview -> (merging) -> merged -> undone. Nothing touches a record before the
merge; the merge is facts (services.import_facts), and its undo is one more.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Fact, ImportBatch
from server.problems import Problem
from server.queries import importing as queries
from server.queries.mission import server_id
from server.services import entries, folding, journal, list_files, merging
from server.services.audits import audit
from server.services.blobs import disk_problems
from server.services.identity import Identity
from sync.importing.columns import Field, fields, suggest
from sync.merge.names import fold
from sync.merge.records import LEVELS
from sync.registers import Register

MOST_LISTED = 100
FORGOTTEN = dt.timedelta(days=30)
"""A list that nobody touched for so long before its merge goes: a partner's data is not kept without use."""
_CHUNK = 1 << 16


def upload_path(settings: Settings, batch_id: str) -> Path:
    """Where an uploaded list lies until its rows are read."""
    return settings.data_dir / "lists" / f"{uuid.UUID(batch_id)}.upload"


def begin(
    session: Session, who: Identity, settings: Settings, *, dataset: str, name: str, owner: str, listed_on: object,
    sensitivity: str, filename: str, file: IO[bytes],
) -> ImportBatch:  # fmt: skip
    """Takes a list in, for the worker to read, and commits.

    Raises invalid_input for a faulty entry, unsupported_type, not_found for a list without register file, list_too_large.
    """
    register(dataset)
    day = entries.day("Date of the list", listed_on)
    if day is None or day > journal.now().date():
        raise Problem("invalid_input", reason="Date of the list: write the day it describes, not one to come.", field="Date")
    if sensitivity not in LEVELS:
        raise Problem("unexpected_value", field="sensitivity", value=sensitivity, reason=f"it is one of {', '.join(LEVELS)}.")
    form = list_files.format_of(filename)
    instant, batch_id = journal.now(), str(uuid.uuid4())
    batch = ImportBatch(
        id=batch_id, project_id=1, dataset=dataset, state="reading", name=entries.text("Name of the list", name, 100),
        owner=entries.text("Owner", owner), listed_on=day, sensitivity=sensitivity, filename=Path(filename).name[:255],
        format=form, size=0, sha256="", options={}, columns=[], mapping={}, codes={}, offsets={}, shifts=None, counts={},
        created_by=who.actor_id, created_name=who.name, post_id=who.post_id, sector_id=who.scope.sector_id,
        authority=merging.AUTHORITY.get(who.role, 0), created_at=instant, updated_at=instant,
    )  # fmt: skip
    batch.size, batch.sha256 = _keep(settings, batch_id, file)
    session.add(batch)
    audit(session, who, "import.create", f"import/{batch_id}", {"name": batch.name, "dataset": dataset, "size": batch.size})
    session.commit()
    return batch


def _keep(settings: Settings, batch_id: str, file: IO[bytes]) -> tuple[int, str]:
    """Writes the upload into the data directory; returns size in bytes and SHA-256."""
    path = upload_path(settings, batch_id)
    with disk_problems():
        path.parent.mkdir(parents=True, exist_ok=True)
        size, digest = 0, hashlib.sha256()
        with path.open("wb") as kept:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > list_files.MAX_BYTES:
                    path.unlink(missing_ok=True)
                    raise Problem("list_too_large", what="bytes", limit=list_files.MAX_BYTES)
                digest.update(chunk)
                kept.write(chunk)
        return size, digest.hexdigest()


def register(dataset: str) -> Register:
    """The register that a list goes into. Raises not_found for one without a file of rules."""
    found = merging.register_files().get(dataset)
    if found is None or found.matching is None:
        raise Problem("not_found")
    return found


def listed(session: Session, who: Identity) -> list[ImportBatch]:
    """The lists in the actor's scope, newest first."""
    return list(queries.listed(session, who.scope, MOST_LISTED))


def one(session: Session, who: Identity, batch_id: str) -> ImportBatch:
    """One list. Raises not_found."""
    found = queries.batch(session, who.scope, batch_id)
    if found is None:
        raise Problem("not_found")
    return found


def _in_state(batch: ImportBatch, *states: str) -> None:
    if batch.state not in states:
        raise Problem("state_conflict", reason=f"the list is in the state '{batch.state}'")


def _work(session: Session, batch: ImportBatch, state: str) -> None:
    batch.state, batch.done, batch.problem, batch.updated_at = state, 0, None, journal.now()
    batch.total = 0
    session.commit()


def suggested(batch_columns: Collection[Mapping[str, Any]], rules: Register) -> dict[str, int]:
    """field -> column by the headings."""
    return suggest([str(column["name"]) for column in batch_columns], rules)


def known_texts(session: Session, rules: Register) -> dict[str, dict[str, str]]:
    """For each code field: folded text -> code, by codes and by their labels in both languages, also the parts of "a / b"."""
    by_list: dict[str, dict[str, str]] = {field.list: {} for field in fields(rules) if field.list}
    for item in queries.codes(session, list(by_list)):
        texts = [item.code, item.label_en, item.label_fr]
        texts += [part for text in texts[1:] for part in text.split("/")]
        for text in texts:
            by_list[item.list_name].setdefault(fold(text), item.code)
    return {field.name: by_list[field.list] for field in fields(rules) if field.list}


def unknown_values(batch: ImportBatch, rules: Register, known: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """For each code field that has a column: its texts that no code is known for."""
    found: dict[str, list[str]] = {}
    for field in fields(rules):
        column = batch.mapping.get(field.name)
        if field.name not in known or column is None or column >= len(batch.columns):
            continue
        chosen = batch.codes.get(field.name, {})
        texts = [str(text) for text in batch.columns[column].get("values", [])]
        found[field.name] = [t for t in texts if fold(t) not in known[field.name] and fold(t) not in chosen] + [
            t for t in texts if fold(t) in chosen and fold(t) not in known[field.name]
        ]
    return {name: texts for name, texts in found.items() if texts}


def needed_missing(mapping: Mapping[str, Any], rules: Register) -> Field | None:
    """A field that a list must have and that no column is chosen for."""
    return next((field for field in fields(rules) if field.needed and field.name not in mapping), None)


def set_columns(
    session: Session, who: Identity, batch: ImportBatch, mapping: Mapping[str, int],
    codes: Mapping[str, Mapping[str, str]], swap: bool = False,
) -> None:  # fmt: skip
    """Says which column is which field, and checks every row again; commits.

    Raises list_column without a name's column, unexpected_value for a column or code that is not there, state_conflict.
    """
    _in_state(batch, "columns", "preview")
    rules = register(batch.dataset)
    possible = {field.name: field for field in fields(rules)}
    for name, column in mapping.items():
        if name not in possible or not 0 <= column < len(batch.columns):
            raise Problem("unexpected_value", field=name, value=str(column), reason="there is no such column.")
    missing = needed_missing(mapping, rules)
    if missing is not None:
        raise Problem("list_column", field=missing.label(who.language))
    known = known_texts(session, rules)
    chosen: dict[str, dict[str, str]] = {}
    for name, texts in codes.items():
        allowed = set(known.get(name, {}).values())
        for text, code in texts.items():
            if code and code not in allowed:
                raise Problem("unexpected_value", field=name, value=code, reason="the code list has no such code.")
            if code:
                chosen.setdefault(name, {})[fold(text)] = code
    batch.mapping, batch.codes = dict(mapping), chosen
    batch.options = {**batch.options, "swap": bool(swap), "keys_checked": False}
    batch.offsets, batch.shifts = {}, None
    queries.look_again(session, batch.id)
    audit(session, who, "import.columns", f"import/{batch.id}", {"mapping": dict(mapping)})
    _work(session, batch, "checking")


def set_shifts(session: Session, who: Identity, batch: ImportBatch, areas: Collection[str]) -> None:
    """Decides which of the shifts that were found are mended ("" is that of the whole list), and checks again; commits.

    Raises unexpected_value for one that was not found, state_conflict.
    """
    _in_state(batch, "preview")
    found = {shift["area"]: shift for shift in batch.offsets.get("shifts", [])}
    unknown = [area for area in areas if area not in found]
    if unknown:
        raise Problem("unexpected_value", field="shift", value=unknown[0], reason="no such shift was found.")
    batch.options = {**batch.options, "keys_checked": False}
    batch.shifts = {area: [found[area]["dlat"], found[area]["dlon"]] for area in sorted(areas)}
    audit(session, who, "import.shifts", f"import/{batch.id}", {"shifts": batch.shifts})
    queries.look_again(session, batch.id)
    _work(session, batch, "checking")


def merge(session: Session, who: Identity, batch: ImportBatch) -> Fact:
    """Begins the merge: states the list as a fact; the worker adds its rows. Commits.

    Raises state_conflict before the preview, while a shift is undecided, and when no row can be taken.
    """
    _in_state(batch, "preview")
    if batch.offsets.get("shifts") and batch.shifts is None:
        raise Problem("state_conflict", reason="the positions look shifted; decide on that first")
    taken = sum(batch.counts.get(outcome, 0) for outcome in ("new", "join", "ask"))
    if not taken:
        raise Problem("state_conflict", reason="no row of the list can be taken")
    payload = {
        "authority": batch.authority, "project_id": batch.project_id, "dataset": batch.dataset, "name": batch.name,
        "owner": batch.owner, "listed_on": batch.listed_on.isoformat(), "sensitivity": batch.sensitivity,
        "filename": batch.filename, "sha256": batch.sha256, "rows": taken, "columns": {
            name: batch.columns[column]["name"] for name, column in sorted(batch.mapping.items())
        }, "shifts": batch.shifts or {}, "swap": bool(batch.options.get("swap")), "post_id": batch.post_id,
    }  # fmt: skip
    fact = journal.record_event(
        session, type="IMPORT", subject=batch.id, payload=payload, server_id=server_id(session), actor_id=who.actor_id,
        actor_name=who.name,
    )  # fmt: skip
    batch.fact_uuid = fact.uuid
    batch.options = {**batch.options, "merged_to": 0}
    audit(session, who, "import.merge", f"import/{batch.id}", {"rows": taken})
    _work(session, batch, "merging")
    return fact


def undo(session: Session, who: Identity, batch: ImportBatch, reason: str) -> Fact:
    """Takes the whole list back as one event: its things and values go, officers' words on them stay on record. Commits.

    Raises invalid_input without a reason, state_conflict unless it is merged, not_allowed against a higher officer's merge.
    """
    _in_state(batch, "merged")
    said = entries.text("Reason", reason, 500)
    if merging.AUTHORITY.get(who.role, 0) < batch.authority or batch.fact_uuid is None:
        raise Problem("not_allowed")
    fact = merging.retract(session, who, batch.fact_uuid, said)
    folding.fold_now(session, [fact])
    batch.state, batch.retract_uuid, batch.updated_at = "undone", fact.uuid, journal.now()
    audit(session, who, "import.undo", f"import/{batch.id}", {"reason": said})
    session.commit()
    return fact


def discard(session: Session, who: Identity | None, settings: Settings, batch: ImportBatch) -> None:
    """Gives up a list that was never merged, with everything that was read of it; commits. Raises state_conflict."""
    _in_state(batch, "reading", "columns", "checking", "preview", "failed")
    upload_path(settings, batch.id).unlink(missing_ok=True)
    queries.delete_rows(session, batch.id)
    session.delete(batch)
    audit(session, who, "import.discard", f"import/{batch.id}", {"name": batch.name})
    session.commit()


def discard_forgotten(session: Session, settings: Settings, at: dt.datetime | None = None) -> int:
    """Gives up every list that was not touched for FORGOTTEN before this time (default now), and says so in the audit log;
    commits each. Returns how many. Lists that the worker is at, and merged ones, stay."""
    found = queries.untouched(session, ("columns", "preview", "failed"), (at or journal.now()) - FORGOTTEN)
    for batch in found:
        discard(session, None, settings, batch)
    return len(found)
