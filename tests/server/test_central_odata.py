"""/v1: OData over submissions as Power BI, Excel, pyODK and ruODK ask for it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.cast import Cast
from tests.server.central_forms import Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture
def sent(api: Api) -> list[str]:
    """Three submissions, oldest first."""
    ids = [new_id() for _ in range(3)]
    for number, iid in enumerate(ids):
        api.send(submission_xml(iid, name=f"Place {number}", people=str(number)))
    return ids


def test_the_service_document_names_a_table_per_repeat(api: Api) -> None:
    answer = api.client.get(f"{api.form}.svc", headers=api.head)

    assert answer.headers["OData-Version"] == "4.0"
    assert answer.content_type.startswith("application/json; odata.metadata=minimal")
    assert [row["name"] for row in answer.get_json()["value"]] == ["Submissions", "Submissions.team", "Submissions.team.phone"]
    assert answer.get_json()["@odata.context"].startswith("http://localhost/v1/projects/1/forms/visit.svc/$metadata")


def test_the_metadata_types_every_column(api: Api) -> None:
    answer = api.client.get(f"{api.form}.svc/$metadata", headers=api.head)
    document = etree.fromstring(answer.data)
    types = {each.get("Name"): each for each in document.iter(f"{EDM}EntityType", f"{EDM}ComplexType")}

    assert answer.mimetype == "application/xml"
    assert {prop.get("Name"): prop.get("Type") for prop in types["site"]} == {
        "name": "Edm.String", "place": "Edm.GeographyPoint",
    }
    assert [prop.get("Type") for prop in types["Submissions"] if prop.get("Name") in {"people_count", "share", "day"}] == [
        "Edm.Int64", "Edm.Decimal", "Edm.Date",
    ]
    assert types["Submissions.team.phone"].find(f"{EDM}Property[@Name='__Submissions-team-id']") is not None


def test_every_type_that_the_metadata_uses_is_declared_in_it(api: Api) -> None:
    document = etree.fromstring(api.client.get(f"{api.form}.svc/$metadata", headers=api.head).data)
    declared = {
        f"{schema.get('Namespace')}.{each.get('Name')}" for schema in document.iter(f"{EDM}Schema") for each in schema
        if each.get("Name")
    }
    properties = document.iter(f"{EDM}Property", f"{EDM}NavigationProperty")
    used = {each.get("Type", "").removeprefix("Collection(").removesuffix(")") for each in properties}

    assert {each for each in used if not each.startswith("Edm.")} <= declared


def test_a_row_carries_typed_values_and_its_system_columns(api: Api, cast: Cast, sent: list[str]) -> None:
    row = api.get(".svc/Submissions")["value"][0]

    assert row["__id"] == sent[2]
    assert row["site"] == {
        "name": "Place 2", "place": {"type": "Point", "coordinates": [18.25, 4.5, 300.0], "properties": {"accuracy": 6.5}},
    }
    assert (row["people_count"], row["share"], row["day"], row["photo"]) == (2, 0.25, "2026-11-20", None)
    assert row["__system"]["submitterId"] == str(cast.hq_officer.actor_id)
    assert row["__system"]["submitterName"] == "HQ Officer"
    assert set(row["__system"]) == {
        "submissionDate", "updatedAt", "deletedAt", "submitterId", "submitterName", "attachmentsPresent",
        "attachmentsExpected", "status", "reviewState", "deviceId", "edits", "formVersion",
    }
    assert row["meta"]["instanceID"] == sent[2]
    assert row["team@odata.navigationLink"] == f"Submissions('{quote(sent[2], safe='')}')/team"


def test_repeats_join_to_their_parents(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    teams = api.get(".svc/Submissions.team")["value"]
    phones = api.get(".svc/Submissions.team.phone")["value"]

    assert [(row["member"], row["__Submissions-id"]) for row in teams] == [("Ann", iid), ("Bob", iid)]
    assert [(row["number"], row["__Submissions-team-id"]) for row in phones] == [("1", teams[0]["__id"]), ("2", teams[0]["__id"])]
    assert len({row["__id"] for row in [*teams, *phones]}) == 4


def test_a_navigation_link_leads_to_the_rows(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    api.send(submission_xml(new_id()))
    row = api.get(f".svc/Submissions('{quote(iid)}')")["value"]
    teams = api.get(f".svc/{row[0]['team@odata.navigationLink']}")["value"]
    phones = api.get(f".svc/{teams[0]['phone@odata.navigationLink']}")["value"]

    assert len(row) == 1
    assert [each["member"] for each in teams] == ["Ann", "Bob"]
    assert [each["number"] for each in phones] == ["1", "2"]


def test_expand_puts_repeats_into_the_row(api: Api) -> None:
    api.send(submission_xml(new_id()))
    row = api.get(".svc/Submissions?$expand=*")["value"][0]

    assert [[phone["number"] for phone in team["phone"]] for team in row["team"]] == [["1", "2"], []]


def test_wkt_writes_places_as_text(api: Api) -> None:
    api.send(submission_xml(new_id()))

    assert api.get(".svc/Submissions?$wkt=true")["value"][0]["site"]["place"] == "POINT (18.25 4.5 300)"


@pytest.mark.parametrize("table", ["Submissions", "Submissions.team"])
def test_following_next_links_gives_every_row_once(api: Api, sent: list[str], table: str) -> None:
    whole = [row["__id"] for row in api.get(f".svc/{table}")["value"]]
    address, found = f"{api.form}.svc/{table}?$top=2", []
    while address:
        page = api.get(address)
        found += [row["__id"] for row in page["value"]]
        following = urlsplit(page.get("@odata.nextLink", ""))
        address = f"{following.path}?{following.query}" if following.path else ""

    assert len(whole) == (3 if table == "Submissions" else 6)
    assert found == whole


@pytest.mark.parametrize("table, number", [("Submissions", 3), ("Submissions.team", 6)])
def test_count_counts_everything_whatever_the_page(api: Api, sent: list[str], table: str, number: int) -> None:
    page = api.get(f".svc/{table}?$top=0&$count=True")

    assert (page["value"], page["@odata.count"]) == ([], number)


def test_skip_passes_rows_over(api: Api, sent: list[str]) -> None:
    assert [row["__id"] for row in api.get(".svc/Submissions?$skip=1&$top=1")["value"]] == [sent[1]]
    assert [row["__id"] for row in api.get(".svc/Submissions?$skip=2")["value"]] == [sent[0]]


def test_orderby_sorts_and_goes_on_by_number(api: Api, sent: list[str]) -> None:
    page = api.get(".svc/Submissions?$orderby=__system/submissionDate asc&$top=2")
    following = urlsplit(page["@odata.nextLink"])

    assert [row["__id"] for row in page["value"]] == sent[:2]
    assert [row["__id"] for row in api.get(f"{following.path}?{following.query}")["value"]] == [sent[2]]


def test_select_keeps_what_is_asked_for(api: Api, sent: list[str]) -> None:
    row = api.get(".svc/Submissions?$select=__id,site/name,__system/edits")["value"][0]

    assert row == {"__id": sent[2], "site": {"name": "Place 2"}, "__system": {"edits": 0}}


@pytest.mark.parametrize("text, number", [
    ("__system/reviewState eq 'approved'", 1), ("__system/reviewState ne 'approved'", 2), ("__system/reviewState eq null", 2),
    ("not (__system/reviewState eq 'approved')", 2), ("__system/submissionDate lt now()", 3),
    ("__system/submissionDate gt 2020-01-01T00:00:00.000Z and year(__system/submissionDate) ge 2020", 3),
    ("__system/submissionDate lt 2020-01-01", 0), ("month(__system/submissionDate) lt 1 or second(now()) ge 0", 3),
    ("__system/submitterId eq '0'", 0), ("$root/Submissions/__system/reviewState eq 'approved'", 1),
    ("__system/deletedAt eq null", 3), ("__system/updatedAt eq null", 2),
])  # fmt: skip
def test_filters_choose_by_system_columns(api: Api, sent: list[str], text: str, number: int) -> None:
    api.client.patch(f"{api.form}/submissions/{sent[0]}", json={"reviewState": "approved"}, headers=api.head)

    assert len(api.get(f".svc/Submissions?$filter={quote(text)}")["value"]) == number
    assert len(api.get(f".svc/Submissions.team?$filter={quote(text)}")["value"]) == number * 2


def test_deleted_submissions_show_only_when_asked_for(api: Api, sent: list[str]) -> None:
    api.client.delete(f"{api.form}/submissions/{sent[1]}", headers=api.head)

    assert len(api.get(".svc/Submissions")["value"]) == 2
    deleted = api.get(f".svc/Submissions?$filter={quote('__system/deletedAt ne null')}")["value"]
    assert [row["__id"] for row in deleted] == [sent[1]]


@pytest.mark.parametrize("query, code", [
    ("$filter=people_count eq 3", 501.5), ("$filter=", 0), ("$filter=)", 400.5), ("$filter=__id eq", 400.5), ("$apply=x", 501.1),
    ("$search=x", 501.1), ("$expand=team", 501.1), ("$expand=*&$select=share", 501.1), ("$top=-1", 400.8), ("$top=x", 400.8),
    ("$top=99999999999999999999999", 0), ("$skip=99999999999999999999999", 0), ("$skiptoken=zzz", 400.8),
    ("$skiptoken=01e30=", 0),
    ("$skiptoken=01eyJpbnN0YW5jZUlkIjoibm9uZSJ9", 400.8), ("$skiptoken=01eyJpbnN0YW5jZUlkIjo1fQ==", 400.8),
    ("$format=xml", 406.1),
    ("$orderby=share", 501.5), ("$orderby=__id sideways", 400.5), ("$orderby=__id&$skiptoken=01e30=", 501.1),
    ("$filter=" + "(" * 2000, 400.5), ("$filter=" + "not " * 500 + "__id eq 'a'", 400.5),
    ("$filter=__system/submissionDate gt 'no time'", 400.5), ("$filter=__system/submitterId eq 'x'", 400.5),
    ("$filter=__system/submitterId eq 99999999999999999999", 400.5), ("$filter=__id eq '%00'", 400.8),
    ("$filter=__system/submissionDate gt 9999-99-99", 400.5), ("$filter=year(__id) eq 3", 400.5),
    ("$filter=__id eq ''' or 1 eq 1'", 0),
])  # fmt: skip
def test_odd_queries_get_a_code_and_never_a_crash(api: Api, sent: list[str], query: str, code: float) -> None:
    for table in ("Submissions", "Submissions.team"):
        answer = api.client.get(f"{api.form}.svc/{table}?{query.replace(' ', '%20')}", headers=api.head)
        body = answer.get_json()

        assert answer.status_code == (int(code) or 200), body
        assert body.get("code", 0) == code


@pytest.mark.parametrize("path", [
    "Nothing", "Submissions.nothing", "Submissions.site", "Submissions('x')", "Submissions('x')/team", "Submissions(",
    "Submissions('x'",
    "Submissions('x')/team('", "$else",
])  # fmt: skip
def test_tables_that_do_not_exist_are_404(api: Api, sent: list[str], path: str) -> None:
    assert api.get(f".svc/{path}", status=404)["code"] == 404.1


def test_clients_of_odata_3_find_nothing(api: Api) -> None:
    api.get(".svc", status=404, **{"OData-MaxVersion": "3.0"})
    api.get(".svc/Submissions", **{"OData-MaxVersion": "4.01"})


@pytest.mark.parametrize("accept, status", [
    ("application/json;odata.metadata=minimal", 200), ("application/xml,application/atom+xml,application/json", 200),
    ("*/*", 200),
    ("text/html", 406),
])  # fmt: skip
def test_json_is_given_to_whoever_takes_json(api: Api, accept: str, status: int) -> None:
    assert api.client.get(f"{api.form}.svc/Submissions", headers={**api.head, "Accept": accept}).status_code == status


def test_an_unchanged_table_is_304(api: Api, sent: list[str]) -> None:
    first = api.client.get(f"{api.form}.svc/Submissions", headers=api.head)
    tag = {**api.head, "If-None-Match": first.headers["ETag"]}
    same = api.client.get(f"{api.form}.svc/Submissions", headers=tag).status_code
    api.client.patch(f"{api.form}/submissions/{sent[0]}", json={"reviewState": "approved"}, headers=api.head)

    assert first.headers["ETag"].startswith('W/"eventhash:')
    assert same == 304
    assert api.client.get(f"{api.form}.svc/Submissions", headers=tag).status_code == 200


def test_wrong_answers_become_null_and_not_a_broken_table(api: Api) -> None:
    api.send(submission_xml(new_id(), people="many", place="north of the bridge"))
    api.send(submission_xml(new_id(), people="NaN", place="NaN NaN"))
    rows = api.get(".svc/Submissions")["value"]

    assert [(row["people_count"], row["site"]["place"]) for row in rows] == [(None, None), (None, None)]


def test_tables_of_another_sector_are_empty(api: Api, sent: list[str], cast: Cast, client: FlaskClient) -> None:
    other = Api(client, cast, "other_sector")

    assert other.get(".svc/Submissions")["value"] == []
    assert other.get(".svc/Submissions?$count=true&$top=0")["@odata.count"] == 0
    assert other.get(".svc/Submissions.team")["value"] == []


def test_names_that_odata_cannot_hold_are_made_valid_and_kept_apart(api: Api) -> None:
    xml = form_xml(form_id="names").replace("people_count", "people.count").replace("share", "people-count")
    api.publish(xml)
    api.form = "/v1/projects/1/forms/names"
    sent = submission_xml(new_id(), form_id="names").replace("people_count", "people.count").replace("share", "people-count")
    api.send(sent)
    row = api.get(".svc/Submissions")["value"][0]

    assert (row["people_count"], row["people_count_2"]) == (12, 0.25)


@pytest.mark.parametrize("path", [
    ".svc/Submissions", "/submissions", "/submissions.csv", "/submissions.csv.zip", "/submissions.geojson",
])  # fmt: skip
def test_long_answers_are_streamed_and_not_kept_in_memory(api: Api, sent: list[str], path: str) -> None:
    answer = api.client.get(f"{api.form}{path}", headers=api.head, buffered=False)

    streamed, headers = answer.is_streamed, answer.headers
    for _piece in answer.response:
        pass
    answer.close()

    assert streamed
    assert "Content-Length" not in headers


def test_head_answers_like_get_without_a_body(api: Api, sent: list[str]) -> None:
    answer = api.client.head(f"{api.form}.svc/Submissions", headers=api.head)

    assert (answer.status_code, answer.data, answer.headers["OData-Version"]) == (200, b"", "4.0")
