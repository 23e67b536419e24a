"""What a record was on a day, by two clocks: what had been observed by then, and what the server had been told by then.

"What was this clinic in June?" asks for what was observed by the end of June, as known today; late reports and judgements
of later days count. "What did we think in June?" takes only the facts that had arrived by then. Both are worked out from
the facts by the very steps that make records. Reads only.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy.orm import Session

from server.models import Record as RecordRow
from server.queries import merge_facts
from server.queries.merge_rows import list_key
from server.queries.merge_store import SqlMergeStore
from server.queries.summaries import touched_roots
from server.services import merge_reports, merging
from sync.merge.engine import Engine
from sync.merge.facts import Fact, Report
from sync.merge.memory import MemoryStore
from sync.merge.records import Record


def as_of(
    session: Session, record: RecordRow, observed_until: dt.datetime, known_until: dt.datetime | None = None
) -> Record | None:
    """The record of what had been observed until then and, if given, had been received until then (UTC); None if nothing had.

    `record` is the one of today, which the caller has found within the reader's scope. Whether a person's name may be shown
    is decided by what holds today: consent taken back, or a year without a word of the person, ends it for the past as well.
    """
    rules, key = merging.registers(session), list_key(record.project_id, record.dataset)
    engine = Engine(SqlMergeStore(session, rules), rules)
    if known_until is not None:
        engine = _as_known(session, engine, key, record.id, known_until)
    found = engine.as_of(key, record.id, observed_until)
    return _without(found, rules[key].withheld(record.data)) if found is not None and key in rules else found


def _without(record: Record, names: frozenset[str]) -> Record:
    kept = {name: text for name, text in record.data.items() if name not in names}
    return replace(record, data=kept, provenance={name: record.provenance[name] for name in kept})


def _as_known(session: Session, engine: Engine, key: str, record_id: str, known_until: dt.datetime) -> Engine:
    """An engine that holds what had arrived by then about the record and all that it is compared with."""
    said, events = engine.together(key, record_id)
    fact_ids = {o.fact_id for o in said if o.fact_id is not None}
    reported = merge_facts.reported(session, fact_ids)
    # A report may have been corrected since: what it said then is read from its own versions.
    facts: list[Fact] = list(
        merge_reports.reported(session, touched_roots(session, sorted(reported)), engine.registers, known_until)
    )
    facts += [
        Report(f"one:{o.id}", (o.clock, o.id), (o,), o.fact_id)
        for o in said if o.fact_id not in reported and o.received_at <= known_until
    ]  # fmt: skip
    facts += [event for event in events if event.at <= known_until]
    then = Engine(MemoryStore(), engine.registers)
    then.fold(facts)
    return then
