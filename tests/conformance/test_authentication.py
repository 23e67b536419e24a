"""Conformance, authentication: statements 11 to 23, and what the API takes over http and https."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.conformance.conftest import ADMIN, HTTPS, PASSWORD, Patrol
from tests.conformance.mission import OPENROSA, TIMEOUT, Mission, Phone
from tests.processes import RunningServer


def md5(*parts: str) -> str:
    """MD5 of the parts joined by colons (RFC 2617)."""
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def digest_response(user: str, realm: str, password: str, method: str, uri: str, nonce: str, nc: str, cnonce: str) -> str:
    """RFC 2617's request-digest with qop=auth."""
    return md5(md5(user, realm, password), nonce, nc, cnonce, "auth", md5(method, uri))


@dataclass
class Digest:
    """One Digest log-in to a project's form list whose parts a test may bend."""

    url: str
    user: str = ADMIN
    password: str = PASSWORD
    challenge: Mapping[str, str] | None = None

    def asked(self) -> dict[str, str]:
        """The Digest challenge, as name to value."""
        answer = requests.get(self.url, headers=OPENROSA, timeout=TIMEOUT)
        assert answer.status_code == 401
        return parameters(digest_challenge(answer))

    def answer(self, nc: str = "00000001", **bent: str) -> requests.Response:
        """A request with the log-in."""
        asked = dict(self.challenge or self.asked())
        parts = urlsplit(self.url)
        told = {
            "username": self.user, "realm": asked["realm"], "nonce": asked["nonce"], "opaque": asked.get("opaque", ""),
            "uri": parts.path + (f"?{parts.query}" if parts.query else ""), "cnonce": secrets.token_hex(16), **bent,
        }
        told["response"] = bent.get("response") or digest_response(
            told["username"], told["realm"], self.password, "GET", told["uri"], told["nonce"], nc, told["cnonce"]
        )
        said = ", ".join(f'{name}="{value}"' for name, value in told.items())
        return requests.get(self.url, headers={**OPENROSA, "Authorization": f"Digest {said}, qop=auth, nc={nc}"}, timeout=TIMEOUT)


def digest_challenge(answer: requests.Response) -> str:
    """The Digest challenge among all of a 401."""
    said = [value for name, value in answer.raw.headers.items() if name.lower() == "www-authenticate"]
    return next(each for each in said if each.startswith("Digest "))


def schemes(answer: requests.Response) -> set[str]:
    """The schemes that a 401 offers."""
    return {value.split()[0] for name, value in answer.raw.headers.items() if name.lower() == "www-authenticate"}


def parameters(challenge: str) -> dict[str, str]:
    """A challenge's parameters."""
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    return {name: quoted or bare for name, quoted, bare in found}


@pytest.fixture
def list_url(patrol: Patrol) -> str:
    """The form list of the shared project for people with a password."""
    return f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}/formList"


def secure(mission: Mission, path: str, method: str = "GET", **options: object) -> requests.Response:
    """A request as it reaches the server behind a proxy that speaks https."""
    headers = {**HTTPS, **OPENROSA, **options.pop("headers", {})}  # type: ignore[dict-item]
    return requests.request(method, f"{mission.base_url}/v1{path}", headers=headers, timeout=TIMEOUT, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/formList"), ("GET", "/forms/patrol.xml"), ("GET", "/forms/patrol/manifest"), ("HEAD", "/submission"),
    ("POST", "/submission"), ("GET", "/forms/unknown.xml"),
])
def test_statement_011_http_1_1_is_spoken(patrol: Patrol, method: str, path: str) -> None:
    assert patrol.phone.request(method, path).raw.version == 11


def test_statement_012_a_device_logs_in_with_restricted_digest(list_url: str) -> None:
    answer = requests.get(list_url, headers=OPENROSA, auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert (answer.status_code, len(answer.history)) == (200, 1)


@pytest.mark.parametrize("path", ["/forms/patrol.xml", "/forms/patrol/manifest"])
def test_statement_012_downloads_take_digest_too(patrol: Patrol, path: str) -> None:
    url = f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}{path}"

    assert requests.get(url, headers=OPENROSA, auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize("query", ["?deviceID=collect%3AabcDEF", "?formID=a%20b%2Fc&verbose=true", "?"])
def test_statement_012_the_address_of_a_digest_may_have_a_query(list_url: str, query: str) -> None:
    answer = requests.get(list_url + query, headers=OPENROSA, auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert answer.status_code == 200


def test_statement_012_a_report_is_sent_with_digest(patrol: Patrol) -> None:
    url = f"{patrol.project.mission.base_url}/v1/projects/{patrol.project.id}/submission"
    auth = HTTPDigestAuth(ADMIN, PASSWORD)
    announced = requests.head(url, headers=OPENROSA, auth=auth, timeout=TIMEOUT)
    xml = b'<data id="patrol" version="1"><meta><instanceID>uuid:by-digest</instanceID></meta></data>'
    parts = {"xml_submission_file": ("x.xml", xml, "text/xml")}
    sent = requests.post(url, headers=OPENROSA, auth=auth, files=parts, timeout=TIMEOUT)

    assert (announced.status_code, sent.status_code) == (204, 201)


def test_statement_013_basic_over_plain_http_is_refused_and_logged(list_url: str, conformance_server: RunningServer) -> None:
    before = conformance_server.log.count("password sent over plain http refused")
    answer = requests.get(list_url, headers=OPENROSA, auth=(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert answer.status_code == 401
    assert "Basic" not in schemes(answer)
    assert conformance_server.log.count("password sent over plain http refused") == before + 1
    assert PASSWORD not in conformance_server.log


def test_statement_013_nobody_but_the_named_proxy_says_that_it_was_https(list_url: str) -> None:
    lies = {**OPENROSA, **HTTPS, "X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl", "Forwarded": "proto=https"}
    answer = requests.get(list_url, headers=lies, auth=(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert answer.status_code == 401
    assert "Basic" not in schemes(answer)


def test_statement_013_the_api_refuses_basic_over_plain_http(mission: Mission) -> None:
    answer = requests.get(f"{mission.base_url}/v1/projects", auth=(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert answer.status_code == 401
    assert "Basic" not in schemes(answer)


def test_statement_013_behind_the_named_proxy_basic_is_taken(behind_proxy: Mission) -> None:
    assert secure(behind_proxy, "/projects", auth=(ADMIN, PASSWORD)).status_code == 200
    assert requests.get(f"{behind_proxy.base_url}/v1/projects", auth=(ADMIN, PASSWORD), timeout=TIMEOUT).status_code == 401


def test_statement_014_a_401_offers_what_the_server_takes_over_http(list_url: str, mission: Mission) -> None:
    device = requests.get(list_url, headers=OPENROSA, timeout=TIMEOUT)
    script = requests.get(f"{mission.base_url}/v1/projects", timeout=TIMEOUT)

    assert (device.status_code, schemes(device)) == (401, {"Digest", "Bearer"})
    assert (script.status_code, schemes(script)) == (401, {"Bearer"})


def test_statement_014_a_401_offers_what_the_server_takes_over_https(patrol: Patrol, behind_proxy: Mission) -> None:
    device = secure(behind_proxy, f"/projects/{patrol.project.id}/formList")

    assert (device.status_code, schemes(device)) == (401, {"Digest", "Basic", "Bearer"})


def test_statement_014_a_malformed_key_and_a_wrong_log_in_are_told_the_schemes(patrol: Patrol, list_url: str) -> None:
    malformed = Phone(patrol.phone.url.replace(patrol.phone.token, "short")).get("/formList")
    wrong = Digest(list_url, user="nobody.014@example.org").answer()

    assert {"Digest"} <= schemes(malformed) & schemes(wrong)
    assert (malformed.status_code, wrong.status_code) == (401, 401)


def test_statement_015_the_digest_challenge_is_openrosas_subset(list_url: str) -> None:
    asked = Digest(list_url).asked()

    assert asked.get("algorithm", "MD5") == "MD5"
    assert asked["domain"]
    assert asked.get("qop", "auth") == "auth"
    assert asked["realm"]


def test_statement_015_the_nonce_is_long_and_never_the_same(list_url: str) -> None:
    nonces = {Digest(list_url).asked()["nonce"] for _ in range(20)}
    tails = {nonce[8:] for nonce in nonces}

    assert len(nonces) == len(tails) == 20
    assert all(len(nonce) >= 32 for nonce in nonces)


@pytest.mark.parametrize("opaque", ["", "f" * 32, "ünknown"])
def test_statement_016_another_opaque_than_the_servers_is_refused(list_url: str, opaque: str) -> None:
    digest = Digest(list_url)
    digest.challenge = digest.asked()

    assert digest.answer(opaque=opaque).status_code == 401
    assert digest.answer().status_code == 200


def test_statement_017_a_nonce_out_of_date_is_told_as_stale(list_url: str) -> None:
    digest = Digest(list_url)
    asked = digest.asked()
    digest.challenge = {**asked, "nonce": f"{0x60000000:08x}" + asked["nonce"][8:]}
    refused = digest.answer()
    fresh = parameters(digest_challenge(refused))
    digest.challenge = fresh

    assert (refused.status_code, fresh["stale"].lower()) == (401, "true")
    assert digest.answer().status_code == 200


def test_statement_017_a_wrong_password_is_not_stale(list_url: str) -> None:
    refused = Digest(list_url, user="nobody.017@example.org").answer(nonce="0" * 72)

    assert refused.status_code == 401
    assert "stale" not in parameters(digest_challenge(refused))


def test_statement_018_the_worked_example_computes_and_its_computation_is_taken(list_url: str) -> None:
    example = digest_response(
        "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "00000001", "0a4f113b",
    )

    assert example == "6629fae49393a05397450978507c4ef1"
    assert Digest(list_url).answer(cnonce="0a4f113b").status_code == 200


def test_statement_019_a_replayed_count_is_refused(list_url: str) -> None:
    digest = Digest(list_url)
    digest.challenge = digest.asked()

    assert [digest.answer(nc).status_code for nc in ("00000001", "00000001", "00000002", "00000002")] == [200, 401, 200, 401]


def test_statement_019_counts_of_parallel_requests_may_come_in_any_order(list_url: str) -> None:
    digest = Digest(list_url)
    digest.challenge = digest.asked()

    assert [digest.answer(nc).status_code for nc in ("00000003", "00000001", "00000002", "00000003")] == [200, 200, 200, 401]


@pytest.mark.parametrize("bent", [
    {"uri": "/v1/projects/1/formList?x=1"}, {"realm": "Elsewhere"}, {"username": ""}, {"cnonce": ""}, {"uri": ""},
])
def test_statement_019_a_log_in_made_for_something_else_is_refused(list_url: str, bent: dict[str, str]) -> None:
    assert Digest(list_url).answer(**bent).status_code == 401


@pytest.mark.parametrize("said", [
    "Digest", "Digest x", 'Digest username="', "Digest " + 'a="b", ' * 3000, 'Digest username="\xff"',
])
def test_statement_019_a_broken_log_in_is_401(list_url: str, said: str) -> None:
    answer = requests.get(list_url, headers={**OPENROSA, "Authorization": said.encode("latin-1")}, timeout=TIMEOUT)

    assert answer.status_code == 401


def test_statement_020_addresses_hold_no_credentials(patrol: Patrol, list_url: str) -> None:
    with_user = list_url.replace("http://", "http://somebody:secret@")
    by_digest = requests.get(list_url, headers=OPENROSA, auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT).text
    odd_host = patrol.phone.get("/formList", headers={"Host": "somebody:secret@127.0.0.1"}).text

    assert requests.get(with_user, headers=OPENROSA, timeout=TIMEOUT).status_code == 401
    for listed in (by_digest, odd_host, patrol.phone.get("/formList").text):
        assert not re.search(r"(download|manifest)Url>[^<]*(@|secret)", listed)


def test_statement_021_an_unknown_key_is_403_and_a_malformed_one_401(patrol: Patrol) -> None:
    answers = {
        key: Phone(patrol.phone.url.replace(patrol.phone.token, key)).get("/formList").status_code
        for key in ("f" * 64, "f" * 63, "f" * 65, "short", "f" * 63 + "%20")
    }

    assert answers.pop("f" * 64) == 403
    assert set(answers.values()) == {401}


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/formList"), ("HEAD", "/submission"), ("POST", "/submission"), ("GET", "/forms/patrol.xml"),
    ("GET", "/forms/patrol/manifest"),
])
def test_statement_021_a_revoked_key_is_403(patrol: Patrol, method: str, path: str) -> None:
    lost = patrol.project.phone("patrol", name="Lost phone")
    assert lost.get("/formList").status_code == 200
    patrol.project.mission.api("DELETE", f"/sessions/{lost.token}")

    assert lost.request(method, path).status_code == 403


def test_statement_022_the_token_of_a_person_is_no_key(patrol: Patrol) -> None:
    bearer = patrol.project.mission.admin["Authorization"].removeprefix("Bearer ")

    assert Phone(patrol.phone.url.replace(patrol.phone.token, bearer)).get("/formList").status_code == 403


def test_statement_022_the_key_of_another_project_is_403(patrol: Patrol, mission: Mission) -> None:
    foreign = mission.project().phone()

    assert Phone(f"{mission.base_url}/v1/key/{foreign.token}/projects/{patrol.project.id}").get("/formList").status_code == 403


def test_statement_023_digest_works_over_http_and_https_and_basic_over_https(
    patrol: Patrol, list_url: str, behind_proxy: Mission
) -> None:
    path = f"/projects/{patrol.project.id}/formList"
    over_http = requests.get(list_url, headers=OPENROSA, auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT)
    over_https = secure(behind_proxy, path, auth=HTTPDigestAuth(ADMIN, PASSWORD))
    basic = secure(behind_proxy, path, auth=(ADMIN, PASSWORD))

    assert [each.status_code for each in (over_http, over_https, basic)] == [200, 200, 200]


def test_digest_is_for_devices_only(mission: Mission) -> None:
    answer = requests.get(f"{mission.base_url}/v1/projects", auth=HTTPDigestAuth(ADMIN, PASSWORD), timeout=TIMEOUT)

    assert answer.status_code == 401


def test_a_new_password_replaces_what_digest_knew(mission: Mission, list_url: str) -> None:
    email, old, new = "digest@example.org", "the first long password", "the second long password"
    actor = mission.api("POST", "/users", json={"email": email, "password": old, "role": "admin"}).json()["id"]
    session = requests.post(f"{mission.base_url}/v1/sessions", json={"email": email, "password": old}, timeout=TIMEOUT).json()
    changed = requests.put(
        f"{mission.base_url}/v1/users/{actor}/password", json={"old": old, "new": new},
        headers={"Authorization": f"Bearer {session['token']}"}, timeout=TIMEOUT,
    )
    codes = [Digest(list_url, email, password).answer().status_code for password in (old, new)]

    assert changed.status_code == 200
    assert codes == [401, 200]


def test_an_account_logs_in_by_digest_from_its_first_minute(mission: Mission, list_url: str) -> None:
    mission.api("POST", "/users", json={"email": "fresh@example.org", "password": "mot de passe café", "role": "admin"})
    digest = Digest(list_url, "fresh@example.org", "mot de passe café")

    assert digest.answer().status_code == 200


def test_over_http_no_cookie_is_given_and_none_opens_anything(mission: Mission, behind_proxy: Mission) -> None:
    credentials = {"email": ADMIN, "password": PASSWORD}
    plain = requests.post(f"{mission.base_url}/v1/sessions", json=credentials, timeout=TIMEOUT)
    cookie = secure(behind_proxy, "/sessions", "POST", json=credentials).headers["Set-Cookie"].split(";")[0]

    assert "Set-Cookie" not in plain.headers
    for name in ("__Host-session", "session", "fieldpost"):
        said = {"Cookie": f"{name}={cookie.partition('=')[2]}"}
        assert requests.get(f"{mission.base_url}/v1/projects", headers=said, timeout=TIMEOUT).status_code == 401


def test_over_https_the_session_cookie_opens_the_api(behind_proxy: Mission) -> None:
    made = secure(behind_proxy, "/sessions", "POST", json={"email": ADMIN, "password": PASSWORD})
    lines = [value for name, value in made.raw.headers.items() if name.lower() == "set-cookie"]
    session = next(each for each in lines if each.startswith("__Host-session="))
    cookie = {"Cookie": session.split(";")[0]}
    script = {**cookie, "X-Requested-With": "XMLHttpRequest"}
    read = secure(behind_proxy, "/users/current", headers=cookie)
    bare = secure(behind_proxy, "/projects", "POST", headers=cookie, json={"name": "Forged"})
    by_script = secure(behind_proxy, "/projects", "POST", headers=script, json={"name": "A"})
    by_csrf = secure(behind_proxy, "/projects", "POST", headers=cookie, json={"name": "B", "__csrf": made.json()["csrf"]})
    ended = secure(behind_proxy, "/sessions/current", "DELETE", headers=script)

    assert all(flag in session for flag in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    assert (read.status_code, read.json()["email"]) == (200, ADMIN)
    assert [each.status_code for each in (bare, by_script, by_csrf, ended)] == [401, 200, 200, 200]
    assert secure(behind_proxy, "/users/current", headers=cookie).status_code == 401


def test_the_pages_have_a_cookie_of_their_own(behind_proxy: Mission) -> None:
    made = secure(behind_proxy, "/sessions", "POST", json={"email": ADMIN, "password": PASSWORD})
    cookie = {**HTTPS, "Cookie": made.headers["Set-Cookie"].split(";")[0]}
    page = requests.get(f"{behind_proxy.base_url}/devices", headers=cookie, timeout=TIMEOUT, allow_redirects=False)

    assert page.status_code == 303
    assert "/login" in page.headers["Location"]
