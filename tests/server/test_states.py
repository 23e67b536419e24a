"""States of requests, projects and incidents: who may change them, what that needs, what stays in the CIMIC cell."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Assignment, Audit, Dataset, Event, Fact
from server.problems import Problem
from server.queries import partner
from server.queries import records as record_queries
from server.services import access, folding, merging, project_rights, releases, states
from server.services.identity import APP_USER_VERBS, Identity
from server.services.journal import now
from server.services.registers import definitions
from tests.cast import Cast, add_user
from tests.server.assistance import AMBUSH, ANALYSED, LOC, SUBMITTED, Desk, desk


@pytest.fixture
def office(session: Session, cast: Cast) -> Desk:
    return desk(session, cast)


def page_of(office: Desk, dataset: str = "requests") -> str:
    return f"/registers/{dataset}/{office.record(dataset).id}"


def test_a_request_from_the_field_is_received(office: Desk) -> None:
    assert office.record().data["status"] == "received"


def test_scenario_6_a_denied_request_is_closed_only_after_feedback(office: Desk) -> None:
    office.lead_to("analysed", "submitted", "denied")
    assert office.record().data["status"] == "denied"

    with pytest.raises(Problem, match="nothing leads from denied to closed"):
        office.move("hq_officer", "closed")
    with pytest.raises(Problem, match="Sent on"):
        office.move("hq_officer", "feedback", feedback_text="No aircraft", feedback_channel="phone")
    with pytest.raises(Problem, match="Text sent"):
        office.move("hq_officer", "feedback", feedback_date="2026-11-16", feedback_channel="phone")
    assert office.record().data["status"] == "denied"

    office.lead_to("feedback", "closed")

    assert office.record().data["status"] == "closed"
    denied = next(step for step in office.history().steps if step.to == "denied")
    assert denied.answers == {"deny_reason": "no_asset"}


def test_a_denial_names_a_reason_of_the_list(office: Desk) -> None:
    office.lead_to("analysed", "submitted")

    with pytest.raises(Problem, match="Reason: fill this in"):
        office.move("approver", "denied")
    with pytest.raises(Problem, match="not in the list"):
        office.move("approver", "denied", deny_reason="no mood")


@pytest.mark.parametrize("role", ["officer", "hq_officer", "admin"])
@pytest.mark.parametrize("to", ["approved", "denied"])
def test_nobody_of_the_cell_decides(office: Desk, role: str, to: str) -> None:
    office.lead_to("analysed", "submitted")

    with pytest.raises(Problem, match="does not have rights"):
        office.move(role, to, deny_reason="no_asset")


def test_the_approver_does_not_analyse(office: Desk) -> None:
    with pytest.raises(Problem, match="does not have rights"):
        office.move("approver", "analysed", **ANALYSED)


def test_an_approver_who_reported_the_request_does_not_decide_on_it(office: Desk) -> None:
    office.lead_to("analysed", "submitted")
    approver = office.cast.approver.actor_id
    for fact in office.session.scalars(select(Fact).join(Event, Event.fact_id == Fact.id).where(Event.type == "STATE")):
        # The same person handled the request while he was an officer of the cell.
        fact.actor_id = approver
    office.session.commit()

    with pytest.raises(Problem, match="whoever handled it"):
        office.move("approver", "approved")


def test_an_unknown_principle_keeps_a_humanitarian_request_from_being_analysed(office: Desk) -> None:
    with pytest.raises(Problem, match="while this is unknown"):
        office.move("hq_officer", "analysed", **{**ANALYSED, "p2_lastresort": "unknown"})


def test_a_broken_principle_goes_on_only_with_a_written_reason_and_a_note_to_the_coordination(office: Desk) -> None:
    office.move("hq_officer", "analysed", **{**ANALYSED, "p2_lastresort": "no"})

    with pytest.raises(Problem, match="Why it goes on"):
        office.move("hq_officer", "submitted", **SUBMITTED)
    office.move("hq_officer", "submitted", **SUBMITTED, override="The road is cut", cmcoord="2026-11-12")

    assert office.record().data["status"] == "submitted"


def test_a_time_is_typed_in_mission_time_and_kept_in_utc(office: Desk) -> None:
    office.lead_to("analysed", "submitted")

    assert office.history().steps[-1].answers["decide_by"] == "2026-11-15T11:00:00.000Z"


def test_a_review_is_found_or_waived_with_a_reason(office: Desk) -> None:
    office.lead_to("analysed", "submitted", "approved")
    office.move("approver", "tasked", unit="BANBATT-3", lead="Maj A", introduced="2026-11-17")
    office.move("hq_officer", "in_progress", actual_start="2026-11-20T06:00")
    office.move("hq_officer", "completed", actual_end="2026-11-21T06:00")
    with pytest.raises(Problem, match="After-action review"):
        office.move("hq_officer", "aar")

    office.move("hq_officer", "aar", waived="The same flight as last week")

    assert office.record().data["status"] == "aar"


def test_a_change_is_a_fact_by_the_acting_officer_with_its_time(office: Desk) -> None:
    office.lead_to("analysed")

    both = select(Event, Fact).join(Fact, Fact.id == Event.fact_id)
    event, fact = office.session.execute(both.where(Event.type == "STATE")).one()
    assert (fact.actor_name, event.payload["from"], event.payload["to"], event.payload["as"]) == (
        "HQ Officer", "received", "analysed", "cimic",
    )
    assert fact.received_at.tzinfo is not None
    logged = office.session.scalars(select(Audit).where(Audit.action == "record.state")).one()
    assert logged.details == {"from": "received", "to": "analysed", "as": "cimic"}


def test_the_last_change_can_be_taken_back_and_an_earlier_one_not(office: Desk) -> None:
    office.lead_to("analysed", "submitted")
    first, last = office.history().steps[1:]
    record, rules, who = office.record(), definitions()["requests"], office.identity("hq_officer")
    with pytest.raises(Problem, match="only the last change"):
        states.undo(office.session, who, record, rules, first.id)

    states.undo(office.session, who, record, rules, last.id)

    assert office.record().data["status"] == "analysed"


def test_an_officer_does_not_take_back_what_the_approver_decided(office: Desk) -> None:
    office.lead_to("analysed", "submitted", "denied")
    last = office.history().last
    assert last is not None

    with pytest.raises(Problem, match="does not have rights"):
        states.undo(office.session, office.identity("hq_officer"), office.record(), definitions()["requests"], last.id)


def test_neither_a_pin_nor_the_api_sets_a_state(office: Desk, app: Flask) -> None:
    browser = office.cast.page_client(app, "hq_officer")
    answer = browser.post(f"{page_of(office)}/pin", data={"property": "status", "value": "approved", "reason": "quick"})
    who = office.identity("hq_officer")
    merging_fact = merging.write_entity(
        office.session, who, 1, "requests", office.record().id, "update", None, {"status": "approved"}
    )
    folding.fold_now(office.session, [merging_fact])
    office.session.commit()

    assert answer.status_code == 422
    assert office.record().data["status"] == "received"
    assert [(step.to, step.fits) for step in office.history().steps][-1] == ("approved", False)


def test_a_rebuild_gives_the_same_states(office: Desk) -> None:
    office.lead_to("analysed", "submitted", "denied", "feedback")
    before = office.record().data

    folding.rebuild(office.session)

    assert office.record().data == before


def test_feedback_is_closed_by_itself_after_14_days(office: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    office.lead_to("analysed", "submitted", "denied", "feedback")
    assert states.close_due(office.session) == []

    instant = now() + dt.timedelta(days=15)
    monkeypatch.setattr(states, "now", lambda: instant)
    made = states.close_due(office.session)
    office.session.commit()
    folding.drain(office.session)

    assert len(made) == 1
    assert office.record().data["status"] == "closed"
    assert states.close_due(office.session) == []


def test_a_project_goes_from_proposal_to_its_end_by_officers_and_reports(office: Desk) -> None:
    new = {**LOC, "action": "new", "title": "Well of Gbadé", "q_cat": "water", "q_cost": "9000"}
    office.send("qip", new, "uuid:q1")
    record = office.record("projects")
    assert record.data["status"] == "proposed"
    with pytest.raises(Problem, match="Amount approved"):
        office.move("hq_officer", "approved", "projects", committee_date="2026-11-12")

    office.move("hq_officer", "approved", "projects", committee_date="2026-11-12", amount="9000")

    assert office.record("projects").data["status"] == "approved"


# Pages


def test_the_page_shows_the_history_and_a_form_for_each_step_that_is_mine(office: Desk, app: Flask) -> None:
    office.lead_to("analysed", "submitted", "denied")

    mine = office.cast.page_client(app, "hq_officer").get(page_of(office)).text
    decider = office.cast.page_client(app, "approver").get(page_of(office)).text

    assert "No asset available" in mine
    assert 'name="feedback_text"' in mine
    assert "HQ Officer" in mine
    assert 'name="feedback_text"' not in decider


def test_a_state_is_set_on_the_page(office: Desk, app: Flask) -> None:
    browser = office.cast.page_client(app, "hq_officer")

    browser.post(f"{page_of(office)}/state", data={"to": "analysed", **ANALYSED})

    assert office.record().data["status"] == "analysed"
    last = office.history().last
    assert last is not None
    browser.post(f"{page_of(office)}/state/undo", data={"event": last.id})
    assert office.record().data["status"] == "received"


def test_what_is_missing_is_refused_and_changes_nothing(office: Desk, app: Flask) -> None:
    browser = office.cast.page_client(app, "hq_officer")

    answer = browser.post(f"{page_of(office)}/state", data={"to": "analysed"})

    assert answer.status_code == 422
    assert office.record().data["status"] == "received"


def test_the_page_tells_states_in_french(office: Desk, app: Flask) -> None:
    page = office.cast.page_client(app, "hq_officer").get(f"{page_of(office)}?lang=fr").text

    assert "Reçue" in page
    assert "Priorité, selon l" in page


def test_the_list_is_narrowed_by_state(office: Desk, app: Flask) -> None:
    browser = office.cast.page_client(app, "hq_officer")

    assert office.record().id in browser.get("/registers/requests?status=received").text
    assert office.record().id not in browser.get("/registers/requests?status=denied").text


# Outside the cell


def test_the_approver_sees_requests_from_submitted_on(office: Desk, app: Flask) -> None:
    browser = office.cast.page_client(app, "approver")
    office.lead_to("analysed")
    assert browser.get(page_of(office)).status_code == 404

    office.lead_to("submitted")

    assert browser.get(page_of(office)).status_code == 200


@pytest.fixture
def ambush(office: Desk) -> Desk:
    office.send("security_incident", AMBUSH, "uuid:ambush")
    assert office.record("incidents").data["inc_type"] == "ambush"
    return office


def viewer(office: Desk, role: str = "observer") -> Identity:
    """Somebody outside the cell to whom Central's role of a viewer was assigned in the mission's project."""
    person = office.cast.people[role].actor_id
    office.session.add(Assignment(actor_id=person, project_id=1, role="viewer"))
    office.session.commit()
    return project_rights.within(office.session, office.identity(role), 1)


@pytest.mark.parametrize("role", ["approver", "partner", "collector", "observer", "auditor"])
def test_an_incident_is_no_record_for_anybody_outside_the_cell(ambush: Desk, role: str) -> None:
    scope = ambush.identity(role).scope

    assert record_queries.record(ambush.session, scope, "incidents", ambush.record("incidents").id) is None


def test_the_approvers_pages_show_no_incident(ambush: Desk, app: Flask) -> None:
    browser = ambush.cast.page_client(app, "approver")
    record_id = ambush.record("incidents").id

    assert browser.get(f"/registers/incidents/{record_id}").status_code == 404
    assert record_id not in browser.get("/registers/incidents").text
    assert record_id not in browser.get("/registers/incidents/points.geojson").text


@pytest.mark.parametrize("door", ["/v1/projects/1/datasets/incidents/entities", "/v1/projects/1/datasets/incidents/entities.csv",
                                  "/v1/projects/1/datasets/incidents.svc/Entities",
                                  "/v1/projects/1/forms/security_incident/submissions",
                                  "/v1/projects/1/forms/security_incident.svc/Submissions"])  # fmt: skip
@pytest.mark.parametrize("role", ["observer", "partner", "approver"])
def test_no_api_shows_an_incident_outside_the_cell_even_to_a_viewer_of_the_project(
    ambush: Desk, app: Flask, door: str, role: str
) -> None:
    client = app.test_client()
    viewer(ambush, role)

    answer = client.get(door, headers=ambush.cast.people[role].bearer)

    assert "ambush" not in answer.text
    assert "uuid:ambush" not in answer.text
    assert "ambush" in client.get(door, headers=ambush.cast.hq_officer.bearer).text


def test_a_device_has_of_incidents_what_it_reported_itself(ambush: Desk) -> None:
    dataset = ambush.session.scalars(select(Dataset).where(Dataset.name == "incidents")).one()
    phone = Identity(actor_id=4711, name="Phone", type="field_key", role="app_user", how="key", verbs=APP_USER_VERBS)

    assert access.of(ambush.session, dataset, phone) == access.Access(owner_id=4711)
    assert access.of(ambush.session, dataset, ambush.identity("officer")) == access.Access()


def test_partners_see_an_incident_once_it_is_released_and_never_its_text(ambush: Desk, app: Flask) -> None:
    ambush.cast.people["deputy"] = add_user(ambush.session, "hq_officer", "HQ Deputy", None)
    ambush.session.commit()
    def seen() -> list[str]:
        scope = ambush.identity("partner").scope
        return [row.number for row in partner.page(ambush.session, scope, "incidents", now(), "", 10)]

    before = seen()
    row = releases.put_forward(
        ambush.session, ambush.identity("hq_officer"), ambush.record("incidents"), "ngo", now() + dt.timedelta(days=7)
    )
    proposed = seen()
    releases.decide(ambush.session, ambush.identity("deputy"), row.number, "release")

    assert (before, proposed, seen()) == ([], [], [row.number])
    shown = ambush.cast.page_client(app, "partner").get("/partner/registers/incidents").text
    assert row.number in shown
    assert "Two lines that stay in the cell" not in shown
