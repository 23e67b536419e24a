"""Questions that keep a file: photos, drawings, sound, film, any file; and bar codes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from PIL import Image

from tests.field.media_harness import Stage, photo, served, stage

IMAGE = [{"type": "image", "name": "photo", "label": "Photo"}]
CODE = [{"type": "barcode", "name": "code", "label": "Code"}]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as found:
        yield found


@pytest.fixture
def shown(port: int) -> Iterator[Stage]:
    with stage(port) as found:
        yield found


def choose(found: Stage, body: bytes, name: str = "bridge.jpg", kind: str = "image/jpeg") -> None:
    found.page.locator("input[type=file]").last.set_input_files({"name": name, "mimeType": kind, "buffer": body})


def test_a_photo_without_a_limit_is_kept_byte_by_byte(shown: Stage) -> None:
    shown.open(IMAGE)
    choose(shown, photo())
    assert shown.file("photo")[1] == photo()


def test_a_photo_is_made_as_small_as_the_form_wants(shown: Stage) -> None:
    shown.open([{**IMAGE[0], "parameters": "max-pixels=320"}])
    choose(shown, photo(640, 480))
    said, body = shown.file("photo")
    assert (said["type"], said["name"].endswith(".jpg"), Image.open(io.BytesIO(body)).size) == ("image/jpeg", True, (320, 240))


def test_a_photo_is_removed_only_after_asking(shown: Stage) -> None:
    page = shown.open(IMAGE)
    choose(shown, photo())
    shown.wait_for("photo")
    page.get_by_role("button", name="Remove", exact=True).click()
    assert shown.answer("photo")
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_selector(".card .card", state="detached")
    assert shown.answer("photo") == ""


def test_what_is_no_photo_is_refused(shown: Stage) -> None:
    shown.open(IMAGE)
    choose(shown, b"words", "words.txt", "text/plain")
    shown.page.get_by_text("words.txt is no photo").wait_for()
    assert shown.answer("photo") == ""


def test_no_new_photo_is_taken_when_the_storage_is_nearly_full(shown: Stage) -> None:
    shown.open(IMAGE)
    shown.page.evaluate("forbidPhotos()")
    choose(shown, photo())
    shown.page.get_by_text("nearly full").wait_for()
    assert shown.answer("photo") == ""


def test_a_file_above_the_limit_of_the_office_is_refused(shown: Stage) -> None:
    shown.open([{"type": "file", "name": "paper", "label": "Paper"}], max_body=1000)
    choose(shown, b"x" * 2000, "paper.pdf", "application/pdf")
    shown.page.get_by_text("Choose a smaller one").wait_for()
    assert shown.answer("paper") == ""


def test_the_appearance_new_leaves_only_the_camera(shown: Stage) -> None:
    page = shown.open([{**IMAGE[0], "appearance": "new"}])
    assert page.locator("input[type=file]").count() == 1
    assert page.locator("input[type=file]").get_attribute("capture") == "environment"


def test_a_signature_is_in_the_answer_without_a_button(shown: Stage) -> None:
    page = shown.open([{**IMAGE[0], "appearance": "signature"}])
    box = page.locator("canvas.top").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 80, steps=8)
    page.mouse.up()
    said, body = shown.file("photo")
    dark = sum(Image.open(io.BytesIO(body)).convert("L").histogram()[:100])
    assert said["type"] == "image/png"
    assert dark > 200


@pytest.mark.parametrize(("kind", "button"), [("audio", "Record sound"), ("video", "Film here")])
def test_a_recording_is_in_the_answer(shown: Stage, kind: str, button: str) -> None:
    page = shown.open([{"type": kind, "name": "clip", "label": "Clip"}])
    page.get_by_role("button", name=button).click()
    page.get_by_text("0:01").wait_for()
    page.get_by_role("button", name="Stop and keep").click()
    said, body = shown.file("clip")
    assert said["type"].startswith(f"{kind}/")
    assert len(body) > 500


def test_a_recording_is_kept_when_the_question_is_left(shown: Stage) -> None:
    page = shown.open([{"type": "audio", "name": "clip", "label": "Clip"}])
    page.get_by_role("button", name="Record sound").click()
    page.get_by_text("0:01").wait_for()
    page.evaluate("leave()")
    assert shown.file("clip")[0]["size"] > 500


def qr(text: str) -> Image.Image:
    held = io.BytesIO()
    segno.make(text).save(held, kind="png", scale=8, border=6)
    held.seek(0)
    return Image.open(held).convert("RGB")


def test_a_code_is_read_from_a_photo(shown: Stage) -> None:
    shown.open(CODE)
    held = io.BytesIO()
    qr("WP-0042").save(held, "PNG")
    choose(shown, held.getvalue(), "code.png", "image/png")
    assert shown.wait_for("code") == "WP-0042"
    assert shown.strangers == []


def test_a_code_is_read_by_the_camera(port: int, tmp_path: Path) -> None:
    frame = Image.new("RGB", (640, 480), "white")
    frame.paste(qr("WP-0043").resize((400, 400)), (120, 40))
    held = io.BytesIO()
    frame.save(held, "JPEG", quality=95)
    film = tmp_path / "code.mjpeg"
    film.write_bytes(held.getvalue() * 10)
    with stage(port, flags=(f"--use-file-for-fake-video-capture={film}",)) as found:
        found.open(CODE).get_by_role("button", name="Scan with the camera").click()
        assert found.wait_for("code") == "WP-0043"


def test_a_code_can_be_typed(shown: Stage) -> None:
    shown.open(CODE).get_by_label("Or type the code").fill("WP-0044")
    assert shown.wait_for("code") == "WP-0044"
