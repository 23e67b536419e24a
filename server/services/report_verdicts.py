"""Officers' word on reports that may be of one event: one report, or two. Each is an event (SAME_REPORT; subject: the pair)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.models import Fact
from server.problems import Problem
from server.queries import report_duplicates as queries
from server.queries.mission import server_id
from server.queries.report_duplicates import JUDGED, PairRow
from server.services import folding, journal, merging
from server.services.identity import Identity
from server.services.report_duplicates import pair_subject

MOST_LISTED = 100
STATES = ("open", "superseded", "decided")


def listed(session: Session, who: Identity, state: str) -> list[PairRow]:
    """The pairs in the actor's scope: open, superseded or decided."""
    return queries.listed(session, who.scope, state, MOST_LISTED)


def count(session: Session, who: Identity, state: str) -> int:
    """How many there are."""
    return queries.number(session, who.scope, state)


def one(session: Session, who: Identity, earlier: int, later: int) -> PairRow:
    """One pair. Raises not_found."""
    found = queries.one(session, who.scope, earlier, later)
    if found is None:
        raise Problem("not_found")
    return found


def judge(session: Session, who: Identity, pair: PairRow, verdict: str) -> Fact:
    """An officer says that two reports are one ("same") or two ("different"); folded and committed.

    Raises unexpected_value for another verdict.
    """
    if verdict not in ("same", "different"):
        raise Problem("unexpected_value", field="verdict", value=verdict, reason="it is one of same, different.")
    row, first, second = pair
    payload = {
        "authority": merging.AUTHORITY.get(who.role, 0), "project_id": row.project_id, "xml_form_id": row.xml_form_id,
        "a": first.root_instance_id, "b": second.root_instance_id, "verdict": verdict,
    }  # fmt: skip
    subject = pair_subject(row.project_id, row.xml_form_id, first.root_instance_id, second.root_instance_id)
    fact = journal.record_event(
        session, type=JUDGED, subject=subject, payload=payload, server_id=server_id(session), actor_id=who.actor_id,
        actor_name=who.name,
    )  # fmt: skip
    folding.fold_now(session, [fact])
    session.commit()
    return fact


def undo(session: Session, who: Identity, pair: PairRow) -> Fact:
    """Takes the verdict on a pair back; folded and committed. Raises state_conflict without one."""
    if pair[0].event_uuid is None:
        raise Problem("state_conflict", reason="nobody has decided on these reports")
    fact = merging.retract(session, who, pair[0].event_uuid)
    folding.fold_now(session, [fact])
    session.commit()
    return fact
