"""ETag and 304, byte ranges and gzip on every door: the routes are walked, and whoever reads twice reads less."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.models import Dataset
from server.services import folding
from server.services.journal import now
from tests.cast import Cast
from tests.devices import Phone, add_form, new_id, report
from tests.test_permissions import Callers, Route, callers, routes

__all__ = ["callers"]

# What changes with each request, or tells what is happening now: asking again makes no sense.
REPORT, ENTITY = new_id(), "aaaaaaaa-0000-4000-8000-000000000001"
SAMPLES = (
    ("/forms/x", "/forms/patrol"), ("/submissions/x", f"/submissions/{REPORT}"), ("/attachments/x", "/attachments/a.jpg"),
    ("/datasets/x", "/datasets/facilities"), ("/entities/x", f"/entities/{ENTITY}"), ("/registers/x", "/registers/facilities"),
    ("/versions/x", f"/versions/{REPORT}"),
)
ALWAYS_NEW = {
    "GET /health", "GET /metrics", "GET /v1/sessions/restore",
    # Each hands out a key or a card with one, and may be kept by nobody.
    "GET /devices/<int:actor_id>", "GET /devices/cards",
    # Its token belongs to a cookie that this reader does not keep.
    "GET /login",
}
READERS = {"central": "admin", "office": "hq_officer", "openrosa": "device", "partner": "partner", "operations": "admin"}
TEXT = re.compile(r"text/|json|xml|svg|javascript")


@pytest.fixture
def filled(session: Session, cast: Cast, app: Flask) -> None:
    """A form with a list, a report with a photo, a register, and an entity."""
    add_form(session, files=("places.csv",))
    session.add(Dataset(project_id=1, name="facilities", register="facilities", created_at=now()))
    session.commit()
    Phone(app.test_client(), cast.key_path(0)).send(
        report(REPORT, settlement_new="Gbadé " * 200, photo="a.jpg"), {"a.jpg": b"photo" * 1000}
    )
    made = app.test_client().post(
        "/v1/projects/1/datasets/facilities/entities", headers=cast.admin.bearer,
        json={"uuid": ENTITY, "label": "Clinic", "data": {"fac_name": "Clinic"}},
    )
    assert made.status_code == 200, made.text
    folding.drain(session)
    session.commit()


def readable(app: Flask, callers: Callers) -> Iterator[tuple[Route, dict[str, Any]]]:
    """Every route that answers 200 to the reader of its door, as that reader asks."""
    for route in routes(app):
        if route.method != "GET" or route.door not in READERS:
            continue
        asked = callers.request(route, READERS[route.door])
        for old, new in SAMPLES:
            asked["path"] = asked["path"].replace(old, new)
        if get(app, asked).status_code == 200:
            yield route, asked


def get(app: Flask, asked: dict[str, Any], **headers: str) -> TestResponse:
    """The same request with more headers; the answer read to its end."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    answer = app.test_client().open(**{**asked, "headers": {**asked["headers"], **named}})
    answer.get_data()
    answer.close()
    return answer


def test_whoever_has_the_answer_gets_304(app: Flask, callers: Callers, filled: None) -> None:
    without, changed, seen = [], [], 0
    for route, asked in readable(app, callers):
        if route.row in ALWAYS_NEW:
            continue
        seen += 1
        etag = get(app, asked).headers.get("ETag")
        if etag is None:
            without.append(route.row)
            continue
        again = get(app, asked, If_None_Match=etag)
        if again.status_code != 304 or again.data:
            changed.append(f"{route.row}: {again.status_code}")

    assert seen > 60
    assert (without, changed) == ([], [])


def test_text_comes_compressed_to_whoever_takes_it(app: Flask, callers: Callers, filled: None) -> None:
    wrong, seen = [], 0
    for route, asked in readable(app, callers):
        plain = get(app, asked)
        if not TEXT.search(plain.mimetype) or len(plain.data) < 500:
            continue
        seen += 1
        packed = get(app, asked, Accept_Encoding="gzip")
        if packed.headers.get("Content-Encoding") != "gzip" or len(packed.data) >= len(plain.data):
            wrong.append(f"{route.row}: not compressed")
        elif route.row not in ALWAYS_NEW and gzip.decompress(packed.data) != plain.data:
            wrong.append(f"{route.row}: other content")
        elif "accept-encoding" not in packed.headers.get("Vary", "").lower():
            wrong.append(f"{route.row}: no Vary")

    assert seen >= 15
    assert wrong == []


def test_a_part_of_any_answer_can_be_had(app: Flask, callers: Callers, filled: None) -> None:
    wrong, seen = [], 0
    for route, asked in readable(app, callers):
        whole = get(app, asked).data
        if route.row in ALWAYS_NEW or len(whole) < 20:
            continue
        seen += 1
        part = get(app, asked, Range="bytes=5-14")
        if (part.status_code, part.data) != (206, whole[5:15]):
            wrong.append(f"{route.row}: {part.status_code} {part.data[:40]!r}")
        elif part.headers["Content-Range"] != f"bytes 5-14/{len(whole)}":
            wrong.append(f"{route.row}: {part.headers['Content-Range']}")

    assert seen > 50
    assert wrong == []


def test_a_part_that_is_not_there_is_refused(app: Flask, callers: Callers, filled: None) -> None:
    wrong = []
    for route, asked in readable(app, callers):
        answer = get(app, asked, Range="bytes=99999999-")
        if answer.status_code != 416 or not answer.headers.get("Content-Range", "").startswith("bytes */"):
            wrong.append(f"{route.row}: {answer.status_code}")

    assert wrong == []


def test_a_compressed_answer_is_known_again_by_its_etag(app: Flask, callers: Callers, filled: None) -> None:
    asked = next(asked for route, asked in readable(app, callers) if route.row == "GET /v1/projects/<project_id>/forms")
    packed = get(app, asked, Accept_Encoding="gzip")

    again = get(app, asked, Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"])

    assert packed.headers["ETag"].startswith("W/")
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["css/office.css", "dist/office.js"])
def test_the_pages_own_files_come_compressed(app: Flask, name: str) -> None:
    asked = {"path": f"/static/{name}", "method": "GET", "headers": {}}
    plain = get(app, asked)
    if plain.status_code == 404:
        asked["path"] = next(iter(re.findall(r"/static/[\w./-]+\.(?:css|js)", get(app, {**asked, "path": "/login"}).text)))
        plain = get(app, asked)

    packed = get(app, asked, Accept_Encoding="gzip")

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert get(app, asked, If_None_Match=packed.headers["ETag"]).status_code == 304
