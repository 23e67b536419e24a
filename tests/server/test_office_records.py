"""Officers' pages of registers and records: lists, filters, map points, provenance, pinning, splitting, scope."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.services import registers
from tests.cast import Cast
from tests.server.picture import BEDAYA, CS_GBADE, GBADE, Picture, paint

LIST = "/registers/facilities"


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officer(app: Flask, picture: Picture) -> FlaskClient:
    return picture.cast.page_client(app, "officer")


def merge(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    assert officer.post(f"/review/{task.id}", data={"answer": "same"}).status_code == 200


def names(page: str) -> list[str]:
    return re.findall(r'class="main-link"[^>]*>([^<]+)<', page)


def test_the_index_counts_every_register(officer: FlaskClient) -> None:
    page = officer.get("/registers").text

    assert 'href="/registers/facilities"' in page
    assert "1 not confirmed for 6 months" in page


def test_the_list_shows_codes_in_words(officer: FlaskClient) -> None:
    page = officer.get(LIST).text

    assert names(page) == [
        "Centre de Santé de Gbadé (Health centre)", "CS Gbade (Health centre)", "Poste de Bédaya (Health centre)"
    ]  # fmt: skip
    assert "Bossangoa" in page
    assert "health_centre" not in page.split('id="rows"')[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=gbade", 2), ("q=BÉDAYA", 1), ("q=poste+bedaya", 1), ("q=nowhere", 0), ("q=gb%25de", 2), ("q=gb_de", 2),
        ("functionality=partial", 1),
        ("area=CF32", 3), ("area=CF9", 0), ("stale=90", 1), ("stale=abc", 3), ("contested=yes", 0), ("unplaced=yes", 0),
        ("fac_group=health", 3), ("fac_group='; drop table records", 0), ("sort=nonsense", 3), ("after=nonsense", 3),
        ("sort=stale&after=nonsense~x", 3), ("sort=reports&after=x~y", 3),
    ],
)  # fmt: skip
def test_filters_narrow_the_list(officer: FlaskClient, query: str, found: int) -> None:
    answer = officer.get(f"{LIST}?{query}")

    assert answer.status_code == 200
    assert len(names(answer.text)) == found


def test_the_longest_unconfirmed_comes_first_when_asked(officer: FlaskClient) -> None:
    assert names(officer.get(f"{LIST}?sort=stale").text)[0].startswith("Poste de Bédaya")


@pytest.mark.parametrize("sort", ["name", "stale", "fresh", "reports"])
def test_pages_follow_each_other_without_gap_or_repetition(
    officer: FlaskClient, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(registers, "PAGE", 1)
    seen, address = [], f"{LIST}?sort={sort}"
    for _turn in range(3):
        page = officer.get(address).text
        seen += names(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else ""

    assert len(set(seen)) == 3
    assert address == ""


def test_htmx_gets_the_rows_alone(officer: FlaskClient) -> None:
    part = officer.get(LIST, headers={"HX-Request": "true"}).text

    assert "<html" not in part
    assert len(names(part)) == 3


def test_the_map_gets_points_with_state_and_address(officer: FlaskClient) -> None:
    answer = officer.get(f"{LIST}/points.geojson?functionality=partial")
    (feature,) = json.loads(answer.text)["features"]

    assert answer.mimetype == "application/geo+json"
    assert feature["geometry"]["coordinates"] == [17.4527, 6.4905]
    assert feature["properties"]["state"] == "limited"
    assert feature["properties"]["href"] == f"{LIST}/{CS_GBADE}"


def test_the_map_page_names_its_source(officer: FlaskClient) -> None:
    page = officer.get(f"{LIST}/map?fac_group=health").text

    assert 'data-source="/registers/facilities/points.geojson?fac_group=health"' in page


def test_an_officer_of_another_sector_sees_nothing_of_it(app: Flask, picture: Picture) -> None:
    other = picture.cast.page_client(app, "other_sector")

    assert names(other.get(LIST).text) == []
    assert json.loads(other.get(f"{LIST}/points.geojson").text)["features"] == []
    assert other.get(f"{LIST}/{GBADE}").status_code == 404


@pytest.mark.parametrize("role", ["partner", "auditor", "collector", "observer"])
def test_who_may_not_read_records_gets_none_of_the_pages(app: Flask, picture: Picture, role: str) -> None:
    browser = picture.cast.page_client(app, role)

    for address in ("/registers", LIST, f"{LIST}/map", f"{LIST}/points.geojson", f"{LIST}/{GBADE}", "/review"):
        assert browser.get(address).status_code == 403, address


def test_each_value_names_its_unit_day_and_report(officer: FlaskClient, picture: Picture) -> None:
    page = officer.get(f"{LIST}/{GBADE}").text

    assert "BANBATT-3" in page
    assert "seen" in page
    assert "3 Nov 2026" in page
    assert 'href="/reports/' in page


def test_a_merged_record_shows_aliases_history_and_the_reason(officer: FlaskClient, picture: Picture) -> None:
    merge(officer, picture)

    page = officer.get(f"{LIST}/{GBADE}").text

    assert "also called" in page
    assert "Made of 2 reported things" in page
    assert "89 m apart" in page
    assert page.count('class="saying"') == 2


def test_the_page_reads_in_french(officer: FlaskClient, picture: Picture) -> None:
    merge(officer, picture)

    page = officer.get(f"{LIST}/{GBADE}?lang=fr").text

    assert "à 89 m" in page
    assert "Fonctionne" in page


def test_the_id_of_a_merged_part_leads_to_the_survivor(officer: FlaskClient, picture: Picture) -> None:
    merge(officer, picture)

    answer = officer.get(f"{LIST}/{CS_GBADE}")

    assert answer.status_code == 302
    assert answer.location == f"{LIST}/{GBADE}"


def test_a_split_part_is_a_record_again_and_can_be_taken_back(officer: FlaskClient, picture: Picture) -> None:
    merge(officer, picture)
    assert officer.post(f"{LIST}/{GBADE}/split", data={"entity": CS_GBADE, "reason": "other building"}).status_code == 303
    assert picture.record(CS_GBADE).entity_count == 1

    page = officer.get(f"{LIST}/{GBADE}").text
    event = re.search(r'name="event" value="([^"]+)"', page)
    assert event is not None
    assert officer.post(f"{LIST}/{GBADE}/undo", data={"event": event[1]}).status_code == 303

    assert picture.record(GBADE).entity_count == 2


def test_a_split_needs_a_reason(officer: FlaskClient, picture: Picture) -> None:
    merge(officer, picture)

    assert officer.post(f"{LIST}/{GBADE}/split", data={"entity": CS_GBADE, "reason": " "}).status_code == 422


def test_a_part_that_is_not_there_cannot_be_split(officer: FlaskClient, picture: Picture) -> None:
    assert officer.post(f"{LIST}/{GBADE}/split", data={"entity": BEDAYA, "reason": "x"}).status_code == 409


def test_a_pinned_value_stands_above_a_later_report(officer: FlaskClient, picture: Picture) -> None:
    pinned = {"property": "functionality", "value": "none", "reason": "closed by decree"}
    assert officer.post(f"{LIST}/{GBADE}/pin", data=pinned).status_code == 303

    picture.report("Centre de Santé de Gbadé", "6.4901 17.4520 0 8", GBADE, day="2026-11-20", update=1)

    assert picture.record().data["functionality"] == "none"
    assert "closed by decree" in officer.get(f"{LIST}/{GBADE}").text


@pytest.mark.parametrize(
    "pinned",
    [
        {"property": "functionality", "value": "brilliant", "reason": "x"}, {"property": "nonsense", "value": "1", "reason": "x"},
        {"property": "geometry", "value": "somewhere", "reason": "x"}, {"property": "served", "value": "many", "reason": "x"},
        {"property": "adm2_pcode", "value": "ZZ9", "reason": "x"}, {"property": "functionality", "value": "", "reason": "x"},
        {"property": "functionality", "value": "none", "reason": ""}, {"property": "fac_name", "value": "a\x00b", "reason": "x"},
        {"property": "functionality", "value": "none", "reason": "x", "until": "tomorrow"},
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_not_pinned(officer: FlaskClient, picture: Picture, pinned: dict[str, str]) -> None:
    assert officer.post(f"{LIST}/{GBADE}/pin", data=pinned).status_code == 422
    assert picture.record().provenance["functionality"]["rule"] == "latest"


def test_an_approver_reads_but_does_not_write(app: Flask, picture: Picture) -> None:
    approver = picture.cast.page_client(app, "approver")

    page = approver.get(f"{LIST}/{GBADE}")

    assert page.status_code == 200
    assert "Pin a value" not in page.text
    assert approver.post(f"{LIST}/{GBADE}/pin", data={}).status_code == 403


def test_a_deleted_record_leaves_the_list_and_comes_back(officer: FlaskClient, picture: Picture) -> None:
    officer.post(f"{LIST}/{BEDAYA}/delete", data={"reason": "never existed"})
    assert len(names(officer.get(LIST).text)) == 2

    officer.post(f"{LIST}/{BEDAYA}/restore", data={"reason": "it does"})

    assert len(names(officer.get(LIST).text)) == 3


@pytest.mark.parametrize(
    "address",
    ["/registers/nothing", f"{LIST}/nothing", f"{LIST}/%00", f"{LIST}/{'x' * 400}", "/registers/..%2f..%2fetc", "/review/none"],
)
def test_what_is_not_there_is_not_found(officer: FlaskClient, address: str) -> None:
    assert officer.get(address).status_code == 404
