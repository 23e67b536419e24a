"""Statement 125: pyODK's own test suite against this server.

What pyODK's authors try against a running Central (their test_client.py) and what they mock in test_auth.py is done here
with pyODK's Client itself: the same calls, the same awkward form ids, instance ids and files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from openpyxl import Workbook
from pyodk._utils.config import CentralConfig, Config
from pyodk.client import Client
from pyodk.errors import PyODKError

from tests.conformance.conftest import ADMIN, PASSWORD
from tests.conformance.mission import Mission, Project

SYMBOLS, DINGBAT = "'=+/*-451%/%", "✅"
INSTANCE = "~!@#$%^&*()_+=-✅✅"
PULL_DATA = [
    ["type", "name", "label", "calculation"],
    ["calculate", "fruit", "", "pulldata('fruits', 'name', 'name_key', 'mango')"],
    ["note", "note_fruit", "The fruit ${fruit} pulled from csv", ""],
]
Make = Callable[..., Path]


@pytest.fixture
def odk(mission: Mission, project: Project, tmp_path: Path) -> Iterator[Client]:
    """A client with a project of its own."""
    central = CentralConfig(base_url=mission.base_url, username=ADMIN, password=PASSWORD)
    with Client(config=Config(central=central), cache_path=tmp_path / "cache.toml", project_id=project.id) as client:
        yield client


@pytest.fixture
def workbook(tmp_path: Path) -> Make:
    """Makes XLSForms. form_id None: the sheet names none, so the file's name is the form's id."""

    def make(name: str, survey: list[list[str]], form_id: str | None = None, version: str = "1") -> Path:
        book = Workbook()
        book.remove(book.worksheets[0])
        sheet, settings = book.create_sheet("survey"), book.create_sheet("settings")
        for row in survey:
            sheet.append(row)
        settings.append(["version", "form_title", *(["form_id"] if form_id else [])])
        settings.append([version, form_id or name, *([form_id] if form_id else [])])
        path = tmp_path / f"{name}.xlsx"
        book.save(path)
        return path

    return make


@pytest.fixture
def fruits(tmp_path: Path) -> Path:
    """The list that the forms look fruits up in."""
    path = tmp_path / "fruits.csv"
    path.write_text("name_key,name\nmango,Mango\n")
    return path


def fruit_xml(form_id: str, version: str, instance_id: str, fruit: str = "Banana", deprecated: str = "") -> str:
    """A report on the fruit forms, with the line breaks around it that pyODK's authors leave."""
    before = f"<deprecatedID>{deprecated}</deprecatedID>" if deprecated else ""
    escaped = instance_id.replace("&", "&amp;")
    return f"""
    <data id="{form_id}" version="{version}">
      <meta>{before.replace("&", "&amp;")}
        <instanceID>{escaped}</instanceID>
      </meta>
      <fruit>{fruit}</fruit>
      <note_fruit/>
    </data>
    """


def test_statement_125_a_session_gives_a_token_that_users_current_takes(mission: Mission) -> None:
    answer = requests.post(f"{mission.base_url}/v1/sessions", json={"email": ADMIN, "password": PASSWORD}, timeout=60)
    head = {"Authorization": f"Bearer {answer.json()['token']}"}
    current = requests.get(f"{mission.base_url}/v1/users/current", headers=head, timeout=60)

    assert answer.status_code == 200
    assert {"token", "csrf", "expiresAt", "createdAt"} == answer.json().keys()
    assert (current.status_code, current.json()["email"]) == (200, ADMIN)


def test_statement_125_a_token_of_last_time_is_verified_and_a_stale_one_replaced(mission: Mission, tmp_path: Path) -> None:
    config = Config(central=CentralConfig(base_url=mission.base_url, username=ADMIN, password=PASSWORD))
    with Client(config=config, cache_path=tmp_path / "cache.toml") as first:
        kept = first.session.headers["Authorization"]
        with Client(config=config, cache_path=tmp_path / "cache.toml") as second:
            assert second.session.headers["Authorization"] == kept
        first.delete("sessions/current")
    with Client(config=config, cache_path=tmp_path / "cache.toml") as third:
        assert third.session.headers["Authorization"] != kept
        assert third.projects.list()


def test_statement_125_a_wrong_password_is_an_error_of_log_in(mission: Mission, tmp_path: Path) -> None:
    central = CentralConfig(base_url=mission.base_url, username=ADMIN, password="wrong wrong wrong")

    with pytest.raises(PyODKError, match=r"401\.2"):
        Client(config=Config(central=central), cache_path=tmp_path / "none.toml").open()


def test_statement_125_a_form_without_id_takes_the_name_of_its_file(odk: Client, workbook: Make, fruits: Path) -> None:
    odk.forms.create(definition=workbook("pull_data", PULL_DATA), attachments=[fruits])

    assert odk.forms.get("pull_data").xmlFormId == "pull_data"
    assert odk.get(f"projects/{odk.project_id}/forms/pull_data/attachments/fruits.csv").text == fruits.read_text()


def test_statement_125_a_form_gets_new_attachments_and_versions(odk: Client, workbook: Make, fruits: Path) -> None:
    odk.forms.create(definition=workbook("pull_data", PULL_DATA), attachments=[fruits])
    odk.forms.update(form_id="pull_data", attachments=[fruits])
    default = odk.forms.get("pull_data").version
    odk.forms.update(form_id="pull_data", attachments=[fruits], version_updater=lambda version: version + "_1")
    odk.forms.update(form_id="pull_data", definition=workbook("pull_data", PULL_DATA, version="9"), attachments=[fruits])

    assert default not in {"", "1"}
    assert odk.forms.get("pull_data").version == "9"
    assert len(odk.get(f"projects/{odk.project_id}/forms/pull_data/versions").json()) == 4


@pytest.mark.parametrize("form_id", [SYMBOLS, DINGBAT])
def test_statement_125_form_ids_of_any_characters_work(odk: Client, workbook: Make, fruits: Path, form_id: str) -> None:
    odk.forms.create(definition=workbook("symbols", PULL_DATA, form_id), form_id=form_id, attachments=[fruits])
    odk.forms.update(form_id=form_id, attachments=[], version_updater=lambda _version: dt.datetime.now(dt.UTC).isoformat())

    assert odk.forms.get(form_id).xmlFormId == form_id
    assert odk.forms.get(form_id).version != "1"
    assert form_id in [form.xmlFormId for form in odk.forms.list()]


def test_statement_125_instance_ids_of_any_characters_are_sent_edited_and_commented(
    odk: Client, workbook: Make, fruits: Path
) -> None:
    odk.forms.create(definition=workbook("symbols", PULL_DATA, SYMBOLS), form_id=SYMBOLS, attachments=[fruits])
    odk.submissions.create(xml=fruit_xml(SYMBOLS, "1", INSTANCE), form_id=SYMBOLS)
    edit = fruit_xml(SYMBOLS, "1", "~!@#$%^&*()_+=-✘✘", "Papaya", INSTANCE)
    odk.submissions.edit(xml=edit, form_id=SYMBOLS, instance_id=INSTANCE, comment="pyODK edit")
    path = odk.session.urlformat("projects/{p}/forms/{f}/submissions/{i}/versions", p=odk.project_id, f=SYMBOLS, i=INSTANCE)

    assert odk.submissions.get(form_id=SYMBOLS, instance_id=INSTANCE).instanceId == INSTANCE
    assert [each["instanceId"] for each in odk.get(path).json()] == ["~!@#$%^&*()_+=-✘✘", INSTANCE]
    assert [each.body for each in odk.submissions.list_comments(INSTANCE, form_id=SYMBOLS)] == ["pyODK edit"]
    assert odk.submissions.get_table(form_id=SYMBOLS)["value"][0]["fruit"] == "Papaya"


def test_statement_125_a_submission_is_reviewed_with_a_comment(odk: Client, workbook: Make, fruits: Path) -> None:
    odk.forms.create(definition=workbook("pull_data", PULL_DATA), attachments=[fruits])
    odk.submissions.create(xml=fruit_xml("pull_data", "1", "uuid:1"), form_id="pull_data")
    odk.submissions.review(instance_id="uuid:1", form_id="pull_data", review_state="edited", comment="did some reviewing!")

    assert odk.submissions.get("uuid:1", form_id="pull_data").reviewState == "edited"
    assert odk.submissions.list_comments("uuid:1", form_id="pull_data")[0].body == "did some reviewing!"


def test_statement_125_a_submission_is_created_with_its_file(odk: Client, workbook: Make, tmp_path: Path) -> None:
    survey = [["type", "name", "label"], ["text", "name", "Name"], ["file", "file", "File"]]
    odk.forms.create(definition=workbook("upload_file", survey))
    file = tmp_path / "✅ forms.txt"
    file.write_bytes(b"the file")
    made = odk.submissions.create(
        xml=f"""<data id="upload_file" version="1"><meta><instanceID>uuid:file</instanceID></meta>
          <name>file</name><file>{file.name}</file></data>""", form_id="upload_file", attachments=[file],
    )  # fmt: skip

    assert [(each.name, each.exists) for each in made.attachments or []] == [(file.name, True)]


def test_statement_125_app_users_are_created_by_name_and_for_forms(odk: Client, workbook: Make, fruits: Path) -> None:
    odk.forms.create(definition=workbook("pull_data", PULL_DATA), attachments=[fruits])
    bare = list(odk.projects.create_app_users(display_names=["test_role3", "test_user3"]))
    assigned = list(odk.projects.create_app_users(display_names=["test_assign3", "test_assign_23"], forms=["pull_data"]))
    path = f"projects/{odk.project_id}/forms/pull_data/assignments/2"

    assert [user.displayName for user in bare] == ["test_role3", "test_user3"]
    assert [each["id"] for each in odk.get(path).json()] == [user.id for user in assigned]


def test_statement_125_a_list_takes_entities_one_by_one_many_at_once_and_merged(odk: Client) -> None:
    name = "pyodk_test_eln"
    odk.entity_lists.create(entity_list_name=name)
    odk.entity_lists.add_property(name="test_label", entity_list_name=name)
    odk.entity_lists.add_property(name="another_prop", entity_list_name=name)
    odk.entities.create_many(
        data=[{"label": "test_label", "another_prop": "test_value"}, {"label": "test_label2", "another_prop": "test_value2"}],
        entity_list_name=name,
    )
    one = odk.entities.create(label="test_label3", data={"test_label": "test_value", "another_prop": "x"}, entity_list_name=name)
    updated = odk.entities.update(
        label="test_label3", data={"test_label": "test_value2", "another_prop": "y"}, uuid=one.uuid, base_version=1,
        entity_list_name=name,
    )
    forced = odk.entities.update(data={"another_prop": "z"}, uuid=one.uuid, force=True, entity_list_name=name)
    done = odk.entities.merge(
        data=[{"label": "test_label2", "another_prop": "test_value3"}, {"label": "strawberry"}], match_keys=["label"],
        add_new_properties=True, update_matched=True, delete_not_matched=True, entity_list_name=name,
    )

    assert (updated.currentVersion.version, forced.currentVersion.version) == (2, 3)
    assert (len(done.to_insert), len(done.to_update), len(done.to_delete)) == (1, 1, 2)
    assert {row["label"] for row in odk.entities.get_table(entity_list_name=name)["value"]} == {"test_label2", "strawberry"}
