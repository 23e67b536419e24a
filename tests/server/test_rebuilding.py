"""A rebuild reads every report once, in several processes where there are many, and makes what folding in order made."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import PendingFact, Record, ReportPair, SubmissionSummary
from server.queries.accounts import user_by_email
from server.services import accounts, folding, merging, rebuilding, rereading
from server.services.identity import ROLES, Identity
from tests.cast import Cast
from tests.databases import make_settings
from tests.processes import RunningServer
from tests.server import patrols
from tests.server.projections import everything

CLINICS = [str(uuid.UUID(int=100 + number, version=4)) for number in range(3)]
FIRST = "uuid:11111111-1111-4111-8111-111111111111"


@pytest.fixture
def mission(session: Session, cast: Cast) -> dict[str, list[Any]]:
    """Reports of three clinics: created, updated, corrected, sent twice by two patrols, one of a place by its record. Folded.

    Returns all projections, row by row.
    """
    fill(session, cast.hq_officer.actor_id)
    return everything(session)


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Session]:
    """The same in a database of its own, where other processes see it."""
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}")
    with RunningServer(settings).prepare().session() as session:
        profile = accounts.Profile("HQ Officer", "hq_officer", None)
        accounts.create_user(session, None, "hq@example.org", profile, "a long test password")
        session.commit()
        found = user_by_email(session, "hq@example.org")
        assert found is not None
        fill(session, found[1].id)
        session.commit()
        yield session


def fill(session: Session, officer: int) -> None:
    """Sends the reports and folds them."""
    patrols.publish(session, "key_infrastructure")
    for number, clinic in enumerate(CLINICS):
        place = f"6.49{number} 17.452 0 8"
        patrols.send(session, patrols.clinic(f"CS {number}", place, entity_id=clinic, instance_id=_first(number)), officer)
        patrols.send(session, patrols.clinic(f"Centre {number}", place, entity_id=clinic, update=1, day="2026-11-05"), officer)
    corrected = patrols.clinic("CS Zéro", "6.490 17.452 0 8", entity_id=CLINICS[0], deprecated_id=FIRST,
                               instance_id="uuid:22222222-2222-4222-8222-222222222222")  # fmt: skip
    patrols.send(session, corrected, officer)
    patrols.send(session, patrols.clinic("CS 1", "6.491 17.452 0 8", entity_id=str(uuid.uuid4())), officer)
    answers = {"settlement": CLINICS[2], "fac_name": "Poste", "report_date": "2026-11-06", "reporting_unit": "BANBATT-3"}
    patrols.send(session, patrols.filled("key_infrastructure", answers, {"dataset": "facilities"}), officer)
    folding.drain(session)
    rebuilding.rebuild(session)  # once: a summary folded in order may name a place as its record was called then


def _first(number: int) -> str:
    return FIRST if number == 0 else f"uuid:{uuid.uuid4()}"


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(PendingFact)) or 0


def test_a_rebuild_leaves_nothing_to_ordinary_folding(session: Session, mission: dict[str, list[Any]]) -> None:
    rebuilding.rebuild(session)

    assert waiting(session) == 0


def test_a_rebuild_fact_by_fact_makes_the_same_rows(
    session: Session, mission: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "FACTS", 1)

    rebuilding.rebuild(session)

    assert (waiting(session), everything(session)) == (0, mission)


def test_reports_that_are_alike_are_one_pair_though_read_in_two_steps(
    session: Session, mission: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = session.execute(select(ReportPair.earlier, ReportPair.later)).all()
    monkeypatch.setattr(rebuilding, "FACTS", 1)

    rebuilding.rebuild(session)

    assert before
    assert session.execute(select(ReportPair.earlier, ReportPair.later)).all() == before


def test_other_processes_read_the_same(stored: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(stored)
    monkeypatch.setattr(rereading, "MANY", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rebuilding, "FACTS", 2)
    monkeypatch.setattr(rereading, "reread", _not_here)  # this process reads nothing itself

    rebuilding.rebuild(stored)

    assert before["records"]
    assert (waiting(stored), everything(stored)) == (0, before)


def test_what_a_killed_process_should_have_read_is_read_here(stored: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(stored)
    monkeypatch.setattr(rereading, "MANY", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rereading, "_read", _killed)

    rebuilding.rebuild(stored)

    assert (waiting(stored), everything(stored)) == (0, before)


def test_a_place_that_only_a_record_names_is_named_again(session: Session, mission: dict[str, list[Any]]) -> None:
    label = session.scalar(select(Record.label).where(Record.id == CLINICS[2]))

    rebuilding.rebuild(session)

    assert label
    assert session.scalars(select(SubmissionSummary.place).where(SubmissionSummary.place.is_not(None))).all() == [label]


def test_a_report_that_cannot_be_read_leaves_the_rest_to_ordinary_folding(
    session: Session, mission: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "reread", _not_here)

    drained = folding.rebuild(session)

    assert drained.failing == ()
    assert [row["id"] for row in everything(session)["records"]] == [row["id"] for row in mission["records"]]


def test_what_was_decided_while_reports_were_read_stands(
    session: Session, cast: Cast, mission: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hq = Identity(actor_id=cast.hq_officer.actor_id, name="HQ", type="user", role="hq_officer", how="bearer",
                  verbs=ROLES["hq_officer"])  # fmt: skip
    read = rereading.reread

    def and_meanwhile(one: Session, ids: list[int]) -> rereading.Reread:
        found = read(one, ids)
        monkeypatch.setattr(rereading, "reread", read)
        pin = merging.pin(one, hq, 1, "facilities", CLINICS[0], "fac_name", "Gbadé", "the sign")
        one.commit()
        folding.fold_facts(one, [pin.id])
        return found

    monkeypatch.setattr(rereading, "reread", and_meanwhile)
    folding.rebuild(session)

    assert session.scalars(select(Record).where(Record.id == CLINICS[0])).one().data["fac_name"] == "Gbadé"


def _not_here(*_: object) -> rereading.Reread:
    raise AssertionError("read in this process")


def _killed(*_: object) -> rereading.Reread:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it is dead")
