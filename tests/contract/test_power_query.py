"""The requests of Power Query (Excel, Power BI) in their order: log-in, tables, types, pages, folded queries."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import pytest
import requests

from tests.contract.conftest import EMAIL, PASSWORD
from tests.csdl import faults
from tests.odata_client import HEAD, PowerQuery, entity_types, misfits, types
from tests.processes import RunningServer
from tests.server.central_forms import FORM_ID, form_xml, new_id, submission_xml

LOGIN = (EMAIL, PASSWORD)


@dataclass
class Source:
    """A project with the small form published, five reports of two members each, and a list of two entities."""

    root: str
    project: int
    ids: list[str]

    @property
    def reports(self) -> PowerQuery:
        """The form's service."""
        return PowerQuery(f"{self.root}/projects/{self.project}/forms/{FORM_ID}.svc", LOGIN)

    @property
    def wells(self) -> PowerQuery:
        """The list's service."""
        return PowerQuery(f"{self.root}/projects/{self.project}/datasets/wells.svc", LOGIN)


@pytest.fixture(scope="session")
def source(server: RunningServer) -> Source:
    """Made over the API, once for all tests here: they only read."""
    root = f"{server.base_url}/v1"

    def post(path: str, **more: object) -> requests.Response:
        answer = requests.post(f"{root}/{path}", auth=LOGIN, headers={**HEAD, **more.pop("headers", {})}, timeout=60, **more)  # type: ignore[arg-type,dict-item]
        assert answer.status_code == 200, answer.text
        return answer

    project = post("projects", json={"name": "Power Query"}).json()["id"]
    xml = {"Content-Type": "application/xml"}
    post(f"projects/{project}/forms?publish=true&ignoreWarnings=true", data=form_xml(), headers=xml)
    ids = [new_id() for _ in range(5)]
    for number, iid in enumerate(ids):
        report = submission_xml(iid, name=f"Place {number}", people=str(number))
        post(f"projects/{project}/forms/{FORM_ID}/submissions", data=report, headers=xml)
    post(f"projects/{project}/datasets", json={"name": "wells"})
    post(f"projects/{project}/datasets/wells/properties", json={"name": "depth"})
    for depth in ("12", "40"):
        post(f"projects/{project}/datasets/wells/entities", json={"label": f"Well {depth}", "data": {"depth": depth}})
    return Source(root, project, ids)


def test_without_a_password_it_is_asked_for_one(source: Source) -> None:
    refused = source.reports.get(source.reports.service, status=401, login=False)

    assert "Basic" in refused.headers["WWW-Authenticate"]


def test_the_navigator_shows_a_table_per_repeat(source: Source) -> None:
    assert list(source.reports.tables()) == ["Submissions", "Submissions.team", "Submissions.team.phone"]
    assert list(source.wells.tables()) == ["Entities"]


@pytest.mark.parametrize("service", ["reports", "wells"])
def test_the_metadata_is_valid(source: Source, service: str) -> None:
    assert faults(getattr(source, service).metadata()) == []


@pytest.mark.parametrize("service", ["reports", "wells"])
def test_every_row_of_every_table_is_what_the_metadata_says(source: Source, service: str) -> None:
    query: PowerQuery = getattr(source, service)
    metadata = query.metadata()
    known, kinds = types(metadata), entity_types(metadata)
    tables = {name: query.rows(address) for name, address in query.tables().items()}

    assert {name: len(rows) for name, rows in tables.items()} == (
        {"Submissions": 5, "Submissions.team": 10, "Submissions.team.phone": 10} if service == "reports" else {"Entities": 2}
    )
    assert [misfit for name, rows in tables.items() for row in rows for misfit in misfits(row, kinds[name], known)] == []


def test_the_preview_and_then_the_whole_table_in_pages(source: Source) -> None:
    address = source.reports.tables()["Submissions"]
    preview = source.reports.get(f"{address}?$top=1000").json()
    paged = source.reports.rows(f"{address}?$top=2")

    assert [row["__id"] for row in preview["value"]] == list(reversed(source.ids))
    assert "@odata.nextLink" not in preview
    assert [row["__id"] for row in paged] == list(reversed(source.ids))


def test_rows_of_repeats_join_to_their_reports(source: Source) -> None:
    tables = source.reports.tables()
    reports = {row["__id"] for row in source.reports.rows(tables["Submissions"])}
    teams = source.reports.rows(f"{tables['Submissions.team']}?$top=3")
    phones = source.reports.rows(tables["Submissions.team.phone"])

    assert {row["__Submissions-id"] for row in teams} == reports
    assert {row["__Submissions-team-id"] for row in phones} <= {row["__id"] for row in teams}


def test_folded_steps_become_options_of_the_query(source: Source) -> None:
    address = source.reports.tables()["Submissions"]
    condition = quote("year(__system/submissionDate) ge 2020 and __system/reviewState eq null")
    chosen = source.reports.get(f"{address}?$filter={condition}&$select=__id,people_count&$count=true&$top=1").json()
    sorted_rows = source.reports.get(f"{address}?$orderby={quote('__system/submissionDate asc')}").json()["value"]

    assert chosen["@odata.count"] == 5
    assert chosen["value"] == [{"__id": source.ids[-1], "people_count": 4}]
    assert [row["__id"] for row in sorted_rows] == source.ids


def test_a_step_that_cannot_be_folded_is_refused_as_not_implemented(source: Source) -> None:
    address = source.reports.tables()["Submissions"]

    assert source.reports.get(f"{address}?$filter=people_count%20gt%203", status=501).json()["code"] == 501.5
    assert source.reports.get(f"{address}?$apply=aggregate(people_count)", status=501).json()["code"] == 501.1


def test_a_repeat_expands_by_its_link(source: Source) -> None:
    row = source.reports.get(f"{source.reports.tables()['Submissions']}?$top=1").json()["value"][0]
    members = source.reports.get(row["team@odata.navigationLink"]).json()["value"]

    assert [each["member"] for each in members] == ["Ann", "Bob"]


def test_a_refresh_of_what_has_not_changed_is_304(source: Source) -> None:
    address = source.reports.tables()["Submissions"]
    first = source.reports.get(address)
    head = {**HEAD, "If-None-Match": first.headers["ETag"]}
    again = requests.get(address.replace("https://", "http://"), auth=LOGIN, headers=head, timeout=60)

    assert (again.status_code, again.content) == (304, b"")
