"""/v1: entity lists and entities as pyODK and scripts write and read them."""

from __future__ import annotations

import csv
import functools
import io
import uuid
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.cast import Cast


class Lists:
    """A list without register file, "people", with two properties."""

    def __init__(self, client: FlaskClient, cast: Cast, role: str = "hq_officer") -> None:
        # Streamed answers are read to their end, as a server does; a test may look at the headers only.
        client.open = functools.partial(type(client).open, client, buffered=True)  # type: ignore[method-assign]
        self.client, self.head, self.base = client, cast.people[role].bearer, "/v1/projects/1/datasets/people"

    def call(self, method: str, path: str = "", status: int = 200, **more):  # type: ignore[no-untyped-def]
        """Calls below the list's address and returns the JSON."""
        address = path if path.startswith("/v1") else f"{self.base}{path}"
        answer = self.client.open(address, method=method, headers=self.head, **more)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def add(self, label: str, entity_id: str | None = None, **data: str) -> str:
        """A new entity; returns its id."""
        made = self.call("POST", "/entities", json={"uuid": entity_id, "label": label, "data": data})
        return str(made["uuid"])


@pytest.fixture
def lists(client: FlaskClient, cast: Cast) -> Lists:
    """The list, made through the API."""
    made = Lists(client, cast)
    made.call("POST", "/v1/projects/1/datasets", json={"name": "people"})
    for name in ("first-name", "age"):
        made.call("POST", "/properties", json={"name": name})
    return made


def test_a_list_shows_its_properties(lists: Lists) -> None:
    shown = lists.call("GET")

    assert [(each["name"], each["odataName"], each["forms"]) for each in shown["properties"]] == [
        ("first-name", "first_name", []), ("age", "age", []),
    ]
    assert (shown["approvalRequired"], shown["linkedForms"], shown["sourceForms"]) == (False, [], [])
    assert [each["name"] for each in lists.call("GET", "/v1/projects/1/datasets")] == ["people"]


@pytest.mark.parametrize("name, code", [
    ("people", 409.3), ("__x", 400.8), ("a b", 400.8), ("", 400.8), ("a/b", 400.8), ("x" * 300, 400.8), (5, 400.8),
    ("a:b", 400.8),
])  # fmt: skip
def test_impossible_names_of_lists_are_refused(lists: Lists, name: object, code: float) -> None:
    assert lists.call("POST", "/v1/projects/1/datasets", status=int(code), json={"name": name})["code"] == code


@pytest.mark.parametrize("name, code", [("age", 409.3), ("AGE", 409.3), ("name", 400.8), ("Label", 400.8), ("__id", 400.8)])
def test_impossible_names_of_properties_are_refused(lists: Lists, name: str, code: float) -> None:
    assert lists.call("POST", "/properties", status=int(code), json={"name": name})["code"] == code


def test_an_entity_is_made_and_read_back_at_once(lists: Lists, cast: Cast) -> None:
    wanted = str(uuid.uuid4())
    made = lists.call("POST", "/entities", json={"uuid": wanted, "label": "Ann", "data": {"age": "41"}})
    shown = lists.call("GET", f"/entities/{wanted}")

    assert made == shown
    assert (shown["uuid"], shown["creatorId"], shown["conflict"]) == (wanted, cast.hq_officer.actor_id, None)
    assert (shown["currentVersion"]["label"], shown["currentVersion"]["version"]) == ("Ann", 1)
    assert shown["currentVersion"]["data"] == {"age": "41"}
    assert isinstance(shown["currentVersion"]["userAgent"], str)


def test_the_list_of_entities_has_no_data_and_the_newest_first(lists: Lists) -> None:
    first, second = lists.add("Ann", age="41"), lists.add("Bob")
    rows = lists.call("GET", "/entities")

    assert [row["uuid"] for row in rows] == [second, first]
    assert "data" not in rows[0]["currentVersion"]


def test_many_entities_are_made_in_one_request(lists: Lists) -> None:
    many = [{"label": f"Person {number}", "data": {"age": number}} for number in range(120)]
    answer = lists.call("POST", "/entities", json={"entities": many, "source": {"name": "people.csv", "size": 100}})

    assert answer == {"success": True}
    assert len(lists.call("GET", "/entities")) == 120


@pytest.mark.parametrize("body, code", [
    ({"label": "", "data": {}}, 400.28), ({"data": {}}, 400.28), ({"label": "x", "data": {"nothing": "1"}}, 400.28),
    ({"label": "x", "data": {"age": {}}}, 400.11), ({"label": "x", "data": {"age": True}}, 400.11),
    ({"label": "x", "data": []}, 400.11),
    ({"label": "x", "uuid": "no"}, 400.28), ({"label": 5}, 400.28), ({"label": "x", "uuid": "not-a-uuid\u0000"}, 400.1),
    ({"entities": [{"label": "ok"}, {"label": ""}]}, 400.28), ({"entities": "x"}, 400.8), ({"entities": [5]}, 400.8),
])  # fmt: skip
def test_a_faulty_entity_stores_nothing(lists: Lists, body: dict[str, object], code: float) -> None:
    answer = lists.call("POST", "/entities", status=int(code), json=body)

    assert answer["code"] == code
    assert lists.call("GET", "/entities") == []


def test_the_same_uuid_twice_is_409_3(lists: Lists) -> None:
    made = lists.add("Ann")
    again = lists.call("POST", "/entities", status=409, json={"uuid": made, "label": "Ann"})
    twice = str(uuid.uuid4())
    both = [{"uuid": twice, "label": "A"}, {"uuid": twice.upper(), "label": "B"}]

    assert again["code"] == 409.3
    assert lists.call("POST", "/entities", status=409, json={"entities": both})["code"] == 409.3


def test_an_update_needs_the_version_it_was_made_on(lists: Lists) -> None:
    made = lists.add("Ann", age="41")
    changed = lists.call("PATCH", f"/entities/{made}?baseVersion=1", json={"data": {"age": "42"}})
    stale = lists.call("PATCH", f"/entities/{made}?baseVersion=1", status=409, json={"label": "Anna"})
    bare = lists.call("PATCH", f"/entities/{made}", status=400, json={"label": "Anna"})
    forced = lists.call("PATCH", f"/entities/{made}?force=True", json={"label": "Anna"})

    assert (changed["currentVersion"]["version"], changed["currentVersion"]["data"]) == (2, {"age": "42"})
    assert (stale["code"], bare["code"]) == (409.15, 400.2)
    assert (forced["currentVersion"]["version"], forced["currentVersion"]["label"]) == (3, "Anna")
    steps = lists.call("GET", f"/entities/{made}/versions")
    assert [(row["version"], row["label"], row["data"], row["current"]) for row in steps] == [
        (1, "Ann", {"age": "41"}, False), (2, "Ann", {"age": "42"}, False), (3, "Anna", {"age": "42"}, True),
    ]


def test_a_deleted_entity_is_gone_and_comes_back(lists: Lists) -> None:
    made = lists.add("Ann")
    lists.call("DELETE", f"/entities/{made}")
    lists.call("GET", f"/entities/{made}", status=404)
    deleted = lists.call("GET", "/entities?deleted=true")
    lists.call("POST", f"/entities/{made}/restore")

    assert [row["uuid"] for row in deleted] == [made]
    assert lists.call("GET", f"/entities/{made}")["deletedAt"] is None


def test_the_odata_table_shows_every_property(lists: Lists, cast: Cast) -> None:
    made = lists.add("Ann", age="41")
    lists.call("PATCH", f"/entities/{made}?force=true", json={"data": {"first-name": "Ann"}})
    row = lists.call("GET", ".svc/Entities")["value"][0]

    assert (row["__id"], row["label"], row["age"], row["first_name"]) == (made, "Ann", "41", "Ann")
    assert (row["__system"]["version"], row["__system"]["updates"]) == (2, 1)
    assert row["__system"]["creatorName"] == "HQ Officer"


@pytest.mark.parametrize("query, number", [
    ("$filter=" + quote("__system/createdAt lt now()"), 3), ("$filter=" + quote("__system/conflict ne null"), 0),
    ("$search=bob", 1),
    ("$filter=" + quote("__system/deletedAt ne null"), 0), ("$top=2", 2), ("$skip=1", 2), ("$orderby=label%20desc", 3),
])  # fmt: skip
def test_the_odata_table_is_filtered_and_cut(lists: Lists, query: str, number: int) -> None:
    for label in ("Ann", "Bob", "Cid"):
        lists.add(label)

    assert len(lists.call("GET", f".svc/Entities?{query}")["value"]) == number


def test_following_next_links_gives_every_entity_once(lists: Lists) -> None:
    made = [lists.add(label) for label in ("Ann", "Bob", "Cid")]
    first = lists.call("GET", ".svc/Entities?$top=2&$count=true")
    following = urlsplit(first["@odata.nextLink"])
    second = lists.call("GET", f"{following.path}?{following.query}")

    assert first["@odata.count"] == 3
    assert [row["__id"] for row in [*first["value"], *second["value"]]] == made[::-1]
    assert "@odata.nextLink" not in second


@pytest.mark.parametrize("query, code", [
    ("$filter=age%20eq%20'4'", 501.5), ("$apply=x", 501.1), ("$skiptoken=01eyJ1dWlkIjoieCJ9", 400.8), ("$top=x", 400.8),
])  # fmt: skip
def test_odd_queries_get_a_code(lists: Lists, query: str, code: float) -> None:
    assert lists.call("GET", f".svc/Entities?{query}", status=int(code))["code"] == code


def test_the_csv_neutralises_formulas_and_keeps_numbers(lists: Lists) -> None:
    lists.add("=1+1", age="-5")
    answer = lists.client.get(f"{lists.base}/entities.csv", headers=lists.head)
    row = next(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))

    assert (row["label"], row["age"], row["__version"]) == ("'=1+1", "-5", "1")
    assert lists.client.get(
        f"{lists.base}/entities.csv", headers={**lists.head, "If-None-Match": answer.headers["ETag"]}
    ).status_code == 304


def test_geojson_shows_what_has_a_place(lists: Lists) -> None:
    lists.call("POST", "/properties", json={"name": "geometry"})
    placed = lists.add("Here", geometry="4.5 18.25 0 0")
    lists.add("Nowhere")
    features = lists.call("GET", "/entities.geojson")["features"]

    assert [(each["id"], each["geometry"]) for each in features] == [
        (placed, {"type": "Point", "coordinates": [18.25, 4.5]}),
    ]


@pytest.mark.parametrize("role", ["approver", "partner", "auditor", "collector", "observer"])
def test_who_may_not_read_lists_gets_403(lists: Lists, client: FlaskClient, cast: Cast, role: str) -> None:
    Lists(client, cast, role).call("GET", "/entities", status=403)


def test_an_officer_of_a_sector_sees_nothing_of_no_sector(lists: Lists, client: FlaskClient, cast: Cast) -> None:
    made = lists.add("Ann")
    other = Lists(client, cast, "other_sector")

    assert other.call("GET", "/entities") == []
    assert other.call("GET", ".svc/Entities")["value"] == []
    other.call("GET", f"/entities/{made}", status=404)
    other.call("DELETE", f"/entities/{made}", status=404)
    other.call("PATCH", f"/entities/{made}?force=true", status=404, json={"label": "x"})


@pytest.mark.parametrize(
    "path", ["/entities/none", "/entities/3f0c0b3e-6e0f-4d5f-9d61-5d4b8f5f0a11", "/entities/none/versions", ".svc/Nothing"]
)
def test_what_is_not_there_is_404(lists: Lists, path: str) -> None:
    assert lists.call("GET", path, status=404)["code"] == 404.1
