"""Merging over the database: reports taken in for real become records, questions and provenance, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import CandidatePair, Entity, Fact, Observation, PendingFact, Record, ReviewTask
from server.queries import merge_facts
from server.services import folding, journal, merging, rebuilding
from server.services.identity import ROLES, Identity
from sync.merge.matching import reason
from tests.cast import Cast
from tests.server import patrols
from tests.server.projections import everything

GBADE, CS_GBADE = str(uuid.UUID(int=1, version=4)), str(uuid.UUID(int=2, version=4))


@pytest.fixture
def hq(session: Session, cast: Cast) -> Identity:
    """An officer of the headquarters, with the questionnaire published."""
    patrols.publish(session, "key_infrastructure")
    return Identity(actor_id=cast.hq_officer.actor_id, name="HQ Officer", type="user", role="hq_officer", how="bearer",
                    verbs=ROLES["hq_officer"])  # fmt: skip


def two_patrols(session: Session, actor_id: int) -> None:
    first = patrols.clinic("Centre de Santé de Gbadé", "6.4901 17.4520 0 8", entity_id=GBADE)
    second = patrols.clinic(
        "CS Gbade", "6.4905 17.4527 0 9", entity_id=CS_GBADE, unit="TS-BOSSANGOA", day="2026-11-04", functionality="partial"
    )
    patrols.send(session, first, actor_id)
    patrols.send(session, second, actor_id)
    folding.drain(session)


def records(session: Session) -> Sequence[Record]:
    session.expire_all()
    return session.scalars(select(Record).order_by(Record.id)).all()


def test_two_patrols_at_one_clinic_are_one_question(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)

    (task,) = session.scalars(select(ReviewTask)).all()

    assert (task.kind, task.a_record, task.b_record) == ("pair", GBADE, CS_GBADE)
    assert reason(task.features, "en") == "same type, 89 m apart, names 1.00 alike, other unit, 1 day"
    assert len(records(session)) == 2


def test_accepted_pair_is_one_clinic_with_the_newer_state(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)
    (task,) = session.scalars(select(ReviewTask)).all()

    fact = merging.judge(session, hq, task.a_observation, task.b_observation, "same")
    folding.fold_now(session, [fact])
    session.commit()

    (record,) = records(session)
    assert record.id == GBADE
    assert record.data["functionality"] == "partial"
    assert record.data["geometry"] == "6.4901 17.4520 0 8"
    assert record.aliases == ["Centre de Santé de Gbadé"]
    assert record.provenance["functionality"]["unit"] == "TS-BOSSANGOA"
    assert record.observation_count == 2
    assert session.scalar(select(func.count()).select_from(ReviewTask)) == 0
    assert session.get_one(Entity, (CS_GBADE, 1, "facilities")).record_id == GBADE


def test_undone_judgement_gives_everything_back(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)
    before = {record.id: record.data for record in records(session)}
    (task,) = session.scalars(select(ReviewTask)).all()
    judged = merging.judge(session, hq, task.a_observation, task.b_observation, "same")
    folding.fold_now(session, [judged])
    session.commit()

    folding.fold_now(session, [merging.retract(session, hq, judged.uuid)])
    session.commit()

    assert {record.id: record.data for record in records(session)} == before
    assert session.scalars(select(ReviewTask.id)).all() == [task.id]


def test_rebuild_makes_the_same_rows_again(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)
    (task,) = session.scalars(select(ReviewTask)).all()
    folding.fold_now(session, [merging.judge(session, hq, task.a_observation, task.b_observation, "same")])
    folding.fold_now(
        session, [merging.pin(session, hq, 1, "facilities", GBADE, "fac_name", "Gbadé", "sign read by S9")]
    )
    session.commit()
    before = everything(session)

    drained = folding.rebuild(session)

    assert drained.failing == ()
    assert everything(session) == before


def test_a_rebuild_that_was_killed_is_finished_by_ordinary_folding(
    session: Session, hq: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_patrols(session, hq.actor_id)
    before = everything(session)
    with monkeypatch.context() as patch:
        patch.setattr(merging, "make_records", killed)
        with pytest.raises(KeyboardInterrupt):
            folding.rebuild(session)
    session.rollback()
    in_a_while = datetime.now(UTC) + 2 * rebuilding.ASIDE
    monkeypatch.setattr(folding, "now", lambda: in_a_while)

    folding.drain(session)

    assert everything(session) == before


def test_a_rebuild_leaves_what_it_cannot_make_to_ordinary_folding(
    session: Session, hq: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_patrols(session, hq.actor_id)
    before = everything(session)
    monkeypatch.setattr(merging, "make_records", failing)

    drained = folding.rebuild(session)

    assert drained.failing == ()
    assert everything(session) == before


def test_what_is_put_back_during_a_rebuild_is_folded_by_the_worker(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)
    merge_facts.empty_projections(session)
    merge_facts.set_aside(session, datetime.now(UTC) + rebuilding.ASIDE)
    first, *others = merge_facts.aside(session, 0, 10)

    folding.fold_again(session, [first])

    assert merge_facts.claim(session, 10, datetime.now(UTC)) == [first]
    assert merge_facts.done_aside(session, [first, *others]) == len(others)


def killed(*_given: object) -> None:
    """What a kill looks like from inside."""
    raise KeyboardInterrupt


def failing(*_given: object) -> None:
    """A fault in the middle."""
    raise RuntimeError("no record can be made")


def test_edited_report_replaces_what_it_said(session: Session, hq: Identity) -> None:
    original = f"uuid:{uuid.uuid4()}"
    first = patrols.clinic("CS Gbade", "6.4901 17.4520", entity_id=GBADE, instance_id=original)
    patrols.send(session, first, hq.actor_id)
    folding.drain(session)
    edit = patrols.clinic(
        "CS Gbade", "6.4901 17.4520", entity_id=GBADE, functionality="none",
        instance_id=f"uuid:{uuid.uuid4()}", deprecated_id=original,
    )  # fmt: skip
    patrols.send(session, edit, hq.actor_id)

    folding.drain(session)

    (record,) = records(session)
    assert record.data["functionality"] == "none"
    assert record.observation_count == 1


def test_update_that_comes_before_its_entity_is_held_and_then_applied(session: Session, hq: Identity) -> None:
    update = patrols.clinic("CS Gbade", "6.4901 17.4520", entity_id=GBADE, functionality="none", day="2026-11-05", update=1)
    patrols.send(session, update, hq.actor_id)
    folding.drain(session)
    held = session.scalars(select(Observation.state)).all()

    patrols.send(session, patrols.clinic("CS Gbade", "6.4901 17.4520", entity_id=GBADE), hq.actor_id)
    folding.drain(session)

    session.expire_all()
    assert held == ["failed"]
    assert sorted(session.scalars(select(Observation.state))) == ["applied", "applied"]
    assert records(session)[0].data["functionality"] == "none"


def test_late_update_on_a_losing_id_lands_on_the_survivor(session: Session, hq: Identity) -> None:
    two_patrols(session, hq.actor_id)
    (task,) = session.scalars(select(ReviewTask)).all()
    folding.fold_now(session, [merging.judge(session, hq, task.a_observation, task.b_observation, "same")])
    session.commit()

    late = patrols.clinic("CS Gbade", "6.4905 17.4527", entity_id=CS_GBADE, functionality="none", day="2026-11-09", update=3)
    patrols.send(session, late, hq.actor_id)
    folding.drain(session)

    (record,) = records(session)
    assert (record.id, record.data["functionality"], record.version) == (GBADE, "none", 4)
    assert record.provenance["functionality"]["entity"] == CS_GBADE


def test_faulty_entity_id_is_shown_and_the_report_kept(session: Session, hq: Identity) -> None:
    patrols.send(session, patrols.clinic("CS Gbade", "6.4901 17.4520", entity_id="not-a-uuid"), hq.actor_id)

    drained = folding.drain(session)

    (observation,) = session.scalars(select(Observation)).all()
    assert drained.failing == ()
    assert (observation.state, observation.problem) == ("failed", "bad_id")
    assert records(session) == []


def test_record_lies_in_the_sector_of_the_unit_that_reported_it(session: Session, hq: Identity, cast: Cast) -> None:
    two_patrols(session, hq.actor_id)

    assert [record.sector_id for record in records(session)] == list(cast.sector_ids)


def test_certain_pair_is_one_record_without_asking(session: Session, hq: Identity) -> None:
    patrols.send(session, patrols.clinic("Centre de Santé Gbadé", "6.49010 17.45200", entity_id=GBADE), hq.actor_id)
    patrols.send(session, patrols.clinic("CS Gbade", "6.49012 17.45205", entity_id=CS_GBADE), hq.actor_id)

    folding.drain(session)

    assert [record.entity_count for record in records(session)] == [2]
    assert session.scalars(select(CandidatePair.certain)).all() == [True]
    assert session.scalar(select(func.count()).select_from(ReviewTask)) == 0


def test_rejected_report_states_nothing_and_comes_back_when_approved(session: Session, hq: Identity) -> None:
    receipt = patrols.send(session, patrols.clinic("CS Gbade", "6.49 17.45", entity_id=GBADE), hq.actor_id)
    folding.drain(session)

    def review(state: str) -> int:
        payload = {"project_id": 1, "xml_form_id": "key_infrastructure", "is_draft": False, "state": state}
        fact = journal.record_event(
            session, type="REVIEW", subject=receipt.root_instance_id, payload=payload, server_id="s", actor_id=None,
            actor_name=None,
        )  # fmt: skip
        folding.fold_now(session, [fact])
        session.commit()
        return len(records(session))

    assert (review("rejected"), review("approved")) == (0, 1)


def test_entity_written_through_the_api_is_a_record(session: Session, hq: Identity) -> None:
    made = merging.write_entity(session, hq, 1, "facilities", GBADE, "create", "Gbadé", {"fac_name": "Gbadé", "served": "10"})
    changed = merging.write_entity(session, hq, 1, "facilities", GBADE, "update", None, {"served": ""}, 1)

    folding.fold_now(session, [made, changed])
    session.commit()

    (record,) = records(session)
    assert (record.label, record.version, record.data) == ("Gbadé", 2, {"fac_name": "Gbadé", "served": ""})


def test_deleted_record_is_marked_and_can_be_restored(session: Session, hq: Identity) -> None:
    made = merging.write_entity(session, hq, 1, "facilities", GBADE, "create", "Gbadé", {"fac_name": "Gbadé"})
    gone = merging.set_presence(session, hq, 1, "facilities", GBADE, deleted=True)
    folding.fold_now(session, [made, gone])
    deleted = records(session)[0].deleted_at

    folding.fold_now(session, [merging.set_presence(session, hq, 1, "facilities", GBADE, deleted=False)])

    assert deleted is not None
    assert records(session)[0].deleted_at is None


def test_a_fact_that_cannot_be_folded_stays_with_its_error_and_holds_up_nothing(
    session: Session, hq: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = patrols.send(session, patrols.clinic("CS Mboki", "6.10 17.10", entity_id=CS_GBADE), hq.actor_id)
    patrols.send(session, patrols.clinic("CS Gbade", "6.49 17.45", entity_id=GBADE), hq.actor_id)

    def stumble(_session: Session, facts: Sequence[Fact]) -> None:
        if any(fact.id == bad.fact_id for fact in facts):
            raise RuntimeError("cannot read it")

    monkeypatch.setattr(folding, "FOLDERS", [stumble, *folding.FOLDERS])
    drained = folding.drain(session)

    assert [failing[0] for failing in drained.failing] == [bad.fact_id]
    assert "cannot read it" in drained.failing[0][2]
    assert [record.id for record in records(session)] == [GBADE]
    assert session.scalars(select(PendingFact.fact_id)).all() == [bad.fact_id]


def test_unknown_property_cannot_be_pinned(session: Session, hq: Identity) -> None:
    with pytest.raises(merging.Problem, match="no such property"):
        merging.pin(session, hq, 1, "facilities", GBADE, "colour", "red", "why not")
