"""A position typed as degrees or as a military grid narrows a register to what lies within five kilometres of it."""

from __future__ import annotations

import re
import uuid

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from forms.values import read_point
from server.models import Dataset, Record
from server.services.journal import now
from sync.merge.positions import as_geopoint, parse_position
from tests.cast import Cast

# 6.49 N 17.45 E, to the metre.
GRID = "33NYH7096918025"


@pytest.fixture
def clinics(session: Session, cast: Cast) -> None:
    session.add(Dataset(project_id=1, name="facilities", register="facilities", created_at=now()))
    places = {"Here": (6.4901, 17.4520), "Three km north": (6.517, 17.452), "Far": (6.60, 17.45), "Nowhere": (None, None)}
    for label, (lat, lon) in places.items():
        session.add(Record(
            id=str(uuid.uuid4()), project_id=1, dataset="facilities", label=label, data={"fac_name": label}, provenance={},
            aliases=[], version=1, entity_count=1, observation_count=1, lat=lat, lon=lon, sector_id=cast.sector_ids[0],
            search=label.lower(), created_at=now(),
        ))
    session.commit()


def found(app: Flask, cast: Cast, sought: str) -> list[str]:
    page = cast.page_client(app, "officer").get("/registers/facilities", query_string={"q": sought}).text
    return [name for name in ("Here", "Three km north", "Far", "Nowhere") if re.search(rf">\s*{name}\s*<", page)]


@pytest.mark.parametrize("sought", ["6.49 17.45", "6.49, 17.45", " 6.49,17.45 ", GRID, "33N YH 70969 18025"])
def test_a_position_finds_what_lies_around_it(app: Flask, cast: Cast, clinics: None, sought: str) -> None:
    assert found(app, cast, sought) == ["Here", "Three km north"]


def test_words_are_still_words(app: Flask, cast: Cast, clinics: None) -> None:
    assert found(app, cast, "three km") == ["Three km north"]


def test_the_grid_and_the_degrees_are_one_place() -> None:
    grid, degrees = parse_position(GRID), parse_position("6.49 17.45")

    assert grid is not None
    assert degrees is not None
    assert (round(grid.lat, 2), round(grid.lon, 2)) == (degrees.lat, degrees.lon)
    assert read_point(as_geopoint(grid)) is not None
