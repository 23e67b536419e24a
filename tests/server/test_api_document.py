"""/v1/openapi.json: complete, sound, and true to what the views answer; then every operation is fuzzed from it."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from werkzeug.routing import Rule

from forms.xlsform import convert
from server.central.api_document import document, template
from server.services import forms
from tests.cast import Cast
from tests.permissions import central, openrosa
from tests.server.central_forms import FORM_ID, Api, api, new_id, submission_xml

__all__ = ["api"]
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
# One number a day, the same for all who run the suite that day: a failure can be had again.
SEED = dt.datetime.now(dt.UTC).date().toordinal()
# schemathesis knows how to write this one under its common name only.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
ROWS = sorted(row for table in (central.ROUTES, openrosa.ROUTES) for row in table if " /v1/" in row)


def rules(app: Flask) -> list[Rule]:
    """The rules of the API and the devices' door."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")]


def test_the_document_is_open_to_all(client: FlaskClient) -> None:
    answer = client.get("/v1/openapi.json")

    assert (answer.status_code, answer.get_json()["openapi"]) == (200, "3.1.0")


def test_every_route_is_in_the_document(app: Flask) -> None:
    there = document(app)["paths"]
    missing = [
        f"{method} {rule.rule}" for rule in rules(app) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if method.lower() not in there.get(template(rule), {})
    ]

    assert missing == []


def test_every_view_says_what_it_answers(app: Flask) -> None:
    silent = {rule.endpoint for rule in rules(app) if not hasattr(app.view_functions[rule.endpoint], "fieldpost_description")}

    assert silent == set(), "put @described(...) from server.schemas.described under @allow"


def test_every_operation_has_a_name_of_its_own_and_a_line(app: Flask) -> None:
    operations = [each for item in document(app)["paths"].values() for method, each in item.items() if method in METHODS]

    assert len({each["operationId"] for each in operations}) == len(operations)
    assert [each["operationId"] for each in operations if not each["summary"]] == []


def test_every_reference_leads_somewhere(app: Flask) -> None:
    there = document(app)
    names = {f"#/components/schemas/{name}" for name in there["components"]["schemas"]}

    assert set(references(there)) <= names


def references(value: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if not isinstance(value, dict):
        return []
    return [value["$ref"]] if "$ref" in value else [found for each in value.values() for found in references(each)]


@functools.lru_cache
def loaded(app: Flask) -> schemathesis.schemas.BaseSchema:
    """The document as schemathesis reads it; once for all tests, because it also gathers the constants of the code."""
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", app)


class Target:
    """The API with a form, a report, a list and an entity, and what fuzzing puts into addresses so that it reaches them."""

    def __init__(self, api: Api, app: Flask, cast: Cast) -> None:
        self.app, self.cast = app, cast
        api.send(submission_xml(iid := new_id()))
        api.client.post(f"{api.form}/draft", headers=api.head)
        api.client.post("/v1/projects/1/datasets", json={"name": "people"}, headers=api.head)
        made = api.client.post("/v1/projects/1/datasets/people/entities", json={"label": "Ann", "data": {}}, headers=api.head)
        self.known: dict[str, Any] = {
            "projectId": 1, "xmlFormId": FORM_ID, "instanceId": iid, "versionId": iid, "version": "1", "name": "people",
            "entityId": made.get_json()["uuid"], "roleId": "2", "actorId": cast.device_actor_ids[0], "table": "Submissions",
            "token": cast.device_tokens[0],
        }
        self.schema = loaded(app)

    def fuzz(self, row: str, examples: int) -> None:
        """Sends made-up requests of one operation, fitting and unfitting ones, to addresses that exist and that do not."""
        method, _, rule = row.partition(" ")
        found = next(each for each in rules(self.app) if each.rule == rule)
        operation = self.schema[template(found)][method]
        modes = schemathesis.GenerationMode
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in (modes.POSITIVE, modes.NEGATIVE)))

        @hypothesis.seed(SEED)
        @hypothesis.settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=cases, reach=st.integers(0, 3))
        def knock(case: schemathesis.Case, reach: int) -> None:
            if reach:
                case.path_parameters = {name: self.known.get(name, value) for name, value in (case.path_parameters or {}).items()}
            self.send(case)

        knock()

    def send(self, case: schemathesis.Case) -> None:
        """One request as an administrator; whatever was sent, the answer is one that the document names."""
        # schemathesis does not unpack what comes gzipped from an application called directly.
        head = {**self.cast.admin.bearer, "X-OpenRosa-Version": "1.0", "Tus-Resumable": "1.0.0", "Accept-Encoding": "identity"}
        answer = case.call(headers=head)

        assert answer.status_code < 500 or answer.status_code == 501, f"{answer.status_code}: {answer.text[:500]}"
        case.validate_response(answer, checks=CHECKS.get_by_names(["response_schema_conformance", "content_type_conformance"]))


@pytest.fixture
def target(api: Api, app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Something to knock at. Forms are converted in this process, or each upload would take a second."""
    monkeypatch.setattr(forms, "convert_in_child", lambda data, name, fallback, **_options: convert(data, name, fallback))
    return Target(api, app, cast)


# Several operations share a test, because setting one up costs as much as fuzzing two.
SHARES = 40


@pytest.mark.parametrize("share", range(SHARES))
def test_made_up_requests_never_crash_the_server(target: Target, share: int) -> None:
    for row in last_deletions(ROWS[share::SHARES]):
        target.fuzz(row, 5)


@pytest.mark.soak
@pytest.mark.parametrize("row", ROWS)
def test_many_made_up_requests_never_crash_the_server(target: Target, row: str) -> None:
    target.fuzz(row, 300)


def last_deletions(rows: list[str]) -> list[str]:
    """What deletes comes last, so that the others still find what they are sent to."""
    return sorted(rows, key=lambda row: row.startswith("DELETE"))
