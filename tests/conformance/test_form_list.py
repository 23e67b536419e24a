"""Conformance, form list: statements 24 to 42."""

from __future__ import annotations

from tests.conformance.conftest import Patrol


def test_statement_024_the_form_list_answers_200_as_text_xml(patrol: Patrol) -> None:
    answer = patrol.phone.get("/formList")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
