"""Setting a mission up: name, sectors, units, posts, duties, returns, areas from files, devices with their codes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from forms.openrosa import read_qr_payload
from server.models import Area, Audit, CodeItem, Dataset, FormDuty, Project
from server.problems import Problem
from server.queries import devices as device_queries
from server.queries import mission as queries
from server.services import addresses, areas, code_lists, devices, mission, tokens
from tests.cast import Cast
from tests.databases import make_settings


def refused(work: Any, *arguments: Any, **named: Any) -> str:
    """The name of the problem with which the step is refused."""
    with pytest.raises(Problem) as problem:
        work(*arguments, **named)
    return problem.value.kind.name


def test_first_start_makes_what_a_server_needs(session: Session) -> None:
    made = mission.initialise(session)

    assert made.project_made
    assert session.get(Project, 1) is not None
    assert {"facilities", "settlements"} <= set(session.scalars(select(Dataset.name)))
    assert made.codes_added == session.scalar(select(func.count()).select_from(CodeItem))


def test_second_start_changes_nothing(session: Session) -> None:
    first = mission.initialise(session)

    again = mission.initialise(session)

    assert (again.project_made, again.codes_added, again.codes_changed, again.registers_added) == (False, 0, 0, ())
    assert again.server_id == first.server_id


def test_shipped_labels_are_refreshed_and_own_codes_stay(session: Session) -> None:
    mission.initialise(session)
    code_lists.put_own(session, None, "fac_type", "x-mill", "Mill", "Moulin")
    shipped = queries.code_item(session, "yn", "yes")
    assert shipped is not None
    shipped.label_en = "Old word"
    session.commit()

    added, changed = code_lists.seed_code_lists(session)

    assert (added, changed) == (0, 1)
    assert shipped.label_en == "Yes"
    assert code_lists.labels(session, "fac_type", "fr")["x-mill"] == "Moulin"


@pytest.mark.parametrize("code", ["mill", "x mill", "", "X-MILL"])
def test_own_code_begins_with_x(session: Session, code: str) -> None:
    mission.initialise(session)

    assert refused(code_lists.put_own, session, None, "fac_type", code, "Mill", "Moulin") == "invalid_input"


def test_retired_code_keeps_its_label(session: Session) -> None:
    mission.initialise(session)

    code_lists.retire(session, None, "weather", "rain" if queries.code_item(session, "weather", "rain") else "dry")

    assert session.scalar(select(func.count()).select_from(CodeItem).where(CodeItem.valid_to.is_not(None))) == 1


def test_set_up_leads_from_step_to_step(session: Session) -> None:
    mission.initialise(session)
    seen = [mission.setup_state(session).next]

    mission.set_mission(session, None, name="MINUSCA", time_zone="Africa/Bangui")
    seen.append(mission.setup_state(session).next)
    sector = mission.put_sector(session, None, "EAST", "Sector East")
    seen.append(mission.setup_state(session).next)
    areas.import_areas(session, None, b"code,name,level\nCF6,Ouaka,1\n", "areas.csv")
    mission.put_unit(session, None, "BANBATT-3", "BANBATT-3", sector.id)
    seen.append(mission.setup_state(session).next)
    mission.put_post(session, None, code="S9 BANBATT-3", name="S9", type="patrol_unit", unit_code="BANBATT-3")
    mission.set_form_duties(session, None, "cimic_patrol", ["patrol_unit"])
    seen.append(mission.setup_state(session).next)

    assert seen == ["mission", "sectors", "areas", "posts", "people"]


def test_mission_name_is_the_projects_name(session: Session, cast: Cast) -> None:
    mission.set_mission(session, None, name="Mission d'appui", time_zone="Africa/Bangui", languages=["fr"])

    assert session.get_one(Project, 1).name == "Mission d'appui"
    assert queries.setting(session, "languages") == ["fr"]


@pytest.mark.parametrize("zone", ["", "Bangui", "../../etc/passwd", "Africa/Bangui\x00", "x" * 100, "/etc/localtime"])
def test_bad_time_zone_is_refused(session: Session, cast: Cast, zone: str) -> None:
    assert refused(mission.set_mission, session, None, name="M", time_zone=zone) == "invalid_input"


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "two\nlines", "nul\x00"])
def test_bad_mission_name_is_refused(session: Session, cast: Cast, name: str) -> None:
    assert refused(mission.set_mission, session, None, name=name, time_zone="UTC") == "invalid_input"


def test_sector_code_is_taken_once(session: Session, cast: Cast) -> None:
    assert refused(mission.put_sector, session, None, "east", "Another") == "uniqueness"


def test_sector_in_use_is_not_removed(session: Session, cast: Cast) -> None:
    assert refused(mission.remove_sector, session, None, cast.sector_ids[0]) == "state_conflict"


def test_post_takes_the_sector_of_its_unit(session: Session, cast: Cast) -> None:
    post = mission.put_post(session, None, code="CIMIC BANBATT-3", name="Cell", type="cimic_cell", unit_code="BANBATT-3")

    assert post.sector_id == cast.sector_ids[0]


@pytest.mark.parametrize(
    "values",
    [
        {"code": ""}, {"code": "x" * 61}, {"code": "S9 BANBATT-3"}, {"code": "a\nb"}, {"unit_code": "NO-SUCH"},
        {"sector_id": 999},
        {"type": ""}, {"name": "\x00"}, {"code": "=cmd()"},
    ],
)
def test_bad_post_is_refused(session: Session, cast: Cast, values: dict[str, Any]) -> None:
    given = {"code": "NEW", "name": "New", "type": "liaison", **values}

    assert refused(mission.put_post, session, None, **given) in {"invalid_input", "uniqueness"}


@pytest.mark.parametrize(("arrives", "leaves"), [("2026-12-01", "2026-05-01"), ("tomorrow", None), ("2026-02-30", None)])
def test_bad_rotation_is_refused(session: Session, cast: Cast, arrives: str, leaves: str | None) -> None:
    assert refused(mission.put_unit, session, None, "U", "U", None, arrives, leaves) == "invalid_input"


def test_form_duties_are_replaced_as_a_whole(session: Session, cast: Cast) -> None:
    mission.set_form_duties(session, None, "cimic_patrol", ["patrol_unit", "team_site"])

    mission.set_form_duties(session, None, "cimic_patrol", ["liaison"])

    assert list(session.scalars(select(FormDuty.post_type).where(FormDuty.xml_form_id == "cimic_patrol"))) == ["liaison"]


@pytest.mark.parametrize("days", [(0, 10, 15), (5, 4, 15), (5, 10, 9), (5, 10, 29), ("x", 10, 15)])
def test_bad_return_plan_is_refused(session: Session, cast: Cast, days: tuple[Any, ...]) -> None:
    due, missing, freeze = days

    plan = {"due_day": due, "missing_day": missing, "freeze_day": freeze}
    assert refused(mission.put_return_plan, session, None, "monthly_return", "team_site", **plan) == "invalid_input"


def test_changes_of_the_mission_are_written_down(session: Session, cast: Cast) -> None:
    mission.put_sector(session, None, "NORTH", "Sector North")

    row = session.scalars(select(Audit).where(Audit.action == "sector.create")).one()

    assert row.actee == "sector/NORTH"


def test_areas_of_a_plain_csv(session: Session, cast: Cast) -> None:
    rows = ["code;name;level;parent_code;sector;lat;lon", "006;Ouaka;1;;;;", "00601;Bambari;2;006;EAST;5,76;20,67", ""]
    data = ("\ufeff" + "\r\n".join(rows)).encode()

    done = areas.import_areas(session, None, data, "areas.csv")

    assert (done.added, done.changed) == (2, 0)
    bambari = session.get_one(Area, "00601")
    assert (bambari.level, bambari.parent_code, bambari.sector_id, bambari.lat) == (2, "006", cast.sector_ids[0], 5.76)


def test_areas_of_a_wide_table_as_agencies_publish_it(session: Session, cast: Cast) -> None:
    data = (
        b"ADM0_PCODE,ADM1_FR,ADM1_PCODE,ADM2_FR,ADM2_PCODE,version\n"
        b"CF,Ouaka,CF43,Bambari,CF431,v02\nCF,Ouaka,CF43,Ippy,CF433,v02\n"
    )

    done = areas.import_areas(session, None, data, "caf_adm2.csv")

    assert done.added == 3
    assert session.get_one(Area, "CF431").parent_code == "CF43"
    assert session.get_one(Area, "CF43").name == "Ouaka"
    assert session.get_one(Area, "CF433").cod_version == "v02"


def test_areas_of_geojson_get_their_middle(session: Session, cast: Cast) -> None:
    square = {"type": "Polygon", "coordinates": [[[20, 5], [22, 5], [22, 7], [20, 7], [20, 5]]]}
    feature = {"type": "Feature", "properties": {"ADM1_PCODE": "CF43", "ADM1_FR": "Ouaka"}, "geometry": square}
    data = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()

    areas.import_areas(session, None, data, "adm1.geojson")

    found = session.get_one(Area, "CF43")
    assert (found.lat, found.lon) == (pytest.approx(6), pytest.approx(21))


def test_areas_again_change_only_what_differs(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name\nA,One\nB,Two\n", "a.csv")

    done = areas.import_areas(session, None, b"code,name\nA,One\nB,Zwei\n", "a.csv")

    assert (done.added, done.changed, done.unchanged) == (0, 1, 1)


def test_every_fault_is_named_and_nothing_is_stored(session: Session, cast: Cast) -> None:
    data = (
        b"code,name,level,parent_code,lat,sector\n,No code,1,,,\nA B,Blank,1,,,\nC,,1,,,\nD,Deep,9,,,\nE,Orphan,2,ZZ,,\n"
        b"F,Far,1,,95,\nG,G,1,,,NOWHERE\n"
    )

    with pytest.raises(Problem) as problem:
        areas.import_areas(session, None, data, "areas.csv")

    found = {(finding["row"], finding["column"]) for finding in problem.value.details["findings"]}
    assert found == {(2, "code"), (3, "code"), (4, "name"), (5, "level"), (6, "parent_code"), (7, "lat"), (8, "sector")}
    assert session.scalar(select(func.count()).select_from(Area)) == 0


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "a.csv"), (b"code,name\n", "a.csv"), (b"\xff\xfe\x00", "a.csv"), (b"code,name\nA,caf\xe9\n", "a.csv"),
        (b"code,name\nA,x\x00y\n", "a.csv"), (b"name\nx\n", "a.csv"), (b"code,name\nA,B,C,D\n", "a.csv"),
        (b"{", "a.geojson"), (b"[]", "a.json"), (b'{"features":[1,null,"x"]}', "a.geojson"), (b'{"features":{}}', "a.geojson"),
        (b"[" * 100_000, "a.geojson"), (b"code,name\nA,One\nA,Two\n", "a.csv"),
        (b"code,name,parent_code,level\nA,A,A,2\n", "a.csv"), (b"code,name\n" + b"A" * 41 + b",x\n", "a.csv"),
        (b"code,name,lat\nA,x,nan\n", "a.csv"), (b"code,name,lon\nA,x,1e999\n", "a.csv"),
    ],
)
def test_hostile_file_of_areas_is_refused(session: Session, cast: Cast, data: bytes, name: str) -> None:
    assert refused(areas.import_areas, session, None, data, name) == "areas_refused"
    assert session.scalar(select(func.count()).select_from(Area)) == 0


def test_sector_is_given_to_an_area_and_everything_in_it(session: Session, cast: Cast) -> None:
    areas.import_areas(session, None, b"code,name,level,parent_code\nA,A,1,\nA1,A1,2,A\nA11,A11,3,A1\nB,B,1,\n", "a.csv")

    touched = areas.set_sector(session, None, ["A"], cast.sector_ids[1])

    assert touched == 3
    assert session.get_one(Area, "A11").sector_id == cast.sector_ids[1]
    assert session.get_one(Area, "B").sector_id is None


def test_device_is_made_with_a_code_that_collect_reads(app: Flask, session: Session, cast: Cast) -> None:
    settings = app.config["SETTINGS"]
    device, token = devices.create_device(session, settings, None, name="Phone 7", post_id=cast.post_ids[0])

    card = devices.qr_card(session, settings, device, "http://192.0.2.5:8080/")

    said = read_qr_payload(card.payload)
    assert said["general"]["server_url"] == f"http://192.0.2.5:8080/v1/key/{token}/projects/1"
    assert set(said) == {"general", "admin", "project"}
    assert card.svg.startswith("<svg")
    headers = {"X-OpenRosa-Version": "1.0"}
    assert app.test_client().get(f"/v1/key/{token}/projects/1/formList", headers=headers).status_code == 200


def test_token_of_a_device_is_nowhere_in_the_database(app: Flask, session: Session, cast: Cast) -> None:
    device, token = devices.create_device(session, app.config["SETTINGS"], None, name="Phone", post_id=cast.post_ids[0])

    stored = f"{device.app_user.token_sha256} {device.app_user.token_sealed}"
    audits = " ".join(str(row.details) for row in session.scalars(select(Audit)))

    assert token not in stored + audits


def test_code_is_shown_again_while_the_device_lives(app: Flask, session: Session, cast: Cast) -> None:
    settings = app.config["SETTINGS"]
    made, token = devices.create_device(session, settings, None, name="Phone", post_id=cast.post_ids[0])
    session.expire_all()

    found = device_queries.device(session, made.actor.id)

    assert found is not None
    assert devices.token_of(settings, found.app_user) == token


def test_revoked_device_is_shut_out_and_has_no_code(app: Flask, session: Session, cast: Cast) -> None:
    settings = app.config["SETTINGS"]
    made, token = devices.create_device(session, settings, None, name="Phone", post_id=cast.post_ids[0])

    devices.revoke(session, None, made.actor.id)

    headers = {"X-OpenRosa-Version": "1.0"}
    assert app.test_client().get(f"/v1/key/{token}/projects/1/formList", headers=headers).status_code == 403
    assert refused(devices.qr_card, session, settings, made, "http://x/") == "state_conflict"


def test_reissued_code_ends_the_old_one(app: Flask, session: Session, cast: Cast) -> None:
    settings, headers = app.config["SETTINGS"], {"X-OpenRosa-Version": "1.0"}
    made, old = devices.create_device(session, settings, None, name="Phone", post_id=cast.post_ids[0])
    devices.revoke(session, None, made.actor.id)

    new = devices.reissue(session, settings, None, made.actor.id)

    codes = [app.test_client().get(f"/v1/key/{token}/projects/1/formList", headers=headers).status_code for token in (old, new)]
    assert codes == [403, 200]


def test_code_sealed_with_another_key_is_to_be_issued_anew(app: Flask, session: Session, cast: Cast) -> None:
    made, _token = devices.create_device(session, app.config["SETTINGS"], None, name="Phone", post_id=cast.post_ids[0])
    made.app_user.token_sealed = tokens.seal("another key", "x" * 64)

    assert refused(devices.qr_card, session, app.config["SETTINGS"], made, "http://x/") == "state_conflict"


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "\u00e9"])
def test_tampered_seal_opens_nothing(sealed: str) -> None:
    assert tokens.unseal("key", sealed) is None


@pytest.mark.parametrize(("name", "post_id"), [("", 1), ("x" * 256, 1), ("a\nb", 1), ("Phone", 999)])
def test_bad_device_is_refused(app: Flask, session: Session, cast: Cast, name: str, post_id: int) -> None:
    post_id = cast.post_ids[0] if post_id == 1 else post_id

    found = refused(devices.create_device, session, app.config["SETTINGS"], None, name=name, post_id=post_id)

    assert found == ("not_found" if post_id == 999 else "invalid_input")


def test_one_device_more_for_each_post(app: Flask, session: Session, cast: Cast) -> None:
    made = devices.create_devices(session, app.config["SETTINGS"], None, list(cast.post_ids))

    assert [device.actor.display_name for device in made] == ["S9 BANBATT-3 2", "MILOBS TS Bossangoa 2"]


@pytest.mark.parametrize(
    ("base_url", "listen", "root", "expected"),
    [
        ("", "", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("", "127.0.0.1", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("", "0.0.0.0", "http://127.0.0.1:8080/", "http://192.0.2.77:8080"),
        ("", "0.0.0.0", "http://localhost/", "http://192.0.2.77"),
        ("", "0.0.0.0", "http://10.1.1.1:8080/", "http://10.1.1.1:8080"),
        ("https://cimic.example/", "0.0.0.0", "http://127.0.0.1:8080/", "https://cimic.example"),
    ],
)
def test_code_carries_the_address_a_phone_can_reach(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, base_url: str, listen: str, root: str, expected: str
) -> None:
    monkeypatch.setattr(devices, "lan_address", lambda: "192.0.2.77")
    settings = replace(make_settings(tmp_path / "d", "sqlite://"), base_url=base_url, listen=listen)

    assert devices.device_base_url(settings, root) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["127.0.0.1", "192.168.1.10"], "192.168.1.10"), (["8.8.8.8", "10.0.0.5"], "10.0.0.5"), (["127.0.0.1"], None),
        (["169.254.3.4"], None), ([], None), (["8.8.8.8"], "8.8.8.8"),
    ],
)
def test_address_on_the_local_network(monkeypatch: pytest.MonkeyPatch, found: list[str], expected: str | None) -> None:
    monkeypatch.setattr(addresses, "_interface_addresses", lambda: found)

    assert addresses.lan_address() == expected
