"""Entities, statements 98 to 101 and 109 to 123 (not 121): lists for devices, what reports do to them, and conflicts."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import random
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
import requests

from tests.conformance.conftest import PASSWORD, log_in
from tests.conformance.mission import OPENROSA, TIMEOUT, Mission, Phone, Project, children, part, wait_until
from tests.conformance.samples import entity_xml, form_xml, new_id, new_uuid, report_xml

ANY_ACTION = 'create="" update="" baseVersion="" trunkVersion="" branchId="" id=""'
BRANCH = "00000000-0000-4000-8000-000000000001"


def tree_form(version: str = "1", spec: str | None = "2024.1.0", dataset: str = "trees", attributes: str = ANY_ACTION) -> str:
    """A form that makes and changes trees (height, kind), and chooses from the same list."""
    questions = {"name": "string", "height": "int", "kind": "string"}
    xml = form_xml("tree", version, questions=questions, files=["trees.csv"], creates=dataset)
    xml = xml.replace('create="1" id=""', attributes)
    told = "" if spec is None else f' entities:entities-version="{spec}"'
    return xml.replace(' entities:entities-version="2024.1.0"', told)


class Trees:
    """A project of its own with the list "trees", its form, and a phone."""

    def __init__(self, project: Project) -> None:
        self.project = project
        project.publish(tree_form(), form_id="tree")
        self.phone = project.phone("tree")

    def send(self, entity: str, phone: Phone | None = None, instance_id: str | None = None, **answers: str) -> str:
        """Sends a report with that `<entity>`; returns its instanceID."""
        sent = instance_id or new_id()
        answer = (phone or self.phone).send(report_xml(sent, "tree", entity=entity, **answers))
        assert answer.status_code == 201, answer.text
        return sent

    def create(self, label: str = "Oak", phone: Phone | None = None, **answers: str) -> str:
        """A new tree from a report; returns its id once it is there."""
        made = new_uuid()
        self.send(entity_xml("trees", made, label), phone, **answers)
        wait_until(lambda: self.found(made), "the new entity")
        return made

    def update(self, entity_id: str, base: str | int, label: str | None = None, **answers: str) -> str:
        """An update made on that version."""
        return self.send(update_xml(entity_id, base, label), **answers)

    def offline(self, entity_id: str, base: int, trunk: int | None = 1, branch: str = BRANCH, **answers: str) -> str:
        """An update that was made offline."""
        return self.send(update_xml(entity_id, base, None, trunk, branch), **answers)

    def found(self, entity_id: str) -> dict[str, Any] | None:
        """The entity over the API, or None."""
        answer = requests.get(
            f"{self.project.mission.base_url}/v1/projects/{self.project.id}/datasets/trees/entities/{entity_id}",
            headers=dict(self.project.mission.admin), timeout=TIMEOUT,
        )
        return answer.json() if answer.status_code == 200 else None

    def version(self, entity_id: str, number: int) -> dict[str, Any]:
        """The entity, once it has that version."""
        found: dict[str, Any] = wait_until(
            lambda: (e if (e := self.found(entity_id)) and e["currentVersion"]["version"] == number else None),
            f"version {number}",
        )
        return found

    def versions(self, entity_id: str) -> list[dict[str, Any]]:
        """The entity's history."""
        rows: list[dict[str, Any]] = self.api("GET", f"/entities/{entity_id}/versions").json()
        return rows

    def api(self, method: str, path: str = "", status: int = 200, **options: Any) -> requests.Response:
        """A request below the list's address, as the administrator."""
        return self.project.api(method, f"/datasets/trees{path}", status, **options)

    def told(self, instance_id: str, action: str) -> list[dict[str, Any]]:
        """The entries of that action in the report's log, once there is one."""
        found: list[dict[str, Any]] = wait_until(lambda: self.log(instance_id, action), f"{action} in the log")
        return found

    def log(self, instance_id: str, action: str) -> list[dict[str, Any]]:
        """The entries of that action in the report's log."""
        rows = self.project.api("GET", f"/forms/tree/submissions/{part(instance_id)}/audits").json()
        return [row for row in rows if row["action"] == action]

    def error(self, instance_id: str) -> float:
        """The code of the one error that the report's log holds."""
        (row,) = self.told(instance_id, "entity.error")
        return float(row["details"]["problem"]["problemCode"])

    def settled(self) -> None:
        """Returns when everything sent so far was worked on: a last tree of its own is there."""
        self.create("last")

    def entry(self, phone: Phone | None = None) -> dict[str, str]:
        """The list's entry in the manifest."""
        (found,) = (phone or self.phone).manifest("tree")
        return found

    def csv(self, phone: Phone | None = None) -> list[dict[str, str]]:
        """The rows of the list as that phone gets it."""
        data = (phone or self.phone).get(self.entry(phone)["downloadUrl"]).content
        return list(csv.DictReader(io.StringIO(data.decode())))

    def integrity(self, ids: Sequence[str] | None, phone: Phone | None = None) -> dict[str, str]:
        """What the integrity address says of each id."""
        address = self.entry(phone)["integrityUrl"]
        answer = (phone or self.phone).get(address if ids is None else f"{address}?id={','.join(ids)}")
        assert answer.status_code == 200, answer.text
        return {str(each.get("id")): str(each[0].text) for each in children(answer.content, "entity")}


def update_xml(
    entity_id: str, base: str | int, label: str | None, trunk: int | None = None, branch: str = "", dataset: str = "trees"
) -> str:
    """The `<entity>` of an update."""
    return entity_xml(
        dataset, entity_id, label, create="", update="1", baseVersion=str(base), trunkVersion=str(trunk or ""), branchId=branch
    )


@pytest.fixture
def trees(project: Project) -> Trees:
    """A project with the list."""
    return Trees(project)


# Integrity


def test_statement_098_integrity_tells_of_each_id_whether_it_is_deleted(trees: Trees) -> None:
    kept, gone = trees.create("Oak"), trees.create("Elm")
    trees.api("DELETE", f"/entities/{gone}")

    assert trees.integrity([kept, gone]) == {kept: "false", gone: "true"}


def test_statement_098_the_answer_is_openrosas_xml(trees: Trees) -> None:
    kept = trees.create()
    answer = trees.phone.get(f"{trees.entry()['integrityUrl']}?id={kept}")

    assert answer.headers["Content-Type"].startswith("text/xml")
    assert [each.tag for each in children(answer.content, "data")[0]] == ["entities"]


def test_statement_099_only_the_asked_ids_are_answered_and_none_found_is_empty(trees: Trees) -> None:
    one, _other = trees.create("Oak"), trees.create("Elm")

    assert set(trees.integrity([one])) == {one}
    assert trees.integrity([new_uuid()]) == {}


def test_statement_099_without_ids_the_whole_list_is_answered(trees: Trees) -> None:
    kept, gone = trees.create("Oak"), trees.create("Elm")
    trees.api("DELETE", f"/entities/{gone}")

    assert trees.integrity(None) == {kept: "false", gone: "true"}


def test_statement_100_unknown_ids_are_left_out_and_an_uppercase_id_is_known(trees: Trees) -> None:
    kept = trees.create()

    assert trees.integrity([kept.upper(), new_uuid()]) == {kept: "false"}


def test_statement_101_1500_ids_in_one_address(trees: Trees) -> None:
    kept = trees.create()
    ids = [kept, *(new_uuid() for _ in range(1_700))]
    answer = trees.phone.get(f"{trees.entry()['integrityUrl']}?id={','.join(ids)}")

    assert len(answer.request.url or "") > 60_000
    assert (answer.status_code, answer.headers["X-OpenRosa-Version"]) == (200, "1.0")
    assert [each.get("id") for each in children(answer.content, "entity")] == [kept]


# Lists


def test_statement_109_a_list_has_name_label_version_and_the_properties(trees: Trees) -> None:
    made = trees.create("Oak", height="7")
    data = trees.phone.get(trees.entry()["downloadUrl"])

    assert data.headers["Content-Type"].startswith("text/csv")
    assert data.text.splitlines()[0] == "name,label,__version,height,kind"
    assert [(row["name"], row["label"], row["__version"], row["height"]) for row in trees.csv()] == [(made, "Oak", "1", "7")]


def test_statement_109_the_hash_changes_if_and_only_if_the_bytes_do(trees: Trees) -> None:
    hashes = []

    def taken() -> str:
        entry = trees.entry()
        data = trees.phone.get(entry["downloadUrl"]).content
        assert entry["hash"] == "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest()
        hashes.append(entry["hash"])
        return entry["hash"]

    empty = taken()
    made = trees.create("Oak", height="1")
    created = taken()
    trees.update(made, 1, height="2")
    trees.version(made, 2)
    updated = taken()
    same = taken()
    trees.api("DELETE", f"/entities/{made}")
    deleted = taken()
    trees.api("POST", f"/entities/{made}/restore")

    assert taken() == updated == same
    assert deleted == empty
    assert len({empty, created, updated}) == 3
    trees.api("POST", "/properties", json={"name": "age"})
    assert taken() not in {empty, created, updated}


# The form


@pytest.mark.parametrize("spec", ["2022.1.0", "2023.1.0", "2024.1.0", "2025.1.0", "2025.1.7"])
def test_statement_110_these_versions_of_the_specification_are_taken(project: Project, spec: str) -> None:
    project.publish(tree_form(spec=spec), form_id="tree")

    assert project.api("GET", "/datasets/trees").json()["sourceForms"] == [{"xmlFormId": "tree", "name": "Patrol report"}]


@pytest.mark.parametrize("spec", ["2025.2.0", "2026.1.0", "2021.1.0", "x", "", None])
def test_statement_110_a_newer_or_unknown_version_is_refused(project: Project, spec: str | None) -> None:
    answer = project.api(
        "POST", "/forms?ignoreWarnings=true&publish=true", 400, data=tree_form(spec=spec).encode(),
        headers={"Content-Type": "application/xml"},
    )  # fmt: skip

    assert answer.json()["code"] == 400.25
    assert project.api("GET", "/forms").json() == []


@pytest.mark.parametrize("spec, status", [("2022.1.0", 400), ("2023.1.0", 400), ("2024.1.0", 200), ("2025.1.0", 200)])
def test_statement_110_an_older_version_warns_until_warnings_are_ignored(project: Project, spec: str, status: int) -> None:
    head = {"Content-Type": "application/xml"}
    answer = project.api("POST", "/forms", status, data=tree_form(spec=spec).encode(), headers=head)

    if status == 400:
        assert answer.json()["code"] == 400.16
        project.api("POST", "/forms?ignoreWarnings=true", data=tree_form(spec=spec).encode(), headers=head)


@pytest.mark.parametrize("name", ["a.b", "__trees", "1trees", "a b", " ", "a/b"])
def test_statement_111_impossible_names_of_lists(project: Project, name: str) -> None:
    assert project.api("POST", "/datasets", 400, json={"name": name}).json()["code"] == 400.8
    answer = project.api(
        "POST", "/forms?ignoreWarnings=true", 400, data=tree_form(dataset=name).encode(),
        headers={"Content-Type": "application/xml"},
    )  # fmt: skip
    assert answer.json()["code"] == 400.25


@pytest.mark.parametrize("name", ["name", "label", "Name", "LABEL", "__x", "1x", "a b"])
def test_statement_111_impossible_names_of_properties(trees: Trees, name: str) -> None:
    assert trees.api("POST", "/properties", 400, json={"name": name}).json()["code"] == 400.8
    xml = tree_form("2").replace('entities:saveto="height"', f'entities:saveto="{name}"')
    answer = trees.project.api(
        "POST", "/forms/tree/draft?ignoreWarnings=true", 400, data=xml.encode(), headers={"Content-Type": "application/xml"}
    )
    assert answer.json()["code"] == 400.25


@pytest.mark.parametrize("name", ["trees-2", "_trees", "Bäume", "trees_"])
def test_statement_111_possible_names_of_lists(project: Project, name: str) -> None:
    assert project.api("POST", "/datasets", json={"name": name}).json()["name"] == name


@pytest.mark.parametrize("name", ["a.b", "a-b", "_x", "names", "größe"])
def test_statement_111_possible_names_of_properties(trees: Trees, name: str) -> None:
    trees.api("POST", "/properties", json={"name": name})

    assert name in [each["name"] for each in trees.api("GET").json()["properties"]]


# What reports do


@pytest.mark.parametrize("entity_id, code", [
    ("11111111-1111-1111-8111-111111111111", 400.11), ("oak", 400.11), ("", 400.2),
    ("11111111-1111-4111-8111-11111111111", 400.11),
])  # fmt: skip
def test_statement_112_without_a_uuid_of_version_4_there_is_no_entity_but_the_report(
    trees: Trees, entity_id: str, code: float
) -> None:
    sent = trees.send(f'<entity dataset="trees" id="{entity_id}" create="1"><label>Oak</label></entity>')

    assert trees.error(sent) == code
    assert trees.api("GET", "/entities").json() == []
    assert [row["instanceId"] for row in trees.project.submissions("tree")] == [sent]


def test_statement_112_an_id_with_its_scheme_and_in_capitals_is_a_uuid(trees: Trees) -> None:
    made = new_uuid()
    trees.send(entity_xml("trees", f"uuid:{made.upper()}", "Oak"))

    assert wait_until(lambda: trees.found(made))["uuid"] == made


@pytest.mark.parametrize("create, made", [("1", 1), ("true", 1), ("TRUE", 0), ("yes", 0), ("0", 0), ("", 0), ("true()", 0)])
def test_statement_113_only_1_and_true_mean_yes(trees: Trees, create: str, made: int) -> None:
    trees.send(f'<entity dataset="trees" id="{new_uuid()}" create="{create}"><label>Oak</label></entity>')
    trees.settled()

    assert len(trees.api("GET", "/entities").json()) == made + 1


@pytest.mark.parametrize("update, version", [("1", 2), ("true", 2), ("True", 1), ("on", 1)])
def test_statement_113_the_same_for_updates(trees: Trees, update: str, version: int) -> None:
    made = trees.create()
    trees.send(f'<entity dataset="trees" id="{made}" update="{update}" baseVersion="1"/>', height="2")
    trees.settled()

    assert (trees.found(made) or {})["currentVersion"]["version"] == version


@pytest.mark.parametrize("label", ["<label/>", "<label>  </label>", ""])
def test_statement_114_no_entity_without_a_label(trees: Trees, label: str) -> None:
    sent = trees.send(f'<entity dataset="trees" id="{new_uuid()}" create="1">{label}</entity>')

    assert trees.error(sent) == 400.2
    assert trees.api("GET", "/entities").json() == []


def test_statement_114_an_update_may_leave_the_label_as_it_is(trees: Trees) -> None:
    made = trees.create("Oak", height="1")
    trees.update(made, 1, height="2")

    assert trees.version(made, 2)["currentVersion"]["label"] == "Oak"


def test_statement_115_an_update_of_nothing_fails_and_is_recorded(trees: Trees) -> None:
    sent = trees.update(new_uuid(), 1, height="2")

    assert trees.error(sent) == 404.8
    assert trees.api("GET", "/entities").json() == []


def test_statement_115_an_update_on_a_deleted_entity_fails_and_is_recorded(trees: Trees) -> None:
    made = trees.create()
    trees.api("DELETE", f"/entities/{made}")
    sent = trees.update(made, 1, height="2")

    assert trees.error(sent) == 404.11


def test_statement_115_an_offline_update_waits_for_its_entity(trees: Trees) -> None:
    made = new_uuid()
    sent = trees.offline(made, 1, None, height="2")
    held = trees.told(sent, "submission.backlog.hold")
    trees.send(entity_xml("trees", made, "Oak"), height="1")

    assert held[0]["details"]["entity"]["uuid"] == made
    assert trees.version(made, 2)["currentVersion"]["data"]["height"] == "2"


@pytest.mark.parametrize("base", ["0", "-1", "x", "1.5", "", "99999999999999999999"])
def test_statement_116_a_base_version_that_is_no_positive_number_is_no_version(trees: Trees, base: str) -> None:
    made = trees.create()
    sent = trees.update(made, base, height="2")

    assert trees.error(sent) == 404.9
    assert (trees.found(made) or {})["currentVersion"]["version"] == 1


def test_statement_116_every_applied_update_raises_the_version_by_one(trees: Trees) -> None:
    made = trees.create()
    for number in range(1, 5):
        trees.update(made, number, height=str(number))
        trees.version(made, number + 1)

    assert [(row["version"], row["baseVersion"]) for row in trees.versions(made)] == [(1, None), (2, 1), (3, 2), (4, 3), (5, 4)]


def test_statement_117_both_on_an_entity_that_is_there_update_it_and_record_the_failed_create(trees: Trees) -> None:
    made = trees.create()
    sent = trees.send(entity_xml("trees", made, "Elm", update="1", baseVersion="1"), height="2")

    assert trees.version(made, 2)["currentVersion"]["label"] == "Elm"
    assert trees.error(sent) == 409.3


def test_statement_117_both_on_an_unknown_entity_make_it_and_record_the_failed_update(trees: Trees) -> None:
    made = new_uuid()
    sent = trees.send(entity_xml("trees", made, "Elm", update="1", baseVersion="1"), height="2")

    assert trees.version(made, 1)["currentVersion"]["label"] == "Elm"
    assert trees.error(sent) == 404.8


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_statement_118_a_chain_is_applied_in_its_own_order_whatever_arrives_first(trees: Trees, order: Sequence[int]) -> None:
    made = trees.create(height="0")
    for base in order:
        trees.offline(made, base, height=str(base))

    shown = trees.version(made, 4)
    assert (shown["currentVersion"]["data"]["height"], shown["conflict"]) == ("3", None)
    assert [row["data"]["height"] for row in trees.versions(made)] == ["0", "1", "2", "3"]


def test_statement_118_an_offline_entity_and_its_updates_in_any_order_and_twice(trees: Trees) -> None:
    made, sender = new_uuid(), random.Random(118)
    reports = [(entity_xml("trees", made, "Oak"), "0")]
    reports += [(update_xml(made, base, None, None, BRANCH), str(base)) for base in range(1, 6)]
    wanted = [(new_id(), entity, height) for entity, height in reports] * 2
    sender.shuffle(wanted)
    for instance_id, entity, height in wanted:
        trees.send(entity, instance_id=instance_id, height=height)

    shown = trees.version(made, 6)
    assert (shown["currentVersion"]["data"]["height"], shown["conflict"]) == ("5", None)


def test_statement_118_two_phones_keep_their_own_order(trees: Trees) -> None:
    made, other = trees.create(height="0"), "00000000-0000-4000-8000-000000000002"
    for branch, base in ((BRANCH, 2), (other, 1), (other, 2), (BRANCH, 1)):
        trees.offline(made, base, 1, branch, height=f"{branch[-1]}{base}")
    trees.version(made, 5)

    told = [row["data"]["height"] for row in trees.versions(made)]
    assert [text for text in told if text.startswith("1")] == ["11", "12"]
    assert [text for text in told if text.startswith("2")] == ["21", "22"]


def test_statement_118_a_part_is_held_and_nothing_is_forced(trees: Trees) -> None:
    made = trees.create(height="0")
    sent = trees.offline(made, 2, height="2")

    assert trees.told(sent, "submission.backlog.hold")[0]["details"]["baseVersion"] == 2
    assert (trees.found(made) or {})["currentVersion"]["version"] == 1


# Conflicts


def odata_conflict(trees: Trees, entity_id: str) -> object:
    """What OData says of the entity's conflict."""
    rows = trees.api("GET", ".svc/Entities").json()["value"]
    return next(row["__system"]["conflict"] for row in rows if row["__id"] == entity_id)


def test_statement_119_parallel_updates_of_other_properties_are_a_soft_conflict(trees: Trees) -> None:
    made = trees.create(height="1", kind="a")
    trees.update(made, 1, height="2")
    trees.version(made, 2)
    trees.update(made, 1, kind="b")
    shown = trees.version(made, 3)

    assert (shown["conflict"], odata_conflict(trees, made)) == ("soft", "soft")
    assert {name: shown["currentVersion"]["data"][name] for name in ("height", "kind")} == {"height": "2", "kind": "b"}


def test_statement_119_parallel_updates_of_one_property_are_a_hard_conflict(trees: Trees) -> None:
    made = trees.create(height="1")
    trees.update(made, 1, height="2")
    trees.version(made, 2)
    trees.update(made, 1, height="3")
    shown = trees.version(made, 3)

    assert (shown["conflict"], odata_conflict(trees, made)) == ("hard", "hard")
    assert shown["currentVersion"]["conflictingProperties"] == ["height"]
    assert [(row["conflict"], row["baseVersion"], row["lastGoodVersion"]) for row in trees.versions(made)] == [
        (None, None, False), (None, 1, True), ("hard", 1, False),
    ]


def test_statement_119_a_conflict_stays_until_it_is_settled(trees: Trees) -> None:
    made = trees.create(height="1")
    for number, height in ((2, "2"), (3, "3")):
        trees.update(made, 1, height=height)
        trees.version(made, number)
    trees.update(made, 3, height="4")
    later = trees.version(made, 4)
    settled = trees.api("PATCH", f"/entities/{made}?resolve=true&baseVersion=4").json()

    assert (later["conflict"], settled["conflict"], settled["currentVersion"]["version"]) == ("hard", None, 4)
    assert odata_conflict(trees, made) is None
    assert [row["resolved"] for row in trees.versions(made)] == [False, False, True, False]


def test_statement_119_an_update_amid_offline_work_is_a_soft_conflict(trees: Trees) -> None:
    made = trees.create(height="1", kind="a")
    trees.offline(made, 1, height="2")
    trees.version(made, 2)
    trees.update(made, 2, kind="b")
    trees.version(made, 3)
    trees.offline(made, 2, height="3")

    assert trees.version(made, 4)["conflict"] == "soft"


# Several entities in one report


SEVERAL = """<?xml version="1.0"?><h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms"
 xmlns:entities="http://www.opendatakit.org/xforms/entities"><h:head><h:title>Several</h:title>
<model entities:entities-version="2025.1.0"><instance><data id="several" version="1"><place/>
<tree jr:template=""><height/><meta><entity dataset="trees" create="" id=""><label/></entity></meta></tree>
<meta><instanceID/><entity dataset="places" create="" id=""><label/></entity></meta></data></instance>
<bind nodeset="/data/place" type="string" entities:saveto="place"/>
<bind nodeset="/data/tree/height" type="int" entities:saveto="height"/>
<bind nodeset="/data/meta/instanceID" type="string" readonly="true()" jr:preload="uid"/></model></h:head>
<h:body><input ref="/data/place"><label>Place</label></input><group ref="/data/tree"><repeat nodeset="/data/tree">
<input ref="/data/tree/height"><label>Height</label></input></repeat></group></h:body></h:html>"""


def several(instance_id: str, place: tuple[str, str], *grown: tuple[str, str, str]) -> bytes:
    """A report of a place (id, label) and of trees (id, label, height)."""
    repeats = "".join(
        f"<tree><height>{height}</height><meta><entity dataset='trees' create='1' id='{key}'>"
        f"<label>{label}</label></entity></meta></tree>"
        for key, label, height in grown
    )
    return (
        f"<data id='several' version='1'><place>here</place>{repeats}<meta><instanceID>{instance_id}</instanceID>"
        f"<entity dataset='places' create='1' id='{place[0]}'><label>{place[1]}</label></entity></meta></data>"
    ).encode()


def test_statement_120_entities_of_repeats_and_of_several_lists_are_all_applied(project: Project) -> None:
    project.publish(SEVERAL, form_id="several")
    place, ids = new_uuid(), [new_uuid() for _ in range(3)]
    grown = [(key, f"Tree {number}", str(number)) for number, key in enumerate(ids)]
    assert project.phone("several").send(several(new_id(), (place, "Here"), *grown)).status_code == 201

    found = wait_until(lambda: project.api("GET", "/datasets/trees.svc/Entities").json()["value"])
    assert {row["__id"]: (row["label"], row["height"]) for row in found} == {key: (label, h) for key, label, h in grown}
    assert [row["uuid"] for row in project.api("GET", "/datasets/places/entities").json()] == [place]


def test_statement_120_one_faulty_entity_does_not_keep_the_others_away(project: Project) -> None:
    project.publish(SEVERAL, form_id="several")
    sent, place, good = new_id(), new_uuid(), new_uuid()
    project.phone("several").send(several(sent, (place, "Here"), (good, "Oak", "1"), ("oak", "Elm", "2"), (new_uuid(), "", "3")))

    wait_until(lambda: project.api("GET", "/datasets/places/entities").json())
    rows = project.api("GET", f"/forms/several/submissions/{part(sent)}/audits").json()
    codes = [row["details"]["problem"]["problemCode"] for row in rows if row["action"] == "entity.error"]
    assert sorted(codes) == [400.11, 400.2]
    assert [row["uuid"] for row in project.api("GET", "/datasets/trees/entities").json()] == [good]


# Who gets what


def collector(trees: Trees) -> Phone:
    """A data collector with an account, assigned to the form; it speaks OpenRosa with its bearer token."""
    mission = trees.project.mission
    email = f"{uuid.uuid4()}@example.org"
    made = mission.api("POST", "/users", json={"email": email, "password": PASSWORD, "role": "collector"}).json()
    trees.project.api("POST", f"/forms/tree/assignments/formfill/{made['id']}")
    url = f"{mission.base_url}/v1/projects/{trees.project.id}"
    return Phone(url, made["id"], headers={**OPENROSA, **log_in(mission.base_url, email)})


def public_link(trees: Trees) -> Phone:
    """A public link to the form, used as a device uses a key."""
    made = trees.project.api("POST", "/forms/tree/public-links", json={"displayName": "Link"}).json()
    url = f"{trees.project.mission.base_url}/v1/key/{made['token']}/projects/{trees.project.id}"
    return Phone(url, made["id"], made["token"])


ACTORS = {"app user": lambda trees: trees.project.phone("tree", name="Other"), "collector": collector, "public link": public_link}


@pytest.mark.parametrize("kind", sorted(ACTORS))
def test_statement_122_owner_only_limits_list_hash_and_integrity(trees: Trees, kind: str) -> None:
    other = ACTORS[kind](trees)
    theirs, own = trees.create("Oak"), trees.create("Elm", other)
    before = trees.entry(other)["hash"]
    trees.api("PATCH", json={"ownerOnly": True})

    assert [row["name"] for row in trees.csv(other)] == [own]
    assert trees.entry(other)["hash"] not in {before, trees.entry()["hash"]}
    assert trees.integrity([theirs, own], other) == {theirs: "true", own: "false"}


@pytest.mark.parametrize("kind", sorted(ACTORS))
def test_statement_122_an_access_filter_limits_list_hash_and_integrity(trees: Trees, kind: str) -> None:
    other = ACTORS[kind](trees)
    north, south = trees.create("Oak", kind="north"), trees.create("Elm", kind="south")
    trees.project.api("POST", "/actor-properties", json={"name": "area"})
    rule = {"datasetProperty": "kind", "actorProperty": "area"}
    trees.api("PATCH", json={"accessFilter": {"type": "property", "rules": [rule]}})
    nothing = trees.csv(other)
    trees.project.api("PATCH", f"/actors/{other.actor_id}/properties", json={"properties": {"area": "south"}})

    assert nothing == []
    assert [row["name"] for row in trees.csv(other)] == [south]
    assert trees.integrity([north, south], other) == {north: "true", south: "false"}
    assert trees.csv() == []


def test_statement_122_the_property_of_an_app_user_is_set_as_in_central(trees: Trees) -> None:
    trees.project.api("POST", "/actor-properties", json={"name": "area"})
    shown = trees.project.api("PATCH", f"/app-users/{trees.phone.actor_id}", json={"properties": {"area": "south"}}).json()

    assert shown["properties"] == {"area": "south"}


def test_statement_122_the_hash_follows_the_actors_own_value(trees: Trees) -> None:
    trees.create("Oak", kind="north")
    trees.project.api("POST", "/actor-properties", json={"name": "area"})
    rule = {"datasetProperty": "kind", "actorProperty": "area"}
    trees.api("PATCH", json={"accessFilter": {"type": "property", "rules": [rule]}})
    hashes = []
    for value in ("north", "south", None):
        trees.project.api("PATCH", f"/app-users/{trees.phone.actor_id}", json={"properties": {"area": value}})
        hashes.append(trees.entry()["hash"])

    assert hashes[0] != hashes[1] == hashes[2]


# What was merged away


FACILITIES = "/datasets/facilities"


@pytest.fixture
def merged(mission: Mission) -> tuple[Project, Phone, str, str]:
    """The mission's register of facilities with a clinic that two patrols reported alike: the phone's project and phone,
    the id that survived, and the one that was merged away."""
    project = Project(mission, 1)
    form_id = f"facility-{new_uuid()}"
    questions = {"name": "string", "functionality": "string"}
    xml = form_xml(form_id, questions=questions, files=["facilities.csv"], creates="facilities")
    project.publish(xml.replace('create="1" id=""', ANY_ACTION), form_id=form_id)
    name, place = f"Clinic {new_uuid()[:8]}", f"{random.uniform(3, 8):.4f} {random.uniform(15, 25):.4f} 0 5"
    data = {"fac_name": name, "fac_group": "health", "fac_type": "health_centre", "geometry": place, "functionality": "full"}
    kept, lost = (
        project.api("POST", f"{FACILITIES}/entities", json={"label": name, "data": data, "uuid": new_uuid()}).json()["uuid"],
        new_uuid(),
    )
    again = project.api("POST", f"{FACILITIES}/entities", json={"label": name, "data": data, "uuid": lost}).json()
    assert (again["uuid"], again["mergedFrom"]) == (kept, lost)
    phone = project.phone(form_id)
    return project, Phone(phone.url, phone.actor_id, form_id), kept, lost


def updated(merged: tuple[Project, Phone, str, str]) -> tuple[str, dict[str, Any]]:
    """A phone that still knows the id that was merged away sends an update on it; returns instanceID and the survivor."""
    project, phone, kept, lost = merged
    sent = new_id()
    before = project.api("GET", f"{FACILITIES}/entities/{kept}").json()["currentVersion"]["version"]
    entity = update_xml(lost, before, None, dataset="facilities")
    phone.send(report_xml(sent, phone.token, entity=entity, functionality="none"))
    shown: dict[str, Any] = wait_until(
        lambda: (
            e if (e := project.api("GET", f"{FACILITIES}/entities/{kept}").json())["currentVersion"]["version"] > before else None
        ),
        "the update",
    )
    return sent, shown


def test_statement_100_what_was_merged_away_is_gone_and_the_survivor_is_in_the_list(
    merged: tuple[Project, Phone, str, str]
) -> None:
    _project, phone, kept, lost = merged
    (entry,) = phone.manifest(phone.token)
    answer = phone.get(f"{entry['integrityUrl']}?id={kept},{lost},{new_uuid()}")
    rows = list(csv.DictReader(io.StringIO(phone.get(entry["downloadUrl"]).content.decode())))

    assert {each.get("id"): each[0].text for each in children(answer.content, "entity")} == {kept: "false", lost: "true"}
    assert [row["name"] for row in rows if row["name"] in (kept, lost)] == [kept]


def test_statement_123_an_update_on_a_merged_id_lands_on_the_survivor(merged: tuple[Project, Phone, str, str]) -> None:
    _sent, shown = updated(merged)

    assert shown["currentVersion"]["data"]["functionality"] == "none"


def test_statement_123_the_history_of_the_survivor_says_so(merged: tuple[Project, Phone, str, str]) -> None:
    project, _phone, kept, lost = merged
    sent, shown = updated(merged)
    rows = project.api("GET", f"{FACILITIES}/entities/{kept}/versions").json()

    assert [row["version"] for row in rows] == list(range(1, shown["currentVersion"]["version"] + 1))
    assert (rows[-1]["redirectedFrom"], rows[-1]["source"]["submission"]["instanceId"]) == (lost, sent)


def test_statement_123_the_log_of_the_report_says_so(merged: tuple[Project, Phone, str, str]) -> None:
    project, phone, kept, lost = merged
    sent, _shown = updated(merged)
    rows = project.api("GET", f"/forms/{phone.token}/submissions/{part(sent)}/audits").json()
    (told,) = [row["details"]["entity"] for row in rows if row["action"] == "entity.update.version"]

    assert told == {"uuid": lost, "dataset": "facilities", "mergedInto": kept}


def test_statement_122_integrity_answers_only_who_may_fill_a_form_with_the_list(trees: Trees) -> None:
    made = trees.create()
    other = trees.project.phone(name="Without forms")

    assert other.get(f"/datasets/trees/integrity?id={made}").status_code == 403
