"""/v1: log-in, projects, roles, app users and assignments as clients of ODK Central use them."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.cast import PASSWORD, Cast
from tests.server.central_forms import FORM_ID, Api, api

__all__ = ["api"]

STAMP = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")


def test_log_in_answers_200_with_a_token_that_works(client: FlaskClient, cast: Cast) -> None:
    answer = client.post("/v1/sessions", json={"email": cast.officer.email.upper(), "password": PASSWORD})

    assert answer.status_code == 200
    body = answer.get_json()
    assert set(body) == {"token", "csrf", "expiresAt", "createdAt"}
    assert STAMP.match(body["expiresAt"])
    assert client.get("/v1/projects", headers={"Authorization": f"Bearer {body['token']}"}).status_code == 200


def test_wrong_password_is_401_2_in_centrals_shape(client: FlaskClient, cast: Cast) -> None:
    answer = client.post("/v1/sessions", json={"email": cast.officer.email, "password": "not the password"})

    assert answer.status_code == 401
    assert answer.get_json() == {"message": "Could not authenticate with the provided credentials.", "code": 401.2}


def test_nobody_sees_projects_without_log_in(client: FlaskClient, cast: Cast) -> None:
    answer = client.get("/v1/projects")

    assert (answer.status_code, answer.get_json()["code"]) == (401, 401.2)


def test_log_out_ends_the_token(client: FlaskClient, cast: Cast) -> None:
    assert client.delete("/v1/sessions/current", headers=cast.officer.bearer).get_json() == {"success": True}

    assert client.get("/v1/projects", headers=cast.officer.bearer).status_code == 401


def test_nobody_ends_the_session_of_another(client: FlaskClient, cast: Cast) -> None:
    token = cast.hq_officer.bearer["Authorization"].removeprefix("Bearer ")

    assert client.delete(f"/v1/sessions/{token}", headers=cast.officer.bearer).status_code == 403
    assert client.get("/v1/projects", headers=cast.hq_officer.bearer).status_code == 200


@pytest.mark.parametrize("body, code", [
    (b"", 400.1), (b"[]", 400.1), (b"{", 400.1), (b'{"email": NaN, "password": "x"}', 400.1), (b"\xff\xfe", 400.1),
    (b'{"email": "a\\u0000b", "password": "x"}', 400.1), (b'{"email": "\\ud800", "password": "x"}', 400.1),
    (b"[" * 100_000, 400.1), (b'{"email": "a@b.c"}', 400.3), (b'{"email": 5, "password": []}', 400.8), (b"null", 400.1),
    (b'{"email": ' + b"9" * 5000 + b"}", 400.1),
])  # fmt: skip
def test_a_faulty_log_in_body_is_refused_with_a_code(client: FlaskClient, cast: Cast, body: bytes, code: float) -> None:
    answer = client.post("/v1/sessions", data=body, content_type="application/json")

    assert answer.status_code == int(code)
    assert answer.get_json()["code"] == code


def test_projects_have_what_pyodk_demands(client: FlaskClient, cast: Cast) -> None:
    projects = client.get("/v1/projects/", headers=cast.officer.bearer).get_json()

    assert [project["id"] for project in projects] == [1]
    # cleanPhotos is ours: pyODK and ruODK pass over what they do not know.
    demanded = {"id", "name", "createdAt", "description", "archived", "keyId", "updatedAt", "deletedAt"}
    assert set(projects[0]) == demanded | {"cleanPhotos"}
    assert STAMP.match(projects[0]["createdAt"])


def test_extended_metadata_adds_counts_and_verbs(client: FlaskClient, cast: Cast) -> None:
    project = client.get("/v1/projects/1", headers={**cast.hq_officer.bearer, "X-Extended-Metadata": "True"}).get_json()

    assert project["appUsers"] == 2
    assert project["forms"] == 0
    assert "form.create" in project["verbs"]


def test_a_project_is_made_renamed_and_deleted(client: FlaskClient, cast: Cast) -> None:
    head = cast.admin.bearer
    made = client.post("/v1/projects", json={"name": "Second"}, headers=head).get_json()
    renamed = client.patch(f"/v1/projects/{made['id']}", json={"name": "Two", "archived": True}, headers=head).get_json()
    client.delete(f"/v1/projects/{made['id']}", headers=head)

    assert (renamed["name"], renamed["archived"]) == ("Two", True)
    assert client.get(f"/v1/projects/{made['id']}", headers=head).status_code == 404


def test_the_missions_own_project_stays(client: FlaskClient, cast: Cast) -> None:
    assert client.delete("/v1/projects/1", headers=cast.admin.bearer).status_code == 409


@pytest.mark.parametrize("path, code", [
    ("/v1/projects/abc", 400.11), ("/v1/projects/-1", 400.11), ("/v1/projects/99999999999999999999", 404.1),
    ("/v1/projects/2147483648", 404.1), ("/v1/projects/7", 404.1), ("/v2/projects", 404.3),
    ("/v1/nothing", 404.1), ("/v1/projects/1%00", 404.1), ("/v1/roles/%00", 404.1), ("/v1/roles/x?a=%00", 400.8),
])  # fmt: skip
def test_odd_addresses_get_centrals_codes(client: FlaskClient, cast: Cast, path: str, code: float) -> None:
    answer = client.get(path, headers=cast.admin.bearer)

    assert answer.status_code == int(code)
    assert answer.get_json()["code"] == code


def test_roles_are_numbered_as_pyodk_expects(client: FlaskClient, cast: Cast) -> None:
    roles = client.get("/v1/roles", headers=cast.officer.bearer).get_json()

    assert {role["id"]: role["system"] for role in roles}[2] == "app-user"
    assert client.get("/v1/roles/app-user", headers=cast.officer.bearer).get_json()["id"] == 2


def test_an_app_user_is_made_with_a_key_that_opens_the_project_and_revoked(client: FlaskClient, cast: Cast) -> None:
    head = cast.hq_officer.bearer
    made = client.post("/v1/projects/1/app-users", json={"displayName": "Patrol 7"}, headers=head).get_json()
    listed = client.get("/v1/projects/1/app-users", headers=head).get_json()
    forms = f"/v1/projects/1/forms?st={made['token']}"
    before = client.get(forms).status_code
    client.delete(f"/v1/sessions/{made['token']}", headers=head)

    assert made["type"] == "field_key"
    assert made in listed
    assert before == 200
    assert client.get(forms).status_code == 403
    assert client.get(f"/v1/app-users/{made['id']}", headers=head).get_json()["token"] is None


def test_a_deleted_app_user_is_gone(client: FlaskClient, cast: Cast) -> None:
    head = cast.hq_officer.bearer
    made = client.post("/v1/projects/1/app-users", json={"displayName": "Patrol 8"}, headers=head).get_json()

    assert client.delete(f"/v1/projects/1/app-users/{made['id']}", headers=head).get_json() == {"success": True}
    assert client.get(f"/v1/app-users/{made['id']}", headers=head).status_code == 404


def test_officers_of_a_sector_do_not_see_keys(client: FlaskClient, cast: Cast) -> None:
    assert client.get("/v1/projects/1/app-users", headers=cast.officer.bearer).status_code == 403


def test_an_app_user_is_assigned_to_the_project_once_and_taken_off(client: FlaskClient, cast: Cast) -> None:
    head, path = cast.hq_officer.bearer, f"/v1/projects/1/assignments/2/{cast.device_actor_ids[0]}"
    client.post(path, headers=head)
    again = client.post(path, headers=head)
    assigned = client.get("/v1/projects/1/assignments/app-user", headers=head).get_json()

    assert again.get_json() == {"success": True}
    assert [each["id"] for each in assigned] == [cast.device_actor_ids[0]]
    assert client.delete(path, headers=head).get_json() == {"success": True}
    assert client.delete(path, headers=head).status_code == 404


def test_an_unknown_method_is_answered_in_json(client: FlaskClient, cast: Cast) -> None:
    answer = client.put("/v1/projects/1/app-users", json={}, headers=cast.admin.bearer)

    assert answer.status_code == 404
    assert answer.get_json()["code"] == 404.1
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_an_address_without_a_view_allows_no_method(client: FlaskClient, cast: Cast) -> None:
    answer = client.put("/v1/nothing/of/the/kind", json={}, headers=cast.admin.bearer)

    assert answer.get_json()["code"] == 404.1
    assert "Allow" not in answer.headers


def test_answers_carry_an_etag_that_gives_304(client: FlaskClient, cast: Cast) -> None:
    first = client.get("/v1/projects", headers=cast.officer.bearer)
    second = client.get("/v1/projects", headers={**cast.officer.bearer, "If-None-Match": first.headers["ETag"]})

    assert first.headers["ETag"].startswith("W/")
    assert (second.status_code, second.data) == (304, b"")


def test_an_app_user_gets_another_name(client: FlaskClient, cast: Cast) -> None:
    head, path = cast.hq_officer.bearer, f"/v1/app-users/{cast.device_actor_ids[0]}"
    renamed = client.patch(path, json={"displayName": "Patrol 9"}, headers=head)

    assert (renamed.status_code, renamed.get_json()["displayName"]) == (200, "Patrol 9")
    assert client.get(path, headers=head).get_json()["displayName"] == "Patrol 9"


def test_a_reason_given_in_a_header_lies_in_the_audit_log(client: FlaskClient, cast: Cast) -> None:
    client.patch("/v1/projects/1", json={"name": "Mission"}, headers={**cast.admin.bearer, "X-Action-Notes": "as%20agreed"})
    row = client.get("/v1/audits?action=project.update", headers=cast.admin.bearer).get_json()[0]

    assert (row["actorId"], row["notes"]) == (cast.admin.actor_id, "as agreed")


@pytest.mark.parametrize("body", [{}, {"email": "", "password": ""}, {"email": "a@b.example"}])
def test_a_log_in_that_lacks_something_is_400_3_and_says_nothing_of_passwords(client: FlaskClient, body: object) -> None:
    answer = client.post("/v1/sessions", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (400, 400.3)


@pytest.mark.parametrize("path", ["/projects", "/projects/1/forms", "/sessions", "/users/current", "/v/projects", "/vx/projects"])
def test_an_address_without_version_is_404_2(client: FlaskClient, cast: Cast, path: str) -> None:
    answer = client.get(path, headers=cast.admin.bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (404, 404.2)


def test_a_project_is_replaced_as_a_whole_with_who_fills_its_forms(api: Api, cast: Cast) -> None:
    device = cast.device_actor_ids[0]
    form = {"xmlFormId": FORM_ID, "state": "closing", "assignments": [{"actorId": device, "roleId": 2}]}
    wish = {"name": "All", "forms": [form]}
    done = api.client.put("/v1/projects/1", json=wish, headers=api.head)

    assert (done.status_code, done.get_json()["name"]) == (200, "All")
    assert api.get("")["state"] == "closing"
    assert api.get("/assignments") == [{"actorId": device, "roleId": 2}]
    api.client.put("/v1/projects/1", json={"name": "All", "forms": [{"xmlFormId": FORM_ID, "assignments": []}]}, headers=api.head)
    assert api.get("/assignments") == []


def test_a_project_replaced_with_other_forms_is_501_2(api: Api) -> None:
    answer = api.client.put("/v1/projects/1", json={"name": "All", "forms": []}, headers=api.head)

    assert (answer.status_code, answer.get_json()["code"]) == (501, 501.2)
