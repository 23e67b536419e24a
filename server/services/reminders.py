"""Reminders of returns that were given: read out on the radio net by an officer, or mailed by the server. Each is a fact.

Which returns are to be reminded of is computed by sync.reminders; this notes that it happened, so that nobody reads out or
mails the same reminder twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.problems import Problem
from server.queries import mission
from server.queries import returns as queries
from server.services import returns
from server.services.identity import Identity, Verb
from server.services.journal import record_event
from server.services.returns import Board, Row
from sync.periods import Period
from sync.reminders import Reminder

RADIO, MAIL = "radio", "mail"


@dataclass(frozen=True, slots=True)
class Told:
    """A reminder that was given: its number, how (radio or mail), when (UTC), by whom (empty: the server itself)."""

    number: int
    how: str
    at: dt.datetime
    by: str


def told(session: Session, boards: Sequence[Board]) -> dict[str, list[Told]]:
    """What was given for the returns that these boards remind of, by returns.subject, oldest first; one query."""
    subjects = [returns.subject(board.xml_form_id, row.post.code, board.month) for board in boards for row, _ in board.reminders]
    found: dict[str, list[Told]] = {}
    for fact, event in queries.events_about(session, "REMIND", subjects):
        given = Told(int(event.payload["number"]), str(event.payload["how"]), fact.received_at, fact.actor_name or "")
        found.setdefault(str(event.subject), []).append(given)
    return found


def read_out(
    session: Session, identity: Identity, zone: ZoneInfo, xml_form_id: str, post_id: int, month: Period,
) -> None:
    """Notes that the reminder in force was read out on the radio net, and commits.

    Raises state_conflict when there is none in force, or somebody has noted it already; not_found outside the actor's sight.
    """
    if not identity.may(Verb.RETURN_WAIVE):
        raise Problem("not_allowed")
    board, row = returns.one(session, identity, zone, xml_form_id, post_id, month)
    in_force = next((each for other, each in board.reminders if other.post.id == row.post.id), None)
    if in_force is None:
        raise Problem("state_conflict", reason="nobody is to be reminded of this return now.")
    about = returns.subject(xml_form_id, row.post.code, month)
    if any(each.how == RADIO and each.number >= in_force.number for each in told(session, [board]).get(about, ())):
        raise Problem("state_conflict", reason="this reminder was read out already.")
    note(session, board, row, in_force, RADIO, identity)
    session.commit()


def note(session: Session, board: Board, row: Row, reminder: Reminder, how: str, by: Identity | None) -> None:
    """Adds the fact that a reminder was given. The caller commits."""
    record_event(
        session, type="REMIND", subject=returns.subject(board.xml_form_id, row.post.code, board.month),
        payload={
            "form": board.xml_form_id, "post": row.post.code, "period": str(board.month), "number": reminder.number, "how": how,
        },
        server_id=mission.server_id(session), actor_id=by.actor_id if by else None, actor_name=by.name if by else None,
    )  # fmt: skip
