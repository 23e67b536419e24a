"""/v1: accounts of people and the audit log."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.cast import PASSWORD, Cast


def test_the_own_account_is_shown_with_what_clients_demand(client: FlaskClient, cast: Cast) -> None:
    shown = client.get("/v1/users/current", headers=cast.officer.bearer).get_json()

    assert {"id", "email", "type", "displayName", "lastLoginAt", "createdAt", "updatedAt", "deletedAt"} <= set(shown)
    assert (shown["id"], shown["email"], shown["type"]) == (cast.officer.actor_id, cast.officer.email, "user")


def test_extended_metadata_names_the_verbs(client: FlaskClient, cast: Cast) -> None:
    shown = client.get("/v1/users/current", headers={**cast.officer.bearer, "X-Extended-Metadata": "true"}).get_json()

    assert "submission.read" in shown["verbs"]
    assert "user.create" not in shown["verbs"]


def test_an_administrator_makes_changes_and_deletes_an_account(client: FlaskClient, cast: Cast) -> None:
    head = cast.admin.bearer
    wish = {"email": "New@Example.org", "password": "a good long password", "displayName": "New", "role": "hq_officer"}
    made = client.post("/v1/users", json=wish, headers=head).get_json()
    login = client.post("/v1/sessions", json={"email": "new@example.org", "password": "a good long password"})
    changed = client.patch(f"/v1/users/{made['id']}", json={"displayName": "Newer", "role": "partner"}, headers=head).get_json()
    found = client.get("/v1/users?q=newer", headers=head).get_json()
    client.delete(f"/v1/users/{made['id']}", headers=head)

    assert (made["role"], login.status_code) == ("hq_officer", 200)
    assert (changed["displayName"], changed["role"]) == ("Newer", "partner")
    assert [each["id"] for each in found] == [made["id"]]
    assert client.get(f"/v1/users/{made['id']}", headers=head).status_code == 404
    assert client.get("/v1/users/current", headers={"Authorization": f"Bearer {login.get_json()['token']}"}).status_code == 401


def test_an_account_without_password_gets_a_one_time_password_once(client: FlaskClient, cast: Cast) -> None:
    made = client.post("/v1/users", json={"email": "once@example.org"}, headers=cast.admin.bearer).get_json()

    assert len(made["oneTimePassword"]) >= 10
    assert "oneTimePassword" not in client.get(f"/v1/users/{made['id']}", headers=cast.admin.bearer).get_json()


def test_centrals_name_of_a_role_is_understood(client: FlaskClient, cast: Cast) -> None:
    wish = {"email": "viewer@example.org", "password": "a good long password", "role": "viewer"}

    assert client.post("/v1/users", json=wish, headers=cast.admin.bearer).get_json()["role"] == "officer"


@pytest.mark.parametrize("wish", [
    {}, {"email": "no address"}, {"email": "a@b.example", "password": "short"}, {"email": 5},
    {"email": "a@b.example", "role": "king"}, {"email": "a@b.example", "role": "officer", "branch": "G2"},
    {"email": "a@b.example", "sectorId": 999_999_999_999_999_999_999},
    {"email": "a@b.example", "sectorId": "x"}, {"email": "x" * 400 + "@b.example"},
])  # fmt: skip
def test_a_faulty_account_is_refused(client: FlaskClient, cast: Cast, wish: dict[str, object]) -> None:
    answer = client.post("/v1/users", json=wish, headers=cast.admin.bearer)

    assert answer.status_code in {400, 403, 422}
    assert client.get("/v1/users?q=b.example", headers=cast.admin.bearer).get_json() == []


@pytest.mark.parametrize("role", ["officer", "approver", "partner", "auditor", "collector", "observer"])
def test_only_administrators_see_accounts(client: FlaskClient, cast: Cast, role: str) -> None:
    assert client.get("/v1/users", headers=cast.people[role].bearer).status_code == 403


def test_the_own_password_is_changed_and_every_session_ends(client: FlaskClient, cast: Cast) -> None:
    path = f"/v1/users/{cast.officer.actor_id}/password"
    wrong = client.put(path, json={"old": "not the password", "new": "another long password"}, headers=cast.officer.bearer)
    right = client.put(path, json={"old": PASSWORD, "new": "another long password"}, headers=cast.officer.bearer)

    assert (wrong.status_code, right.status_code) == (401, 200)
    assert client.get("/v1/users/current", headers=cast.officer.bearer).status_code == 401


def test_nobody_changes_the_password_of_another_here(client: FlaskClient, cast: Cast) -> None:
    body = {"old": PASSWORD, "new": "another long password"}

    assert client.put(f"/v1/users/{cast.officer.actor_id}/password", json=body, headers=cast.admin.bearer).status_code == 403


def test_the_audit_log_tells_what_was_done(client: FlaskClient, cast: Cast) -> None:
    client.post("/v1/projects", json={"name": "Second"}, headers=cast.admin.bearer)
    rows = client.get("/v1/audits?action=project.create", headers=cast.auditor.bearer).get_json()

    assert [(row["actorId"], row["details"]) for row in rows] == [(cast.admin.actor_id, {"name": "Second"})]
    assert client.get("/v1/audits?limit=0", headers=cast.auditor.bearer).get_json() == []


@pytest.mark.parametrize("query, code", [
    ("start=x", 400.8), ("limit=x", 400.11), ("offset=-1", 400.11), ("end=9999-99-99", 400.8), ("limit=%00", 400.8),
])  # fmt: skip
def test_odd_questions_to_the_audit_log_are_400(client: FlaskClient, cast: Cast, query: str, code: float) -> None:
    assert client.get(f"/v1/audits?{query}", headers=cast.auditor.bearer).get_json()["code"] == code


@pytest.mark.parametrize("role", ["hq_officer", "officer", "approver", "partner", "collector", "observer"])
def test_only_auditors_and_administrators_read_the_log(client: FlaskClient, cast: Cast, role: str) -> None:
    assert client.get("/v1/audits", headers=cast.people[role].bearer).status_code == 403


def test_who_assigns_finds_a_person_by_the_whole_address_only(client: FlaskClient, cast: Cast) -> None:
    head, email = cast.hq_officer.bearer, cast.officer.email

    assert [each["id"] for each in client.get(f"/v1/users?q={email}", headers=head).get_json()] == [cast.officer.actor_id]
    assert client.get(f"/v1/users?q={email[:5]}", headers=head).get_json() == []
    assert client.get("/v1/users", headers=head).get_json() == []


def test_everybody_sees_the_own_account_and_nobody_elses(client: FlaskClient, cast: Cast) -> None:
    own, other = f"/v1/users/{cast.partner.actor_id}", f"/v1/users/{cast.officer.actor_id}"

    assert client.get(own, headers=cast.partner.bearer).get_json()["email"] == cast.partner.email
    assert client.get(other, headers=cast.partner.bearer).status_code == 403


def test_asking_for_a_new_password_tells_nobody_who_has_an_account(client: FlaskClient, cast: Cast) -> None:
    known = client.post("/v1/users/reset/initiate", json={"email": cast.officer.email})
    unknown = client.post("/v1/users/reset/initiate", json={"email": "nobody@example.org"})

    assert known.get_json() == unknown.get_json() == {"success": True}
    assert client.get("/v1/users/current", headers=cast.officer.bearer).status_code == 200


def test_an_administrator_replaces_a_password(client: FlaskClient, cast: Cast) -> None:
    path, wish = "/v1/users/reset/initiate?invalidate=True", {"email": cast.officer.email}
    stranger, officer = client.post(path, json=wish), client.post(path, json=wish, headers=cast.hq_officer.bearer)
    done = client.post(path, json=wish, headers=cast.admin.bearer).get_json()
    login = client.post("/v1/sessions", json={"email": cast.officer.email, "password": done["oneTimePassword"]})

    assert (stranger.status_code, officer.status_code, done["success"], login.status_code) == (403, 403, True, 200)
    assert client.get("/v1/users/current", headers=cast.officer.bearer).status_code == 401
