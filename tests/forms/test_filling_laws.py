"""Laws of filling: whatever is filled by a form's own rules is found in order when it is read and checked."""

from __future__ import annotations

import time
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.definition import Field, FormDefinition
from forms.entities import operations
from forms.filling import Evaluation, evaluate, fill
from forms.nodes import Lists
from forms.submission import parse_submission, rows
from forms.validation import validate
from forms.values import Point
from tests.forms.sample_forms import LIBRARY, LISTS, NOW, clinic_form, library_form

LIBRARY_FORMS = sorted(path.stem for path in LIBRARY.glob("*.xlsx"))


def _uuid(number: int) -> str:
    return str(UUID(int=number, version=4))


MISSION = {
    "units": [{"name": "BANBATT-3", "label": "BANBATT 3"}],
    "adm1": [{"name": "CF1", "label": "Ouham"}],
    "adm2": [{"name": "CF11", "label": "Bossangoa", "adm1_pcode": "CF1"}],
    "organisations": [{"name": _uuid(9), "label": "Aid agency"}],
    "contacts": [{"name": _uuid(1), "label": "Chief", "adm2_pcode": "CF11"}],
    "suppliers": [{"name": _uuid(2), "label": "Trader", "adm2_pcode": "CF11"}],
    "routes": [{"name": _uuid(3), "label": "Route 1"}],
    "requests": [{"name": _uuid(4), "label": "RFA 1", "status": "completed"}],
    "projects": [{"name": _uuid(5), "label": "Bridge", "status": "approved", "adm2_pcode": "CF11"}],
    "assets": [{"name": _uuid(6), "label": "Truck", "unit": "BANBATT-3", "res_type": "truck"}],
    "hazards": [],
    "settlements": [
        {
            "name": _uuid(100 + n),
            "label": f"Village {n}",
            "adm2_pcode": "CF11",
            "geometry": "6.4 17.4 0 0",
            "pop_total": "900",
            "__version": "2",
        }
        for n in range(300)
    ],
    "facilities": [
        {
            "name": _uuid(1000 + n),
            "label": f"Clinic {n}",
            "adm2_pcode": "CF11",
            "fac_group": "health",
            "fac_type": "health_centre",
            "fac_name": f"Clinic {n}",
            "ownership": "government",
            "geometry": "6.4 17.4 0 0",
            "__version": "3",
        }
        for n in range(900)
    ],
}


@cache
def mission(form_id: str) -> tuple[FormDefinition, Lists]:
    definition = library_form(form_id)
    return definition, Lists(definition, MISSION)


def _answer(field: Field, shown: Evaluation, rng: Random) -> Any:
    """Some answer to a required question, as a careful person would give it."""
    if field.select is not None:
        choices = shown.choices[field.path]
        return rng.choice(choices).value if choices else None
    if field.type in {"int", "decimal"}:
        return rng.randint(1, 12)
    if field.type == "date":
        return date(2026, 11, rng.randint(1, 22))
    if field.type == "dateTime":
        return NOW + timedelta(hours=rng.randint(-240, 720))
    if field.type == "geopoint":
        return Point(6.4 + rng.random(), 17.4, 400.0, 8.0)
    if field.name.endswith("phone"):
        return "+236 70 00 00 00"
    return rng.choice(["Bodoukpa", "Boda-Ngomo", "École <B> & fils", "  x "])


def _answered(definition: FormDefinition, lists: Lists, rng: Random) -> dict[str, Any]:
    """Answers to every question that is required and to some that are not, found by asking the form again after each."""
    answers: dict[str, Any] = {}
    due: list[str] = []
    more = rng.randint(0, 8)
    for _round in range(200):
        shown = evaluate(definition, answers, lists, NOW)
        due = [finding.path for finding in shown.findings if finding.code in {"required", "constraint"}]
        wrong = [path for path in due if path in answers and not definition.by_path[path].required]
        if wrong:
            # What a form asks of an answer (a grid, a number of a list) is not always to be guessed; then it stays empty.
            answers[wrong[0]] = None
        elif due:
            answers[due[0]] = _answer(definition.by_path[due[0]], shown, rng)
        elif more and (open_ones := _open(definition, shown, answers)):
            more -= 1
            path = rng.choice(open_ones)
            answers[path] = _answer(definition.by_path[path], shown, rng)
        else:
            return {path: answer for path, answer in answers.items() if answer is not None}
    raise AssertionError(f"{definition.form_id} still asks for {due}")


_TYPED = {"string", "int", "decimal", "date", "dateTime", "geopoint"}


def _open(definition: FormDefinition, shown: Evaluation, answers: dict[str, Any]) -> list[str]:
    """Questions that are shown, may be answered and are not yet."""
    return [
        field.path for field in definition.fields
        if field.path in shown.relevant and field.path not in answers and field.path not in shown.values
        and field.control is not None and not field.readonly and (field.select is not None or field.type in _TYPED)
    ]


def _fits(form_id: str, seed: int) -> None:
    """Fills the form by its own rules and checks what came out."""
    definition, lists = mission(form_id)
    answers = _answered(definition, lists, Random(seed))

    sub = parse_submission(fill(definition, answers, lists, NOW, rng=Random(seed)))

    assert [(finding.path, finding.code, finding.value) for finding in validate(sub, definition, lists, NOW)] == [], seed
    assert {operation.problem for operation in operations(sub, definition)} <= {None}, seed


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_library_forms_filled_twenty_times_by_their_own_rules_have_no_findings(form_id: str) -> None:
    for seed in range(20):
        _fits(form_id, seed)


@pytest.mark.soak
@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_library_forms_filled_two_hundred_times_by_their_own_rules_have_no_findings(form_id: str) -> None:
    for seed in range(1000, 1200):
        _fits(form_id, seed)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=30
)
visitors = st.lists(st.fixed_dictionaries({"who": texts}, optional={"age": st.integers(1, 120)}), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([("health", "hospital"), ("school", "primary")]),
    clinic=st.sampled_from([None, *(row["name"] for row in LISTS["clinics"])]),
    name=texts,
    beds=st.integers(0, 500) | st.none(),
    days=st.integers(0, 400),
    needs=st.sets(st.sampled_from(["water", "food"])) | st.just({"none"}),
    visitor=visitors,
    seed=st.integers(),
)
def test_what_is_filled_is_read_back_and_has_no_findings(
    kind: tuple[str, str],
    clinic: str | None,
    name: str,
    beds: int | None,
    days: int,
    needs: set[str],
    visitor: list[Any],
    seed: int,
) -> None:
    answers = {"kind": kind[0], "type": kind[1], "clinic": clinic, "name": name, "beds": beds, "needs": needs}
    answers |= {"seen": NOW.date() - timedelta(days=days), "visitor": visitor}

    sub = parse_submission(fill(clinic_form(), answers, LISTS, NOW, rng=Random(seed)))

    blank = not name.strip() or any(not each["who"].strip() for each in visitor)
    assert [finding.code for finding in validate(sub, clinic_form(), LISTS, NOW) if not blank] == []
    group = rows(sub, clinic_form())["g"]
    assert isinstance(group, dict)
    assert (group["name"], group.get("beds")) == (name, str(beds) if beds is not None and kind[0] == "health" else None)


def test_filling_a_patrol_report_takes_a_few_milliseconds() -> None:
    definition, lists = mission("cimic_patrol")
    answers = _answered(definition, lists, Random(3)) | {"settlement": _uuid(120)}

    def once() -> float:
        start = time.perf_counter()
        fill(definition, answers, lists, NOW)
        return time.perf_counter() - start

    assert min(once() for _ in range(10)) < 0.010


def test_an_infrastructure_report_on_a_known_facility_is_copied_from_the_list() -> None:
    definition, lists = mission("key_infrastructure")
    known = MISSION["facilities"][5]
    answers = {"adm1": "CF1", "adm2": "CF11", "fac_group": "health", "facility": known["name"], "functionality": "full"}

    sub = parse_submission(fill(definition, answers, lists, NOW))
    (operation,) = operations(sub, definition)

    assert (operation.action, operation.entity_id, operation.base_version) == ("update", known["name"], 3)
    assert operation.values["fac_name"] == "Clinic 5"
    assert operation.values["geometry"] == "6.4 17.4 0 0"
