"""What devices are told to send in one POST: by their own class, their network's, their post's; larger ones are taken too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.config import SettingRefused, load_settings
from server.models import AppUser, Audit, Post
from tests.cast import Cast
from tests.devices import HEADERS, Phone, add_form, new_id, report

LAN, DEFAULT, SATELLITE = "50000000", "10000000", "2000000"
HEADER = "X-OpenRosa-Accept-Content-Length"


@pytest.fixture
def phone(client: FlaskClient, cast: Cast, session: Session) -> Phone:
    add_form(session)
    return Phone(client, cast.key_path(0))


def announced(phone: Phone, address: str = "127.0.0.1") -> str:
    """The size in the pre-flight answer, asked from that address."""
    answer = phone.client.head(f"{phone.path}/submission", headers=HEADERS, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 204
    return answer.headers[HEADER]


def in_networks(app: Flask, text: str) -> None:
    """Sets FIELDPOST_NETWORKS."""
    settings = app.config["SETTINGS"]
    read = load_settings({"FIELDPOST_DATA_DIR": str(settings.data_dir), "FIELDPOST_NETWORKS": text})
    app.config["SETTINGS"] = replace(settings, networks=read.networks)


def test_nobody_said_anything(phone: Phone) -> None:
    assert announced(phone) == DEFAULT


@pytest.mark.parametrize(("name", "wanted"), [("lan", LAN), ("default", DEFAULT), ("satellite", SATELLITE)])
def test_an_officer_puts_a_device_in_a_class(phone: Phone, app: Flask, cast: Cast, name: str, wanted: str) -> None:
    browser = cast.page_client(app, "hq_officer")

    browser.post(f"/devices/{cast.device_actor_ids[0]}/link", data={"link": name})

    assert announced(phone) == wanted
    assert f'<option value="{name}" selected>' in browser.get(f"/devices/{cast.device_actor_ids[0]}").text


def test_an_officer_puts_a_post_in_a_class(phone: Phone, app: Flask, cast: Cast, session: Session) -> None:
    browser = cast.page_client(app, "hq_officer")

    browser.post(f"/organisation/post/{cast.post_ids[0]}/link", data={"link": "satellite"})

    assert announced(phone) == SATELLITE
    assert '<option value="satellite" selected>' in browser.get("/organisation?tab=posts").text
    assert session.query(Audit).filter_by(action="post.update").one().details == {"route_class": "satellite"}


def test_a_network_has_a_class_and_the_narrowest_counts(phone: Phone, app: Flask) -> None:
    in_networks(app, "10.0.0.0/8=lan, 10.8.0.0/16=satellite, fd00::/8=lan")

    assert announced(phone, "10.1.2.3") == LAN
    assert announced(phone, "10.8.2.3") == SATELLITE
    assert announced(phone, "::ffff:10.8.2.3") == SATELLITE
    assert announced(phone, "fd00::1") == LAN
    assert announced(phone, "192.0.2.1") == DEFAULT


def test_the_device_counts_before_the_network_and_that_before_the_post(
    phone: Phone, app: Flask, cast: Cast, session: Session
) -> None:
    in_networks(app, "10.0.0.0/8=lan")
    session.get_one(Post, cast.post_ids[0]).route_class = "satellite"
    session.commit()
    assert (announced(phone, "10.0.0.1"), announced(phone, "192.0.2.1")) == (LAN, SATELLITE)

    session.get_one(AppUser, cast.device_actor_ids[0]).route_class = "default"
    session.commit()
    assert (announced(phone, "10.0.0.1"), announced(phone, "192.0.2.1")) == (DEFAULT, DEFAULT)


def test_every_answer_of_the_door_tells_the_size_of_the_class(phone: Phone, cast: Cast, session: Session) -> None:
    session.get_one(AppUser, cast.device_actor_ids[0]).route_class = "satellite"
    session.commit()

    answers = [phone.get("/formList"), phone.get("/submission"), phone.send(report(new_id())), phone.send(b"<no report")]

    assert [each.status_code for each in answers] == [200, 204, 201, 400]
    assert {each.headers[HEADER] for each in answers} == {SATELLITE}


def test_a_larger_post_than_announced_is_taken(phone: Phone, cast: Cast, session: Session) -> None:
    session.get_one(AppUser, cast.device_actor_ids[0]).route_class = "satellite"
    session.commit()

    assert phone.send(report(new_id(), photo="a.jpg"), {"a.jpg": b"x" * 3_000_000}).status_code == 201


def test_an_unknown_class_is_refused(app: Flask, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")

    answer = browser.post(f"/devices/{cast.device_actor_ids[0]}/link", data={"link": "pigeon"})

    assert answer.status_code == 422


@pytest.mark.parametrize("text", ["10.0.0.0/8=pigeon", "10.0.0.0/99=lan", "lan", "=lan"])
def test_a_network_that_is_none_is_refused_at_start(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="FIELDPOST_NETWORKS"):
        load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_NETWORKS": text})


def test_sizes_of_the_classes_are_settings(tmp_path: Path) -> None:
    told = {"FIELDPOST_ACCEPT_LENGTH_LAN": "80M", "FIELDPOST_ACCEPT_LENGTH_SATELLITE": "500k"}
    settings = load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), **told})

    assert (settings.accept_length_lan, settings.accept_length_satellite) == (80_000_000, 500_000)
