"""What a record was on a day, by the two clocks; pins that end; updates of devices that hold a merged-away id."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Area, Observation
from server.services import folding, journal, merging, past_records, pin_expiry
from tests.cast import Cast
from tests.server import patrols
from tests.server.picture import CS_GBADE, GBADE, Picture, paint
from tests.server.test_merging import everything

PAGE = f"/registers/facilities/{GBADE}"


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officer(app: Flask, picture: Picture) -> FlaskClient:
    return picture.cast.page_client(app, "officer")


def visit(picture: Picture, day: str, functionality: str, name: str = "Centre de Santé de Gbadé", update: int = 1) -> None:
    """A visit to the first clinic of the picture."""
    picture.report(name, "6.4901 17.4520 0 8", GBADE, day=day, functionality=functionality, update=update)


def merge(officer: FlaskClient, picture: Picture) -> None:
    (task,) = picture.tasks()
    assert officer.post(f"/review/{task.id}", data={"answer": "same"}).status_code == 200


def pin(officer: FlaskClient, until: str) -> None:
    """The officer says "not working" until the end of that day."""
    said = {"property": "functionality", "value": "none", "reason": "repair", "until": until}
    assert officer.post(f"{PAGE}/pin", data=said).status_code == 303


def was(picture: Picture, day: int, known: dt.datetime | None = None) -> str | None:
    """Whether the clinic worked at the end of that day of November."""
    end = dt.datetime(2026, 11, day, 23, tzinfo=dt.UTC)
    found = past_records.as_of(picture.session, picture.record(), end, known)
    return None if found is None else found.data.get("functionality")


def test_a_record_on_a_day_is_what_had_been_observed_by_then(picture: Picture) -> None:
    visit(picture, "2026-11-10", "abandoned")
    visit(picture, "2026-11-20", "partial", update=2)

    assert [was(picture, day) for day in (5, 12, 25)] == ["full", "abandoned", "partial"]


def test_before_the_first_observation_nothing_was_known(picture: Picture) -> None:
    assert was(picture, 1) is None


def test_a_late_report_counts_for_its_day_but_was_not_known_then(picture: Picture) -> None:
    visit(picture, "2026-11-20", "partial")
    before_it_came = journal.now()
    visit(picture, "2026-11-10", "abandoned", update=2)

    assert was(picture, 12) == "abandoned"
    assert was(picture, 12, known=before_it_came) == "full"


def test_what_was_known_is_read_from_the_report_as_it_was_before_its_correction(picture: Picture, session: Session) -> None:
    picture.report("Centre de Santé de Gbadé", "6.4901 17.4520 0 8", GBADE, day="2026-11-10", functionality="none", update=1,
                   instance_id="uuid:first")  # fmt: skip
    before = journal.now()
    picture.report("Centre de Santé de Gbadé", "6.4901 17.4520 0 8", GBADE, day="2026-11-10", functionality="partial", update=1,
                   instance_id="uuid:second", deprecated_id="uuid:first")  # fmt: skip

    assert (was(picture, 12), was(picture, 12, known=before)) == ("partial", "none")


def test_a_merge_of_today_counts_for_the_past_but_not_for_what_was_known(picture: Picture, officer: FlaskClient) -> None:
    before = journal.now()
    merge(officer, picture)

    record = picture.record()
    now = past_records.as_of(picture.session, record, dt.datetime(2026, 11, 30, tzinfo=dt.UTC))
    then = past_records.as_of(picture.session, record, dt.datetime(2026, 11, 30, tzinfo=dt.UTC), before)

    assert now is not None
    assert then is not None
    assert (set(now.entities), set(then.entities)) == ({GBADE, CS_GBADE}, {GBADE})


def test_the_page_shows_the_record_of_a_day(picture: Picture, officer: FlaskClient) -> None:
    visit(picture, "2026-11-10", "abandoned")

    page = officer.get(f"{PAGE}/past?on=2026-11-05").text

    assert "as it was at the end of 5 Nov 2026" in page
    assert "other today" in page
    assert "Abandoned" not in page.split("claims")[1]


def test_the_page_says_so_when_nothing_had_been_reported_by_a_day(picture: Picture, officer: FlaskClient) -> None:
    assert "No report about it had been made by that day." in officer.get(f"{PAGE}/past?on=2026-10-05").text
    assert "No report about it had arrived by that day." in officer.get(f"{PAGE}/past?on=2026-10-05&known=then").text


def test_another_sector_sees_no_past(app: Flask, picture: Picture) -> None:
    assert picture.cast.page_client(app, "other_sector").get(f"{PAGE}/past").status_code == 404


def test_the_api_gives_an_entity_as_it_was(app: Flask, picture: Picture) -> None:
    visit(picture, "2026-11-10", "abandoned")

    found = app.test_client().get(
        f"/v1/projects/1/datasets/facilities/entities/{GBADE}/past?observed=2026-11-05", headers=picture.cast.hq_officer.bearer
    )

    assert found.json["data"]["functionality"] == "full"
    assert found.json["provenance"]["functionality"]["unit"] == "BANBATT-3"


def test_the_api_refuses_what_is_no_time(app: Flask, picture: Picture) -> None:
    found = app.test_client().get(
        f"/v1/projects/1/datasets/facilities/entities/{GBADE}/past?observed=june", headers=picture.cast.hq_officer.bearer
    )

    assert found.status_code == 400


def test_split_and_merged_again_a_record_has_all_its_history(picture: Picture, officer: FlaskClient) -> None:
    merge(officer, picture)
    before = picture.record().data
    officer.post(f"{PAGE}/split", data={"entity": CS_GBADE, "reason": "another one"})
    apart = was(picture, 30)
    undone = next(event for event in officer.get(PAGE).text.split('name="event" value="')[1:])

    officer.post(f"{PAGE}/undo", data={"event": undone[:36]})

    page = officer.get(PAGE).text
    assert (apart, picture.record().data) == ("full", before)
    assert picture.record().observation_count == 2
    assert "another one" in page


def test_a_pin_ends_after_its_last_day_and_the_reports_stand_again(
    app: Flask, picture: Picture, officer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = journal.now()
    pin(officer, today.date().isoformat())
    pinned = picture.record().data["functionality"]

    monkeypatch.setattr(journal, "_clock", lambda: today + dt.timedelta(days=2))
    made = pin_expiry.expire(picture.session)
    picture.session.commit()
    folding.drain(picture.session)

    assert (pinned, len(made), picture.record().data["functionality"]) == ("none", 1, "full")
    # Two days later the officer has to log in again.
    assert "its last day has passed" in picture.cast.page_client(app, "officer").get(PAGE).text


def test_a_pin_ends_once(picture: Picture, officer: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    today = journal.now()
    pin(officer, today.date().isoformat())
    monkeypatch.setattr(journal, "_clock", lambda: today + dt.timedelta(days=2))
    pin_expiry.expire(picture.session)
    picture.session.commit()
    folding.drain(picture.session)

    assert pin_expiry.expire(picture.session) == []


def test_a_pin_before_its_last_day_stands(picture: Picture, officer: FlaskClient) -> None:
    pin(officer, "2126-01-01")

    assert pin_expiry.expire(picture.session) == []


def test_an_ended_pin_is_the_same_after_a_rebuild(
    picture: Picture, officer: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = journal.now()
    pin(officer, today.date().isoformat())
    monkeypatch.setattr(journal, "_clock", lambda: today + dt.timedelta(days=2))
    pin_expiry.expire(session)
    session.commit()
    folding.drain(session)
    before = everything(session)

    folding.rebuild(session)

    assert everything(session) == before


def test_an_update_sent_to_a_merged_away_id_is_flagged_on_the_survivors_page(picture: Picture, officer: FlaskClient) -> None:
    merge(officer, picture)

    picture.report("CS Gbade", "6.4905 17.4527 0 9", CS_GBADE, day="2026-11-20", functionality="none", update=1)

    page = officer.get(PAGE).text
    assert picture.record().data["functionality"] == "none"
    assert "Updates sent to an id that was merged into this record" in page


def of_the_west(picture: Picture) -> str:
    """A clinic that the other sector's patrol reported in its own district; returns its id."""
    west = "00000000-0000-4000-8000-000000000077"
    picture.session.add(Area(code="CF325", level=2, name="Markounda", sector_id=picture.cast.sector_ids[1]))
    picture.session.commit()
    xml = patrols.clinic("Poste de Markounda", "7.6000 16.9000 0 8", entity_id=west, day="2026-11-04")
    patrols.send(picture.session, xml.replace(b"CF321", b"CF325"), picture.cast.collector.actor_id)
    folding.drain(picture.session)
    return west


def tie(picture: Picture, one: str, other: str) -> None:
    """Headquarters says that two records are one."""
    said = {row.entity_id: row.id for row in picture.session.scalars(select(Observation))}
    fact = merging.judge(picture.session, picture.identity("hq_officer"), said[one], said[other], "same")
    folding.fold_now(picture.session, [fact])
    picture.session.commit()


def test_a_record_made_of_two_sectors_is_for_headquarters(app: Flask, picture: Picture, officer: FlaskClient) -> None:
    west = of_the_west(picture)
    before = picture.record(west).sector_id

    tie(picture, GBADE, west)

    assert (before, picture.record().sector_id) == (picture.cast.sector_ids[1], None)
    assert [picture.cast.page_client(app, role).get(PAGE).status_code for role in ("officer", "other_sector", "hq_officer")] == [
        404, 404, 200
    ]  # fmt: skip


def test_headquarters_gives_such_a_record_to_a_sector_by_pinning_its_district(picture: Picture) -> None:
    tie(picture, GBADE, of_the_west(picture))

    hq = picture.identity("hq_officer")
    fact = merging.pin(picture.session, hq, 1, "facilities", GBADE, "adm2_pcode", "CF325", "it lies there")
    folding.fold_now(picture.session, [fact])

    assert picture.record().sector_id == picture.cast.sector_ids[1]
