"""Photos of a project leave over /v1 as they were sent, unless the project wants them clean (rule C.1)."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from server.services.photo_metadata import position, stripped
from tests.server.central_forms import Api, api, new_id, submission_xml
from tests.server.office_reports import photo

__all__ = ["api"]

TAKEN = photo()


def wish(api: Api, *, clean: bool) -> dict[str, object]:
    answer = api.client.patch("/v1/projects/1", json={"cleanPhotos": clean}, headers=api.head)
    assert answer.status_code == 200
    found: dict[str, object] = answer.get_json()
    return found


@pytest.fixture
def iid(api: Api) -> str:
    """A report whose photo came."""
    return sent(api, TAKEN)


def sent(api: Api, data: bytes, name: str = "a.jpg", content_type: str = "image/jpeg") -> str:
    made = new_id()
    api.send(submission_xml(made, photo=name))
    answer = api.client.post(
        f"{api.form}/submissions/{made}/attachments/{name}", data=data, content_type=content_type, headers=api.head
    )
    assert answer.status_code == 200
    return made


def downloaded(api: Api, iid: str, status: int = 200) -> bytes:
    answer = api.client.get(f"{api.form}/submissions/{iid}/attachments/a.jpg", headers=api.head)
    assert answer.status_code == status
    return answer.data


def exported(api: Api) -> dict[str, bytes]:
    answer = api.client.get(f"{api.form}/submissions.csv.zip", headers=api.head)
    found = zipfile.ZipFile(io.BytesIO(answer.data))
    return {name: found.read(name) for name in found.namelist() if name.startswith("media/")}


def test_staff_get_the_bytes_as_they_were_sent(api: Api, iid: str) -> None:
    assert downloaded(api, iid) == TAKEN
    assert exported(api) == {"media/a.jpg": TAKEN}


def test_a_project_that_wants_it_gives_photos_without_their_position(api: Api, iid: str) -> None:
    told = wish(api, clean=True)

    assert told["cleanPhotos"] is True
    assert position(TAKEN) is not None
    assert downloaded(api, iid) == stripped(TAKEN)
    assert position(downloaded(api, iid)) is None


def test_its_export_holds_them_clean_as_well(api: Api, iid: str) -> None:
    wish(api, clean=True)

    assert exported(api) == {"media/a.jpg": stripped(TAKEN)}


def test_the_original_is_kept_and_comes_back_when_the_wish_is_taken_back(api: Api, iid: str) -> None:
    wish(api, clean=True)
    told = wish(api, clean=False)

    assert told["cleanPhotos"] is False
    assert downloaded(api, iid) == TAKEN


def test_a_photo_that_cannot_be_cleaned_does_not_leave_and_others_do(api: Api, iid: str) -> None:
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "GIF")
    other = sent(api, image.getvalue())
    wish(api, clean=True)

    answer = api.client.get(f"{api.form}/submissions/{other}/attachments/a.jpg", headers=api.head)
    assert (answer.status_code, answer.get_json()["code"]) == (415, 415.1)
    assert set(exported(api).values()) == {stripped(TAKEN)}


@pytest.mark.parametrize(("name", "content_type"), [("a.jpg", "application/octet-stream"), ("scan", "application/octet-stream"),
                                                    ("note.txt", "text/plain")])  # fmt: skip
def test_a_photo_under_another_name_or_type_is_cleaned_too(api: Api, name: str, content_type: str) -> None:
    sent(api, TAKEN, name, content_type)
    wish(api, clean=True)

    assert exported(api) == {f"media/{name}": stripped(TAKEN)}


def test_a_photo_of_a_kind_that_cannot_be_taken_apart_stays_whatever_it_is_called(api: Api) -> None:
    made = sent(api, b"\0\0\0\x18ftypheic" + bytes(100), "scan", "application/octet-stream")
    wish(api, clean=True)

    assert exported(api) == {}
    assert api.client.get(f"{api.form}/submissions/{made}/attachments/scan", headers=api.head).status_code == 415


def test_what_is_no_photo_leaves_as_it_came(api: Api) -> None:
    made = sent(api, b"interview, 200 words", "note.txt", "text/plain")
    wish(api, clean=True)

    answer = api.client.get(f"{api.form}/submissions/{made}/attachments/note.txt", headers=api.head)
    assert (answer.status_code, answer.data) == (200, b"interview, 200 words")
    assert exported(api) == {"media/note.txt": b"interview, 200 words"}


def test_renaming_the_project_leaves_the_wish_alone(api: Api, iid: str) -> None:
    wish(api, clean=True)
    api.client.patch("/v1/projects/1", json={"name": "Renamed"}, headers=api.head)

    assert downloaded(api, iid) == stripped(TAKEN)
