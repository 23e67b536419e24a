"""The hash chain over the journal shows whatever was changed behind it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.models import Block, Event, Fact, Seal, Submission
from server.services import journal, sealing
from tests.cast import Cast


def add_events(session: Session, count: int) -> None:
    for number in range(count):
        journal.record_event(
            session, type="COMMENT", subject="x", payload={"text": str(number)}, server_id="s", actor_id=None, actor_name=None
        )
    session.commit()


def test_sealed_facts_verify(session: Session, cast: Cast) -> None:
    add_events(session, 3)

    assert sealing.seal(session) == 3
    assert list(sealing.verify(session)) == []


def test_each_fact_is_sealed_once(session: Session, cast: Cast) -> None:
    add_events(session, 2)
    sealing.seal(session)
    add_events(session, 2)

    assert sealing.seal(session) == 2
    assert sorted(session.scalars(select(Seal.counter))) == [1, 2, 3, 4]


def test_many_facts_make_several_blocks(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK_FACTS", 2)
    add_events(session, 5)

    sealing.seal(session)

    assert [(row.first_counter, row.last_counter) for row in session.scalars(select(Block).order_by(Block.number))] == [
        (1, 2), (3, 4), (5, 5)
    ]  # fmt: skip
    assert list(sealing.verify(session)) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (update(Fact).values(actor_name="somebody else"), "an envelope was changed"),
        (update(Event).values(payload={"text": "never said"}), "the payload was changed"),
        (update(Seal).values(counter=Seal.counter + 10), "a counter is missing"),
        (update(Block).values(hash="f" * 64), "an envelope was changed"),
        (update(Block).values(previous_hash="e" * 64), "does not follow"),
    ],
)
def test_what_was_changed_behind_the_journal_shows(session: Session, cast: Cast, statement: object, what: str) -> None:
    add_events(session, 1)
    sealing.seal(session)
    session.execute(statement)  # type: ignore[call-overload]
    session.commit()
    session.expire_all()

    assert any(what in broken.what for broken in sealing.verify(session))


def test_a_deleted_fact_shows(session: Session, cast: Cast) -> None:
    add_events(session, 3)
    sealing.seal(session)
    session.delete(session.scalars(select(Seal).where(Seal.counter == 2)).one())
    session.commit()

    assert any("counter" in broken.what for broken in sealing.verify(session))


def test_a_purged_payload_is_no_fault(session: Session, cast: Cast) -> None:
    fact = journal.append(session, kind="submission", payload_sha256="a" * 64, server_id="s", actor_id=None, actor_name=None)
    session.add(Submission(
        fact_id=fact.id, project_id=1, xml_form_id="f", instance_id="uuid:1", root_instance_id="uuid:1", canonical_hash="",
        xml=b"", disposition="stored", receipt="AAA-AAA",
    ))
    session.commit()
    sealing.seal(session)

    assert list(sealing.verify(session)) == []
