"""/v1: who has which role, on the site, in a project and on a form, and what it opens."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.cast import PASSWORD, Cast
from tests.server.central_forms import FORM_ID, Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]
MORE = {"X-Extended-Metadata": "true"}


@pytest.fixture
def second(api: Api) -> str:
    """Another project with the form and a report on it; its address."""
    number = api.client.post("/v1/projects", json={"name": "Second"}, headers=api.head).get_json()["id"]
    path = f"/v1/projects/{number}"
    xml = {"content_type": "application/xml", "headers": api.head}
    assert api.client.post(f"{path}/forms?publish=true&ignoreWarnings=true", data=form_xml(), **xml).status_code == 200
    assert api.client.post(f"{path}/forms/{FORM_ID}/submissions", data=submission_xml(new_id()), **xml).status_code == 200
    return path


def test_a_new_account_sees_no_other_project_until_something_there_is_assigned(api: Api, cast: Cast, second: str) -> None:
    head, who = cast.collector.bearer, cast.collector.actor_id
    before = api.client.get(second, headers=head).status_code, api.client.get("/v1/projects", headers=head).get_json()
    api.client.post(f"{second}/assignments/formfill/{who}", headers=api.head)
    after = api.client.get(second, headers=head).status_code, api.client.get("/v1/projects", headers=head).get_json()

    assert (before[0], [project["id"] for project in before[1]]) == (403, [1])
    assert (after[0], len(after[1])) == (200, 2)
    assert [form["xmlFormId"] for form in api.client.get(f"{second}/forms", headers=head).get_json()] == [FORM_ID]


@pytest.mark.parametrize("role, publishes", [("viewer", 403), ("6", 403), ("manager", 200), ("5", 200)])
def test_a_role_in_a_project_opens_that_project_and_no_other(
    api: Api, cast: Cast, second: str, role: str, publishes: int
) -> None:
    head, who = cast.collector.bearer, cast.collector.actor_id
    given = api.client.post(f"{second}/assignments/{role}/{who}", headers=api.head)
    api.send(submission_xml(new_id()))

    assert given.get_json() == {"success": True}
    assert len(api.client.get(f"{second}/forms/{FORM_ID}/submissions", headers=head).get_json()) == 1
    assert api.client.get(f"{api.form}/submissions", headers=head).status_code == 403
    made = api.client.post(f"{second}/forms", data=form_xml(form_id="other"), content_type="application/xml", headers=head)
    assert made.status_code == publishes
    assert api.client.delete(f"{second}/assignments/{role}/{who}", headers=api.head).get_json() == {"success": True}
    assert api.client.get(f"{second}/forms/{FORM_ID}/submissions", headers=head).status_code == 403


@pytest.mark.parametrize("role, changes", [("viewer", 403), ("6", 403), ("manager", 200), ("5", 200)])
def test_a_role_on_one_form_opens_that_form_and_no_other(api: Api, cast: Cast, second: str, role: str, changes: int) -> None:
    head, who, one = cast.collector.bearer, cast.collector.actor_id, f"{second}/forms/{FORM_ID}"
    other = {"data": form_xml(form_id="other"), "content_type": "application/xml", "headers": api.head}
    api.client.post(f"{second}/forms?publish=true&ignoreWarnings=true", **other)
    given = api.client.post(f"{one}/assignments/{role}/{who}", headers=api.head)

    assert given.get_json() == {"success": True}
    assert [each["id"] for each in api.get(f"{one}/assignments/{role}")] == [who]
    assert [each["id"] for each in api.client.get("/v1/projects", headers=head).get_json()] == [1, int(second.rpartition("/")[2])]
    assert [form["xmlFormId"] for form in api.client.get(f"{second}/forms", headers=head).get_json()] == [FORM_ID]
    assert len(api.client.get(f"{one}/submissions", headers=head).get_json()) == 1
    assert len(api.client.get(f"{one}.svc/Submissions", headers=head).get_json()["value"]) == 1
    assert api.client.get(f"{second}/forms/other/submissions", headers=head).status_code == 403
    assert api.client.get(f"{second}/datasets", headers=head).status_code == 403
    assert api.client.post(f"{second}/forms", **{**other, "headers": head}).status_code == 403
    assert api.client.patch(one, json={"state": "closing"}, headers=head).status_code == changes
    assert api.client.delete(f"{one}/assignments/{role}/{who}", headers=api.head).get_json() == {"success": True}
    assert api.client.get(f"{one}/submissions", headers=head).status_code == 403


@pytest.mark.parametrize("role, status", [("viewer", 403), ("formfill", 200), ("manager", 200)])
def test_a_viewer_of_a_form_sends_no_report_on_it(api: Api, cast: Cast, second: str, role: str, status: int) -> None:
    head, one = cast.collector.bearer, f"{second}/forms/{FORM_ID}"
    api.client.post(f"{one}/assignments/{role}/{cast.collector.actor_id}", headers=api.head)
    sent = api.client.post(f"{one}/submissions", data=submission_xml(new_id()), content_type="application/xml", headers=head)

    assert sent.status_code == status


def test_roles_in_a_project_are_listed_with_their_people(api: Api, cast: Cast, second: str) -> None:
    who = cast.collector.actor_id
    api.client.post(f"{second}/assignments/viewer/{who}", headers=api.head)

    assert api.get(f"{second}/assignments") == [{"actorId": who, "roleId": 6}]
    assert api.get(f"{second}/assignments", **MORE)[0]["actor"]["displayName"]
    assert [each["id"] for each in api.get(f"{second}/assignments/viewer")] == [who]
    assert api.get(f"{second}/assignments/6")[0]["type"] == "user"
    assert api.get(f"{second}/assignments/manager") == []
    assert "submission.read" in api.client.get(second, headers={**cast.collector.bearer, **MORE}).get_json()["verbs"]


def test_a_form_is_assigned_by_number_or_name(api: Api, cast: Cast) -> None:
    device = cast.device_actor_ids[1]
    api.client.post(f"{api.form}/assignments/2/{device}", headers=api.head)
    api.client.post(f"{api.form}/assignments/formfill/{cast.collector.actor_id}", headers=api.head)

    both = [{"actorId": device, "roleId": 2}, {"actorId": cast.collector.actor_id, "roleId": 7}]
    assert api.get("/assignments") == both
    assert [each["id"] for each in api.get("/assignments/app-user")] == [device]
    assert api.get("/v1/projects/1/assignments/forms") == [{**each, "xmlFormId": FORM_ID} for each in both]
    assert api.get("/v1/projects/1/assignments/forms/7", **MORE)[0]["actor"]["id"] == cast.collector.actor_id
    assert api.client.delete(f"{api.form}/assignments/app-user/{device}", headers=api.head).status_code == 200
    assert api.get("/assignments/2") == []


def test_a_role_on_the_site_is_the_accounts_own(client: FlaskClient, cast: Cast) -> None:
    head, who = cast.admin.bearer, cast.collector.actor_id
    client.post(f"/v1/assignments/admin/{who}", headers=head)
    admins = [each["id"] for each in client.get("/v1/assignments/1", headers=head).get_json()]
    listed = client.get("/v1/assignments", headers=head).get_json()
    opened = client.get("/v1/audits", headers=cast.collector.bearer).status_code
    client.delete(f"/v1/assignments/1/{who}", headers=head)

    assert who in admins
    assert {"actorId": who, "roleId": 1} in listed
    assert opened == 200
    assert client.get(f"/v1/users/{who}", headers=head).get_json()["role"] == "collector"
    assert client.get("/v1/audits", headers=cast.collector.bearer).status_code == 403


def test_the_last_administrator_stays_one(client: FlaskClient, cast: Cast) -> None:
    answer = client.delete(f"/v1/assignments/admin/{cast.admin.actor_id}", headers=cast.admin.bearer)

    assert answer.status_code == 409


@pytest.mark.parametrize("role, who, place, status", [
    ("viewer", "partner", "{second}", 400), ("viewer", "auditor", "/v1/projects/1", 400),
    ("manager", "collector", "/v1/projects/1", 403), ("admin", "collector", "{second}", 400),
    ("pub-link", "collector", "{second}", 400), ("admin", "collector", "{second}/forms/visit", 400),
    ("manager", "collector", "/v1/projects/1/forms/visit", 403), ("viewer", "partner", "{second}/forms/visit", 400),
    ("nonsense", "collector", "{second}", 404), ("99", "collector", "{second}", 404),
])  # fmt: skip
def test_roles_that_would_open_too_much_are_refused(
    api: Api, cast: Cast, second: str, role: str, who: str, place: str, status: int
) -> None:
    path = f"{place.format(second=second)}/assignments/{role}/{cast.people[who].actor_id}"

    assert api.client.post(path, headers=api.head).status_code == status


def test_an_officer_of_a_sector_stays_in_it_whatever_is_assigned_in_the_mission(api: Api, cast: Cast) -> None:
    api.send(submission_xml(new_id()))
    given = api.client.post(f"/v1/projects/1/assignments/viewer/{cast.officer.actor_id}", headers=cast.admin.bearer)

    assert given.status_code == 200
    assert api.client.get(f"{api.form}/submissions", headers=cast.officer.bearer).get_json() == []


def test_devices_become_no_managers(api: Api, cast: Cast) -> None:
    path = f"/v1/projects/1/assignments/manager/{cast.device_actor_ids[0]}"

    assert api.client.post(path, headers=cast.admin.bearer).get_json()["code"] == 400.8


def test_basic_shows_the_same_as_a_token_over_https(api: Api, cast: Cast, second: str) -> None:
    api.client.post(f"{second}/assignments/viewer/{cast.collector.actor_id}", headers=api.head)
    rows = api.client.get(
        f"{second}/forms/{FORM_ID}/submissions", auth=(cast.collector.email, PASSWORD), base_url="https://localhost"
    )

    assert len(rows.get_json()) == 1
