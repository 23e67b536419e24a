"""Each of the fourteen questionnaires, filled once with what a person would write: it fits, and everything written is kept."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from forms.entities import operations
from forms.filling import fill
from forms.submission import parse_submission, walk
from forms.validation import validate
from tests.forms.by_hand import BY_HAND
from tests.forms.sample_forms import NOW
from tests.forms.test_filling_laws import LIBRARY_FORMS, mission

# What each report does to lists by the form's `entities` sheet, as (list, action). The others fill registers by rows alone.
WRITES = {
    "cimic_patrol": [("settlements", "update")],
    "key_infrastructure": [("facilities", "create")],
    "route_status": [("routes", "update")],
    "eo_hazard": [("hazards", "create")],
    "key_leader": [("contacts", "create")],
    "who_what_where": [("organisations", "create")],
    "supplier": [("suppliers", "create")],
}


def written(form_id: str) -> bytes:
    definition, lists = mission(form_id)
    return fill(definition, BY_HAND[form_id], lists, NOW, rng=Random(1))


def count(answers: Mapping[str, Any]) -> int:
    """How many answers there are, those in repeats too."""
    return sum(
        sum(count(row) for row in value) if isinstance(value, list) and value and isinstance(value[0], dict) else 1
        for value in answers.values()
    )


def test_there_is_one_for_each_questionnaire() -> None:
    assert sorted(BY_HAND) == LIBRARY_FORMS


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_it_has_no_finding(form_id: str) -> None:
    definition, lists = mission(form_id)
    found = validate(parse_submission(written(form_id)), definition, lists, NOW)

    assert [(finding.path, finding.code, finding.value) for finding in found] == []


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_every_answer_that_was_given_stands_in_the_report(form_id: str) -> None:
    definition, _lists = mission(form_id)
    told = {name for name, value in BY_HAND[form_id].items() if not (isinstance(value, list) and isinstance(value[0], dict))}
    inside = {
        name for value in BY_HAND[form_id].values() if isinstance(value, list) and isinstance(value[0], dict)
        for row in value for name in row
    }
    said = [field.name for field, _indices, text in walk(parse_submission(written(form_id)), definition) if text]

    assert (told | inside) - set(said) == set()
    assert len([name for name in said if name in told | inside]) == count(BY_HAND[form_id])


@pytest.mark.parametrize("form_id", LIBRARY_FORMS)
def test_it_writes_the_lists_that_the_form_says(form_id: str) -> None:
    definition, _lists = mission(form_id)
    asked = operations(parse_submission(written(form_id)), definition)

    assert {each.problem for each in asked} <= {None}
    assert sorted((each.dataset, each.action) for each in asked if each.action != "none") == WRITES.get(form_id, [])
