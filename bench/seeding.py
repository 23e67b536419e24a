"""Many reports in a short time: facts as intake writes them, folded in large batches, through the services and without HTTP."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from forms.submission import parse_submission
from server.config import Settings
from server.models import Actor, Fact, Submission, SubmissionSummary
from server.models.columns import table_of
from server.queries import submissions as queries
from server.queries.mission import server_id
from server.services import dictionaries, export_parts, folding, forms, journal, sealing
from server.services.documents import pack

FORM = Path(__file__).with_name("assessment.xml")
FORM_ID = "cimic_bench"
REPEATS = 3
BATCH = 5_000
FOLDED = 200
_FACTS, _SUBMISSIONS, _SUMMARIES = table_of(Fact), table_of(Submission), table_of(SubmissionSummary)
_TALK = (
    "road passable by 4x4 only", "water point broken near the market", "community asks for an escort",
    "école fermée depuis la semaine dernière", "no contact with local authority", "convoy requested for Thursday", "مدرسة مغلقة",
)


def publish(session: Session, settings: Settings) -> None:
    """Publishes the form of the benchmark: 33 questions, a repeat, two photos."""
    forms.publish(session, settings, 1, FORM.read_bytes(), FORM.name, validate=False)
    session.commit()
    dictionaries.make_missing(session)


def seed(session: Session, count: int) -> None:
    """Stores so many reports with three rows of the repeat each, folded, sealed, and with the texts of exports made.

    The first go the whole way through the services. Folding says the same of all others, so their rows are copied from
    one of these, with ids, times and answers of their own: reading costs the same, and an hour is saved.
    """
    sender = session.scalars(select(Actor).order_by(Actor.id)).first()
    assert sender is not None
    origin = server_id(session)
    folded = min(count, FOLDED)
    ids = [_store(session, origin, number, sender) for number in range(folded)]
    folding.fold_now(session, session.scalars(select(Fact).where(Fact.id.in_(ids))).all())
    session.commit()
    for first in range(folded, count, BATCH):
        _copy(session, ids[0], range(first, min(first + BATCH, count)))
        session.commit()
        session.expunge_all()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT setval(pg_get_serial_sequence('facts', 'id'), (SELECT max(id) FROM facts))"))
        session.execute(text("ANALYZE"))
    session.commit()
    while sealing.seal(session):
        session.commit()
    session.commit()
    while export_parts.fill(session, 60.0, dt.timedelta(0)):
        pass


def _copy(session: Session, model: int, numbers: range) -> None:
    """Rows like those of the report with this fact id, with answers of their own."""
    fact, submission, summary = (
        dict(session.execute(select(table).where(key == model)).mappings().one())
        for table, key in ((_FACTS, _FACTS.c.id), (_SUBMISSIONS, _SUBMISSIONS.c.fact_id), (_SUMMARIES, _SUMMARIES.c.root_fact_id))
    )
    next_id = (session.scalar(select(func.max(_FACTS.c.id))) or 0) + 1
    rows: list[list[dict[str, Any]]] = [[], [], []]
    dictionary = _dictionary(session)
    for key, number in enumerate(numbers, next_id):
        xml = report(number)
        instance_id = xml[xml.index(b"uuid:") : xml.index(b"</instanceID>")].decode()
        sha256, receipt, at = hashlib.sha256(xml).hexdigest(), f"B{number:07d}", fact["received_at"]
        rows[0].append({
            **fact, "id": key, "uuid": str(uuid.uuid4()), "received_at": at, "hlc": journal.tick(fact["server_id"]),
            "payload_sha256": sha256,
        })
        rows[1].append({
            **submission, "fact_id": key, "instance_id": instance_id, "root_instance_id": instance_id,
            "xml": pack(xml, dictionary), "canonical_hash": sha256, "receipt": receipt,
        })
        rows[2].append({
            **summary, "root_fact_id": key, "current_fact_id": key, "root_instance_id": instance_id,
            "current_instance_id": instance_id, "receipt": receipt,
        })
    for table, values in zip((_FACTS, _SUBMISSIONS, _SUMMARIES), rows, strict=True):
        session.execute(insert(table), values)
    keys = range(next_id, next_id + len(numbers))
    export_parts.changed(session, ((1, FORM_ID, False, key, True) for key in keys))


def _store(session: Session, origin: str, number: int, sender: Actor) -> int:
    xml = report(number)
    parsed = parse_submission(xml)
    sha256, dictionary = hashlib.sha256(xml).hexdigest(), _dictionary(session)
    fact_id = journal.append_quickly(
        session, kind="submission", payload_sha256=sha256, server_id=origin, actor_id=sender.id, actor_name=sender.display_name
    )
    queries.add_submission(session, {
        "fact_id": fact_id, "project_id": 1, "xml_form_id": parsed.form_id, "form_version": parsed.version or "",
        "is_draft": False, "instance_id": parsed.instance_id, "root_instance_id": parsed.instance_id, "deprecated_id": None,
        "instance_name": None, "canonical_hash": parsed.canonical_hash, "xml": pack(xml, dictionary),
        "encrypted": False, "disposition": "stored", "reason": None, "receipt": f"B{number:07d}", "channel": "openrosa",
        "submitter_id": sender.id, "post_id": None, "device_id": f"bench-{number % 200:04d}", "user_agent": "bench",
    })
    return fact_id


def _dictionary(session: Session) -> bytes | None:
    return dictionaries.for_report(session, 1, FORM_ID, "1", False)


def report(number: int) -> bytes:
    """A filled form of about 2 kB."""
    return ("".join(_report(random.Random(number)))).encode()


def _report(rng: random.Random) -> Iterator[str]:
    def talk(name: str) -> str:
        return f"{name} {rng.randrange(10**6):06d} {rng.choice(_TALK)}"

    moment = f"2026-11-{rng.randint(1, 28):02d}T09:00:00+00:00"
    answers = {
        "start": moment, "end": moment, "today": moment[:10], "deviceid": f"bench-{rng.randrange(200):04d}",
        "visit_date": moment[:10], "patrol_id": talk("patrol_id"), "sector": rng.choice(["north", "south", "east", "west"]),
        "site_type": rng.choice(["hospital", "clinic", "school", "borehole"]), "site_name": talk("site_name"),
        "location": f"{rng.uniform(3.5, 12):.6f} {rng.uniform(24, 36):.6f} {rng.uniform(300, 700):.1f} 4.5",
        "admin1": talk("admin1"), "admin2": talk("admin2"),
        **{name: str(rng.randint(1, 5)) for name in ("pop_resident", "pop_idp", "pop_returnee", "households")},
        "needs": " ".join(rng.sample(["water", "food", "shelter", "health", "education"], rng.randint(1, 3))),
        "severity": rng.choice(["low", "moderate", "severe"]), "water_ok": "yes", "water_points": str(rng.randint(1, 5)),
        "clinic_ok": "unknown", "clinic_staff": str(rng.randint(1, 5)), "school_ok": "no",
        "school_pupils": str(rng.randint(1, 5)), "road_state": "open_4x4", "hazards": "mines uxo",
        "agencies": "red_cross ngo_int",
    }
    yield f'<?xml version="1.0" encoding="UTF-8"?><data id="{FORM_ID}" version="1">'
    yield from (f"<{name}>{text}</{name}>" for name, text in answers.items())
    for _ in range(REPEATS):
        yield f"<leader><leader_name>{talk('leader_name')}</leader_name><leader_role>chief</leader_role>"
        yield f"<leader_phone>{talk('leader_phone')}</leader_phone><leader_trust>{rng.randint(1, 5)}</leader_trust></leader>"
    yield f"<request_text>{talk('request_text')}</request_text><request_priority>p2</request_priority>"
    yield "<follow_up>2026-12-01</follow_up><photo_site></photo_site><photo_need></photo_need>"
    yield f"<remarks>{talk('remarks')}</remarks>"
    yield f"<meta><instanceID>uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}</instanceID></meta></data>"
