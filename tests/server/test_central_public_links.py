"""/v1: public links, from their making to the report that comes by one."""

from __future__ import annotations

import io

import pytest

from tests.cast import Cast
from tests.server.central_forms import FORM_ID, Api, api, form_xml, new_id, submission_xml

__all__ = ["api"]
SPOKEN = {"X-OpenRosa-Version": "1.0"}


@pytest.fixture
def link(api: Api) -> dict[str, object]:
    """A link to the form."""
    made = api.client.post(f"{api.form}/public-links", json={"displayName": "Market", "once": True}, headers=api.head)
    assert made.status_code == 200, made.get_data(as_text=True)
    body: dict[str, object] = made.get_json()
    return body


def post(api: Api, path: str, iid: str, form_id: str = FORM_ID) -> int:
    """Sends a report to the devices' door; returns the status."""
    files = {"xml_submission_file": (io.BytesIO(submission_xml(iid, form_id=form_id).encode()), "xml_submission_file")}
    return api.client.post(path, data=files, headers=SPOKEN).status_code


def test_a_link_is_shown_with_its_token(api: Api, cast: Cast, link: dict[str, object]) -> None:
    listed = api.get("/public-links")
    more = api.get("/public-links", **{"X-Extended-Metadata": "true"})

    assert listed == [link]
    assert (link["displayName"], link["once"], link["type"], len(str(link["token"]))) == ("Market", True, "public_link", 64)
    assert more[0]["createdBy"]["id"] == cast.hq_officer.actor_id


@pytest.mark.parametrize("address", ["/v1/projects/1/submission?st={token}", "/v1/key/{token}/projects/1/submission"])
def test_whoever_has_the_link_fills_the_form(api: Api, link: dict[str, object], address: str) -> None:
    sent = post(api, address.format(token=link["token"]), iid := new_id())

    assert sent == 201
    assert api.get(f"/submissions/{iid}")["submitterId"] == link["id"]
    assert api.client.get(f"{api.form}.xml?st={link['token']}").get_data(as_text=True).strip() == form_xml().strip()


def test_a_link_takes_a_report_as_rest_does(api: Api, link: dict[str, object]) -> None:
    sent = api.client.post(
        f"{api.form}/submissions?st={link['token']}", data=submission_xml(new_id()), content_type="application/xml"
    )

    assert sent.status_code == 200, sent.get_data(as_text=True)


def test_a_link_opens_its_form_and_nothing_else(api: Api, link: dict[str, object]) -> None:
    api.publish(form_xml(form_id="other"))
    api.send(submission_xml(new_id()))
    token = link["token"]

    assert post(api, f"/v1/key/{token}/projects/1/submission", new_id(), "other") == 403
    for path in ("/v1/projects/1/forms/other", f"{api.form}/submissions", "/v1/users/current", "/v1/projects/1/app-users"):
        assert api.client.get(f"{path}?st={token}").status_code in {403, 404}, path
    assert [each["xmlFormId"] for each in api.client.get(f"/v1/projects/1/forms?st={token}").get_json()] == [FORM_ID]


def test_a_link_is_renamed(api: Api, link: dict[str, object]) -> None:
    path = f"{api.form}/public-links/{link['id']}"
    changed = api.client.patch(path, json={"displayName": "Market day", "once": False}, headers=api.head).get_json()

    assert (changed["displayName"], changed["once"], changed["token"]) == ("Market day", False, link["token"])


def test_a_revoked_link_stays_on_the_list_and_opens_nothing(api: Api, link: dict[str, object]) -> None:
    ended = api.client.delete(f"/v1/sessions/{link['token']}", headers=api.head)

    assert ended.get_json() == {"success": True}
    assert [each["token"] for each in api.get("/public-links")] == [None]
    assert post(api, f"/v1/key/{link['token']}/projects/1/submission", new_id()) == 403


def test_a_deleted_link_is_gone_and_what_came_by_it_stays(api: Api, link: dict[str, object]) -> None:
    post(api, f"/v1/key/{link['token']}/projects/1/submission", iid := new_id())
    gone = api.client.delete(f"{api.form}/public-links/{link['id']}", headers=api.head)

    assert gone.get_json() == {"success": True}
    assert api.get("/public-links") == []
    assert post(api, f"/v1/key/{link['token']}/projects/1/submission", new_id()) == 403
    assert api.get(f"/submissions/{iid}")["submitterId"] == link["id"]


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": 7}, {"displayName": "x" * 300}])
def test_a_faulty_link_is_refused(api: Api, body: dict[str, object]) -> None:
    assert api.client.post(f"{api.form}/public-links", json=body, headers=api.head).status_code == 400
    assert api.get("/public-links") == []
