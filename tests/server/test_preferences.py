"""/v1: what a person's client wants remembered."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.cast import Cast, Person


def remembered(client: FlaskClient, who: Person) -> Any:
    """What the own account's extended answer holds."""
    return client.get("/v1/users/current", headers={**who.bearer, "X-Extended-Metadata": "true"}).get_json()["preferences"]


def test_nothing_is_remembered_at_first(client: FlaskClient, cast: Cast) -> None:
    assert remembered(client, cast.officer) == {"site": {}, "projects": {}}


@pytest.mark.parametrize("value", ["dark", 5, None, ["a", {"b": False}]])
def test_a_value_is_remembered_for_the_site_and_forgotten(client: FlaskClient, cast: Cast, value: Any) -> None:
    path, head = "/v1/user-preferences/site/theme", cast.officer.bearer
    client.put(path, json={"propertyValue": "old"}, headers=head)
    put = client.put(path, json={"propertyValue": value}, headers=head)
    kept = remembered(client, cast.officer)
    deleted = client.delete(path, headers=head)

    assert (put.status_code, put.get_json()) == (200, {"success": True})
    assert kept == {"site": {"theme": value}, "projects": {}}
    assert (deleted.status_code, remembered(client, cast.officer)["site"]) == (200, {})


def test_a_value_of_a_project_stands_under_its_number_and_is_ones_own(client: FlaskClient, cast: Cast) -> None:
    client.put("/v1/user-preferences/project/1/sort", json={"propertyValue": "newest"}, headers=cast.officer.bearer)

    assert remembered(client, cast.officer) == {"site": {}, "projects": {"1": {"sort": "newest"}}}
    assert remembered(client, cast.admin) == {"site": {}, "projects": {}}
    client.delete("/v1/user-preferences/project/1/sort", headers=cast.officer.bearer)
    assert remembered(client, cast.officer)["projects"] == {}


@pytest.mark.parametrize("path, body, status", [
    ("site/theme", {}, 400), ("site/theme", {"propertyValue": "x" * 10_001}, 400), ("project/99/sort", {"propertyValue": 1}, 404),
    (f"site/{'n' * 256}", {"propertyValue": 1}, 400),
])  # fmt: skip
def test_what_cannot_be_remembered_is_refused(
    client: FlaskClient, cast: Cast, path: str, body: dict[str, Any], status: int
) -> None:
    assert client.put(f"/v1/user-preferences/{path}", json=body, headers=cast.officer.bearer).status_code == status


def test_no_more_than_a_bounded_number_is_remembered(
    client: FlaskClient, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.services.preferences.MOST", 1)
    statuses = [
        client.put(f"/v1/user-preferences/site/{name}", json={"propertyValue": 1}, headers=cast.officer.bearer).status_code
        for name in ("first", "second", "first")
    ]

    assert statuses == [200, 400, 200]
