"""Every route is tried by every role, with a key, and by nobody; the tables in tests/permissions say who may.

The gate is asked for real with each caller's own log-in, and the view behind it is not run, so that no try changes
anything. A second walk calls every readable route as it is and looks for crashes and leaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from server.models import User
from server.problems import Problem
from server.services.authentication import SESSION_COOKIE, new_token, open_session
from server.services.identity import ROLES
from server.services.journal import now
from tests.cast import Cast
from tests.permissions import central, field, office, openrosa, operations, partner, reconciliation
from tests.permissions.roles import ANYBODY, EVERYBODY_OF_THE_CAST, Who

TABLES: dict[str, dict[str, Who]] = {
    "central": central.ROUTES, "field": field.ROUTES, "office": office.ROUTES, "openrosa": openrosa.ROUTES,
    "operations": operations.ROUTES,
    "partner": partner.ROUTES, "reconciliation": reconciliation.ROUTES,
}
SAMPLES = {
    "project_id": "1", "period": "2026-10", "actor_id": "1", "number": "1", "role": "formfill", "version": "1", "access": "-",
}


@dataclass(frozen=True)
class Route:
    """One method of one rule, with its door and its row's name in the door's table."""

    door: str
    method: str
    rule: Rule

    @property
    def row(self) -> str:
        return f"{self.method} {self.rule.rule}"

    def address(self, token: str) -> str:
        """The rule with its placeholders filled; `token` where the rule wants one."""

        def fill(found: re.Match[str]) -> str:
            converter, name = found.group(1) or "", found.group(2)
            if name == "token":
                return token
            if converter.startswith("any("):
                return converter[4:-1].split(",")[0].strip()
            return SAMPLES.get(name, "1" if converter.startswith("int") else "x")

        return re.sub(r"<(?:([^:<>]+):)?(\w+)>", fill, self.rule.rule)


def routes(app: Flask) -> list[Route]:
    """Every method of every rule of every door."""
    found = []
    for rule in app.url_map.iter_rules():
        module = app.view_functions[rule.endpoint].__module__.split(".")
        door = module[1] if module[0] == "server" else "none"
        methods = (rule.methods or set()) - {"OPTIONS"}
        # Flask answers HEAD by GET's view; a route of HEAD alone is a route of its own.
        for method in sorted(methods - {"HEAD"} if "GET" in methods else methods):
            found.append(Route(door, method, rule))
    return found


@dataclass
class Callers:
    """Everybody with what logs them in: cookie and CSRF token for pages, bearer for the API, a key for devices."""

    app: Flask
    cast: Cast
    cookies: dict[str, tuple[str, str]]

    def request(self, route: Route, who: str, *, csrf: bool = True) -> dict[str, Any]:
        """The request as that person would send it, as keyword arguments of werkzeug's request builder."""
        headers = {"X-OpenRosa-Version": "1.0"}
        token = self.cast.device_tokens[0] if who == "device" else new_token()
        address, keyed = route.rule.rule, route.rule.rule.startswith("/v1/key/")
        if who in self.cast.people and address.startswith(("/v1", "/reconcile/")):
            headers.update(self.cast.people[who].bearer)
            token = headers["Authorization"].removeprefix("Bearer ") if keyed else token
        elif who in self.cast.people:
            cookie, secret = self.cookies[who]
            headers["Cookie"] = f"{SESSION_COOKIE}={cookie}"
            headers.update({"X-CSRF-Token": secret} if csrf else {})
        query = f"?st={token}" if who == "device" and not keyed else ""
        return {"path": route.address(token) + query, "method": route.method, "headers": headers}

    def let_in(self, route: Route, who: str, *, csrf: bool = True) -> bool:
        """Whether the gate lets them in. The view is not run. A refusal other than 400, 401 or 403 fails the test."""
        with self.app.test_request_context(**self.request(route, who, csrf=csrf)):
            return _passes(self.app, route.row)

    def call(self, route: Route, who: str) -> TestResponse:
        """The whole request, view and all."""
        return self.app.test_client().open(**self.request(route, who))


def _passes(app: Flask, what: str) -> bool:
    try:
        return app.preprocess_request() is None
    except Problem as problem:
        if problem.status not in {400, 401, 403}:
            pytest.fail(f"{what}: {problem}")
        return False


@pytest.fixture
def callers(app: Flask, session: Session, cast: Cast) -> Callers:
    """Everybody of the cast, logged in."""
    cookies = {}
    for role, person in cast.people.items():
        token, row = open_session(session, person.actor_id, "page")
        cookies[role] = (token, row.csrf)
    session.commit()
    return Callers(app, cast, cookies)


def refused(answer: TestResponse) -> bool:
    """Whether the gate said no: 401, 403, or the way to the log-in."""
    to_log_in = answer.status_code == 303 and answer.headers["Location"].startswith("/login")
    return answer.status_code in {401, 403} or to_log_in


@pytest.mark.parametrize("door", sorted(TABLES))
def test_every_route_lets_in_whom_the_table_names(app: Flask, callers: Callers, door: str) -> None:
    wrong = []
    for route in routes(app):
        if route.door != door or route.row not in TABLES[door]:
            continue
        let_in = {who for who in EVERYBODY_OF_THE_CAST if callers.let_in(route, who)}
        if let_in != TABLES[door][route.row]:
            more, fewer = sorted(let_in - TABLES[door][route.row]), sorted(TABLES[door][route.row] - let_in)
            wrong.append(f"{route.row}: the gate also lets in {more}, and keeps out {fewer}")

    assert wrong == []


def test_every_route_has_a_row(app: Flask) -> None:
    without = [route for route in routes(app) if route.row not in TABLES.get(route.door, {})]
    missing = [f'tests/permissions/{route.door}.py: "{route.row}": ...,' for route in without]

    assert missing == [], "decide who may use the new routes (rule C.8) and add these rows:\n" + "\n".join(missing)


def test_every_row_has_a_route(app: Flask) -> None:
    there = {(route.door, route.row) for route in routes(app)}

    gone = [f"tests/permissions/{door}.py: {row}" for door, table in TABLES.items() for row in table if (door, row) not in there]

    assert gone == [], "these routes are no more; take their rows out:\n" + "\n".join(gone)


def readable(app: Flask) -> Iterator[Route]:
    return (route for route in routes(app) if route.method == "GET")


@pytest.mark.parametrize("who", EVERYBODY_OF_THE_CAST)
def test_no_readable_route_crashes_or_opens_to_whom_it_is_closed(app: Flask, callers: Callers, who: str) -> None:
    wrong = []
    for route in readable(app):
        answer = callers.call(route, who)
        answer.close()
        # A route without a row is told by its own test above.
        closed = who not in TABLES.get(route.door, {}).get(route.row, ANYBODY)
        unwell = route.row == "GET /health" and answer.status_code == 503  # no worker runs beside this test
        if (answer.status_code >= 500 and answer.status_code != 501 and not unwell) or (closed and not refused(answer)):
            wrong.append(f"{route.row}: {answer.status_code}")

    assert wrong == []


def test_every_changing_page_wants_the_csrf_token(app: Flask, callers: Callers) -> None:
    open_to_other_sites = [
        route.row for route in routes(app)
        if route.method != "GET" and not route.rule.rule.startswith(("/v1", "/reconcile/")) and not _public(app, route)
        and callers.let_in(route, "hq_officer", csrf=False)
    ]

    assert open_to_other_sites == []


def _public(app: Flask, route: Route) -> bool:
    return bool(getattr(app.view_functions[route.rule.endpoint], "fieldpost_public", False))


def test_the_api_takes_no_cookie(app: Flask, callers: Callers) -> None:
    token, csrf = callers.cookies["admin"]
    headers = {"Cookie": f"{SESSION_COOKIE}={token}", "X-CSRF-Token": csrf, "X-OpenRosa-Version": "1.0"}
    taken = []
    for route in routes(app):
        if route.rule.rule.startswith(("/v1/", "/reconcile/")) and not _public(app, route):
            with app.test_request_context(route.address(new_token()), method=route.method, headers=headers):
                if _passes(app, route.row):
                    taken.append(route.row)

    assert taken == []


# What a person's own client remembers for that person; nobody else reads it.
OWN_PREFERENCES = {
    f"{method} /v1/user-preferences/{place}" for method in ("PUT", "DELETE")
    for place in ("site/<name>", "project/<project_id>/<name>")
}


def test_read_only_account_changes_nothing_but_its_own(app: Flask, session: Session, cast: Cast, callers: Callers) -> None:
    user = session.get(User, cast.hq_officer.actor_id)
    assert user is not None
    user.read_only_from = now()
    session.commit()

    changing = {
        route.row for route in routes(app)
        if route.method not in {"GET", "HEAD"} and not _public(app, route) and callers.let_in(route, "hq_officer")
    }

    assert changing <= {
        "POST /account/password", "PUT /v1/users/<actor_id>/password", "DELETE /v1/sessions/current",
        "DELETE /v1/sessions/<token>", *OWN_PREFERENCES,
    }


def test_one_time_password_opens_nothing_but_ones_own_account(
    app: Flask, session: Session, cast: Cast, callers: Callers
) -> None:
    user = session.get(User, cast.admin.actor_id)
    assert user is not None
    user.must_change_password = True
    session.commit()

    opened = {route.row for route in routes(app) if not _public(app, route) and callers.let_in(route, "admin")}

    assert opened <= {
        "GET /", "GET /account", "POST /account/password", "GET /v1/roles", "GET /v1/roles/<name>", "GET /v1/sessions/restore",
        "DELETE /v1/sessions/current", "DELETE /v1/sessions/<token>", "GET /v1/users/current",
        "PUT /v1/users/<actor_id>/password", "GET /v1/users/<actor_id>", *OWN_PREFERENCES,
    }


def test_keys_of_one_project_do_not_open_another(app: Flask, cast: Cast) -> None:
    client = app.test_client()

    answer = client.get(cast.key_path(0, project=2) + "/formList", headers={"X-OpenRosa-Version": "1.0"})

    assert answer.status_code == 403


def test_every_role_of_the_code_is_in_the_cast(cast: Cast) -> None:
    assert set(ROLES) <= set(EVERYBODY_OF_THE_CAST)
