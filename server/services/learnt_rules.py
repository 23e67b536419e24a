"""Which weights are in force for a register: those of its model's file, or what was learnt here and put in force.

A rules event (type RULES, subject: the register's name) either proposes weights or puts weights in force; without weights it puts
the shipped ones in force again. The strongest counts: authority, then clock, then id, so every server and every rebuild agree.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from server.models import Event, Fact
from server.queries import weights as queries
from sync.registers import Learnt

PROPOSE, ADOPT = "propose", "adopt"


def learnt(session: Session) -> dict[str, Learnt]:
    """The weights that a mission has put in force, by register; one without an entry goes by the shipped ones."""
    found: dict[str, Learnt] = {}
    for register, (event, _fact) in adopted(queries.rules_events(session)).items():
        payload = event.payload
        if payload["weights"] is not None:
            found[register] = Learnt(payload["version"], float(payload["bias"]), payload["weights"])
    return found


def adopted(events: Iterable[tuple[Event, Fact]]) -> dict[str, tuple[Event, Fact]]:
    """The event that decides, by register."""
    found: dict[str, tuple[Event, Fact]] = {}
    for event, fact in sorted(events, key=_rank):
        if event.subject is not None and event.payload.get("action") == ADOPT:
            found[event.subject] = (event, fact)
    return found


def _rank(row: tuple[Event, Fact]) -> tuple[int, str, str]:
    event, fact = row
    return (int(event.payload.get("authority", 0)), fact.hlc, fact.uuid)
