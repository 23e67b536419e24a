"""pyODK 1.3's own Client against a real server process: every public method of it, over http with a bearer token."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook
from pyodk._utils.config import CentralConfig, Config
from pyodk.client import Client
from pyodk.errors import PyODKError

from tests.contract.conftest import EMAIL, PASSWORD
from tests.processes import RunningServer
from tests.server.central_forms import FORM_ID, form_xml, new_id, submission_xml


@pytest.fixture
def odk(server: RunningServer, tmp_path: Path) -> Iterator[Client]:
    """A client, logged in with e-mail and password as an officer of the whole mission, in a new project."""
    config = Config(central=CentralConfig(base_url=server.base_url, username=EMAIL, password=PASSWORD))
    with Client(config=config, cache_path=tmp_path / "cache.toml") as client:
        number = client.post("projects", json={"name": "Test"}).json()["id"]
    with Client(config=config, cache_path=tmp_path / "cache.toml", project_id=number) as client:
        yield client


@pytest.fixture
def form(odk: Client) -> Client:
    """The client of a server on which the small form is published."""
    odk.forms.create(definition=form_xml(), form_id=FORM_ID)
    return odk


def test_projects_are_listed_and_shown(odk: Client) -> None:
    assert {1, odk.project_id} <= {project.id for project in odk.projects.list()}
    assert odk.projects.get().name == "Test"


def test_a_token_kept_from_last_time_is_used_again(odk: Client, tmp_path: Path) -> None:
    with Client(config=odk.config, cache_path=tmp_path / "cache.toml") as again:
        assert again.session.headers["Authorization"] == odk.session.headers["Authorization"]
        assert again.projects.list()


def test_a_wrong_password_is_told_as_such(odk: Client, tmp_path: Path) -> None:
    central = CentralConfig(base_url=odk.config.central.base_url, username=EMAIL, password="not the password")

    with pytest.raises(PyODKError, match=r"401\.2"), Client(config=Config(central=central), cache_path=tmp_path / "other.toml"):
        pass


def test_app_users_are_made_once_and_assigned_to_forms(form: Client) -> None:
    made = list(form.projects.create_app_users(display_names=["Patrol 1", "Patrol 2"], forms=[FORM_ID]))
    again = list(form.projects.create_app_users(display_names=["Patrol 1", "Patrol 3"], forms=[FORM_ID]))
    listed = form.get(f"projects/{form.project_id}/forms/{FORM_ID}/assignments/app-user").json()

    assert [user.displayName for user in made] == ["Patrol 1", "Patrol 2"]
    assert all(len(user.token or "") == 64 for user in made)
    assert [user.displayName for user in again] == ["Patrol 3"]
    assert [each["id"] for each in listed] == [user.id for user in [*made, *again]]


def test_a_form_is_created_from_xml_and_read_back(odk: Client) -> None:
    made = odk.forms.create(definition=form_xml(), form_id=FORM_ID)

    assert (made.xmlFormId, made.version, made.state) == (FORM_ID, "1", "open")
    assert [form.xmlFormId for form in odk.forms.list()] == [FORM_ID]
    assert odk.forms.get(FORM_ID).publishedAt is not None
    assert odk.forms.get_xml(FORM_ID).strip() == form_xml().strip()


def test_a_form_is_created_from_a_workbook_with_its_list_and_updated(odk: Client, tmp_path: Path) -> None:
    workbook, towns = tmp_path / "households.xlsx", tmp_path / "towns.csv"
    write_workbook(workbook, "v1")
    towns.write_text("name,label\na,Town A\n")
    odk.forms.create(definition=workbook, attachments=[towns])
    write_workbook(workbook, "v2")
    odk.forms.update(form_id="households", definition=workbook, attachments=[towns])

    assert odk.forms.get("households").version == "v2"
    assert odk.get(f"projects/{odk.project_id}/forms/households/attachments").json()[0]["blobExists"] is True
    assert odk.get(f"projects/{odk.project_id}/forms/households/attachments/towns.csv").text == towns.read_text()


def test_a_new_list_alone_makes_a_new_version(odk: Client, tmp_path: Path) -> None:
    workbook, towns = tmp_path / "households.xlsx", tmp_path / "towns.csv"
    write_workbook(workbook, "v1")
    towns.write_text("name,label\na,Town A\n")
    odk.forms.create(definition=workbook, attachments=[towns])
    towns.write_text("name,label\na,Town A\nb,Town B\n")
    odk.forms.update(form_id="households", attachments=[towns], version_updater=lambda version: version + ".1")

    assert odk.forms.get("households").version == "v1.1"
    assert "Town B" in odk.get(f"projects/{odk.project_id}/forms/households/attachments/towns.csv").text


def test_publishing_a_version_twice_is_told_as_409_6(form: Client) -> None:
    with pytest.raises(PyODKError, match=r"409\.6"):
        form.forms.update(form_id=FORM_ID, definition=form_xml())


def test_submissions_go_round(form: Client, tmp_path: Path) -> None:
    photo, iid, edited = tmp_path / "photo 1.jpg", new_id(), new_id()
    photo.write_bytes(b"\xff\xd8" + bytes(range(256)) * 300)
    made = form.submissions.create(
        xml=submission_xml(iid, photo="photo 1.jpg"), form_id=FORM_ID, device_id="laptop", attachments=[photo]
    )
    form.submissions.edit(
        instance_id=iid, xml=submission_xml(edited, name="Hospital", deprecated=iid, photo="photo 1.jpg"), form_id=FORM_ID,
        comment="renamed",
    )
    form.submissions.review(instance_id=iid, review_state="approved", form_id=FORM_ID, comment="checked")
    shown = form.submissions.get(iid, form_id=FORM_ID)

    assert [(each.name, each.exists) for each in made.attachments or []] == [("photo 1.jpg", True)]
    assert (made.deviceId, made.userAgent) == ("laptop", "pyodk v1.3.0")
    assert [each.instanceId for each in form.submissions.list(form_id=FORM_ID)] == [iid]
    assert shown.reviewState == "approved"
    assert [each.body for each in form.submissions.list_comments(iid, form_id=FORM_ID)] == ["checked", "renamed"]
    file = f"projects/{form.project_id}/forms/{FORM_ID}/submissions/{iid}/attachments/photo 1.jpg"
    assert form.get(file).content == photo.read_bytes()


def test_a_submission_sent_twice_is_told_as_409_3(form: Client) -> None:
    xml = submission_xml(new_id())
    form.submissions.create(xml=xml, form_id=FORM_ID)

    with pytest.raises(PyODKError, match=r"409\.3"):
        form.submissions.create(xml=xml, form_id=FORM_ID)


def test_tables_are_read_with_every_option(form: Client) -> None:
    ids = [new_id() for _ in range(3)]
    for number, iid in enumerate(ids):
        form.submissions.create(xml=submission_xml(iid, people=str(number)), form_id=FORM_ID)
    table = form.submissions.get_table(form_id=FORM_ID, skip=1, top=1, count=True, wkt=True, expand="*")
    team = form.submissions.get_table(form_id=FORM_ID, table_name="Submissions.team", filter="__system/submissionDate lt now()")
    names = form.submissions.get_table(form_id=FORM_ID, select="__id,site/name")

    assert (table["@odata.count"], [row["__id"] for row in table["value"]]) == (3, [ids[1]])
    assert table["value"][0]["site"]["place"] == "POINT (18.25 4.5 300)"
    assert [member["member"] for member in table["value"][0]["team"]] == ["Ann", "Bob"]
    assert len(team["value"]) == 6
    assert names["value"][0] == {"__id": ids[2], "site": {"name": "Clinic"}}


def test_entity_lists_and_entities_go_round(odk: Client) -> None:
    made = odk.entity_lists.create(entity_list_name="people", approval_required=False)
    odk.entity_lists.add_property(name="age", entity_list_name="people")
    one = odk.entities.create(label="Ann", data={"age": "41"}, entity_list_name="people")
    odk.entities.create_many(data=[{"label": "Bob", "age": "7"}, {"label": "Cid", "age": "8"}], entity_list_name="people")
    changed = odk.entities.update(uuid=one.uuid, data={"age": "42"}, base_version=1, entity_list_name="people")
    forced = odk.entities.update(uuid=one.uuid, label="Anna", force=True, entity_list_name="people")

    assert (made.name, [each.name for each in odk.entity_lists.get("people").properties or []]) == ("people", ["age"])
    assert "people" in [each.name for each in odk.entity_lists.list()]
    assert (changed.currentVersion.data or {})["age"] == "42"
    assert (forced.currentVersion.label, forced.currentVersion.version) == ("Anna", 3)
    assert len(odk.entities.list(entity_list_name="people")) == 3
    assert odk.entities.delete(uuid=one.uuid, entity_list_name="people") is True
    assert {row["label"] for row in odk.entities.get_table(entity_list_name="people")["value"]} == {"Bob", "Cid"}


def test_merging_a_table_into_a_list_adds_changes_and_deletes(odk: Client) -> None:
    odk.entity_lists.create(entity_list_name="towns")
    first = [{"label": "A", "people": "1"}, {"label": "B", "people": "2"}, {"label": "C", "people": "3"}]
    odk.entities.merge(data=first, entity_list_name="towns", match_keys=["label"])
    second = [{"label": "A", "people": "1"}, {"label": "B", "people": "20"}, {"label": "D", "people": "4"}]
    done = odk.entities.merge(data=second, entity_list_name="towns", match_keys=["label"], delete_not_matched=True)

    table = {row["label"]: row["people"] for row in odk.entities.get_table(entity_list_name="towns")["value"]}
    assert table == {"A": "1", "B": "20", "D": "4"}
    assert (len(done.to_insert), len(done.to_update), len(done.to_delete)) == (1, 1, 1)


def test_a_stale_update_is_told_as_409_15(odk: Client) -> None:
    odk.entity_lists.create(entity_list_name="people")
    one = odk.entities.create(label="Ann", data={}, entity_list_name="people")
    odk.entities.update(uuid=one.uuid, label="Anna", base_version=1, entity_list_name="people")

    with pytest.raises(PyODKError, match=r"409\.15"):
        odk.entities.update(uuid=one.uuid, label="Anne", base_version=1, entity_list_name="people")


def test_the_registers_are_lists_that_scripts_can_write(odk: Client) -> None:
    names = {each.name for each in odk.entity_lists.list(project_id=1)}
    listed = {"entity_list_name": "facilities", "project_id": 1}
    properties = [each.name for each in odk.entity_lists.get(**listed).properties or []]
    made = odk.entities.create(label="Clinic of Bria", data={properties[0]: "Clinic of Bria"}, **listed)

    assert {"facilities", "settlements"} <= names
    assert [each.uuid for each in odk.entities.list(**listed)] == [made.uuid]


def test_entities_csv_is_what_a_spreadsheet_reads(odk: Client) -> None:
    odk.entity_lists.create(entity_list_name="people")
    one = odk.entities.create(label="Zoë", data={}, entity_list_name="people")
    text = odk.get(f"projects/{odk.project_id}/datasets/people/entities.csv").content.decode()

    assert [(row["__id"], row["label"]) for row in csv.DictReader(text.splitlines())] == [(one.uuid, "Zoë")]


def test_an_app_user_is_assigned_with_the_raw_verbs(form: Client) -> None:
    made = form.post(f"projects/{form.project_id}/app-users", json={"displayName": "Patrol 9"}).json()
    path = f"projects/{form.project_id}/forms/{FORM_ID}/assignments/app-user/{made['id']}"

    assert form.post(path).json() == form.delete(path).json() == {"success": True}
    assert form.patch(f"app-users/{made['id']}", json={"displayName": "Patrol 10"}).json()["displayName"] == "Patrol 10"
    assert form.put(f"projects/{form.project_id}", json={"name": "Whole"}).json()["name"] == "Whole"
    assert form.get(f"projects/{form.project_id}").json()["name"] == "Whole"


def test_a_comment_is_added_without_a_review(form: Client) -> None:
    form.submissions.create(xml=submission_xml(iid := new_id()), form_id=FORM_ID)
    said = form.submissions.add_comment(iid, comment="please look again", form_id=FORM_ID)

    assert said.body == "please look again"
    assert form.submissions.get(iid, form_id=FORM_ID).reviewState is None


def test_a_client_is_opened_and_closed_by_hand(server: RunningServer, tmp_path: Path) -> None:
    config = Config(central=CentralConfig(base_url=server.base_url, username=EMAIL, password=PASSWORD))
    client = Client(config=config, cache_path=tmp_path / "by_hand.toml", project_id=1)
    client.open()
    names = [project.name for project in client.projects.list()]
    client.close()

    assert len(names) >= client.project_id == 1


def test_every_public_method_of_the_client_is_driven_here(odk: Client) -> None:
    """A new release of pyODK with a new method fails this test until the method is driven above."""
    methods = {name for name, _value in public(odk) if name != "config"}
    services = {name for name, value in public(odk) if type(value).__module__.startswith("pyodk._endpoints")}
    wanted = {f"{service}.{name}" for service in services for name, value in public(getattr(odk, service)) if callable(value)}
    wanted |= {name for name in methods - services if callable(getattr(odk, name))}
    text = Path(__file__).read_text()

    assert services >= {"projects", "forms", "submissions", "entity_lists", "entities"}
    assert len(wanted) >= 31
    assert {name for name in wanted if f".{name}(" not in text} == set()


def public(thing: object) -> list[tuple[str, object]]:
    """Public attributes of an object."""
    return [(name, value) for name, value in inspect.getmembers(thing) if not name.startswith("_")]


def write_workbook(path: Path, version: str) -> None:
    """The households form as a workbook of that version."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    sheet = book.create_sheet("survey")
    for row in (["type", "name", "label"], ["text", "first", "Name"], ["select_one_from_file towns.csv", "town", "Town"]):
        sheet.append(row)
    settings = book.create_sheet("settings")
    settings.append(["form_id", "version", "form_title"])
    settings.append(["households", version, "Households"])
    book.save(path)
