"""Laws that hold for every history: the order of facts does not matter, twice is once, nothing is lost or invented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.merge.engine import Engine
from sync.merge.facts import Fact, Judgement, Pin, Presence, Report, Retraction, derived_id
from sync.merge.judgements import in_force, standing
from sync.merge.memory import MemoryStore
from sync.merge.records import Record, iso
from sync.merge.review import Task
from sync.registers import load_registers
from tests.sync.reports import START, clinic, clock, entity_id, judge, report, retract

REGISTERS = load_registers()
# Two villages with clinics side by side and near twins, so that certain, uncertain and unlike pairs all occur.
NAMES = ("Centre de Santé Gbadé", "CS Gbade", "Gbadé Health Centre", "CS Boali", "Clinique Bowali")
PLACES = ("6.4901 17.4520", "6.4902 17.4521", "6.4905 17.4527", "6.4930 17.4527", "6.4904 17.4523 0 25")
STATES = ("full", "partial", "none")
# Two of them may disagree; the third is the second person.
OFFICERS = st.sampled_from(("officer", "Ada", "Ben"))
LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Reports on up to six clinics, some updated or edited, and officers' events about them."""
    facts: list[Fact] = []
    made = []
    for number in range(draw(st.integers(2, 6))):
        hours = draw(st.integers(0, 40)) + number / 10
        made.append(
            clinic(
                f"c{number}",
                draw(st.sampled_from(NAMES)),
                draw(st.sampled_from(PLACES)),
                hours=hours,
                functionality=draw(st.sampled_from(STATES)),
                seen=draw(st.booleans()),
            )
        )
    facts += [report(o) for o in made]
    for number in range(draw(st.integers(0, 4))):
        base = draw(st.sampled_from(made))
        update = clinic(
            "c" + str(made.index(base)),
            draw(st.sampled_from(NAMES)),
            draw(st.sampled_from(PLACES)),
            hours=50 + number,
            observed=draw(st.integers(0, 60)),
            functionality=draw(st.sampled_from(STATES)),
            seen=draw(st.booleans()),
            action="update",
            base_version=1,
        )
        facts.append(report(update))
        if draw(st.booleans()):
            edited = clinic(
                "c" + str(made.index(base)), draw(st.sampled_from(NAMES)), draw(st.sampled_from(PLACES)),
                hours=50 + number, action="update", base_version=1, source=update.source,
            )  # fmt: skip
            facts.append(report(edited, version=clock(70 + number)))
    for number in range(draw(st.integers(0, 2))):
        # A phone that was offline: its update stands on a version that may come later, or not at all.
        late = draw(st.sampled_from(made))
        facts.append(report(clinic(
            "c" + str(made.index(late)), draw(st.sampled_from(NAMES)), draw(st.sampled_from(PLACES)),
            hours=120 + number, observed=draw(st.integers(-200, 40)), functionality=draw(st.sampled_from(STATES)),
            action="update", base_version=draw(st.integers(1, 3)), sensitivity=draw(st.sampled_from((None, "low", "high"))),
        )))  # fmt: skip
    return facts + draw(events(made))


@st.composite
def events(draw: st.DrawFn, made: list) -> list[Fact]:  # type: ignore[type-arg]
    """Judgements, some taken back, and pins."""
    facts: list[Fact] = []
    for number in range(draw(st.integers(0, 5))):
        a, b = draw(st.sampled_from(made)), draw(st.sampled_from(made))
        verdict = draw(st.sampled_from(("same", "different", "unsure")))
        if a.id == b.id:
            continue
        judgement = judge(a, b, verdict, hours=80 + number, authority=draw(st.integers(1, 2)), actor=draw(OFFICERS))
        facts.append(judgement)
        if draw(st.integers(0, 3)) == 0:
            facts.append(retract(judgement.id, hours=90 + number, authority=2))
    after = draw(st.sampled_from(("nothing", "tied", "split", "torn", "disputed"))) if len(made) > 2 else "nothing"
    if after != "nothing":
        a, b, c = draw(st.permutations(made))[:3]
        facts.append(judge(a, b, "same", hours=100, authority=3))
        if after == "split":
            facts.append(judge(a, b, "different", hours=101, authority=3))
        elif after == "disputed":
            facts.append(judge(a, b, "different", hours=101, authority=3, actor="Ada"))
        elif after == "torn":
            # Two ties and a "different" across them cannot all stand.
            facts += [judge(b, c, "same", hours=103, authority=3), judge(a, c, "different", hours=104, authority=3)]
    if draw(st.integers(0, 3)) == 0:
        thing = draw(st.sampled_from(made)).entity_id
        gone = derived_id("gone", thing)
        facts.append(Presence(gone, clock(102), START, 1, register="facilities", entity_id=thing, deleted=True))
    if draw(st.booleans()):
        thing = draw(st.sampled_from(made)).entity_id
        facts.append(Pin(derived_id("pin", thing), clock(99), START, 1, register="facilities", entity_id=thing,
                         property="functionality", value="none"))  # fmt: skip
    return facts


def result(facts: Sequence[Fact], batches: int = 1) -> tuple[dict[str, Record], dict[str, Task]]:
    """Records and tasks after folding the facts in that order, in so many batches."""
    store = MemoryStore()
    engine = Engine(store, REGISTERS)
    size = max(1, len(facts) // batches)
    for start in range(0, len(facts), size):
        engine.fold(facts[start : start + size])
    return {record.id: record for record in store.records.values()}, dict(store.tasks)


@LAWS
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_records_and_questions(facts: list[Fact], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(facts)
    random.shuffle(shuffled)

    incremental = result(shuffled, batches=len(shuffled))

    assert incremental == result(facts)


@LAWS
@given(histories())
def test_folding_twice_is_folding_once(facts: list[Fact]) -> None:
    assert result([*facts, *facts], batches=len(facts)) == result(facts)


def shown(found: tuple[dict[str, Record], dict[str, Task]]) -> tuple[dict[Any, Any], set[str]]:
    """Records and questions as an officer sees them; the number of a version alone tells that something was taken back."""
    records, tasks = found
    return {
        r.entities: (r.id, r.label, r.data, r.aliases, r.contested, r.deleted_at, r.sensitivity) for r in records.values()
    }, set(tasks)


@LAWS
@given(histories())
def test_retracting_an_event_is_never_having_made_it(facts: list[Fact]) -> None:
    made = [f for f in facts if isinstance(f, Judgement | Pin | Presence)]
    if not made:
        return
    taken = made[len(facts) % len(made)]
    without = [f for f in facts if f is not taken and getattr(f, "target", None) != taken.id]

    found = result([*facts, retract(taken.id, hours=200, authority=9)])

    assert shown(found) == shown(result(without))


@LAWS
@given(histories())
def test_retracting_a_retraction_restores_the_event(facts: list[Fact]) -> None:
    targets = {f.target for f in facts if isinstance(f, Retraction)}
    made = [f for f in facts if isinstance(f, Judgement | Pin | Presence) and f.id not in targets]
    if not made:
        return
    back = retract(made[-1].id, hours=200, authority=9)

    found = result([*facts, back, retract(back.id, hours=201, authority=9)], batches=3)

    assert shown(found) == shown(result(facts))


@LAWS
@given(histories())
def test_merging_never_lowers_the_sensitivity_of_anything_that_was_said(facts: list[Fact]) -> None:
    records, _ = result(facts)

    high = {o.entity_id for report in current(facts) for o in report.observations if o.sensitivity == "high"}
    home = {entity: record for record in records.values() for entity in record.entities}
    assert all(home[entity].sensitivity == "high" for entity in high)


@LAWS
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_were_first_reported_does_not_decide_what_belongs_together(  # type: ignore[no-untyped-def]
    facts: list[Fact], random
) -> None:
    """The same creates received in another order: the same groups, the same values; only which id survives may differ."""
    creates = [f for f in facts if isinstance(f, Report) and f.observations[0].action == "create"]
    judged = [f for f in facts if isinstance(f, Judgement | Retraction)]
    clocks = [f.observations[0].clock for f in creates]
    random.shuffle(clocks)
    moved = [
        Report(f.key, (at, f.key), (replace(f.observations[0], clock=at),)) for f, at in zip(creates, clocks, strict=True)
    ]  # fmt: skip

    found, other = result([*creates, *judged])[0], result([*moved, *judged])[0]

    def values(records: dict[str, Record]) -> dict[tuple[str, ...], dict[str, str]]:
        return {r.entities: {k: v for k, v in r.data.items() if k != "geometry"} for r in records.values()}

    assert values(found) == values(other)


def current(facts: Sequence[Fact]) -> list[Report]:
    """The reports as they stand: the highest version of each."""
    latest: dict[str, Report] = {}
    for fact in facts:
        if isinstance(fact, Report) and (fact.key not in latest or latest[fact.key].version < fact.version):
            latest[fact.key] = fact
    return list(latest.values())


def met(facts: Sequence[Fact]) -> set[str]:
    """What a history made happen."""
    records, tasks = result(facts)
    home = {entity: r.id for r in records.values() for entity in r.entities}
    entity_of = {o.id: o.entity_id for f in facts if isinstance(f, Report) for o in f.observations}
    judged = [f for f in facts if isinstance(f, Judgement)]
    pairs = {frozenset({entity_of[j.a], entity_of[j.b]}) for j in judged if j.verdict == "same"}
    found = {f"question: {task.kind}" for task in tasks.values()}
    for r in records.values():
        if len(r.entities) > 1:
            found.add("merged by an officer" if any(pair <= set(r.entities) for pair in pairs) else "merged as certain")
        found |= {"pinned" for origin in r.provenance.values() if origin["rule"] == "pinned"}
        found |= {"older news" for o in r.provenance.values() if o.get("observed_at", "") < iso(r.last_observed_at)}
        states = {"conflict": r.conflict, "contested": r.contested, "deleted": r.deleted_at}
        found |= {name for name, holds in states.items() if holds}
    found |= {"split" for pair in pairs if len({home[entity] for entity in pair}) > 1}
    found |= {"edited"} if len(current(facts)) < sum(isinstance(f, Report) for f in facts) else set()
    return found | ({"taken back"} if any(isinstance(f, Retraction) for f in facts) else set())


def test_the_generated_histories_make_everything_happen_that_the_laws_speak_of() -> None:
    counted: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(histories())
    def look(facts: list[Fact]) -> None:
        counted.update(met(facts))

    look()

    wanted = (
        "merged as certain", "merged by an officer", "split", "edited", "pinned", "older news", "conflict", "contested",
        "deleted", "taken back", "question: pair", "question: proposal", "question: contested", "question: disputed",
    )  # fmt: skip
    assert {name: counted[name] for name in wanted if counted[name] < 3} == {}


@LAWS
@given(histories())
def test_a_different_in_force_is_never_overridden_by_a_score(facts: list[Fact]) -> None:
    records, _ = result(facts)

    entity_of = {o.id: o.entity_id for f in facts if isinstance(f, Report) for o in f.observations}
    judged = [f for f in facts if isinstance(f, Judgement)]
    kept = [
        e
        for e in standing(judged, [f for f in facts if isinstance(f, Retraction)])
        if isinstance(e, Judgement)
    ]
    home = {entity: r.id for r in records.values() for entity in r.entities}
    for pair, judgement in in_force(kept, entity_of).items():
        if judgement.verdict == "different":
            assert home[pair[0]] != home[pair[1]]


@LAWS
@given(histories())
def test_nothing_is_lost_and_nothing_invented(facts: list[Fact]) -> None:
    records, _ = result(facts)

    latest: dict[str, Report] = {}
    for fact in facts:
        if isinstance(fact, Report) and (
            fact.key not in latest or latest[fact.key].version < fact.version
        ):
            latest[fact.key] = fact
    observations = [o for r in latest.values() for o in r.observations]
    assert sorted(e for r in records.values() for e in r.entities) == sorted(
        {o.entity_id for o in observations}
    )
    assert sum(r.observation_count for r in records.values()) == len(observations)
    stated = {(k, s.value) for o in observations for k, s in o.statements.items()} | {
        ("functionality", "none")
    }
    assert all((key, value) in stated for r in records.values() for key, value in r.data.items())


@LAWS
@given(histories(), st.integers(0, 20))
def test_the_version_of_a_record_that_keeps_its_entities_never_falls(facts: list[Fact], cut: int) -> None:
    before, _ = result(facts[: max(1, cut)])

    after, _ = result(facts)

    kept = [r for r in before.values() if r.id in after and set(r.entities) <= set(after[r.id].entities)]
    assert all(after[r.id].version >= r.version for r in kept)


def test_the_version_grows_when_a_same_is_taken_back() -> None:
    a, b = clinic("a", "CS Gbade", "6.49 17.45", hours=1), clinic("b", "CS Gbade", "6.491 17.451", hours=2)
    same = judge(a, b, "same", hours=3)

    merged, _ = result([report(a), report(b), same])
    split, _ = result([report(a), report(b), same, retract(same.id, hours=4)])

    assert merged[a.entity_id].version == 3
    assert split[a.entity_id].version == 4


def test_a_late_older_create_takes_over_the_id_only_by_receipt() -> None:
    old_news = clinic("late", "CS Gbade", "6.4901 17.4520", hours=10, observed=-500)
    known = clinic("known", "CS Gbade", "6.4901 17.4520", hours=5)

    records, _ = result([report(old_news), report(known)], batches=2)

    assert list(records) == [entity_id("known")]
