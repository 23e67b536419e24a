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
    ("a.b", 400.8), ("1a", 400.8), ("People", 409.16),
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
    many = [{"label": f"Person {number}", "data": {"age": str(number)}} for number in range(120)]
    answer = lists.call("POST", "/entities", json={"entities": many, "source": {"name": "people.csv", "size": 100}})

    assert answer == {"success": True}
    assert len(lists.call("GET", "/entities")) == 120


@pytest.mark.parametrize("body, code", [
    ({"label": "", "data": {}}, 400.8), ({"label": "  ", "data": {}}, 400.8), ({"data": {}}, 400.2), ({}, 400.2),
    ({"label": "x", "data": {"nothing": "1"}}, 400.28), ({"label": "x", "more": 1}, 400.31),
    ({"label": "x", "data": {"age": {}}}, 400.11), ({"label": "x", "data": {"age": True}}, 400.11),
    ({"label": "x", "data": {"age": 7}}, 400.11), ({"label": "x", "data": {"age": None}}, 400.11),
    ({"label": "x", "data": []}, 400.11), ({"label": "x", "uuid": 5}, 400.11),
    ({"label": "x", "uuid": "no"}, 400.11), ({"label": "x", "uuid": "11111111-1111-1111-8111-111111111111"}, 400.11),
    ({"label": 5}, 400.11), ({"label": "x", "uuid": "not-a-uuid\u0000"}, 400.1),
    ({"entities": [{"label": "ok"}, {"label": ""}], "source": {"name": "x"}}, 400.8),
    ({"entities": "x", "source": {"name": "x"}}, 400.31), ({"entities": [5], "source": {"name": "x"}}, 400.31),
    ({"entities": [], "source": {"name": "x"}}, 400.31), ({"entities": [{"label": "ok"}]}, 400.2),
    ({"entities": [{"label": "ok"}], "source": {"size": 5}}, 400.2),
    ({"entities": [{"label": "ok"}], "source": {"name": 5}}, 400.11),
    ({"entities": [{"label": "ok"}], "source": {"name": "x", "size": "5"}}, 400.11),
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
    several = {"entities": both, "source": {"name": "x"}}

    assert again["code"] == 409.3
    assert lists.call("POST", "/entities", status=409, json=several)["code"] == 409.3


def test_an_update_needs_the_version_it_was_made_on(lists: Lists) -> None:
    made = lists.add("Ann", age="41")
    changed = lists.call("PATCH", f"/entities/{made}?baseVersion=1", json={"data": {"age": "42"}})
    stale = lists.call("PATCH", f"/entities/{made}?baseVersion=1", status=409, json={"label": "Anna"})
    bare = lists.call("PATCH", f"/entities/{made}", status=409, json={"label": "Anna"})
    forced = lists.call("PATCH", f"/entities/{made}?force=True", json={"label": "Anna"})

    assert (changed["currentVersion"]["version"], changed["currentVersion"]["data"]) == (2, {"age": "42"})
    assert (stale["code"], bare["code"]) == (409.15, 409.15)
    assert (forced["currentVersion"]["version"], forced["currentVersion"]["label"]) == (3, "Anna")
    steps = lists.call("GET", f"/entities/{made}/versions")
    assert [(row["version"], row["label"], row["data"], row["current"]) for row in steps] == [
        (1, "Ann", {"age": "41"}, False), (2, "Ann", {"age": "42"}, False), (3, "Anna", {"age": "42"}, True),
    ]


@pytest.mark.parametrize("body, code", [
    ({}, 400.28), ({"label": ""}, 400.8), ({"data": {"nothing": "1"}}, 400.28), ({"data": {"age": 5}}, 400.11),
    ({"x": 1}, 400.31),
])  # fmt: skip
def test_a_faulty_update_changes_nothing(lists: Lists, body: dict[str, object], code: float) -> None:
    made = lists.add("Ann", age="41")
    answer = lists.call("PATCH", f"/entities/{made}?force=true", status=400, json=body)

    assert answer["code"] == code
    assert lists.call("GET", f"/entities/{made}")["currentVersion"]["version"] == 1


def test_the_current_version_tells_who_changed_it_with_what_and_on_which_version(
    lists: Lists, client: FlaskClient, cast: Cast
) -> None:
    made = lists.add("Ann", age="41")
    other = Lists(client, cast, "admin")
    changed = other.call("PATCH", f"/entities/{made}?baseVersion=1", json={"data": {"age": "42"}}, environ_overrides={
        "HTTP_USER_AGENT": "script/1",
    })  # fmt: skip

    current = changed["currentVersion"]
    assert (changed["creatorId"], current["creatorId"]) == (cast.hq_officer.actor_id, cast.people["admin"].actor_id)
    assert (current["userAgent"], current["baseVersion"], current["conflictingProperties"]) == ("script/1", 1, None)
    assert other.call("GET", "/entities")[0]["currentVersion"]["creatorId"] == cast.people["admin"].actor_id


def test_versions_tell_their_source_and_what_was_received(lists: Lists) -> None:
    made = lists.add("Ann", age="41")
    lists.call("PATCH", f"/entities/{made}?baseVersion=1", json={"data": {"age": "42"}})
    first, second = lists.call("GET", f"/entities/{made}/versions")

    assert (first["baseVersion"], second["baseVersion"], second["dataReceived"]) == (None, 1, {"age": "42"})
    assert (second["conflict"], second["resolved"], second["baseDiff"], second["serverDiff"]) == (None, False, ["age"], ["age"])
    assert (first["lastGoodVersion"], second["lastGoodVersion"], second["source"]) == (False, True, {})
    assert lists.call("GET", f"/entities/{made}/versions?relevantToConflict=true") == []


def test_entities_of_a_file_name_it_as_their_source(lists: Lists) -> None:
    lists.call("POST", "/entities", json={"entities": [{"label": "Ann"}], "source": {"name": "people.csv", "size": 7}})
    made = lists.call("GET", "/entities")[0]["uuid"]

    source = lists.call("GET", f"/entities/{made}/versions")[0]["source"]
    assert source == {"name": "people.csv", "size": 7, "count": 1}


def test_diffs_tell_what_each_version_changed(lists: Lists) -> None:
    made = lists.add("Ann", age="41")
    lists.call("PATCH", f"/entities/{made}?force=true", json={"label": "Anna", "data": {"age": "42"}})

    assert lists.call("GET", f"/entities/{made}/diffs") == [[
        {"old": "Ann", "new": "Anna", "propertyName": "label"}, {"old": "41", "new": "42", "propertyName": "age"},
    ]]


def test_the_log_of_an_entity_holds_writes_and_deletions_with_their_notes(lists: Lists) -> None:
    made = lists.add("Ann")
    lists.head = {**lists.head, "X-Action-Notes": "doubled"}
    lists.call("DELETE", f"/entities/{made}")
    lists.call("POST", f"/entities/{made}/restore")
    rows = lists.call("GET", f"/entities/{made}/audits")

    assert [(row["action"], row["notes"]) for row in rows] == [
        ("entity.restore", "doubled"), ("entity.delete", "doubled"), ("entity.create", None),
    ]
    assert [row["action"] for row in lists.call("GET", f"/entities/{made}/audits?limit=1&offset=1")] == ["entity.delete"]


def test_settling_without_a_conflict_is_400_32(lists: Lists) -> None:
    made = lists.add("Ann")

    assert lists.call("PATCH", f"/entities/{made}?resolve=true&force=true", status=400)["code"] == 400.32


def test_several_are_deleted_and_restored_and_unknown_ones_passed_over(lists: Lists) -> None:
    ids = [lists.add("Ann"), lists.add("Bob"), str(uuid.uuid4())]
    lists.call("POST", "/entities/bulk-delete", json={"ids": ids})
    gone = lists.call("GET", "/entities")
    lists.call("POST", "/entities/bulk-restore", json={"ids": ids[:1]})

    assert (gone, [row["uuid"] for row in lists.call("GET", "/entities")]) == ([], ids[:1])
    assert lists.call("POST", "/entities/bulk-delete", status=400, json={"ids": ["x"]})["code"] == 400.11


def test_the_uuid_of_a_deleted_entity_is_not_given_again(lists: Lists) -> None:
    made = lists.add("Ann")
    lists.call("DELETE", f"/entities/{made}")

    assert lists.call("POST", "/entities", status=409, json={"uuid": made, "label": "Ann"})["code"] == 409.19


def test_deleting_and_restoring_makes_no_version(lists: Lists) -> None:
    made = lists.add("Ann")
    lists.call("DELETE", f"/entities/{made}")
    lists.call("POST", f"/entities/{made}/restore")

    assert lists.call("GET", f"/entities/{made}")["currentVersion"]["version"] == 1


def test_creators_of_entities_are_listed(lists: Lists, cast: Cast) -> None:
    lists.add("Ann")

    assert [row["id"] for row in lists.call("GET", "/entities/creators")] == [cast.hq_officer.actor_id]


def test_a_property_without_values_is_deleted_and_one_with_values_stays(lists: Lists) -> None:
    lists.add("Ann", age="41")
    lists.call("DELETE", "/properties/first-name")

    assert lists.call("DELETE", "/properties/age", status=409)["code"] == 409.91
    assert lists.call("DELETE", "/properties/none", status=404)["code"] == 404.1
    assert [each["name"] for each in lists.call("GET")["properties"]] == ["age"]


def test_a_deleted_list_is_gone_and_comes_back_under_its_name(lists: Lists) -> None:
    lists.add("Ann")
    lists.call("DELETE")
    lists.call("GET", status=404)
    lists.call("POST", "/v1/projects/1/datasets", json={"name": "people"})

    assert len(lists.call("GET", "/entities")) == 1


def test_a_list_tells_its_last_change(lists: Lists) -> None:
    before = lists.call("GET")["lastUpdate"]
    lists.add("Ann")

    assert (before, lists.call("GET")["lastUpdate"]) == (None, lists.call("GET", "/entities")[0]["createdAt"])


RULE = {"datasetProperty": "age", "actorProperty": "group"}


def test_an_access_filter_is_set_shown_and_taken_off(lists: Lists) -> None:
    lists.call("POST", "/v1/projects/1/actor-properties", json={"name": "group"})
    ruled = lists.call("PATCH", json={"accessFilter": {"type": "property", "rules": [RULE]}})
    owned = lists.call("PATCH", json={"ownerOnly": True})
    free = lists.call("PATCH", json={"accessFilter": None})

    assert (ruled["ownerOnly"], ruled["accessFilter"]) == (False, {"type": "property", "rules": [RULE]})
    assert (owned["ownerOnly"], owned["accessFilter"]) == (True, {"type": "ownerOnly"})
    assert (free["ownerOnly"], "accessFilter" in free) == (False, False)


@pytest.mark.parametrize("asked", [
    {"type": "property", "rules": []}, {"type": "property"}, {"type": "other"}, {},
    {"type": "property", "rules": [{**RULE, "actorProperty": "none"}]},
    {"type": "property", "rules": [{**RULE, "datasetProperty": "none"}]}, {"type": "property", "rules": [5]},
])  # fmt: skip
def test_a_faulty_access_filter_is_refused(lists: Lists, asked: dict[str, object]) -> None:
    lists.call("POST", "/v1/projects/1/actor-properties", json={"name": "group"})
    lists.call("PATCH", status=400, json={"accessFilter": asked})

    assert "accessFilter" not in lists.call("GET")


@pytest.mark.parametrize("name, code", [("group", 409.3), ("Group", 409.3), ("__x", 400.8), ("a b", 400.8), ("label", 400.8)])
def test_impossible_actor_properties_are_refused(lists: Lists, name: str, code: float) -> None:
    lists.call("POST", "/v1/projects/1/actor-properties", json={"name": "group"})

    answer = lists.call("POST", "/v1/projects/1/actor-properties", status=int(code), json={"name": name})
    assert answer["code"] == code
    assert lists.call("GET", "/v1/projects/1/actor-properties") == [{"name": "group"}]


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
