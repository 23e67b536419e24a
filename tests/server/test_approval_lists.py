"""Entity lists that ask for approval: what waits, what becomes of it when approval is switched off, and that a rebuild agrees."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from server.services import folding
from tests.cast import Cast, make_cast
from tests.conformance.samples import entity_xml, form_xml, new_id, new_uuid, report_xml

LIST = "/v1/projects/1/datasets/trees"


class Approval:
    """The list "trees", which asks for approval, and two reports that wait for it."""

    def __init__(self, app: Flask, session: Session, cast: Cast) -> None:
        self.session, self.client = session, app.test_client()
        self.head = cast.people["admin"].bearer
        self.call("POST", "/v1/projects/1/datasets", json={"name": "trees", "approvalRequired": True})
        xml = form_xml("tree", "1", questions={"name": "string"}, creates="trees")
        self.call("POST", "/v1/projects/1/forms?publish=true&ignoreWarnings=true", data=xml, content_type="application/xml")
        self.reports = [self.send("Oak"), self.send("Ash")]

    def call(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.client.open(path, method=method, headers=self.head, **options)
        assert answer.status_code == status, answer.text
        return answer.json

    def send(self, label: str) -> str:
        instance = new_id()
        xml = report_xml(instance, "tree", entity=entity_xml("trees", new_uuid(), label))
        self.call("POST", "/v1/projects/1/forms/tree/submissions", data=xml, content_type="application/xml")
        folding.drain(self.session)
        return instance

    def labels(self) -> set[str]:
        return {each["currentVersion"]["label"] for each in self.call("GET", f"{LIST}/entities")}


@pytest.fixture
def approval(app: Flask, session: Session) -> Approval:
    return Approval(app, session, make_cast(session))


def test_reports_wait_for_approval(approval: Approval) -> None:
    assert approval.labels() == set()

    approval.call("PATCH", f"/v1/projects/1/forms/tree/submissions/{approval.reports[0]}", json={"reviewState": "approved"})
    folding.drain(approval.session)

    assert approval.labels() == {"Oak"}


def test_switching_approval_off_asks_what_becomes_of_them(approval: Approval) -> None:
    approval.call("PATCH", LIST, 400, json={"approvalRequired": False})


@pytest.mark.parametrize(("convert", "labels"), [("true", {"Oak", "Ash"}), ("false", set())])
def test_a_rebuild_makes_what_was_decided_then(approval: Approval, convert: str, labels: set[str]) -> None:
    approval.call("PATCH", f"{LIST}?convert={convert}", json={"approvalRequired": False})
    folding.drain(approval.session)
    before = approval.labels()

    folding.rebuild(approval.session)

    assert (before, approval.labels()) == (labels, labels)


def test_what_was_passed_over_is_made_once_it_is_approved(approval: Approval) -> None:
    approval.call("PATCH", f"{LIST}?convert=false", json={"approvalRequired": False})
    approval.call("PATCH", f"/v1/projects/1/forms/tree/submissions/{approval.reports[1]}", json={"reviewState": "approved"})
    folding.drain(approval.session)

    assert approval.labels() == {"Ash"}


def test_reports_that_come_after_approval_was_switched_off_make_entities(approval: Approval) -> None:
    approval.call("PATCH", f"{LIST}?convert=false", json={"approvalRequired": False})

    approval.send("Elm")

    assert approval.labels() == {"Elm"}
