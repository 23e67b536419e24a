"""Requests and incidents for the tests of states: reported for real with the shipped questionnaires."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import CodeItem, Record
from server.services import code_lists, folding, form_datasets, states
from server.services.identity import Identity
from server.services.registers import definitions
from server.services.states import History
from tests.cast import Cast
from tests.server import patrols

LISTS = {
    "req_status", "deny_reason", "priority", "ynu", "yn", "req_type", "req_family", "qip_status", "inc_type", "sensitivity",
    "audience", "org_type",
}  # fmt: skip
LOC = {"reporting_unit": "BANBATT-3", "reporter_role": "cimic", "report_date": "2026-11-09", "adm1": "CF32", "adm2": "CF321"}
HELICOPTER = {
    **LOC, "r_org_new": "MDE", "r_type": "437", "r_function": "Head of logistics", "r_phone": "+236 70 00 00",
    "family": "ms_asset", "req_type": "air_pax", "purpose": "Medical team", "from_dt": "2026-11-20T06:00:00.000Z",
    "to_dt": "2026-11-22T06:00:00.000Z",
    "r_priority": "2", "m_from": "Bossangoa", "m_to": "Markounda", "m_dg": "no", "p1_decision": "yes", "p2_lastresort": "unknown",
    "p2_alternatives": "two carriers", "p3_civilian": "yes", "p4_conduct": "yes", "p5_direct": "yes", "p6_multilateral": "yes",
    "armed": "no", "exit": "until the road opens",
}  # fmt: skip
AMBUSH = {**LOC, "inc_group": "armed", "inc_type": "ambush", "inc_date": "2026-11-08", "what": "Two lines that stay in the cell",
          "confidence": "confirmed", "from_mil": "yes", "ongoing": "no"}  # fmt: skip
PRINCIPLES = dict.fromkeys(
    ("p1_decision", "p2_lastresort", "p3_civilian", "p4_conduct", "p5_direct", "p6_multilateral"), "yes"
)  # fmt: skip
ANALYSED = {"officer_priority": "2", "capability": "Mi-8 of the mission", **PRINCIPLES}
SUBMITTED = {"level": "Force headquarters", "decide_by": "2026-11-15T12:00"}
FEEDBACK = {"feedback_text": "No aircraft is free", "feedback_date": "2026-11-16", "feedback_channel": "e-mail"}


@dataclass
class Desk:
    """The session and the cast, with what the reports made."""

    session: Session
    cast: Cast

    def identity(self, role: str) -> Identity:
        """The identity of a person of the cast."""
        return self.cast.identity(role)

    def send(self, form: str, answers: dict[str, str], instance_id: str, role: str = "collector") -> None:
        """One report, folded in."""
        patrols.send(self.session, patrols.filled(form, answers, {}, instance_id=instance_id), self.cast.people[role].actor_id)
        folding.drain(self.session)

    def record(self, dataset: str = "requests") -> Record:
        """The only record of a register."""
        self.session.expire_all()
        return self.session.scalars(select(Record).where(Record.dataset == dataset)).one()

    def history(self, dataset: str = "requests") -> History:
        """Its states so far."""
        return states.history(self.session, self.record(dataset), definitions()[dataset])

    def move(self, role: str, to: str, dataset: str = "requests", **given: str) -> None:
        """Somebody sets a state."""
        record = self.record(dataset)
        zone = ZoneInfo("Africa/Bangui")
        states.change(self.session, self.identity(role), record, definitions()[dataset], to, given, zone)

    def lead_to(self, *states_: str) -> None:
        """Goes on along the table, each step by who may and with what it needs."""
        given = {"analysed": ANALYSED, "submitted": SUBMITTED, "denied": {"deny_reason": "no_asset"}, "feedback": FEEDBACK}
        for to in states_:
            self.move("approver" if to in ("approved", "denied", "tasked") else "hq_officer", to, **given.get(to, {}))


def desk(session: Session, cast: Cast) -> Desk:
    """A mission with a request for a helicopter that a collector reported."""
    session.add_all(
        CodeItem(list_name=row["list"], code=row["code"], label_en=row["label_en"], label_fr=row["label_fr"], sort=place)
        for place, row in enumerate(code_lists.shipped()) if row["list"] in LISTS
    )
    for name in ("requests", "incidents", "projects", "reviews"):
        form_datasets.ensure_dataset(session, 1, name, {}, register=name)
    for form in ("request_assistance", "security_incident", "qip"):
        patrols.publish(session, form)
    made = Desk(session, cast)
    made.send("request_assistance", HELICOPTER, "uuid:request")
    return made
