"""Weights learnt from officers' judgements: proposed with figures and a preview, put in force by a fact, taken back."""

from __future__ import annotations

import math
import uuid
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cli import weights as console
from server.models import CandidatePair, Event, Fact, Record, ReviewTask, User
from server.problems import Problem
from server.services import folding, merging, reconciliation, weights
from server.services.identity import ROLES, Identity
from sync.merge.facts import derived_id
from tests.cast import Cast
from tests.server import patrols
from tests.server.test_merging import everything

METRE = 1 / 111_195
SOUNDS = ("ba", "do", "gu", "ka", "li", "mbo", "nde", "ro", "si", "ta", "wo", "ze")


@dataclass
class Place:
    """Two things near each other, and what officers say of them."""

    number: int
    metres: float
    alike: bool
    verdict: str


def name(number: int) -> str:
    return "".join(SOUNDS[(number * step + step) % len(SOUNDS)] for step in (1, 5, 7)) + SOUNDS[number // len(SOUNDS) % 12]


def written(session: Session, who: Identity, key: str, label: str, lat: float, lon: float) -> Fact:
    data = {"fac_name": label, "fac_type": "clinic", "fac_group": "health", "geometry": f"{lat:.6f} {lon:.6f} 0 20"}
    return merging.write_entity(session, who, 1, "facilities", str(uuid.uuid5(uuid.NAMESPACE_OID, key)), "create", label, data)


def judged_mission(session: Session, who: Identity, count: int) -> None:
    """Things 60 m apart with one name are two here, others 300 m apart and less alike are one; and a row of three."""
    facts = []
    for number in range(count):
        lat, lon = 2 + number // 12 * 0.4, 15 + number % 12 * 0.4
        twins = number % 2 == 0
        one = written(session, who, f"{number}a", f"Clinic {name(number)}", lat, lon)
        other = f"Clinic {name(number)}" if twins else f"Clinic {name(number)}r"
        two = written(session, who, f"{number}b", other, lat + (60 if twins else 300) * METRE, lon)
        seen = [derived_id(fact.uuid, "", "facilities", _entity(session, fact)) for fact in (one, two)]
        facts += [one, two, merging.judge(session, who, *seen, "different" if twins else "same")]
    for number in range(3):
        facts.append(written(session, who, f"row{number}", "Clinic Yambala", 1.0 + number * 25 * METRE, 14.0))
    session.commit()
    folding.drain(session)


def _entity(session: Session, fact: Fact) -> str:
    return str(session.get_one(Event, fact.id).payload["uuid"])


@pytest.fixture
def admin(session: Session, cast: Cast) -> Identity:
    patrols.publish(session, "key_infrastructure")
    return Identity(actor_id=cast.admin.actor_id, name="Administrator", type="user", role="admin", how="bearer",
                    verbs=ROLES["admin"])  # fmt: skip


def folded(session: Session, fact: Fact) -> Fact:
    folding.fold_now(session, [fact])
    session.commit()
    folding.drain(session)
    return fact


def records(session: Session) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(Record)) or 0


def questions(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(ReviewTask).where(ReviewTask.kind == "pair")) or 0


def test_too_few_judgements_teach_nothing(session: Session, admin: Identity) -> None:
    judged_mission(session, admin, 30)

    with pytest.raises(Problem) as refused:
        weights.propose(session, admin, "facilities")

    assert refused.value.details["value"] == 30
    assert not weights.state(session, "facilities").enough


def test_judgements_become_weights_only_when_somebody_says_so_and_go_again(session: Session, admin: Identity) -> None:
    judged_mission(session, admin, 204)
    shipped, before, asked = weights.state(session, "facilities"), records(session), questions(session)
    at_first = everything(session)

    proposed = folded(session, weights.propose(session, admin, "facilities"))

    state = weights.state(session, "facilities")
    told = state.proposals[0].told
    assert (state.version, records(session), questions(session)) == (shipped.version, before, asked)
    assert (told["count"], told["same"]) == (204, 102)
    assert told["after"]["log_loss"] < told["before"]["log_loss"]
    assert told["would"]["splits"] == [["Clinic Yambala", "Clinic Yambala"]]
    assert told["would"]["questions"][0] == asked

    folded(session, weights.adopt(session, admin, "facilities", proposed.uuid))

    state = weights.state(session, "facilities")
    assert (state.version, state.by) == (told["version"], "Administrator")
    assert records(session) == before + told["would"]["split"] - told["would"]["merge"]
    assert questions(session) == told["would"]["questions"][1]
    in_force = everything(session)
    folding.rebuild(session)
    assert everything(session) == in_force

    folded(session, weights.adopt(session, admin, "facilities", None))

    assert weights.state(session, "facilities").version == shipped.version
    assert {table: rows for table, rows in everything(session).items() if table != "event_targets"} == {
        table: rows for table, rows in at_first.items() if table != "event_targets"
    }


def test_the_weights_in_force_are_the_ones_that_officers_are_shown(session: Session, admin: Identity) -> None:
    judged_mission(session, admin, 204)
    proposed = folded(session, weights.propose(session, admin, "facilities"))
    folded(session, weights.adopt(session, admin, "facilities", proposed.uuid))
    own = weights.state(session, "facilities").proposals[0].told

    pair = session.scalars(select(CandidatePair).where(CandidatePair.verdict == "same")).first()

    assert pair is not None
    shown = pair.features["weights"]
    assert shown == {level: own["weights"][level] for level in shown}
    assert math.isclose(pair.score, 1 / (1 + math.exp(-(own["bias"] + sum(shown.values())))), abs_tol=1e-5)


def test_tools_that_match_against_a_register_go_by_the_weights_in_force(session: Session, admin: Identity) -> None:
    judged_mission(session, admin, 204)
    query = reconciliation.read_query({"query": f"Clinic {name(1)}", "properties": [{"pid": "_lat", "v": "2"}]})
    rules = merging.register_files()["facilities"]
    before = reconciliation.Matcher(session, admin, rules, "en").answer(query)["result"][0]["score"]
    proposed = folded(session, weights.propose(session, admin, "facilities"))

    folded(session, weights.adopt(session, admin, "facilities", proposed.uuid))

    assert reconciliation.Matcher(session, admin, rules, "en").answer(query)["result"][0]["score"] != before


def test_a_proposal_of_another_register_cannot_be_put_in_force(session: Session, admin: Identity) -> None:
    with pytest.raises(Problem, match="Could not find"):
        weights.adopt(session, admin, "facilities", str(uuid.uuid4()))
    with pytest.raises(Problem):
        weights.state(session, "routes")


def test_the_page_shows_what_would_change_and_puts_it_in_force(app: Flask, session: Session, admin: Identity, cast: Cast) -> None:
    browser = cast.page_client(app, "admin")
    assert "disabled" in browser.get("/setup/matching").text
    assert browser.post("/setup/matching/facilities/learn").status_code == 400
    assert browser.post("/setup/matching/routes/learn").status_code == 404
    judged_mission(session, admin, 204)

    browser.post("/setup/matching/facilities/learn")
    shown = browser.get("/setup/matching").text

    proposal = weights.state(session, "facilities").proposals[0]
    assert proposal.version in shown
    assert "Clinic Yambala · Clinic Yambala" in shown
    browser.post("/setup/matching/facilities/adopt", data={"proposal": proposal.uuid})
    session.expire_all()
    assert weights.state(session, "facilities").version == proposal.version
    browser.post("/setup/matching/facilities/adopt")
    session.expire_all()
    assert weights.state(session, "facilities").version == weights.state(session, "facilities").shipped


def test_the_console_says_what_is_in_force_and_refuses_strangers_and_too_few_judgements(
    app: Flask, session: Session, admin: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_mission(session, admin, 30)
    monkeypatch.setattr(console, "database", lambda: nullcontext((session, app.config["SETTINGS"])))
    email = session.scalars(select(User.email).where(User.role == "admin")).first() or ""
    shipped = weights.state(session, "facilities").shipped

    shown = CliRunner().invoke(console.weights, ["show", "facilities"])
    few = CliRunner().invoke(console.weights, ["learn", "facilities", "--as", email])
    stranger = CliRunner().invoke(console.weights, ["back", "facilities", "--as", "nobody@example.org"])
    unknown = CliRunner().invoke(console.weights, ["adopt", "facilities", str(uuid.uuid4()), "--as", email])

    assert shown.output.splitlines() == [f"facilities: {shipped} (shipped: {shipped})", 'judgements: 30, 15 of them "same"']
    assert "at least 200 are needed" in few.output
    assert "there is no account nobody@example.org" in stranger.output
    assert "there is no such proposal" in unknown.output
    assert {shown.exit_code, few.exit_code, stranger.exit_code, unknown.exit_code} == {0, 1}
