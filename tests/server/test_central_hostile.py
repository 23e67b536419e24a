"""/v1: every route, with values that nobody sends by mistake: an answer with a code, never a crash."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.cast import Cast
from tests.server.central_forms import Api, api

__all__ = ["api"]
ODD = [
    "%00", "..%2F..%2Fetc%2Fpasswd", "%ED%A0%80", "'%20or%20'1'='1", "%7B%7B7*7%7D%7D", "x" * 3000, "%E2%80%AE%F0%9F%92%A5", "0",
    "99999999999999999999",
]  # fmt: skip
BODIES = [
    b"", b"null", b"[]", b'{"a":', b"\xff\xfe",
    b'{"name": {"$ne": 1}, "label": [], "data": 5, "entities": 5, "body": 3, "ids": 7}',
]  # fmt: skip


def central_rules(app: Flask) -> list[Rule]:
    """Every rule of this door."""
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("central")]
    assert len(found) > 90
    return found


def addresses(rule: Rule, odd: str) -> list[str]:
    """The rule's address with one part odd and all others right."""
    right = {"project_id": "1", "form_id": "visit", "name": "people", "version": "1", "rest": "x"}
    found = []
    for chosen in rule.arguments or {""}:
        address = rule.rule
        for argument in rule.arguments:
            value = odd if argument == chosen else right.get(argument, "1")
            for shape in (f"<{argument}>", f"<path:{argument}>", f"<int:{argument}>"):
                address = address.replace(shape, "2" if shape.startswith("<int") else value)
        found.append(address)
    return found


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_values_in_any_address_get_a_code(api: Api, app: Flask, cast: Cast, odd: str) -> None:
    api.client.post("/v1/projects/1/datasets", json={"name": "people"}, headers=api.head)
    for rule in central_rules(app):
        if "GET" not in (rule.methods or ()):
            continue
        for address in addresses(rule, odd):
            answer = api.client.get(f"{address}?limit={odd}&$filter={odd}&q={odd}", headers=cast.admin.bearer)
            assert answer.status_code < 500 or answer.status_code == 501, (address, answer.get_data(as_text=True)[:300])


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("kind", ["application/json", "application/xml", "multipart/form-data; boundary=x"])
def test_odd_bodies_get_a_code(client: FlaskClient, app: Flask, cast: Cast, body: bytes, kind: str) -> None:
    for rule in central_rules(app):
        for method in sorted({"POST", "PUT", "PATCH"} & (rule.methods or set())):
            address = addresses(rule, "1")[0]
            answer = client.open(address, method=method, data=body, content_type=kind, headers=cast.admin.bearer)
            assert answer.status_code < 500, (method, address, answer.get_data(as_text=True)[:300])


def test_problems_are_json_everywhere(client: FlaskClient, app: Flask, cast: Cast) -> None:
    for rule in central_rules(app):
        if "GET" in (rule.methods or ()):
            answer = client.get(addresses(rule, "nothing")[0], headers=cast.admin.bearer)
            assert answer.status_code < 300 or {"message", "code"} <= set(answer.get_json()), rule.rule
