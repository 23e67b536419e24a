"""The state of a record follows its register's table, whatever arrives when; what does not fit is kept and told apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.merge.engine import Engine
from sync.merge.facts import Fact, Observation, Retraction, Transition, derived_id
from sync.merge.memory import MemoryStore
from sync.merge.records import Record
from sync.merge.states import answers, standing, steps
from sync.registers import RegisterError, States, load_registers, parse_register
from tests.sync.reports import START, clock, entity_id, observation, report

REGISTERS = load_registers()


def table(name: str) -> States:
    found = REGISTERS[name].states
    assert found is not None
    return found


REQUESTS, PROJECTS = table("requests"), table("projects")
ROUTE = ("analysed", "submitted", "denied", "feedback", "closed")


def asked(hours: float = 0, status: str = "received") -> Observation:
    said = {"req_type": "air_pax", "status": status}
    return observation("r1", hours=hours, register="requests", action="row", said=said)


def moved(to: str, hours: float, party: str = "", register: str = "requests", thing: str = "r1", **said: str) -> Transition:
    who = party or ("approver" if to in ("approved", "denied", "tasked") else "cimic")
    return Transition(
        derived_id(to, str(hours)), clock(hours), START + dt.timedelta(hours=hours), actor="somebody", register=register,
        entity_id=entity_id(thing), property="status", to=to, party=who, answers=said,
    )  # fmt: skip


def state(observations: Sequence[Observation], events: Sequence[Transition]) -> str | None:
    found = standing(steps(REQUESTS, observations, events))
    return found.to if found else None


def record(facts: Sequence[Fact]) -> Record:
    store = MemoryStore()
    Engine(store, REGISTERS).fold(facts)
    return next(iter(store.records.values()))


def test_a_request_from_the_field_is_received() -> None:
    assert state([asked()], []) == "received"


def test_a_request_may_begin_as_a_draft() -> None:
    assert state([asked(status="draft")], []) == "draft"


def test_no_report_can_begin_a_request_as_approved() -> None:
    assert state([asked(status="approved")], []) == "received"


def test_no_later_report_can_approve_a_request_and_what_it_said_is_kept() -> None:
    found = steps(REQUESTS, [asked(), asked(5, "approved")], [])

    assert [(step.to, step.fits) for step in found] == [("received", True), ("approved", False)]


def test_a_request_goes_the_way_of_the_table() -> None:
    events = [moved(to, hours) for hours, to in enumerate(ROUTE, 1)]

    assert state([asked()], events) == "closed"


def test_a_denied_request_is_not_closed_without_feedback() -> None:
    events = [moved(to, hours) for hours, to in enumerate(("analysed", "submitted", "denied", "closed"), 1)]

    assert state([asked()], events) == "denied"


@pytest.mark.parametrize("to", ["approved", "denied"])
def test_the_officer_of_the_cell_cannot_decide(to: str) -> None:
    events = [moved("analysed", 1), moved("submitted", 2), moved(to, 3, "cimic")]

    assert state([asked()], events) == "submitted"


def test_a_change_that_arrives_when_the_table_has_no_such_row_is_kept_and_told_apart() -> None:
    found = steps(REQUESTS, [asked()], [moved("analysed", 1), moved("redirected", 2)])

    assert [(step.to, step.before, step.fits) for step in found[1:]] == [
        ("analysed", "received", True), ("redirected", "analysed", False),
    ]


def test_an_earlier_change_that_arrives_late_takes_its_place_in_time() -> None:
    late = moved("analysed", 1)
    without = [moved("submitted", 2), moved("denied", 3)]
    assert state([asked()], without) == "received"

    assert state([asked()], [*without, late]) == "denied"


def test_the_last_answer_to_each_question_counts() -> None:
    found = steps(REQUESTS, [asked()], [moved("analysed", 1, capability="two helicopters"), moved("submitted", 2, level="FHQ")])

    assert answers(found) == {"capability": "two helicopters", "level": "FHQ"}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((*ROUTE, "returned", "withdrawn", "approved")), st.integers(0, 9)), max_size=8),
       st.randoms(use_true_random=False))  # fmt: skip
def test_any_order_of_arrival_gives_the_same_record(said: list[tuple[str, int]], random) -> None:  # type: ignore[no-untyped-def]
    events = {event.id: event for event in (moved(to, hours + 1) for to, hours in said)}
    facts: list[Fact] = [report(asked()), *events.values()]
    once = record(facts)

    random.shuffle(facts)
    store = MemoryStore()
    engine = Engine(store, REGISTERS)
    for fact in facts:
        engine.fold([fact])

    assert next(iter(store.records.values())) == once


def test_a_change_taken_back_never_was() -> None:
    change = moved("analysed", 1)
    back = Retraction(derived_id("back"), clock(2), START + dt.timedelta(hours=2), authority=9, target=change.id)

    assert record([report(asked()), change, back]).data["status"] == "received"


def test_the_state_names_who_set_it() -> None:
    made = record([report(asked()), moved("analysed", 1)])

    assert (made.data["status"], made.provenance["status"]["rule"]) == ("analysed", "state")
    assert made.provenance["status"]["actor"] == "somebody"


def test_a_change_raises_the_version_of_the_record() -> None:
    assert record([report(asked()), moved("analysed", 1)]).version > record([report(asked())]).version


def project(hours: float, status: str = "", observed: float | None = None) -> Observation:
    said = {"title": "Well", "status": status}
    return observation("q1", hours=hours, observed=observed, register="projects", action="row", said=said)


def test_a_project_begins_as_a_proposal_and_reports_lead_it_on() -> None:
    told = [project(0), project(24, "approved"), project(48, "ongoing"), project(72, "completed")]

    found = [step.to for step in steps(PROJECTS, told, [])]

    assert found == ["proposed", "approved", "ongoing", "completed"]


def test_a_progress_report_that_says_the_same_again_is_no_step() -> None:
    told = [project(0), project(24, "approved"), project(48, "ongoing"), project(72, "ongoing")]

    assert len(steps(PROJECTS, told, [])) == 3


def test_an_old_progress_report_that_arrives_after_the_end_does_not_open_a_project_again() -> None:
    told = [project(0), project(24, "approved"), project(48, "ongoing"), project(200, "completed")]
    late = project(300, "delayed", observed=60)

    found = standing(steps(PROJECTS, [*told, late], []))

    assert found is not None
    assert found.to == "completed"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('to = "b"\nwho = ["boss"]\nfrom = ["a"]', "'boss' is not one of"),
        ('to = "b"\nfrom = ["a"]', "'who' is missing"),
        ('to = "b"\nwho = ["cimic"]\nfrom = ["z"]', "nothing leads to 'z'"),
        ('to = "b"\nwho = ["cimic"]\nfrom = ["a"]\nneeds = ["x"]', "'x' is not a field"),
        ('to = "b"\nwho = ["cimic"]\nfrom = ["a"]\nhas = ["x"]', "'x' is not a property"),
        ('to = "b"\nwho = ["cimic"]\nfrom = ["a", "a"]', "two rows lead from 'a' to 'b'"),
        ('to = "b"\nwho = ["cimic"]\nfrom = ["a"]\nafter_days = 3', "'after_days'"),
    ],
)
def test_a_faulty_table_is_refused_with_its_fault_named(wrong: str, told: str) -> None:
    text = f"""
name = "things"
labels = {{ en = "Things", fr = "Choses" }}
label_property = "status"
sensitivity = "low"
[[property]]
name = "status"
type = "text"
labels = {{ en = "State", fr = "État" }}
rule = "latest"
[states]
property = "status"
start = ["a"]
[[states.move]]
{wrong}
"""
    with pytest.raises(RegisterError, match=told):
        parse_register(text)
