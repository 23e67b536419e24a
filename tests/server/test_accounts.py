"""Accounts: who can be made, separation of branch 2, locking, handing over, passwords given anew."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Audit, LoginSession, User
from server.problems import Problem
from server.queries import accounts as queries
from server.services import accounts, attempts, authentication, passwords
from server.services.accounts import Profile
from server.services.identity import ROLES, Identity, Verb
from server.services.journal import now
from tests.cast import PASSWORD, Cast


def refused(session: Session, email: str, profile: Profile, password: str | None = None) -> str:
    """The name of the problem with which the account is refused."""
    with pytest.raises(Problem) as problem:
        accounts.create_user(session, None, email, profile, password)
    return problem.value.kind.name


def who(cast: Cast, role: str = "admin") -> Identity:
    person = cast.people[role]
    return Identity(person.actor_id, role, "user", role, "cookie", ROLES[role], email=person.email)


def log_in(session: Session, email: str, password: str) -> None:
    authentication.log_in(session, email, password, "192.0.2.1", "page")


def test_account_without_password_gets_a_one_time_one(session: Session, cast: Cast) -> None:
    user, handed = accounts.create_user(session, who(cast), "New.Officer@Example.org", Profile("New", "hq_officer"))

    assert user.email == "new.officer@example.org"
    assert user.must_change_password
    assert handed is not None
    log_in(session, "NEW.officer@example.org", handed)


def test_no_two_one_time_passwords_are_alike() -> None:
    assert len({passwords.one_time_password() for _ in range(200)}) == 200


def test_email_is_taken_once_in_any_case(session: Session, cast: Cast) -> None:
    assert refused(session, cast.officer.email.upper(), Profile("Twin", "officer")) == "uniqueness"


@pytest.mark.parametrize("branch", ["2", "G2", "u2", "S-2", "J 2", "CJ2", "G2X", "J2X", "JMAC", "Intel", "intelligen"])
def test_branch_2_is_known_however_it_is_written(branch: str) -> None:
    assert accounts.is_intelligence(branch)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"partner"}))
def test_branch_2_gets_no_role_here(session: Session, cast: Cast, role: str) -> None:
    assert refused(session, "x@example.org", Profile("X", role, branch="G2")) == "branch_refused"


@pytest.mark.parametrize("branch", ["9", "G9", "U9", "S3", "civ", "UNMO", "3/5", "PIO", "G5", "12", "22"])
def test_other_branches_are_not_taken_for_branch_2(branch: str) -> None:
    assert not accounts.is_intelligence(branch)


def test_branch_9_gets_a_role(session: Session, cast: Cast) -> None:
    user, _ = accounts.create_user(session, None, "x@example.org", Profile("X", "hq_officer", branch="G9"))

    assert user.branch == "G9"


def test_branch_2_may_read_releases_as_any_mission_reader(session: Session, cast: Cast) -> None:
    user, _ = accounts.create_user(session, None, "x@example.org", Profile("X", "partner", branch="G2", audience="mission"))

    assert (user.role, user.audience) == ("partner", "mission")


def test_nobody_can_be_moved_into_branch_2_while_holding_a_role(session: Session, cast: Cast) -> None:
    with pytest.raises(Problem) as problem:
        accounts.update_user(session, who(cast), cast.hq_officer.actor_id, Profile("HQ", "hq_officer", branch="U2"))

    assert problem.value.kind.name == "branch_refused"


def test_reader_of_branch_2_cannot_be_given_a_cimic_role(session: Session, cast: Cast) -> None:
    user, _ = accounts.create_user(session, None, "x@example.org", Profile("X", "partner", branch="J2"))

    with pytest.raises(Problem) as problem:
        accounts.update_user(session, who(cast), user.actor_id, Profile("X", "officer", branch="J2"))

    assert problem.value.kind.name == "branch_refused"


BAD_EMAILS = [
    "", "x", "x@", "@x", "a b@example.org", "a@b@c", "x@example.org\nBcc: y@example.org",
    "x\r\n@example.org", "x\x00@example.org",
    "<x@example.org>", "x@example..org", "a" * 65 + "@example.org", "x@" + "e" * 400, "\ud800@example.org",
    "x\u0085@example.org",
]


def test_bad_email_is_refused(session: Session, cast: Cast) -> None:
    found = {email: refused(session, email, Profile("X", "auditor")) for email in BAD_EMAILS}

    assert set(found.values()) == {"invalid_input"}, found


BAD_PROFILES = [
    Profile("", "officer"), Profile("   ", "officer"), Profile("x" * 256, "officer"), Profile("X\nY", "officer"),
    Profile("X\x00", "officer"), Profile("\udfff", "officer"), Profile("X", "root"), Profile("X", "app_user"),
    Profile("X", ""),
    Profile("X", "officer", sector_id=999), Profile("X", "observer", post_id=999),
    Profile("X", "officer", branch="x" * 11),
    Profile("X", "partner", audience="internal"), Profile("X", "partner", audience="x"),
    Profile("X", "officer", language="xx"),
]


def test_bad_profile_is_refused(session: Session, cast: Cast) -> None:
    found = [(profile, refused(session, "x@example.org", profile)) for profile in BAD_PROFILES]

    assert {name for _profile, name in found} == {"invalid_input"}, found


POOR_PASSWORDS = [
    "short", "123456789", "aaaaaaaaaaaaaaaa", "abababababab", "x" * 1001, "p" * 10_000, "guess@example.org",
    "GUESS@example.org",
]


def test_poor_password_is_refused(session: Session, cast: Cast) -> None:
    found = {word: refused(session, "guess@example.org", Profile("X", "auditor"), word) for word in POOR_PASSWORDS}

    assert set(found.values()) == {"invalid_input"}, found


@pytest.mark.parametrize(
    "password",
    ["trois mots français", "пароль для входа", "كلمة السر الطويلة", "🔑🔒🗝️ keys and more", "\ud800 lone half x"],
)
def test_password_of_any_script_works(session: Session, cast: Cast, password: str) -> None:
    accounts.create_user(session, None, "x@example.org", Profile("X", "auditor"), password)

    log_in(session, "x@example.org", password)


def test_one_password_typed_on_two_keyboards_is_one_password() -> None:
    composed, decomposed = "un mot de passe \u00e9l\u00e9gant", "un mot de passe e\u0301le\u0301gant"

    assert passwords.verify_password(passwords.hash_password(composed), decomposed)


def test_passwords_are_kept_as_argon2id(session: Session, cast: Cast) -> None:
    user, _ = accounts.create_user(session, None, "x@example.org", Profile("X", "auditor"), "a long password 1")

    assert user.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA", "\x00"])
def test_damaged_hash_fits_no_password(stored: str) -> None:
    assert not passwords.verify_password(stored, "")


def test_locked_account_is_out_at_once(session: Session, cast: Cast, client: FlaskClient) -> None:
    accounts.lock(session, who(cast), cast.officer.actor_id)

    assert client.get("/partner/registers.json", headers=cast.officer.bearer).status_code == 401
    with pytest.raises(Problem) as problem:
        log_in(session, cast.officer.email, PASSWORD)
    assert problem.value.kind.name == "not_authenticated"


def test_unlocked_account_is_in_again(session: Session, cast: Cast) -> None:
    accounts.lock(session, who(cast), cast.officer.actor_id)
    accounts.lock(session, who(cast), cast.officer.actor_id, locked=False)

    log_in(session, cast.officer.email, PASSWORD)


def test_administrator_cannot_shut_themselves_out(session: Session, cast: Cast) -> None:
    with pytest.raises(Problem, match="using"):
        accounts.lock(session, who(cast), cast.admin.actor_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda session, cast: accounts.lock(session, None, cast.admin.actor_id),
        lambda session, cast: accounts.delete_user(session, None, cast.admin.actor_id),
        lambda session, cast: accounts.set_read_only(session, None, cast.admin.actor_id, now()),
        lambda session, cast: accounts.update_user(session, None, cast.admin.actor_id, Profile("A", "auditor")),
    ],
)
def test_last_administrator_stays(session: Session, cast: Cast, change: object) -> None:
    with pytest.raises(Problem, match="last administrator"):
        change(session, cast)  # type: ignore[operator]


def test_outgoing_rotation_may_look_but_not_change(session: Session, cast: Cast) -> None:
    accounts.set_read_only(session, who(cast), cast.officer.actor_id, now() - dt.timedelta(minutes=1))

    found = queries.user_by_actor(session, cast.officer.actor_id)

    assert found is not None
    assert authentication.user_identity(*found, how="cookie").read_only


def test_rotation_day_that_is_yet_to_come_changes_nothing(session: Session, cast: Cast) -> None:
    accounts.set_read_only(session, who(cast), cast.officer.actor_id, now() + dt.timedelta(days=1))

    found = queries.user_by_actor(session, cast.officer.actor_id)

    assert found is not None
    assert not authentication.user_identity(*found, how="cookie").read_only


def test_password_given_anew_ends_sessions_and_must_be_changed(session: Session, cast: Cast, client: FlaskClient) -> None:
    handed = accounts.reset_password(session, who(cast), cast.officer.actor_id)

    assert client.get("/partner/registers.json", headers=cast.officer.bearer).status_code == 401
    log_in(session, cast.officer.email, handed)
    user = session.get(User, cast.officer.actor_id)
    assert user is not None
    assert user.must_change_password
    with pytest.raises(Problem):
        log_in(session, cast.officer.email, PASSWORD)


def test_password_given_anew_lifts_the_waiting_time(session: Session, cast: Cast) -> None:
    for _ in range(attempts.MAX_PAIR):
        with pytest.raises(Problem):
            log_in(session, cast.officer.email, "wrong password")

    handed = accounts.reset_password(session, who(cast), cast.officer.actor_id)

    log_in(session, cast.officer.email, handed)


def test_own_password_is_changed_and_other_sessions_end(session: Session, cast: Cast) -> None:
    authentication.open_session(session, cast.officer.actor_id, "page")

    token = accounts.change_password(session, who(cast, "officer"), PASSWORD, "three other words", "192.0.2.1")

    left = session.scalars(select(LoginSession).where(LoginSession.actor_id == cast.officer.actor_id)).all()
    assert [row.token_sha256 for row in left] == [authentication.token_hash(token)]
    log_in(session, cast.officer.email, "three other words")


@pytest.mark.parametrize(("old", "new"), [("wrong password", "three other words"), (PASSWORD, "short"), (PASSWORD, PASSWORD)])
def test_own_password_is_not_changed(session: Session, cast: Cast, old: str, new: str) -> None:
    with pytest.raises(Problem):
        accounts.change_password(session, who(cast, "officer"), old, new)

    log_in(session, cast.officer.email, PASSWORD)


def test_deleted_account_frees_its_email_and_keeps_its_name(session: Session, cast: Cast) -> None:
    accounts.delete_user(session, who(cast), cast.officer.actor_id)

    user, _ = accounts.create_user(session, who(cast), cast.officer.email, Profile("Successor", "hq_officer"))

    assert user.actor_id != cast.officer.actor_id
    assert queries.user_account(session, cast.officer.actor_id) is None


def test_changes_of_accounts_are_written_down_without_secrets(session: Session, cast: Cast) -> None:
    user, handed = accounts.create_user(session, who(cast), "x@example.org", Profile("X", "auditor"))
    accounts.reset_password(session, who(cast), user.actor_id, "another long secret")

    rows = session.scalars(select(Audit).where(Audit.actee == f"actor/{user.actor_id}")).all()

    assert {row.action for row in rows} == {"user.create", "user.password.reset"}
    assert {row.actor_id for row in rows} == {cast.admin.actor_id}
    text = " ".join(str(row.details) for row in rows)
    assert handed is not None
    assert handed not in text
    assert "another long secret" not in text


def test_officer_without_sector_sees_nothing_once_there_are_sectors(session: Session, cast: Cast, app: Flask) -> None:
    _user, handed = accounts.create_user(session, None, "x@example.org", Profile("X", "officer"))
    token, _row = authentication.log_in(session, "x@example.org", handed or "", "192.0.2.1", "api")

    with app.test_request_context("/partner", headers={"Authorization": f"Bearer {token}"}) as context:
        found = authentication.identify(context.request, app.config["SETTINGS"])

    assert found is not None
    assert found.scope.sector_id == 0


def test_roles_hold_what_rule_c_8_gives_them() -> None:
    assert Verb.RELEASE_DECIDE not in ROLES["admin"]
    assert ROLES["auditor"] == {Verb.AUDIT_READ, Verb.OWN_ACCOUNT}
    assert ROLES["partner"] == {Verb.RELEASE_READ, Verb.OWN_ACCOUNT}
    assert Verb.RELEASE_DECIDE not in ROLES["approver"]
