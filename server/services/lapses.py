"""Names of persons lapse: whom nobody has confirmed for twelve months is reduced to function and place (rule C.9).

A fact and not a look at the clock, so that a rebuild gives the same records whenever it is run: every reader, page, file and
API, reads the record, and what the record no longer has nobody can show. What was said stays in the reports.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from server.models import Fact, Record
from server.queries import lapses as queries
from server.queries.merge_rows import split_key
from server.queries.mission import server_id
from server.services import journal, merging
from server.services.journal import now
from sync.registers import Register

# Rule C.9: "contacts unconfirmed for 12 months". In days, so that a 29 February is no question.
CONFIRMED = dt.timedelta(days=365)
# A round of the worker must not keep others waiting; what is left comes an hour later.
AT_ONCE = 500


def lapse(session: Session) -> list[Fact]:
    """Ends the consent of all whom nobody confirmed for a year, in the server's own name. The caller commits; folding does
    the rest."""
    made: list[Fact] = []
    for (project_id, dataset), register in _of_persons(session).items():
        for start in itertools.count(0, AT_ONCE):
            found = queries.unconfirmed(session, project_id, dataset, str(register.consent), now() - CONFIRMED, AT_ONCE, start)
            made += _lapsed(session, found, register)
            # Those passed over so far were confirmed by an officer: they must not hide the rest.
            if made or len(found) < AT_ONCE:
                break
    return made


def _lapsed(session: Session, records: Sequence[Record], register: Register) -> list[Fact]:
    told = queries.told(session, [record.id for record in records])
    made = []
    for record in records:
        since, key = _confirmed(record, register), (record.project_id, record.dataset, record.id)
        if since > now() - CONFIRMED or since <= told.get(key, since - CONFIRMED):
            continue
        payload = {"project_id": key[0], "dataset": key[1], "entity": record.id, "since": since.isoformat()}
        made.append(journal.record_event(
            session, type="LAPSE", subject=record.id, server_id=server_id(session), actor_id=None, actor_name=None,
            payload=payload,
        ))
    return made


def _of_persons(session: Session) -> Mapping[tuple[int, str], Register]:
    """The lists that hold persons who have to agree, with their register file."""
    return {split_key(key): one for key, one in merging.registers(session).items() if one.consent is not None}


def _confirmed(record: Record, register: Register) -> dt.datetime:
    """When somebody last spoke of the person: a report, or an officer about consent, name or number."""
    pinned = [(record.provenance.get(name) or {}).get("pinned_at") for name in (str(register.consent), *register.personal)]
    return max([record.last_observed_at or record.created_at, *(dt.datetime.fromisoformat(str(at)) for at in pinned if at)])
