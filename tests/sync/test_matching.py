"""What is linked without asking, what is asked, and what is neither: scenario 1's mirror cases."""

from __future__ import annotations

import pytest

from sync.merge import matching as scoring
from sync.merge.blocking import own_keys, search_keys
from sync.merge.engine import Engine
from sync.merge.faces import Face, face_of, named
from sync.merge.facts import Observation, Position
from sync.merge.features import apart, compare
from sync.merge.link import face_of_row
from sync.merge.matching import match, weights_by_part
from sync.merge.memory import MemoryStore
from sync.merge.positions import parse_position
from sync.registers import load_registers
from tests.sync.reports import clinic, judge, observation, report

REGISTERS = load_registers()
FACILITIES = REGISTERS["facilities"]


def outcome(*things: Observation) -> tuple[int, int]:
    """(records, questions) after the reports."""
    store = MemoryStore()
    Engine(store, REGISTERS).fold([report(thing) for thing in things])
    return len(store.records), len(store.tasks)


def thing(key: str, name: str, place: str, *, hours: float, group: str, kind: str) -> Observation:
    said = {"fac_name": name, "fac_group": group, "fac_type": kind, "geometry": place}
    return observation(key, hours=hours, said=said)


def test_weights_are_summed_for_names_places_and_kinds() -> None:
    weights = {"equal": 0.5, "equal*d600": -0.2, "d600": 0.6, "area1_same": -0.1, "type_same": 1.0, "kind_same": 0.25}

    assert weights_by_part({"weights": weights}) == (0.3, 0.5, 1.25)
    assert weights_by_part({}) == (0.0, 0.0, 0.0)


def test_equal_name_and_type_within_thirty_metres_is_certain() -> None:
    a, b = clinic("a", "Centre de Santé Gbadé", "6.49000 17.45000", hours=1), clinic("b", "CS Gbade", "6.49020 17.45000", hours=2)

    assert outcome(a, b) == (1, 0)


def test_equal_name_within_both_stated_accuracies_is_certain() -> None:
    a = clinic("a", "CS Gbade", "6.49000 17.45000 0 60", hours=1)
    b = clinic("b", "CS Gbade", "6.49045 17.45000 0 55", hours=2)

    assert outcome(a, b) == (1, 0)


def test_beyond_one_of_the_accuracies_it_is_asked() -> None:
    a = clinic("a", "CS Gbade", "6.49000 17.45000 0 60", hours=1)
    b = clinic("b", "CS Gbade", "6.49045 17.45000 0 20", hours=2)

    assert outcome(a, b) == (2, 1)


def test_another_name_at_the_same_spot_is_never_certain() -> None:
    a, b = clinic("a", "CS Gbade", "6.49 17.45", hours=1), clinic("b", "CS Boali", "6.49 17.45", hours=2)

    assert outcome(a, b)[0] == 2


def test_numbered_twins_at_one_spot_are_never_certain() -> None:
    first = thing("a", "Ecole Primaire Boua 1", "6.49 17.45", hours=1, group="education", kind="primary")
    second = thing("b", "Ecole Primaire Boua 2", "6.49 17.45", hours=2, group="education", kind="primary")

    assert outcome(first, second)[0] == 2


def test_primary_and_secondary_of_one_name_stay_two() -> None:
    primary = thing("a", "Ecole Primaire Boua", "6.49000 17.45000", hours=1, group="education", kind="primary")
    secondary = thing("b", "Lycée Boua", "6.49001 17.45001", hours=2, group="education", kind="secondary")

    assert outcome(primary, secondary)[0] == 2


def test_a_clinic_and_a_school_of_one_name_are_not_even_asked_about() -> None:
    school = thing("b", "Boua", "6.49 17.45", hours=2, group="education", kind="primary")

    assert outcome(clinic("a", "Boua", "6.49 17.45", hours=1), school) == (2, 0)


@pytest.mark.parametrize(
    ("group", "kind", "name", "metres", "asked"),
    [
        ("health", "health_centre", "CS Gbade", 145, True),
        ("water", "borehole_hand", "Forage Gbade", 45, True),
        ("transport", "bridge", "Pont Gbade", 95, True),
    ],
)
def test_alike_names_within_the_distance_of_their_kind_are_asked(
    group: str, kind: str, name: str, metres: float, asked: bool
) -> None:
    a = thing("a", name, "6.49000 17.45000", hours=1, group=group, kind=kind)
    b = thing("b", name, f"{6.49 + metres / 111_320:.6f} 17.45000", hours=2, group=group, kind=kind)

    assert outcome(a, b) == (2, int(asked))


def test_two_villages_of_one_name_far_apart_are_two() -> None:
    a = observation(
        "a", register="settlements", hours=1, said={"settlement_name": "Boua", "geometry": "6.4 17.4", "adm2_pcode": "CF321"}
    )
    b = observation(
        "b", register="settlements", hours=2, said={"settlement_name": "Boua", "geometry": "6.9 17.9", "adm2_pcode": "CF325"}
    )

    assert outcome(a, b)[0] == 2


def test_swapped_coordinates_are_seen_for_what_they_are() -> None:
    metres, swapped = apart(Position(6.49, 17.45), Position(17.45, 6.49))

    assert (round(metres), swapped) == (0, True)


def test_a_renamed_thing_keeps_answering_to_its_old_name() -> None:
    old = clinic("a", "CS Gbade", "6.49000 17.45000", hours=1)
    renamed = clinic("a", "CS Espoir", "6.49000 17.45000", hours=2, action="update", base_version=1)
    reported = clinic("b", "Centre de Santé Gbadé", "6.49010 17.45000", hours=3)

    assert outcome(old, renamed, reported) == (1, 0)


def test_unsure_is_not_asked_again_until_something_new_comes() -> None:
    a, b = clinic("a", "CS Gbade", "6.4901 17.4520", hours=1), clinic("b", "CS Gbade", "6.4905 17.4527", hours=2)
    store = MemoryStore()
    engine = Engine(store, REGISTERS)
    engine.fold([report(a), report(b), judge(a, b, "unsure", hours=3)])
    parked = len(store.tasks)

    engine.fold([report(clinic("b", "CS Gbade", "6.4905 17.4527", hours=9, action="update", base_version=1))])

    assert (parked, len(store.tasks)) == (0, 1)


def test_contested_judgements_open_a_question() -> None:
    a, b, c = (clinic(x, "CS Gbade", f"6.49{i}01 17.45", hours=i) for i, x in enumerate("abc", 1))
    store = MemoryStore()

    Engine(store, REGISTERS).fold([
        report(a), report(b), report(c), judge(a, b, "same", hours=10, authority=2), judge(b, c, "same", hours=11),
        judge(a, c, "different", hours=12),
    ])  # fmt: skip

    assert "contested" in {task.kind for task in store.tasks.values()}
    assert [r.contested for r in store.records.values() if len(r.entities) == 2] == [True]


def test_comparison_does_not_depend_on_the_order_of_the_two() -> None:
    a = Face("a", named(["CS Gbade"], "facilities"), type="health_centre", position=parse_position("6.49 17.45"))
    b = Face("b", named(["Gbadé (Mission)"], "facilities"), type="health_post", position=parse_position("6.50 17.45"))

    assert compare(a, b, "facilities") == compare(b, a, "facilities")


def test_things_in_neighbouring_cells_find_each_other() -> None:
    a = Face("a", named(["Un"], "facilities"), position=Position(6.49, 17.45))
    b = Face("b", named(["Deux"], "facilities"), position=Position(6.4985, 17.45))

    assert search_keys(a) & own_keys(b)


def test_a_face_survives_being_stored() -> None:
    made = clinic("a", "CS Gbade (Mission)", "6.49 17.45 0 5", hours=1, unit="TS-A")
    face = face_of("a", [made], FACILITIES)

    assert face is not None
    assert Face.from_json("a", face.to_json("facilities")) == face


def test_a_missing_or_damaged_model_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(scoring.ModelError, match="'nothing' cannot be read"):
        scoring.load_model("nothing")


def test_a_sentence_of_reason_exists_for_every_comparison() -> None:
    a = Face("a", named(["CS Gbade"], "facilities"))
    b = Face("b", named(["Lycée Boua"], "facilities"))
    features = scoring.describe(a, b, compare(a, b, "facilities"))

    assert scoring.reason(features, "en").startswith("no position, names 0.")
    assert scoring.reason(features, "fr").startswith("position inconnue, noms semblables à 0.")


def test_alike_things_far_apart_are_not_asked_about() -> None:
    register = load_registers()["facilities"]
    assert register.matching is not None
    here = {"record_id": "a", "name": "Forage Gbaravo quartier 2", "type": "borehole", "lat": "7.6", "lon": "17.0"}
    far = {**here, "record_id": "b", "lat": "7.4", "lon": "18.5"}
    near = {**here, "record_id": "c", "lat": "7.6003"}

    faces = {row["record_id"]: face_of_row(row, register.matching.words) for row in (here, far, near)}

    assert not match(faces["a"], faces["b"], register.matching).proposed
    assert match(faces["a"], faces["c"], register.matching).proposed
