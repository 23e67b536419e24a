"""Code lists: what has ended is offered no more and still labelled; the mission adds its own codes."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Audit, CodeItem, FormAttachment
from server.problems import Problem
from server.queries import mission as queries
from server.services import code_lists, entity_lists, mission, registers
from server.services.form_media import form_media
from server.services.journal import now
from tests.cast import Cast
from tests.server import patrols


@pytest.fixture
def lists(session: Session) -> Session:
    """The shipped lists, loaded."""
    mission.initialise(session)
    session.commit()
    return session


def offered(session: Session, name: str = "fac_type") -> dict[str, str]:
    """What a page offers for the type of a facility, in French."""
    spoken = registers.Words(session, registers.definitions()["facilities"], "fr")
    prop = next(prop.name for prop in spoken.register.properties.values() if prop.code_list == name)
    return dict(spoken.options(prop))


def a_code(session: Session) -> CodeItem:
    """A shipped type of facility."""
    return queries.code_items(session, "fac_type")[0]


def test_a_code_that_has_ended_is_not_offered_and_still_labelled(lists: Session) -> None:
    item = a_code(lists)
    item.valid_to = now().date() - dt.timedelta(days=1)
    lists.flush()

    assert item.code not in offered(lists)
    assert registers.Words(lists, registers.definitions()["facilities"], "fr").code("fac_type", item.code) == item.label_fr


def test_a_code_that_has_not_begun_is_not_offered(lists: Session) -> None:
    item = a_code(lists)
    item.valid_from = now().date() + dt.timedelta(days=1)
    lists.flush()

    assert item.code not in offered(lists)


def test_an_ended_code_cannot_be_pinned(lists: Session) -> None:
    code_lists.add_own(lists, None, "fac_type", "x-mill", "Mill", "Moulin")
    rules = registers.definitions()["facilities"]
    prop = next(prop.name for prop in rules.properties.values() if prop.code_list == "fac_type")
    registers.check_value(lists, rules, prop, "x-mill")

    code_lists.end_own(lists, None, "fac_type", "x-mill")

    with pytest.raises(Problem):
        registers.check_value(lists, rules, prop, "x-mill")


def test_a_code_of_the_mission_is_offered_in_the_readers_language_and_reaches_devices(lists: Session) -> None:
    code_lists.add_own(lists, None, "fac_type", "x-mill", "Mill", "Moulin")

    served = entity_lists.list_csv(lists, "fac_type.csv")

    assert offered(lists)["x-mill"] == "Moulin"
    assert served is not None
    assert served.data.splitlines()[0] == b"name,label,label_fr,parent"
    assert b"x-mill,Mill,Moulin," in served.data.splitlines()


def test_an_ended_code_goes_from_the_file_that_devices_get(lists: Session) -> None:
    code_lists.add_own(lists, None, "fac_type", "x-mill", "Mill", "Moulin")
    code_lists.end_own(lists, None, "fac_type", "x-mill")

    served = entity_lists.list_csv(lists, "fac_type.csv")

    assert served is not None
    assert b"x-mill" not in served.data
    assert code_lists.labels(lists, "fac_type", "fr")["x-mill"] == "Moulin"


def test_no_list_is_served_under_a_name_that_no_code_list_has(lists: Session) -> None:
    assert entity_lists.list_csv(lists, "nosuch.csv") is None
    assert entity_lists.list_csv(lists, "fac_type") is None


@pytest.mark.parametrize("code", ["mill", "x-", "X-MILL", "x-a b", "x-é", "x-" + "a" * 60, "", "x-a\nb", "=x-a", "x-a;b"])
def test_an_own_code_without_its_prefix_or_with_odd_signs_is_refused(lists: Session, code: str) -> None:
    with pytest.raises(Problem) as problem:
        code_lists.add_own(lists, None, "fac_type", code, "Mill", "Moulin")

    assert problem.value.kind.name == "invalid_input"


@pytest.mark.parametrize(("code", "english", "french"), [
    ("x-mill", "Windmill", "Éolienne"), ("x-mill2", "mill", "Autre"), ("x-mill2", "Other mill", "MOULIN"),
])
def test_an_own_code_that_clashes_is_refused(lists: Session, code: str, english: str, french: str) -> None:
    code_lists.add_own(lists, None, "fac_type", "x-mill", "Mill", "Moulin")

    with pytest.raises(Problem) as problem:
        code_lists.add_own(lists, None, "fac_type", code, english, french)

    assert problem.value.kind.name == "uniqueness"


def test_a_shipped_code_is_not_ended_by_the_mission(lists: Session) -> None:
    item = a_code(lists)

    with pytest.raises(Problem):
        code_lists.end_own(lists, None, "fac_type", item.code)

    assert item.valid_to is None


def test_a_code_that_a_release_ships_no_more_ends_and_keeps_its_label(lists: Session) -> None:
    lists.add(CodeItem(list_name="fac_type", code="oldtype", label_en="Old", label_fr="Vieux", sort=1))
    lists.flush()

    code_lists.seed_code_lists(lists)

    gone = queries.code_item(lists, "fac_type", "oldtype")
    assert gone is not None
    assert gone.valid_to == now().date()
    assert code_lists.seed_code_lists(lists) == (0, 0)


def test_the_file_of_a_release_states_from_when_to_when_a_code_holds(lists: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**row, "valid_to": "2026-01-01" if row["code"] == a_code(lists).code else ""} for row in code_lists.shipped()]
    monkeypatch.setattr(code_lists, "shipped", lambda: iter(rows))

    code_lists.seed_code_lists(lists)

    assert a_code(lists).valid_to == dt.date(2026, 1, 1)


def test_a_code_is_added_and_ended_on_its_page(app: Flask, lists: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")
    entry = {"code": "x-mill", "label_en": "Mill", "label_fr": "Moulin"}

    added = browser.post("/setup/codes/fac_type", data=entry, follow_redirects=True)
    ended = browser.post("/setup/codes/fac_type/x-mill/end", follow_redirects=True)

    assert "x-mill" in added.text
    assert "ended" in ended.text
    assert {"code_list.update", "code_list.retire"} <= set(lists.scalars(select(Audit.action)))


def test_what_was_typed_stays_when_a_code_is_refused(app: Flask, lists: Session, cast: Cast) -> None:
    answer = cast.page_client(app, "hq_officer").post(
        "/setup/codes/fac_type", data={"code": "mill", "label_en": "Mill <b>", "label_fr": "Moulin"}
    )

    assert answer.status_code == 422
    assert "begin with x-" in answer.text
    assert "Mill &lt;b&gt;" in answer.text


def test_a_list_that_is_not_there_has_no_page(app: Flask, lists: Session, cast: Cast) -> None:
    browser = cast.page_client(app, "hq_officer")

    assert browser.get("/setup/codes/nosuch").status_code == 404
    assert browser.post("/setup/codes/nosuch", data={"code": "x-a", "label_en": "A", "label_fr": "A"}).status_code == 404
    assert browser.get("/setup/codes").status_code == 200


def test_a_code_that_a_release_leaves_out_ends_and_is_offered_again_when_it_is_shipped_again(
    lists: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = list(code_lists.shipped())
    code_lists.seed_code_lists(lists)
    monkeypatch.setattr(code_lists, "shipped", lambda: iter([row for row in every if row["code"] != "hospital"]))
    code_lists.seed_code_lists(lists)
    without = set(offered(lists))
    monkeypatch.setattr(code_lists, "shipped", lambda: iter(every))
    code_lists.seed_code_lists(lists)

    assert "hospital" not in without
    assert "hospital" in offered(lists)
    assert code_lists.seed_code_lists(lists) == (0, 0)


def test_a_code_list_is_served_in_the_missions_own_project_alone(lists: Session) -> None:
    version = patrols.publish(lists, "route_status")
    lists.add(FormAttachment(form_version_id=version.id, name="fac_type.csv", type="file"))
    lists.flush()

    names = {project: {file.name for file in form_media(lists, project, version.id, None)} for project in (1, 2)}

    assert "fac_type.csv" in names[1]
    assert "fac_type.csv" not in names[2]
