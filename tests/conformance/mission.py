"""A running server as those who use it see it: projects and forms over /v1 with a bearer token, phones over OpenRosa.

Nothing here looks into the server; a test that needs the database is no conformance test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import requests
from lxml.etree import _Element as Element
from lxml.etree import fromstring

from tests.conformance.samples import form_xml

OPENROSA = {"X-OpenRosa-Version": "1.0"}
TIMEOUT = 60
# Generous: what the worker does in a tenth of a second takes seconds on a busy machine.
WAIT_SECONDS = 60.0

Found = TypeVar("Found")


def part(text: str) -> str:
    """A name as one percent-encoded part of an address."""
    return quote(text, safe="")


def wait_until(look: Callable[[], Found | Literal[False] | None], what: str = "what the test waits for") -> Found:
    """Calls `look` until it returns something true, and returns that. Fails after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS:.0f} s in vain for {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Phone:
    """An app user's device. `url` is the server URL in its QR code; every request carries what ODK Collect sends."""

    url: str
    actor_id: int = 0
    token: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: dict(OPENROSA))

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request below the server URL, or to an absolute address that the server gave. Redirects are not followed."""
        address = path if path.startswith("http") else self.url + path
        headers = {**self.headers, **options.pop("headers", {})}
        return requests.request(method, address, headers=headers, timeout=TIMEOUT, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET below the server URL."""
        return self.request("GET", path, **options)

    def send(
        self, xml: bytes | str, files: Mapping[str, bytes] | None = None, *, query: str = "", incomplete: bool = False,
        **options: Any,
    ) -> requests.Response:
        """POSTs a report as ODK Collect does: its XML and files by name. query: such as "?strict=1&deviceID=x"."""
        sent = xml.encode() if isinstance(xml, str) else xml
        parts: list[tuple[str, Any]] = [("xml_submission_file", ("submission.xml", sent, "text/xml"))]
        parts += [(name, (name, data, "application/octet-stream")) for name, data in (files or {}).items()]
        if incomplete:
            parts.append(("*isIncomplete*", (None, "yes")))
        return self.request("POST", f"/submission{query}", files=parts, **options)

    def form_list(self, query: str = "") -> list[dict[str, str]]:
        """The entries of the form list; each element's text by its name."""
        answer = self.get(f"/formList{query}")
        assert answer.status_code == 200, answer.text
        return [_texts(each) for each in children(answer.content, "xform")]

    def manifest(self, form_id: str) -> list[dict[str, str]]:
        """The entries of a form's manifest, with `type` when there is one."""
        answer = self.get(f"/forms/{part(form_id)}/manifest")
        assert answer.status_code == 200, answer.text
        files = children(answer.content, "mediaFile")
        return [_texts(each) | {str(name): str(told) for name, told in each.items()} for each in files]


@dataclass(frozen=True)
class Project:
    """A project of the server, worked on with the administrator's bearer token."""

    mission: Mission
    id: int

    def api(self, method: str, path: str = "", status: int = 200, **options: Any) -> requests.Response:
        """A request below /v1/projects/N as the administrator; fails unless it is answered with that status."""
        return self.mission.api(method, f"/projects/{self.id}{path}", status, **options)

    def publish(
        self, xml: str | None = None, files: Mapping[str, bytes] | None = None, *, form_id: str = "patrol", again: bool = False,
    ) -> None:
        """Publishes a form, or with `again` one more version of it. files: what is uploaded of what it expects."""
        data = (xml or form_xml(form_id)).encode()
        head = {"Content-Type": "application/xml"}
        where = f"/forms/{part(form_id)}"
        if again:
            self.api("POST", f"{where}/draft?ignoreWarnings=true", data=data, headers=head)
        else:
            self.api("POST", "/forms?ignoreWarnings=true", data=data, headers=head)
        for name, content in (files or {}).items():
            self.api("POST", f"{where}/draft/attachments/{part(name)}", data=content)
        self.api("POST", f"{where}/draft/publish")

    def phone(self, *form_ids: str, name: str = "Patrol 1") -> Phone:
        """A new app user that may fill these forms."""
        made = self.api("POST", "/app-users", json={"displayName": name}).json()
        for form_id in form_ids:
            self.assign(form_id, made["id"])
        return Phone(f"{self.mission.base_url}/v1/key/{made['token']}/projects/{self.id}", made["id"], made["token"])

    def assign(self, form_id: str, actor_id: int) -> None:
        """Lets an app user fill a form."""
        self.api("POST", f"/forms/{part(form_id)}/assignments/app-user/{actor_id}")

    def submissions(self, form_id: str = "patrol") -> list[dict[str, Any]]:
        """The form's submissions as the API lists them; a report is listed once the worker has folded it in."""
        found: list[dict[str, Any]] = self.api("GET", f"/forms/{part(form_id)}/submissions").json()
        return found


@dataclass(frozen=True)
class Mission:
    """The server and its administrator."""

    base_url: str
    admin: Mapping[str, str]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request below /v1 as the administrator, whatever is answered."""
        headers = {**self.admin, **options.pop("headers", {})}
        return requests.request(
            method, f"{self.base_url}/v1{path}", headers=headers, timeout=TIMEOUT, allow_redirects=False, **options
        )

    def api(self, method: str, path: str, status: int = 200, **options: Any) -> requests.Response:
        """A request below /v1 as the administrator; fails unless it is answered with that status."""
        answer = self.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer

    def project(self, name: str = "Test") -> Project:
        """A new project."""
        return Project(self, self.api("POST", "/projects", json={"name": name}).json()["id"])


def children(document: bytes, name: str) -> list[Element]:
    """The document's elements of that local name, at any depth, in order."""
    return [each for each in fromstring(document).iter() if str(each.tag).rpartition("}")[2] == name]


def _texts(element: Element) -> dict[str, str]:
    return {str(each.tag).rpartition("}")[2]: each.text or "" for each in element}
