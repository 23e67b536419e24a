"""Pins end: when the last day of an officer's value has passed, that is one more fact, and what reports say stands again.

A fact and not a look at the clock, so that a rebuild gives the same records whenever it is run.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from server.models import Fact
from server.queries import review as queries
from server.queries.mission import server_id
from server.services import journal
from server.services.journal import now


def expire(session: Session) -> list[Fact]:
    """Takes back the pins whose last day has passed, in the server's own name. The caller commits; folding does the rest."""
    over = [
        (fact, event) for fact, event in queries.pins_with_an_end(session)
        if dt.datetime.fromisoformat(str(event.payload["until"])) <= now()
    ]
    taken_back = queries.events_naming(session, [fact.uuid for fact, _event in over], ("RETRACT",))
    ended = {str(event.payload["target"]) for _fact, event in taken_back}
    return [
        journal.record_event(
            session, type="RETRACT", subject=fact.uuid, server_id=server_id(session), actor_id=None, actor_name=None,
            payload={"authority": int(event.payload.get("authority", 0)), "reason": None, "target": fact.uuid, "ended": True},
        )
        for fact, event in over if fact.uuid not in ended
    ]  # fmt: skip
