"""/v1: submissions as CSV, zip and GeoJSON."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from flask.testing import FlaskClient

from tests.cast import Cast
from tests.server.central_forms import Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]


def rows(text: bytes) -> list[dict[str, str]]:
    """The lines of a CSV by column."""
    return list(csv.DictReader(io.StringIO(text.decode())))


def archive(api: Api, query: str = "") -> zipfile.ZipFile:
    """The zip as a client unpacks it."""
    answer = api.client.get(f"{api.form}/submissions.csv.zip{query}", headers=api.head)
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.data))


def test_the_root_csv_has_centrals_columns(api: Api, cast: Cast) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    answer = api.client.get(f"{api.form}/submissions.csv", headers=api.head)
    row = rows(answer.data)[0]

    assert list(row) == [
        "SubmissionDate", "site-name", "site-place-Latitude", "site-place-Longitude", "site-place-Altitude",
        "site-place-Accuracy", "people_count", "share", "photo", "day", "meta-instanceID",
        "meta-instanceName", "KEY", "SubmitterID", "SubmitterName",
        "AttachmentsPresent", "AttachmentsExpected", "Status", "ReviewState", "DeviceID", "Edits", "FormVersion",
    ]
    assert (row["site-name"], row["site-place-Longitude"], row["people_count"], row["KEY"]) == ("Clinic", "18.25", "12", iid)
    assert row["SubmitterID"] == str(cast.hq_officer.actor_id)


def test_the_zip_has_a_csv_per_repeat_with_keys_that_join(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    found = archive(api)
    teams, phones = rows(found.read("visit-team.csv")), rows(found.read("visit-phone.csv"))

    assert set(found.namelist()) == {"visit.csv", "visit-team.csv", "visit-phone.csv"}
    assert [(row["member"], row["PARENT_KEY"], row["KEY"]) for row in teams] == [
        ("Ann", iid, f"{iid}/team[1]"), ("Bob", iid, f"{iid}/team[2]"),
    ]
    assert [(row["number"], row["PARENT_KEY"], row["KEY"]) for row in phones] == [
        ("1", f"{iid}/team[1]", f"{iid}/team[1]/phone[1]"), ("2", f"{iid}/team[1]", f"{iid}/team[1]/phone[2]"),
    ]


def test_photos_lie_in_the_zip_unless_they_are_not_wanted(api: Api) -> None:
    ids = [new_id(), new_id()]
    for number, iid in enumerate(ids):
        api.send(submission_xml(iid, photo="p.jpg"))
        api.client.post(f"{api.form}/submissions/{iid}/attachments/p.jpg", data=b"photo %d" % number, headers=api.head)

    found = archive(api)
    assert {name: found.read(name) for name in found.namelist() if name.startswith("media/")} == {
        "media/p.jpg": b"photo 1", "media/p~2.jpg": b"photo 0",
    }
    assert [name for name in archive(api, "?attachments=false").namelist() if "media" in name] == []


def test_formulas_are_neutralised_and_numbers_are_not(api: Api) -> None:
    api.send(submission_xml(new_id(), name="=HYPERLINK(1)", people="-5"))
    row = rows(api.client.get(f"{api.form}/submissions.csv", headers=api.head).data)[0]

    assert (row["site-name"], row["people_count"]) == ("'=HYPERLINK(1)", "-5")


def test_group_paths_can_be_left_out(api: Api) -> None:
    api.send(submission_xml(new_id()))
    row = rows(api.client.get(f"{api.form}/submissions.csv?groupPaths=false", headers=api.head).data)[0]

    assert (row["name"], row["instanceID"]) == ("Clinic", row["KEY"])


def test_questions_of_older_versions_come_when_asked_for(api: Api) -> None:
    api.send(submission_xml(new_id()))
    newer = form_xml("2").replace("<share/>", "").replace('<bind nodeset="/data/share" type="decimal"/>', "").replace(
        '<input ref="/data/share"><label>Share</label></input>', ""
    )
    draft = api.client.post(f"{api.form}/draft?ignoreWarnings=true", data=newer, content_type="application/xml", headers=api.head)
    api.client.post(f"{api.form}/draft/publish", headers=api.head)

    assert draft.status_code == 200, draft.get_data(as_text=True)
    assert "share" not in rows(api.client.get(f"{api.form}/submissions.csv", headers=api.head).data)[0]
    assert rows(api.client.get(f"{api.form}/submissions.csv?deletedFields=true", headers=api.head).data)[0]["share"] == "0.25"


def test_filters_choose_what_is_exported(api: Api) -> None:
    kept, other = new_id(), new_id()
    api.send(submission_xml(kept))
    api.send(submission_xml(other))
    api.client.patch(f"{api.form}/submissions/{kept}", json={"reviewState": "approved"}, headers=api.head)
    answer = api.client.get(
        f"{api.form}/submissions.csv", query_string={"$filter": "__system/reviewState eq 'approved'"}, headers=api.head
    )

    assert [row["KEY"] for row in rows(answer.data)] == [kept]


def test_the_zip_can_be_asked_for_with_post_as_ruodk_does(api: Api) -> None:
    api.send(submission_xml(new_id()))
    answer = api.client.post(f"{api.form}/submissions.csv.zip?attachments=true", json=None, headers=api.head)

    assert zipfile.ZipFile(io.BytesIO(answer.data)).testzip() is None
    assert api.client.post(f"{api.form}/submissions.csv.zip", json=[1], headers=api.head).get_json()["code"] == 400.1


def test_geojson_shows_where_reports_were_made(api: Api) -> None:
    iid = new_id()
    api.send(submission_xml(iid))
    api.send(submission_xml(new_id(), place=""))
    features = api.get("/submissions.geojson")["features"]

    assert features == [{
        "type": "Feature", "id": iid, "geometry": {"type": "Point", "coordinates": [18.25, 4.5, 300.0]},
        "properties": {"fieldpath": "/site/place", "accuracy": 6.5},
    }]
    assert api.get(f"/submissions/{iid}.geojson?fieldpath=/site/place")["features"] == features


@pytest.mark.parametrize("query", ["fieldpath=/nothing", "fieldpath=/site/name", "limit=x"])
def test_geojson_of_what_is_no_place_is_400(api: Api, query: str) -> None:
    assert api.get(f"/submissions.geojson?{query}", status=400)["code"] == 400.8


def test_exports_of_another_sector_are_empty(api: Api, cast: Cast, client: FlaskClient) -> None:
    api.send(submission_xml(new_id()))
    other = Api(client, cast, "other_sector")

    assert rows(other.client.get(f"{other.form}/submissions.csv", headers=other.head).data) == []
    assert rows(archive(other).read("visit-team.csv")) == []
    assert other.get("/submissions.geojson")["features"] == []


@pytest.mark.parametrize("path", ["/submissions.csv", "/submissions.csv.zip", "/submissions.geojson"])
def test_nobody_else_exports(api: Api, cast: Cast, client: FlaskClient, path: str) -> None:
    for role in ("approver", "partner", "auditor", "collector", "observer"):
        Api(client, cast, role).get(path, status=403)


@pytest.mark.parametrize("text, cell", [
    ("-1.0E-5", "-1.0E-5"), ("+24381", "+24381"), ("-.5", "-.5"), ("-1+1", "'-1+1"), ("@SUM(1)", "'@SUM(1)"), (" =1", "' =1"),
    ("＝1", "'＝1"), ("a=b", "a=b"), ("-", "'-"),
])  # fmt: skip
def test_only_text_that_a_spreadsheet_would_run_is_changed(api: Api, text: str, cell: str) -> None:
    api.send(submission_xml(new_id(), name=text))
    shown = rows(api.client.get(f"{api.form}/submissions.csv", headers=api.head).data)[0]

    assert shown["site-name"] == cell
    assert api.get(".svc/Submissions")["value"][0]["site"]["name"] == text


def test_an_instance_id_cannot_be_a_formula_and_still_joins(api: Api) -> None:
    api.send(submission_xml("=1+1"))
    found = archive(api)
    (root,), teams = rows(found.read("visit.csv")), rows(found.read("visit-team.csv"))

    assert root["KEY"] == "'=1+1"
    assert {row["PARENT_KEY"] for row in teams} == {root["KEY"]}


def test_what_came_on_a_draft_is_exported_from_the_draft(api: Api) -> None:
    api.send(submission_xml(new_id()))
    api.client.post(f"{api.form}/draft", headers=api.head)
    draft = api.client.get(f"{api.form}/draft/submissions.csv", headers=api.head)

    assert draft.status_code == 200
    assert rows(draft.data) == []


def test_places_in_a_repeat_become_one_feature_of_several_parts(api: Api) -> None:
    member = 'nodeset="/data/team/member" type="'
    xml = form_xml(form_id="places").replace(f'{member}string"', f'{member}geopoint"')
    api.publish(xml)
    api.form = "/v1/projects/1/forms/places"
    team = "<team><member>1 2</member></team><team><member>3 4</member></team>"
    api.send(submission_xml(new_id(), form_id="places", team=team))

    (feature,) = api.get("/submissions.geojson?fieldpath=/team/member")["features"]
    assert feature["geometry"] == {"type": "MultiPoint", "coordinates": [[2.0, 1.0], [4.0, 3.0]]}
