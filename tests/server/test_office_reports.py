"""The inbox and the page of one report, as officers of different sectors and roles see them."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.server.office_reports import photo, publish_patrol, send, visit


@pytest.fixture
def _patrol(session: Session, cast: Cast) -> None:
    publish_patrol(session)


pytestmark = pytest.mark.usefixtures("_patrol")


def test_the_inbox_shows_a_report_with_its_place_and_receipt(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())

    page = cast.page_client(app, "officer").get("/reports").text

    assert receipt.number in page
    assert "Gbadé" in page


def test_an_officer_of_another_sector_sees_neither_list_nor_report_nor_photo(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": photo()})
    stranger = cast.page_client(app, "other_sector")

    assert receipt.number not in stranger.get("/reports").text
    assert stranger.get(f"/reports/{receipt.number}").status_code == 404
    assert stranger.get(f"/reports/{receipt.number}/photos/a.jpg").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("text=gbad", True), ("text=GBÁDE", True), ("text=gbade", True),
        ("text=nowhere", False), ("text=%25", False), ("form=cimic_patrol", True), ("form=other", False),
        ("unit=BANBATT-3", True), ("unit=TS-BOSSANGOA", False), ("state=new", True), ("state=approved", False),
        ("mark=alarm", False), ("mark=incomplete", True), ("mark=deleted", False), ("channel=openrosa", True),
        ("channel=radio", False),
        ("since=2026-01-01", True), ("until=2020-01-01", False), ("since=nonsense", True), ("after=nonsense", True),
        ("since=9999-12-31", True), ("sector=x", True),
    ],
)  # fmt: skip
def test_filters_narrow_the_inbox(app: Flask, session: Session, cast: Cast, query: str, found: bool) -> None:
    receipt = send(app, session, cast, visit({"photo": "missing.jpg"}))

    page = cast.page_client(app, "hq_officer").get(f"/reports?{query}").text

    assert (receipt.number in page) is found


def test_every_report_is_on_exactly_one_page(app: Flask, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.office.inbox.PAGE", 2)
    sent = {send(app, session, cast, visit({"settlement_new": f"Place {n}"})).number for n in range(5)}
    browser, address, seen = cast.page_client(app, "officer"), "/reports", []

    while address:
        page = browser.get(address).text
        seen += [number for number in sent if number in page]
        address = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")

    assert sorted(seen) == sorted(sent)


def test_htmx_gets_the_rows_only(app: Flask, session: Session, cast: Cast) -> None:
    page = cast.page_client(app, "officer").get("/reports", headers={"HX-Request": "true", "HX-Target": "reports"}).text

    assert "<html" not in page


def test_the_report_page_speaks_the_readers_language(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())
    browser = cast.page_client(app, "officer")

    english = browser.get(f"/reports/{receipt.number}").text
    french = browser.get(f"/reports/{receipt.number}?lang=fr").text

    assert "Most pressing need" in english
    assert "Besoin le plus pressant" in french


def test_device_and_user_name_are_for_headquarters_only(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())

    officer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}").text
    headquarters = cast.page_client(app, "hq_officer").get(f"/reports/{receipt.number}").text

    assert "secret-device" not in officer
    assert "capt.unknown" not in officer
    assert "secret-device" in headquarters


def test_a_finding_stands_beside_its_question(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit({"pop_total": 900_000}))

    page = cast.page_client(app, "officer").get(f"/reports/{receipt.number}").text

    flagged = page.partition('class="qa flagged"')[2][:600]
    assert "Estimated people living here now" in flagged
    assert 'class="finding"' in flagged


def test_a_shown_photo_is_upright_and_holds_no_position(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": photo(640, 480)})

    answer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}/photos/a.jpg?size=full")

    image = Image.open(io.BytesIO(answer.data))
    assert image.size == (480, 640)
    assert dict(image.getexif()) == {}
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_the_file_address_of_a_photo_gives_no_position_either(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": photo()})

    answer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}/files/a.jpg")

    assert dict(Image.open(io.BytesIO(answer.data)).getexif()) == {}


def test_the_photo_at_its_own_size_is_the_one_that_was_taken_without_its_position(
    app: Flask, session: Session, cast: Cast
) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": photo(640, 480)})

    answer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}/photos/a.jpg?size=original")

    image, taken = Image.open(io.BytesIO(answer.data)), Image.open(io.BytesIO(photo(640, 480)))
    assert image.tobytes() == taken.tobytes()
    assert dict(image.getexif()) == {0x0112: 6}
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.jpg"


def test_the_report_says_where_a_photo_was_taken_and_how_far_that_is_from_its_position(
    app: Flask, session: Session, cast: Cast
) -> None:
    told = visit({"photo": "a.jpg", "geometry": "6.4901 17.4520 0 5"})
    receipt = send(app, session, cast, told, {"a.jpg": photo()})

    page = cast.page_client(app, "officer").get(f"/reports/{receipt.number}").text

    assert re.search(r"Taken at 6\.49000, 17\.45194, \d+ m from the report&#39;s position", page)


def test_of_a_photo_without_a_position_nothing_is_said(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": photo(position=False)})

    assert "Taken at" not in cast.page_client(app, "officer").get(f"/reports/{receipt.number}").text


@pytest.mark.parametrize("data", [b"", b"<script>alert(1)</script>", b"\xff\xd8\xff\xe0" + b"\x00" * 40, photo()[:300]])
def test_a_damaged_photo_is_refused_and_not_sent(app: Flask, session: Session, cast: Cast, data: bytes) -> None:
    receipt = send(app, session, cast, visit({"photo": "a.jpg"}), {"a.jpg": data})

    answer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}/photos/a.jpg")

    assert answer.status_code == 415


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(app: Flask, session: Session, cast: Cast) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    receipt = send(app, session, cast, visit({"photo": "a.png"}), {"a.png": bomb.getvalue()})

    answer = cast.page_client(app, "officer").get(f"/reports/{receipt.number}/photos/a.png")

    assert answer.status_code == 415


def test_an_approved_report_says_so_and_by_whom(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())
    browser = cast.page_client(app, "officer")

    browser.post(f"/reports/{receipt.number}/review", data={"state": "approved", "note": "Checked by radio"})

    page = browser.get(f"/reports/{receipt.number}").text
    assert "Checked by radio" in page
    assert receipt.number in browser.get("/reports?state=approved").text


def test_has_issues_wants_a_reason(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())

    answer = cast.page_client(app, "officer").post(f"/reports/{receipt.number}/review", data={"state": "hasIssues"})

    assert answer.status_code == 422


def test_a_comment_is_shown_as_text_and_never_as_markup(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())
    browser = cast.page_client(app, "officer")

    browser.post(f"/reports/{receipt.number}/comment", data={"text": "<script>alert(1)</script>"})

    assert "&lt;script&gt;alert(1)" in browser.get(f"/reports/{receipt.number}").text


def test_a_deleted_report_leaves_the_inbox_and_comes_back(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())
    browser = cast.page_client(app, "officer")

    browser.post(f"/reports/{receipt.number}/delete", data={"note": "double"})
    gone = browser.get("/reports").text
    browser.post(f"/reports/{receipt.number}/restore")

    assert receipt.number not in gone
    assert receipt.number in browser.get("/reports").text


def test_a_correction_shows_what_changed_and_keeps_the_first_version(app: Flask, session: Session, cast: Cast) -> None:
    first = send(app, session, cast, visit(instance_id="uuid:1"))
    edited = visit({"pop_total": 2500}, instance_id="uuid:2").replace(
        b"</instanceID>", b"</instanceID><deprecatedID>uuid:1</deprecatedID>"
    )
    send(app, session, cast, edited)
    browser = cast.page_client(app, "officer")

    page = browser.get(f"/reports/{first.number}").text
    old = browser.get(f"/reports/{first.number}?version=1").text

    assert "What the correction changed" in page
    assert "2400" in page.partition("What the correction changed")[2][:900]
    assert "You are looking at version 1" in old


def test_strangers_and_partners_see_no_report(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())

    assert app.test_client().get(f"/reports/{receipt.number}").status_code == 303
    assert cast.page_client(app, "partner").get(f"/reports/{receipt.number}").status_code == 403
    assert cast.page_client(app, "auditor").get("/reports").status_code == 403


def test_a_report_leads_to_the_record_it_changed(app: Flask, session: Session, cast: Cast) -> None:
    receipt = send(app, session, cast, visit())
    browser = cast.page_client(app, "hq_officer")

    page = browser.get(f"/reports/{receipt.number}").text

    address = page.partition('<a href="/registers/settlements/')[2].partition('"')[0]
    assert address
    assert browser.get(f"/registers/settlements/{address}").status_code == 200
