"""Officers' pages about what could not be done: held parts with a button, failures with their reason, settled conflicts."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Event, Observation
from server.services import folding
from tests.cast import Cast
from tests.conformance.samples import entity_xml, form_xml, report_xml

BRANCH = "00000000-0000-4000-8000-000000000001"
LIST = "/v1/projects/1/datasets/trees"


class Trees:
    """A plain list "trees", written by the form "tree"."""

    def __init__(self, client: FlaskClient, session: Session, cast: Cast) -> None:
        self.client, self.session, self.head = client, session, cast.hq_officer.bearer
        xml = form_xml("tree", questions={"name": "string", "height": "int"}, creates="trees").replace(
            'create="1" id=""', 'create="" update="" baseVersion="" trunkVersion="" branchId="" id=""'
        )
        address = "/v1/projects/1/forms?publish=true&ignoreWarnings=true"
        answer = client.post(address, data=xml, content_type="application/xml", headers=self.head)
        assert answer.status_code == 200, answer.text

    def send(self, entity: str, **answers: str) -> str:
        """Sends a report with this `<entity>` and folds it; returns its instanceID."""
        instance_id = f"uuid:{uuid.uuid4()}"
        xml = report_xml(instance_id, "tree", entity=entity, **answers)
        answer = self.client.post(
            "/v1/projects/1/forms/tree/submissions", data=xml, content_type="application/xml", headers=self.head
        )
        assert answer.status_code == 200, answer.text
        folding.drain(self.session)
        return instance_id

    def edit(self, instance_id: str, entity: str, **answers: str) -> None:
        """Corrects a report."""
        xml = report_xml(f"uuid:{uuid.uuid4()}", "tree", replaces=instance_id, entity=entity, **answers)
        answer = self.client.put(
            f"/v1/projects/1/forms/tree/submissions/{instance_id}", data=xml, content_type="application/xml", headers=self.head
        )
        assert answer.status_code == 200, answer.text
        folding.drain(self.session)

    def offline(self, entity_id: str, base: int, height: str) -> str:
        """An update that a phone made offline on version 1."""
        entity = entity_xml(
            "trees", entity_id, None, create="", update="1", baseVersion=str(base), trunkVersion="1", branchId=BRANCH
        )
        return self.send(entity, height=height)

    def shown(self, entity_id: str) -> dict[str, object]:
        """The entity's current version over the API."""
        shown = self.client.get(f"{LIST}/entities/{entity_id}", headers=self.head).get_json()
        current: dict[str, object] = shown["currentVersion"]
        return current


@pytest.fixture
def trees(client: FlaskClient, session: Session, cast: Cast) -> Trees:
    """The list and its form."""
    return Trees(client, session, cast)


@pytest.fixture
def tree(trees: Trees) -> str:
    """A tree of version 1."""
    made = str(uuid.uuid4())
    trees.send(entity_xml("trees", made, "Oak"), height="1")
    return made


def held(session: Session) -> Observation:
    """The one operation that waits."""
    session.expire_all()
    return session.scalars(select(Observation).where(Observation.state == "held")).one()


def test_a_held_update_is_shown_with_what_it_waits_for(app: Flask, cast: Cast, trees: Trees, tree: str) -> None:
    trees.offline(tree, 2, "3")

    page = cast.page_client(app, "hq_officer").get("/held").text

    assert "It waits for update number 1 of the same offline work" in page
    assert tree in page
    assert "Apply anyway" in page


def test_an_officer_applies_it_anyway_with_a_reason(app: Flask, session: Session, cast: Cast, trees: Trees, tree: str) -> None:
    trees.offline(tree, 2, "3")
    browser = cast.page_client(app, "hq_officer")

    browser.post(f"/held/{held(session).id}/apply", data={"reason": "The phone is lost."})

    assert (trees.shown(tree)["version"], trees.shown(tree)["data"]) == (2, {"height": "3"})
    event = session.scalars(select(Event).where(Event.type == "FORCE")).one()
    assert event.payload["reason"] == "The phone is lost."
    assert "Nothing waits" in browser.get("/held").text


def test_nothing_is_applied_without_a_reason(app: Flask, session: Session, cast: Cast, trees: Trees, tree: str) -> None:
    trees.offline(tree, 2, "3")

    cast.page_client(app, "hq_officer").post(f"/held/{held(session).id}/apply", data={"reason": " "})

    assert trees.shown(tree)["version"] == 1


def test_a_held_update_is_applied_by_itself_when_the_part_arrives(app: Flask, cast: Cast, trees: Trees, tree: str) -> None:
    trees.offline(tree, 2, "3")
    trees.offline(tree, 1, "2")

    assert (trees.shown(tree)["version"], trees.shown(tree)["data"]) == (3, {"height": "3"})
    assert "Nothing waits" in cast.page_client(app, "hq_officer").get("/held").text


def test_a_failed_update_is_listed_with_its_reason_and_can_be_applied(
    app: Flask, session: Session, cast: Cast, trees: Trees
) -> None:
    missing = str(uuid.uuid4())
    trees.send(entity_xml("trees", missing, "Elm", create="", update="1", baseVersion="1"), height="3")
    browser = cast.page_client(app, "hq_officer")

    page = browser.get("/held?failed=1").text
    row = session.scalars(select(Observation).where(Observation.state == "failed")).one()
    browser.post(f"/held/{row.id}/apply", data={"reason": "Known by its old number."})

    assert "There is no such entity in the list." in page
    assert (trees.shown(missing)["label"], trees.shown(missing)["version"]) == ("Elm", 1)


def test_a_faulty_operation_has_no_button(app: Flask, session: Session, cast: Cast, trees: Trees) -> None:
    trees.send(entity_xml("trees", "no-uuid", "Elm"), height="3")
    row = session.scalars(select(Observation)).one()
    browser = cast.page_client(app, "hq_officer")

    browser.post(f"/held/{row.id}/apply", data={"reason": "x"})
    page = browser.get("/held?failed=1").text

    assert "not a version 4 UUID" in page
    assert "Apply anyway" not in page
    assert session.scalars(select(Event).where(Event.type == "FORCE")).all() == []


def test_what_is_held_elsewhere_is_hidden_from_an_officer_of_another_sector(
    app: Flask, session: Session, cast: Cast, trees: Trees, tree: str
) -> None:
    trees.offline(tree, 2, "3")
    browser = cast.page_client(app, "other_sector")

    assert tree not in browser.get("/held").text
    assert browser.post(f"/held/{held(session).id}/apply", data={"reason": "x"}).status_code == 404


def test_a_conflict_is_shown_on_the_record_and_settled_there(app: Flask, cast: Cast, trees: Trees, tree: str) -> None:
    for height in ("2", "3"):
        trees.send(entity_xml("trees", tree, None, create="", update="1", baseVersion="1"), height=height)
    browser = cast.page_client(app, "hq_officer")

    before = browser.get(f"/registers/trees/{tree}").text
    browser.post(f"/registers/trees/{tree}/settle", data={"reason": "Measured again."})
    after = browser.get(f"/registers/trees/{tree}").text

    assert "Conflict: reports disagree about a value" in before
    assert "made on version 1" in before
    assert "Conflict: reports" not in after
    assert trees.client.get(f"{LIST}/entities/{tree}", headers=trees.head).get_json()["conflict"] is None


def test_editing_a_report_does_not_change_the_entity_that_it_made(trees: Trees) -> None:
    made = str(uuid.uuid4())
    sent = trees.send(entity_xml("trees", made, "Oak"), height="1")
    trees.edit(sent, entity_xml("trees", made, "Elm"), height="2")

    assert (trees.shown(made)["label"], trees.shown(made)["version"]) == ("Oak", 1)


def test_editing_a_report_mends_what_could_not_be_applied(trees: Trees, tree: str) -> None:
    wrong = trees.send(entity_xml("trees", tree, None, create="", update="1", baseVersion="7"), height="2")
    before = trees.shown(tree)["version"]
    trees.edit(wrong, entity_xml("trees", tree, None, create="", update="1", baseVersion="1"), height="3")

    assert (before, trees.shown(tree)["version"], trees.shown(tree)["data"]) == (1, 2, {"height": "3"})


def test_editing_a_faulty_report_makes_its_entity(trees: Trees) -> None:
    made = str(uuid.uuid4())
    sent = trees.send(entity_xml("trees", "oak", "Oak"), height="1")
    trees.edit(sent, entity_xml("trees", made, "Oak"), height="1")

    assert trees.shown(made)["label"] == "Oak"
