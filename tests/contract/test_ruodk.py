"""The requests of ruODK, as its functions send them one after the other: Basic on every request, over https, asking for XML.

ruODK is an R package, so its requests are written out here; each test is named by the ruODK functions that send them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from typing import Any

import pytest
import requests
from lxml import etree

from tests.contract.conftest import EMAIL, PASSWORD
from tests.processes import RunningServer
from tests.server.central_forms import FORM_ID, form_xml, new_id, submission_xml

# What httr sends with every request of ruODK; the proxy says that it came over https.
HEAD = {"Accept": "application/xml", "User-Agent": "ruODK", "X-Forwarded-Proto": "https"}
MORE = {"X-Extended-Metadata": "true"}
PHOTO = b"\xff\xd8" + bytes(range(256)) * 20


class Ruodk:
    """ruODK's session with one project, in which the small form has two reports, one of them with a photo and edited."""

    def __init__(self, base_url: str) -> None:
        self.root = f"{base_url}/v1"
        self.project: int = self.call("POST", "projects", json={"name": "ruODK"}).json()["id"]
        self.pid = f"projects/{self.project}"
        self.form = f"{self.pid}/forms/{FORM_ID}"
        xml = {"Content-Type": "application/xml"}
        self.call("POST", f"{self.pid}/forms?publish=true&ignoreWarnings=true", data=form_xml(), headers=xml)
        self.ids = [new_id(), new_id()]
        for iid in self.ids:
            self.call("POST", f"{self.form}/submissions", data=submission_xml(iid, photo="p.jpg"), headers=xml)
        self.call("POST", f"{self.form}/submissions/{self.ids[0]}/attachments/p.jpg", data=PHOTO)

    def call(
        self, method: str, path: str, status: int = 200, headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """One request; a list of forms or so is asked for as ruODK does."""
        answer = requests.request(
            method, f"{self.root}/{path}", auth=(EMAIL, PASSWORD), headers={**HEAD, **(headers or {})}, timeout=60, **more
        )
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def get(self, path: str, headers: dict[str, str] | None = None, **query: str) -> Any:
        """The JSON at a path."""
        return self.call("GET", path, params=query, headers=headers).json()


@pytest.fixture
def ru(server: RunningServer) -> Ruodk:
    """ruODK over that server."""
    return Ruodk(server.base_url)


def test_project_list_and_project_detail(ru: Ruodk) -> None:
    listed = ru.get("projects", headers=MORE)
    detail = ru.get(ru.pid, headers=MORE)

    wanted = {"id", "name", "forms", "appUsers", "lastSubmission", "createdAt", "updatedAt", "archived", "verbs"}
    assert wanted <= detail.keys()
    assert detail in listed
    assert (detail["forms"], detail["appUsers"]) == (1, 0)


def test_form_list_and_form_detail(ru: Ruodk) -> None:
    listed, detail = ru.get(f"{ru.pid}/forms", headers=MORE), ru.get(ru.form, headers=MORE)

    assert [form["xmlFormId"] for form in listed] == [FORM_ID]
    assert detail["submissions"] == 2
    assert detail["createdBy"]["displayName"] == "Scripts"
    assert detail["reviewStates"]["received"] == 2
    assert {"lastSubmission", "publishedAt", "hash", "version", "state"} <= detail.keys()


@pytest.mark.parametrize("query", ["", "?flatten=FALSE&odata=FALSE", "?flatten=TRUE&odata=TRUE", "?odata=true"])
def test_form_schema(ru: Ruodk, query: str) -> None:
    fields = ru.get(f"{ru.form}/fields{query}")

    assert [field["path"] for field in fields][:3] == ["/site", "/site/name", "/site/place"]
    assert {"path", "name", "type", "binary", "selectMultiple"} <= fields[0].keys()
    assert next(field for field in fields if field["name"] == "photo")["binary"] is True


def test_form_schema_of_a_draft(ru: Ruodk) -> None:
    ru.call("POST", f"{ru.form}/draft")

    assert ru.get(f"{ru.form}/draft/fields?odata=true") == ru.get(f"{ru.form}/fields?odata=true")


def test_form_xml(ru: Ruodk) -> None:
    answer = ru.call("GET", f"{ru.form}.xml")

    assert answer.headers["Content-Type"].startswith("application/xml")
    assert etree.fromstring(answer.content).tag.endswith("html")


def test_odata_service_get_and_odata_metadata_get(ru: Ruodk) -> None:
    service = ru.call("GET", f"{ru.form}.svc", headers={"Accept": "application/json"})
    metadata = ru.call("GET", f"{ru.form}.svc/$metadata")

    assert service.headers["OData-Version"] == "4.0"
    assert [table["name"] for table in service.json()["value"]] == ["Submissions", "Submissions.team", "Submissions.team.phone"]
    assert etree.fromstring(metadata.content).tag.endswith("Edmx")


def test_odata_submission_get(ru: Ruodk) -> None:
    ask = {"Accept": "application/json"}
    whole = ru.get(
        f"{ru.form}.svc/Submissions", headers=ask, **{"$count": "true", "$wkt": "true", "$skip": "0", "$top": "1", "$expand": "*"}
    )
    assert whole["@odata.nextLink"].startswith("https://")
    # The proxy would take this to the server, which speaks plain http.
    following = whole["@odata.nextLink"].replace("https://", "http://", 1)
    rest = requests.get(following, auth=(EMAIL, PASSWORD), headers={**HEAD, **ask}, timeout=60).json()
    since = ru.get(f"{ru.form}.svc/Submissions", headers=ask, **{"$filter": "year(__system/submissionDate) ge 2020"})

    assert whole["@odata.count"] == 2
    assert {row["__id"] for row in [*whole["value"], *rest["value"]]} == set(ru.ids)
    assert len(whole["value"][0]["team"]) == 2
    assert len(since["value"]) == 2


def test_submission_list_and_submission_detail(ru: Ruodk) -> None:
    listed = ru.get(f"{ru.form}/submissions", headers=MORE)
    detail = ru.get(f"{ru.form}/submissions/{ru.ids[0]}", headers=MORE)

    assert [row["instanceId"] for row in listed] == ru.ids[::-1]
    assert detail["submitter"]["displayName"] == "Scripts"
    assert {"instanceId", "submitterId", "deviceId", "userAgent", "reviewState", "createdAt", "updatedAt"} <= detail.keys()


def test_submission_get(ru: Ruodk) -> None:
    answer = ru.call("GET", f"{ru.form}/submissions/{ru.ids[0].replace(':', '%3A')}.xml")

    assert answer.text == submission_xml(ru.ids[0], photo="p.jpg")


def test_submission_audit_get(ru: Ruodk) -> None:
    ru.call("PATCH", f"{ru.form}/submissions/{ru.ids[0]}", json={"reviewState": "approved"})
    rows = ru.get(f"{ru.form}/submissions/{ru.ids[0]}/audits", headers=MORE)

    assert (rows[0]["action"], rows[-1]["action"]) == ("submission.update", "submission.create")
    assert {"actorId", "action", "acteeId", "details", "loggedAt"} <= rows[0].keys()
    assert rows[0]["details"]["reviewState"] == "approved"


def test_attachment_list_and_attachment_get(ru: Ruodk) -> None:
    listed = ru.get(f"{ru.form}/submissions/{ru.ids[0]}/attachments")
    photo = ru.call("GET", f"{ru.form}/submissions/{ru.ids[0]}/attachments/p.jpg")

    assert listed == [{"name": "p.jpg", "exists": True}]
    assert photo.content == PHOTO
    assert "p.jpg" in photo.headers["Content-Disposition"]
    assert hashlib.md5(PHOTO, usedforsecurity=False).hexdigest() in photo.headers["ETag"]


def test_encryption_key_list(ru: Ruodk) -> None:
    assert ru.get(f"{ru.form}/submissions/keys") == []


@pytest.mark.parametrize("body", [None, "null", "{}"])
def test_submission_export(ru: Ruodk, body: str | None) -> None:
    answer = ru.call(
        "POST", f"{ru.form}/submissions.csv.zip?attachments=true", data=body, headers={"Content-Type": "application/json"}
    )
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(f"{FORM_ID}.csv"), "utf-8")))
        photo = archive.read("media/p.jpg")

    assert answer.headers["Content-Type"].startswith("application/zip")
    assert {row["KEY"] for row in rows} == set(ru.ids)
    assert photo == PHOTO


def test_audit_get(ru: Ruodk) -> None:
    rows = ru.get("audits", action="project.create", start="2020-01-01Z", end="2099-01-01Z", limit="1", offset="0", headers=MORE)

    assert [row["action"] for row in rows] == ["project.create"]
    assert {"actorId", "action", "acteeId", "details", "loggedAt", "notes", "actor"} <= rows[0].keys()


def test_user_list(ru: Ruodk) -> None:
    assert [row["email"] for row in ru.get("users", q="scripts")] == [EMAIL]


def test_entitylist_list_detail_update_and_download(ru: Ruodk) -> None:
    lists, trees = f"{ru.pid}/datasets", f"{ru.pid}/datasets/trees"
    ru.call("POST", lists, json={"name": "trees"})
    ru.call("POST", f"{trees}/properties", json={"name": "height"})
    notes = {"X-Action-Notes": "by%20hand"}
    ru.call("POST", f"{trees}/entities/", json={"label": "Oak", "data": {"height": "12"}}, headers=notes)
    listed, detail = ru.get(lists, headers=MORE), ru.get(trees)
    changed = ru.call("PATCH", trees, json={"approvalRequired": True}).json()
    first = ru.call("GET", f"{trees}/entities.csv")
    row = next(csv.DictReader(io.StringIO(first.text)))
    again = ru.call("GET", f"{trees}/entities.csv", 304, headers={"If-None-Match": first.headers["ETag"]})

    assert (listed[0]["name"], listed[0]["entities"]) == ("trees", 1)
    assert [each["name"] for each in detail["properties"]] == ["height"]
    assert changed["approvalRequired"] is True
    assert (row["label"], row["height"], row["__version"]) == ("Oak", "12", "1")
    assert {"__id", "__createdAt", "__creatorId", "__creatorName", "__updates", "__updatedAt"} <= row.keys()
    assert again.content == b""


def test_entity_create_detail_update_versions_changes_audits_and_delete(ru: Ruodk) -> None:
    trees = f"{ru.pid}/datasets/trees"
    ru.call("POST", f"{ru.pid}/datasets", json={"name": "trees"})
    made = ru.call("POST", f"{trees}/entities/", json={"label": "Oak", "data": {}}).json()
    one = f"{trees}/entities/{made['uuid']}"
    ru.call("PATCH", f"{one}?force=false&resolve=false&baseVersion=1", json={"label": "Elm", "data": {}})
    ru.call("PATCH", f"{one}?force=true", json={"label": "Ash"})

    assert ru.get(one)["currentVersion"]["label"] == "Ash"
    assert [version["label"] for version in ru.get(f"{one}/versions")] == ["Oak", "Elm", "Ash"]
    assert ru.get(f"{one}/versions?relevantToConflict=true") is not None
    assert len(ru.get(f"{one}/diffs")) == 2
    assert [row["action"] for row in ru.get(f"{one}/audits", headers=MORE)][-1] == "entity.create"
    assert ru.call("DELETE", one).json() == {"success": True}
    assert ru.get(f"{trees}/entities") == []
    assert [row["uuid"] for row in ru.get(f"{trees}/entities?deleted=true")] == [made["uuid"]]


def test_odata_entitylist_service_metadata_and_data(ru: Ruodk) -> None:
    ru.call("POST", f"{ru.pid}/datasets", json={"name": "trees"})
    ru.call("POST", f"{ru.pid}/datasets/trees/entities", json={"label": "Oak", "data": {}})
    service, ask = f"{ru.pid}/datasets/trees.svc", {"Accept": "application/json"}

    assert [table["name"] for table in ru.get(service, headers=ask)["value"]] == ["Entities"]
    assert etree.fromstring(ru.call("GET", f"{service}/$metadata").content).tag.endswith("Edmx")
    assert [row["label"] for row in ru.get(f"{service}/Entities", headers=ask)["value"]] == ["Oak"]


def test_a_password_over_plain_http_opens_nothing(ru: Ruodk) -> None:
    answer = requests.get(f"{ru.root}/projects", auth=(EMAIL, PASSWORD), headers={"Accept": "application/xml"}, timeout=60)

    assert answer.status_code == 401
    assert "Basic" not in answer.headers.get("WWW-Authenticate", "")
