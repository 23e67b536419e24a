"""OpenRefine matches against a register: what the W3C Reconciliation Service API 0.2 asks, and nothing that one may not see.

The schemas beside this file state the specification's rules in our own words, for what it gives as JSON schemas.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import Record
from server.services import reconciliation
from tests.cast import Cast
from tests.server.lists import known_clinics, who

SCHEMAS = Path(__file__).parent / "reconciliation_schemas"
BRIA = "00000000-0000-4000-8000-000000000001"


def faults(schema: str, body: object) -> list[str]:
    """What the specification would not allow."""
    rules = jsonschema_rs.validator_for(json.loads((SCHEMAS / f"{schema}.json").read_text()))
    return [error.message for error in rules.iter_errors(body)]


@pytest.fixture
def address(session: Session, cast: Cast) -> str:
    """The address that an officer of headquarters pastes into OpenRefine."""
    known_clinics(
        session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864), ("Clinic of Briande", "health_centre", 7.5, 20.0),
        ("Hopital de Bambari", "hospital", 5.76, 20.67),
    )  # fmt: skip
    token, _until = reconciliation.new_key(session, who(session, cast))
    return f"/reconcile/{token}/facilities"


def asked(client: FlaskClient, address: str, queries: object, **more: Any) -> Any:
    answer = client.post(address, data={"queries": json.dumps(queries)}, **more)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_the_manifest_is_as_the_specification_asks(client: FlaskClient, address: str) -> None:
    manifest = client.get(address).get_json()

    assert faults("manifest", manifest) == []
    assert manifest["preview"]["url"].endswith(f"{address}/preview?id={{{{id}}}}")


def test_a_batch_by_post_and_by_get_gives_the_same(client: FlaskClient, address: str) -> None:
    queries = {"q0": {"query": "Clinic of Bria", "limit": 3}, "q1": {"query": "Hôpital Bambari", "type": "hospital"}}
    assert faults("queries", queries) == []

    by_post = asked(client, address, queries)
    by_get = client.get(address, query_string={"queries": json.dumps(queries)}).get_json()

    assert by_post == by_get
    assert faults("results", by_post) == []
    assert [by_post[key]["result"][0]["name"] for key in queries] == ["Clinic of Bria", "Hopital de Bambari"]


@pytest.mark.parametrize("place", [
    [{"pid": "_lat", "v": 6.5421}, {"pid": "_lon", "v": "21,9864"}],
    [{"pid": "geometry", "v": "x"}, {"pid": "_position", "v": "6.5421 21.9864"}],
])  # fmt: skip
def test_name_type_and_place_make_a_certain_match(client: FlaskClient, address: str, place: list[Any]) -> None:
    query = {"query": "clinic of bria", "properties": [{"pid": "fac_type", "v": "Health centre / clinic"}, *place]}

    [first, *others] = asked(client, address, {"q": query})["q"]["result"]

    assert (first["id"], first["match"], [one["match"] for one in others]) == (BRIA, True, [False] * len(others))


def test_a_name_alone_is_never_called_the_match(client: FlaskClient, address: str) -> None:
    found = asked(client, address, {"q": {"query": "Clinic of Bria"}})["q"]["result"]

    assert found
    assert not any(one["match"] for one in found)


def test_candidates_come_best_first_with_their_features(client: FlaskClient, address: str) -> None:
    found = asked(client, address, {"q": {"query": "Clinic of Bria"}})["q"]["result"]

    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    assert {"probability", "name_likeness"} <= {feature["id"] for feature in found[0]["features"]}


def test_the_limit_is_kept(client: FlaskClient, address: str) -> None:
    assert len(asked(client, address, {"q": {"query": "Clinic of Bria", "limit": 1}})["q"]["result"]) == 1


def test_a_type_narrows_the_candidates_unless_it_only_should(client: FlaskClient, address: str) -> None:
    def names(**how: Any) -> set[str]:
        return {one["name"] for one in asked(client, address, {"q": {"query": "Bambari", **how}})["q"]["result"]}

    assert "Hopital de Bambari" not in names(type="health_centre")
    assert "Hopital de Bambari" in names(type=["health_centre"], type_strict="should")


def test_what_matches_nothing_has_an_empty_result(client: FlaskClient, address: str) -> None:
    assert asked(client, address, {"q": {"query": "zzzz qqqq"}}) == {"q": {"result": []}}


@pytest.mark.parametrize("queries", [
    "[", "[]", '"x"', '{"q": 1}', '{"q": {}}', '{"q": {"query": 5}}', '{"q": {"query": "x", "limit": "many"}}',
    '{"q": {"query": "x", "properties": [{"v": 1}]}}', '{"q": {"query": "", "properties": []}}', "[" * 100_000,
    json.dumps({str(n): {"query": "x"} for n in range(101)}),
])  # fmt: skip
def test_a_faulty_batch_is_refused(client: FlaskClient, address: str, queries: str) -> None:
    answer = client.post(address, data={"queries": queries})

    assert (answer.status_code, answer.get_json()["code"]) == (400, 400.1)


def test_records_of_another_sector_are_no_candidates(client: FlaskClient, session: Session, cast: Cast, address: str) -> None:
    session.query(Record).update({"sector_id": cast.sector_ids[1]})
    token, _until = reconciliation.new_key(session, who(session, cast, "officer"))
    own = f"/reconcile/{token}/facilities"

    assert asked(client, own, {"q": {"query": "Clinic of Bria"}}) == {"q": {"result": []}}
    assert client.get(f"{own}/suggest/entity?prefix=bria").get_json() == {"result": []}
    assert client.get(f"{own}/preview?id={BRIA}").status_code == 404
    extended = client.get(own, query_string={"extend": json.dumps({"ids": [BRIA], "properties": [{"id": "fac_type"}]})})
    assert extended.get_json()["rows"] == {BRIA: {"fac_type": []}}


def test_records_can_be_extended_by_values(client: FlaskClient, address: str) -> None:
    wanted = {"ids": [BRIA, "nobody"], "properties": [{"id": "fac_type"}, {"id": "_lat"}, {"id": "no_such"}]}

    body = client.post(address, data={"extend": json.dumps(wanted)}).get_json()

    assert faults("extension", body) == []
    assert body["rows"][BRIA] == {"fac_type": [{"str": "Health centre / clinic"}], "_lat": [{"float": 6.5421}], "no_such": []}
    assert body["rows"]["nobody"] == {"fac_type": [], "_lat": [], "no_such": []}


@pytest.mark.parametrize("extend", ["x", "{}", '{"ids": "a", "properties": []}', '{"ids": [1], "properties": []}',
                                    '{"ids": [], "properties": [1]}'])  # fmt: skip
def test_a_faulty_extension_is_refused(client: FlaskClient, address: str, extend: str) -> None:
    assert client.post(address, data={"extend": extend}).status_code == 400


@pytest.mark.parametrize(("kind", "prefix", "first"), [
    ("entity", "bria", "Clinic of Bria"), ("property", "lat", "Latitude"), ("type", "hosp", "Hospital"),
])  # fmt: skip
def test_suggestions_follow_what_is_typed(client: FlaskClient, address: str, kind: str, prefix: str, first: str) -> None:
    body = client.get(f"{address}/suggest/{kind}?prefix={prefix}").get_json()

    assert faults("suggestions", body) == []
    assert body["result"][0]["name"] == first


def test_properties_are_proposed(client: FlaskClient, address: str) -> None:
    body = client.get(f"{address}/properties?type=facilities&limit=3").get_json()

    assert (body["type"], body["limit"], len(body["properties"])) == ("facilities", 3, 3)


def test_a_preview_may_stand_in_a_frame_and_runs_nothing(client: FlaskClient, session: Session, address: str) -> None:
    record = session.get_one(Record, {"id": BRIA, "project_id": 1, "dataset": "facilities"})
    record.label = "<script>alert(1)</script>"
    session.flush()

    answer = client.get(f"{address}/preview?id={BRIA}")

    assert "<script>" not in answer.text
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]


def test_every_answer_may_be_read_by_scripts_of_other_sites(client: FlaskClient, address: str) -> None:
    answers = [client.get(address), client.get(f"{address}/suggest/type?prefix=h"), client.get("/reconcile/wrong/facilities")]

    assert [answer.headers.get("Access-Control-Allow-Origin") for answer in answers] == ["*"] * 3


def test_a_callback_makes_a_script(client: FlaskClient, address: str) -> None:
    answer = client.get(f"{address}?callback=jQuery1.cb_2")

    assert answer.mimetype == "application/javascript"
    assert faults("manifest", json.loads(answer.text.removeprefix("/**/jQuery1.cb_2(").removesuffix(");"))) == []


@pytest.mark.parametrize("callback", ["alert(1)//", "a b", "x" * 200, "<script>"])
def test_a_callback_that_is_no_name_is_refused(client: FlaskClient, address: str, callback: str) -> None:
    assert client.get(address, query_string={"callback": callback}).status_code == 400


def test_no_script_is_made_for_who_comes_with_a_password(client: FlaskClient, cast: Cast, address: str) -> None:
    answer = client.get("/reconcile/-/facilities?callback=cb", headers=cast.hq_officer.bearer)

    assert answer.status_code == 400


def test_the_cookie_of_a_page_opens_nothing(app: Flask, cast: Cast, address: str) -> None:
    browser = cast.page_client(app, "hq_officer")

    assert browser.get("/reconcile/-/facilities").status_code == 401


def test_a_header_opens_the_same(client: FlaskClient, cast: Cast, address: str) -> None:
    assert client.get("/reconcile/-/facilities", headers=cast.hq_officer.bearer).status_code == 200


def test_a_key_that_was_ended_opens_nothing(client: FlaskClient, session: Session, cast: Cast, address: str) -> None:
    reconciliation.end_keys(session, who(session, cast))

    assert client.get(address).status_code == 401


def test_a_key_opens_no_other_door(client: FlaskClient, address: str) -> None:
    token = address.split("/")[2]

    assert client.get("/v1/projects", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get(f"/v1/key/{token}/projects/1/formList", headers={"X-OpenRosa-Version": "1.0"}).status_code in (401, 403)


def test_a_list_without_matching_is_not_served(client: FlaskClient, address: str) -> None:
    assert client.get(address.replace("facilities", "no_such")).status_code == 404
