"""Releases: what leaves for whom, how precisely, the second person, withdrawal, expiry, many at once, and partners' view."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.models import Entity, Event, Fact, Observation, Record, Release, SubmissionSummary
from server.problems import Problem
from server.queries import partner
from server.queries.records import Filters
from server.services import release_rows, releases
from server.services.journal import now
from tests.cast import Cast, add_user
from tests.server.picture import BEDAYA, GBADE, Picture, paint

LATER = dt.timedelta(days=30)
PAGE = f"/registers/facilities/{GBADE}/release"


@pytest.fixture
def picture(session: Session, cast: Cast) -> Picture:
    return paint(session, cast)


@pytest.fixture
def officer(app: Flask, picture: Picture) -> FlaskClient:
    return picture.cast.page_client(app, "officer")


def raise_sensitivity(picture: Picture, level: str) -> Record:
    record = picture.record()
    record.sensitivity = level
    picture.session.commit()
    return record


def put_forward(picture: Picture, role: str = "officer", audience: str = "ngo") -> Release:
    return releases.put_forward(picture.session, picture.identity(role), picture.record(), audience, now() + LATER)


def seen_by_partner(picture: Picture, role: str = "partner") -> list[Release]:
    return list(partner.page(picture.session, picture.identity(role).scope, "facilities", now(), "", 100))


def test_a_moderate_record_is_released_at_once_at_settlement_precision(picture: Picture) -> None:
    row = put_forward(picture)

    assert row.state == "released"
    assert row.number == f"REL-{now().year}-0001"
    assert (row.lat, row.lon, row.precision) == (6.49, 17.45, "settlement")
    assert [one.number for one in seen_by_partner(picture)] == [row.number]


def test_nothing_of_the_source_leaves(picture: Picture) -> None:
    row = put_forward(picture)

    told = " ".join([row.label, *(f"{name} {value}" for name, value in row.data.items())])
    for secret in ("BANBATT", "uuid:", "Collector", "observed", "17.4520", "geometry"):
        assert secret not in told


def test_a_high_record_waits_for_a_second_person_and_leaves_without_name_and_place(picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    row = put_forward(picture)
    assert row.state == "proposed"
    assert seen_by_partner(picture) == []

    released = releases.decide(picture.session, picture.identity("hq_officer"), row.number, "release")

    assert released.state == "released"
    assert (released.lat, released.lon, released.precision) == (None, None, "area")
    assert "Gbad" not in released.label + str(released.data)
    assert released.area_code == "CF321"


def test_who_proposed_cannot_decide(picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    row = put_forward(picture)

    with pytest.raises(Problem, match="second person"):
        releases.decide(picture.session, picture.identity("officer"), row.number, "release")


def test_who_reported_cannot_be_the_second_person(picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    hq = picture.cast.hq_officer.actor_id
    picture.session.query(Observation).update({"actor_id": hq})
    row = put_forward(picture)

    with pytest.raises(Problem, match="second person"):
        releases.decide(picture.session, picture.identity("hq_officer"), row.number, "release")


def test_a_classified_report_behind_it_needs_two_persons(picture: Picture) -> None:
    picture.session.query(SubmissionSummary).update({"un_class": "CONFIDENTIAL"})
    picture.session.commit()

    row = put_forward(picture)

    assert (row.state, row.reasons) == ("proposed", ["un_class"])


@pytest.mark.parametrize(
    ("level", "audience"),
    [("moderate", "public"), ("high", "authority"), ("high", "public"), ("severe", "ngo"), (None, "public"), ("low", "internal")],
)
def test_an_audience_that_the_sensitivity_forbids_is_refused(picture: Picture, level: str | None, audience: str) -> None:
    raise_sensitivity(picture, level)  # type: ignore[arg-type]

    with pytest.raises(Problem, match="sensitivity allows"):
        put_forward(picture, audience=audience)


def test_the_public_gets_kind_and_district_only(picture: Picture) -> None:
    raise_sensitivity(picture, "low")

    row = put_forward(picture, audience="public")

    assert row.data == {"fac_group": "health", "adm2_pcode": "CF321"}
    assert (row.lat, row.precision) == (None, "area")


def test_withholding_needs_a_reason_and_nothing_leaves(picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    row = put_forward(picture)
    hq = picture.identity("hq_officer")
    with pytest.raises(Problem, match="Reason"):
        releases.decide(picture.session, hq, row.number, "withhold", " ")

    withheld = releases.decide(picture.session, hq, row.number, "withhold", "would harm the staff")

    assert (withheld.state, withheld.note) == ("withheld", "would harm the staff")
    assert seen_by_partner(picture) == []


def test_a_withdrawn_release_leaves_the_feed_and_a_tombstone_stays(picture: Picture) -> None:
    row = put_forward(picture)

    releases.withdraw(picture.session, picture.identity("officer"), row.number, "position was wrong")

    assert seen_by_partner(picture) == []
    (tombstone,) = partner.withdrawn(picture.session, picture.identity("partner").scope, "facilities")
    assert tombstone.number == row.number


def test_withdrawing_a_later_release_does_not_bring_the_earlier_one_back(picture: Picture) -> None:
    put_forward(picture)
    later = put_forward(picture)

    releases.withdraw(picture.session, picture.identity("officer"), later.number, "wrong")

    assert seen_by_partner(picture) == []


def test_an_expired_release_is_gone_from_the_feed(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    row = put_forward(picture)

    found = partner.page(picture.session, picture.identity("partner").scope, "facilities", now() + LATER + LATER, "", 10)

    assert list(found) == []
    assert row.valid_until is not None


def test_many_are_released_after_a_preview_and_only_what_is_new(picture: Picture) -> None:
    who, filters = picture.identity("officer"), Filters()
    raise_sensitivity(picture, "high")
    shown = releases.bulk(picture.session, who, "facilities", filters, "ngo")
    assert (len(shown.now), len(shown.proposed)) == (2, 1)

    releases.put_forward_many(picture.session, who, "facilities", filters, "ngo", now() + LATER, 3)

    assert len(seen_by_partner(picture)) == 2
    again = releases.bulk(picture.session, who, "facilities", filters, "ngo")
    assert (len(again.now), len(again.proposed), again.already) == (0, 0, 3)


def test_a_list_that_changed_since_the_preview_is_not_released(picture: Picture) -> None:
    with pytest.raises(Problem, match="the preview had 2"):
        releases.put_forward_many(
            picture.session, picture.identity("officer"), "facilities", Filters(), "ngo", now() + LATER, 2
        )  # fmt: skip

    assert seen_by_partner(picture) == []


def test_a_day_that_is_over_is_refused(picture: Picture) -> None:
    with pytest.raises(Problem, match="not over"):
        releases.put_forward(picture.session, picture.identity("officer"), picture.record(), "ngo", now())


def test_the_rows_are_the_same_in_whatever_order_the_events_come(picture: Picture) -> None:
    session, officer = picture.session, picture.identity("officer")
    put_forward(picture)
    put_forward(picture)
    number = put_forward(picture, audience="unct").number
    releases.withdraw(session, officer, number, "x")
    found = session.query(Fact, Event).filter(Fact.id == Event.fact_id, Event.subject.like("1/%"))
    events = [(fact, event) for fact, event in found]
    straight = release_rows.rows_of(events)

    for seed in range(5):
        shuffled = events[:]
        random.Random(seed).shuffle(shuffled)
        assert release_rows.rows_of(shuffled) == straight
    session.execute(delete(Release))
    release_rows.fold(session, [fact for fact, _event in events])
    assert session.query(Release).count() == len(straight)


def test_an_officer_of_another_sector_can_neither_see_nor_decide(app: Flask, picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    row = put_forward(picture)
    other = picture.cast.page_client(app, "other_sector")

    assert other.get(f"/releases/{row.number}").status_code == 404
    assert other.post(f"/releases/{row.number}/release").status_code == 404
    assert other.post(PAGE, data={"audience": "ngo", "until": "2099-01-01"}).status_code == 404


@pytest.mark.parametrize("role", ["partner", "approver", "auditor", "observer", "collector"])
def test_only_the_cell_opens_the_release_pages(app: Flask, picture: Picture, role: str) -> None:
    browser = picture.cast.page_client(app, role)

    for address in ("/releases", "/releases/REL-2026-0001", "/registers/facilities/release"):
        assert browser.get(address).status_code == 403, address


def test_an_admin_proposes_but_a_cimic_officer_decides(app: Flask, picture: Picture) -> None:
    row = put_forward(picture, "admin")
    admin = picture.cast.page_client(app, "admin")

    assert row.state == "proposed"
    assert admin.post(f"/releases/{row.number}/release").status_code == 403


def test_the_pages_lead_through_proposal_decision_and_withdrawal(app: Flask, officer: FlaskClient, picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    assert officer.post(PAGE, data={"audience": "ngo", "until": "2099-01-01"}).status_code == 303
    number = f"REL-{now().year}-0001"
    assert "somebody else decides" in officer.get(f"/releases/{number}").text
    second = picture.cast.page_client(app, "hq_officer")
    assert number in second.get("/releases").text

    second.post(f"/releases/{number}/release")
    assert number in second.get("/releases?state=released").text
    second.post(f"/releases/{number}/withdraw", data={"reason": "wrong"})

    assert number in second.get("/releases?state=withdrawn").text
    assert number in officer.get(f"/registers/facilities/{GBADE}").text


@pytest.mark.parametrize(
    "data",
    [
        {"audience": "ngo"}, {"audience": "ngo", "until": ""}, {"audience": "ngo", "until": "1999-01-01"},
        {"audience": "ngo", "until": "soon"}, {"audience": "ngo", "until": "2099-01-01", "note": "x" * 501},
    ],
)  # fmt: skip
def test_a_faulty_release_is_refused(officer: FlaskClient, picture: Picture, data: dict[str, str]) -> None:
    assert officer.post(PAGE, data=data).status_code == 422
    assert picture.session.query(Release).count() == 0


def test_the_preview_shows_what_leaves_and_posting_it_does_that(officer: FlaskClient, picture: Picture) -> None:
    page = officer.get("/registers/facilities/release?functionality=full&audience=ngo").text
    assert "Release 1 record" in page
    assert "6.49, 17.45" in page

    sent = {"audience": "ngo", "until": "2099-01-01", "expected": "1"}
    assert officer.post("/registers/facilities/release?functionality=full", data=sent).status_code == 303

    assert [one.record_id for one in seen_by_partner(picture)] == [GBADE]


def test_a_release_of_a_merged_away_part_is_found_on_the_survivor(officer: FlaskClient, picture: Picture) -> None:
    releases.put_forward(picture.session, picture.identity("officer"), picture.record(BEDAYA), "ngo", now() + LATER)
    picture.session.query(Entity).filter_by(id=BEDAYA).update({"record_id": GBADE})
    picture.session.commit()

    found = releases.of_record(picture.session, picture.identity("officer"), picture.record(GBADE))

    assert [row.record_id for row in found] == [BEDAYA]


def test_a_second_officer_of_the_sector_is_a_second_person(picture: Picture) -> None:
    raise_sensitivity(picture, "high")
    row = put_forward(picture)
    picture.cast.people["second"] = add_user(picture.session, "officer", "Second East", picture.cast.sector_ids[0])

    assert releases.decide(picture.session, picture.identity("second"), row.number, "release").state == "released"
