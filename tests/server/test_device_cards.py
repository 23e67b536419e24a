"""A device's printable card, what was on it, and the marks of plain http."""

from __future__ import annotations

import dataclasses

import pypdfium2
import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import FormVersion, Post
from server.queries import devices as device_queries
from server.queries.mission import put_setting
from server.services import addresses, device_cards, device_contents, devices
from server.services.device_cards import Card
from tests.cast import Cast
from tests.devices import Phone, add_form, new_id, report

A6_MM = (105.0, 148.0)
SAMPLE = Card("Mission", "PATROL 21", "S9 BANBATT-3", "+236 72 00 11 22", "a payload of some length " * 12, True, "2026-11-22")


def pages(pdf: bytes) -> list[pypdfium2.PdfPage]:
    document = pypdfium2.PdfDocument(pdf)
    return [document[number] for number in range(len(document))]


def text_of(pdf: bytes, page: int = 0) -> str:
    return " ".join(str(pages(pdf)[page].get_textpage().get_text_range()).split())


def code_of(pdf: bytes, page: int = 0) -> str:
    """What a phone reads off the page."""
    found = zxingcpp.read_barcodes(pages(pdf)[page].render(scale=4).to_pil())
    assert len(found) == 1
    return str(found[0].text)


def card_of(browser: FlaskClient, cast: Cast) -> bytes:
    """A new device's card as the officer's browser gets it."""
    browser.post("/devices", data={"post": cast.post_ids[0], "name": "PATROL 21"})
    device = max(device_queries.devices(cast.session, 1, cast.post_ids[0]), key=lambda each: each.actor.id)
    answer = browser.get(f"/devices/{device.actor.id}/card.pdf")
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "no-store, private"
    return bytes(answer.data)


def test_the_card_is_one_a6_page(app: Flask, cast: Cast) -> None:
    made = pages(card_of(cast.page_client(app, "hq_officer"), cast))

    assert len(made) == 1
    assert [round(points / 72 * 25.4, 1) for points in made[0].get_size()] == list(A6_MM)


def test_the_code_on_paper_is_the_code_on_screen(app: Flask, session: Session, cast: Cast) -> None:
    read = code_of(card_of(cast.page_client(app, "hq_officer"), cast))
    device = max(device_queries.devices(session, 1, cast.post_ids[0]), key=lambda each: each.actor.id)

    assert read == devices.qr_card(session, app.config["SETTINGS"], device, "http://localhost/").payload


def test_the_card_names_call_sign_post_and_duty_phone(app: Flask, session: Session, cast: Cast) -> None:
    session.get_one(Post, cast.post_ids[0]).duty_phone = "+236 70 11 22 33"
    said = text_of(card_of(cast.page_client(app, "hq_officer"), cast))

    for expected in ("PATROL 21", "S9 BANBATT-3", "+236 70 11 22 33", "Test mission"):
        assert expected in said


def test_the_missions_duty_phone_stands_in_for_the_posts(app: Flask, session: Session, cast: Cast) -> None:
    put_setting(session, "duty_phone", "+236 75 00 00 00")

    assert "+236 75 00 00 00" in text_of(card_of(cast.page_client(app, "hq_officer"), cast))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_card_says_what_to_do_when_lost_in_both_languages(app: Flask, cast: Cast, language: str) -> None:
    browser = cast.page_client(app, "hq_officer")
    browser.set_cookie("lang", language)
    said = text_of(card_of(browser, cast))

    assert "Phone or card lost?" in said
    assert "Call the duty phone at once" in said
    assert "Téléphone ou carte perdu" in said
    assert "Appelez aussitôt la permanence" in said


def test_plain_http_is_marked_and_https_is_not(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    plain = text_of(card_of(browser, cast))
    safe = text_of(device_cards.cards_pdf([Card(**{**SAMPLE.__dict__, "unsafe": False})]))

    assert "Plain http" in plain
    assert "http simple" in plain
    assert "http" not in safe


@pytest.mark.parametrize("name", ["Бангасу 4", "دورية ٤", "巡逻", "x" * 300, "", "<b>&amp;</b>", "a\nb", "É\u0301"])
def test_any_name_fits_on_the_card(name: str) -> None:
    made = device_cards.cards_pdf([Card(name, name, name, name[:60], SAMPLE.payload, True, "2026-11-22")])

    assert code_of(made) == SAMPLE.payload


def test_cards_of_several_devices_are_pages_of_one_file(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    page = browser.post("/devices", data={"post": list(cast.post_ids)}, follow_redirects=True)
    address = page.text.partition('href="/devices/cards.pdf')[2].partition('"')[0]
    made = browser.get(f"/devices/cards.pdf{address}").data

    assert len(pages(made)) == 2
    assert code_of(made, 0) != code_of(made, 1)


def test_a_revoked_device_has_no_card(app: Flask, session: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    device, _token = devices.create_device(session, app.config["SETTINGS"], None, name="Lost", post_id=cast.post_ids[0])
    devices.revoke(session, None, device.actor.id)

    assert browser.get(f"/devices/{device.actor.id}/card.pdf").status_code == 409
    assert browser.get(f"/devices/cards.pdf?id={device.actor.id}").status_code == 404


def test_what_was_on_a_lost_device_is_listed(app: Flask, session: Session, cast: Cast) -> None:
    add_form(session, title="Patrol report", files=("units.csv",))
    add_form(session, "other", post_types=("team_site",), title="Not for this post")
    phone = Phone(app.test_client(), cast.key_path())
    assert phone.send(report(new_id(), settlement_new="A", photo="a.jpg"), {"a.jpg": b"x"}).status_code == 201
    browser = cast.page_client(app, "hq_officer")
    page = browser.post(f"/devices/{cast.device_actor_ids[0]}/revoke", follow_redirects=True).text
    device = device_queries.device(session, cast.device_actor_ids[0])
    assert device is not None
    held = device_contents.contents(session, device)

    assert [form.xml_form_id for form in held.forms] == ["patrol"]
    assert [(file.name, file.rows) for file in held.files] == [("units.csv", 2)]
    assert [(each.xml_form_id, each.reports, each.files) for each in held.sent] == [("patrol", 1, 1)]
    for expected in ("Patrol report", "units.csv", "2 entries", "1 report"):
        assert expected in page
    assert "Not for this post" not in page


def test_a_form_is_marked_unsafe_over_http_unless_it_is_encrypted(app: Flask, session: Session, cast: Cast) -> None:
    version = add_form(session)
    browser = cast.page_client(app, "hq_officer")
    device, _token = devices.create_device(session, app.config["SETTINGS"], None, name="P", post_id=cast.post_ids[0])
    before = browser.get(f"/devices/{device.actor.id}").text
    session.get_one(FormVersion, version.id).key_id = 1
    session.commit()
    after = browser.get(f"/devices/{device.actor.id}").text

    assert "unsafe: readable on the way" in before
    assert "No phone can reach this address" in before
    assert "unsafe: readable on the way" not in after


def test_an_app_user_made_by_a_script_is_given_to_a_post(app: Flask, session: Session, cast: Cast) -> None:
    client, head = app.test_client(), cast.admin.bearer
    made = client.post("/v1/projects/1/app-users", json={"displayName": "By script"}, headers=head).get_json()
    wish = {"displayName": "P", "postId": cast.post_ids[0]}
    owned = client.post("/v1/projects/1/app-users", json=wish, headers=head).get_json()
    nobody = client.post("/v1/projects/1/app-users", json={"displayName": "P", "postId": 999_999}, headers=head)
    browser = cast.page_client(app, "hq_officer")
    page = browser.get(f"/devices/{made['id']}").text
    browser.post(f"/devices/{made['id']}/rename", data={"name": "PATROL 7", "post": cast.post_ids[1]})
    changed = client.get(f"/v1/app-users/{made['id']}", headers=head).get_json()

    assert (made["postId"], owned["postId"], nobody.status_code) == (None, cast.post_ids[0], 404)
    assert f"/devices/{made['id']}/rename" in page
    assert (changed["displayName"], changed["postId"]) == ("PATROL 7", cast.post_ids[1])


@pytest.mark.parametrize(("base", "said"), [
    ("http://192.168.1.10:8080", "Unsafe: plain http"), ("http://8.8.8.8", "Unsafe address"),
    ("http://127.0.0.1:8080", "Address of this machine only"), ("http://[::1]:8080", "Address of this machine only"),
])
def test_the_page_says_what_is_wrong_with_the_address(app: Flask, cast: Cast, base: str, said: str) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], base_url=base)
    browser = cast.page_client(app, "hq_officer")
    page = browser.post("/devices", data={"post": cast.post_ids[0], "name": "P"}, follow_redirects=True).text
    told = [each for each in ("Unsafe: plain http", "Unsafe address", "Address of this machine only") if each in page]

    assert told == [said]


def test_an_https_address_is_not_marked(app: Flask, cast: Cast) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], base_url="https://reports.example.org")
    browser = cast.page_client(app, "hq_officer")
    page = browser.post("/devices", data={"post": cast.post_ids[0], "name": "P"}, follow_redirects=True).text

    assert "nsafe" not in page


@pytest.mark.parametrize(("host", "local"), [
    ("192.168.1.10", True), ("10.0.0.1", True), ("127.0.0.1", True), ("fieldpost", True), ("fieldpost.lan", True),
    ("8.8.8.8", False), ("reports.example.org", False), ("::1", True), ("2606:4700::1", False),
])
def test_a_local_network_is_told_from_the_rest_of_the_world(host: str, local: bool) -> None:
    assert addresses.is_local(host) is local
