"""What a photo says beside its pixels is taken out without touching them; what cannot be taken apart does not pass."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, PngImagePlugin

from server.services.photo_metadata import NotAPhoto, orientation, position, stripped
from tests.server.office_reports import photo

SECRETS = (b"GPS", b"Phone Maker", b"somebody", b"xpacket", b"a comment")


def gradient() -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.linear_gradient("L").rotate(90)])


def exif(turned: int = 6) -> Image.Exif:
    made = Image.Exif()
    made.update({0x0112: turned, 0x010F: "Phone Maker", 0x013B: "somebody"})
    made.get_ifd(0x8825).update({1: "S", 2: (6.0, 29.0, 24.0), 3: "W", 4: (17.0, 27.0, 7.0)})
    return made


def written(format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    gradient().save(out, format_, exif=exif(), **options)
    return out.getvalue()


def jpeg(**options: object) -> bytes:
    return written("JPEG", comment=b"a comment", xmp=b"<?xpacket begin?>", **options)


def png() -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "somebody")
    told.add_itxt("XML:com.adobe.xmp", "<?xpacket begin?>")
    return written("PNG", pnginfo=told)


def webp(**options: object) -> bytes:
    return written("WEBP", xmp=b"<?xpacket begin?>", **options)


PICTURES = {
    "jpeg": jpeg(), "progressive": jpeg(progressive=True), "png": png(), "webp": webp(), "lossless webp": webp(lossless=True),
}  # fmt: skip


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", PICTURES)
def test_every_pixel_stays_as_it_was(kind: str) -> None:
    before, after = opened(PICTURES[kind]), opened(stripped(PICTURES[kind]))

    assert ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox() is None


@pytest.mark.parametrize("kind", PICTURES)
def test_nothing_of_place_maker_or_author_is_left(kind: str) -> None:
    clean = stripped(PICTURES[kind])

    assert [secret for secret in SECRETS if secret in clean] == []
    assert position(PICTURES[kind]) is not None
    assert position(clean) is None


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_photo_that_lies_on_its_side_still_says_so(turned: int) -> None:
    out = io.BytesIO()
    gradient().save(out, "JPEG", exif=exif(turned))

    assert orientation(stripped(out.getvalue())) == turned
    assert set(opened(stripped(out.getvalue())).getexif()) <= {0x0112}


def test_the_colour_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert opened(stripped(jpeg(icc_profile=profile))).info["icc_profile"] == profile


def test_what_follows_the_picture_is_cut_off() -> None:
    assert stripped(jpeg() + b"trailer of a phone with GPS") == stripped(jpeg())


@pytest.mark.parametrize("kind", PICTURES)
def test_a_clean_picture_is_left_as_it_is(kind: str) -> None:
    once = stripped(PICTURES[kind])

    assert stripped(once) == once


@pytest.mark.parametrize("data", [
    b"", b"\xff\xd8", b"GIF89a", b"<html>", b"%PDF-1.7", b"RIFF\x04\0\0\0WAVE", b"\0\0\0\x18ftypheic",
    b"\xff\xd8\xff\xe1\xff\xff", b"\xff\xd8\xff\xe0\0\x01", b"\xff\xd8nothing", b"RIFF\xff\xff\xff\x7fWEBPVP8 ",
    b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**31, b"IDAT"),
])  # fmt: skip
def test_what_is_no_whole_picture_does_not_pass(data: bytes) -> None:
    with pytest.raises(NotAPhoto):
        stripped(data)


@given(kind=st.sampled_from(sorted(PICTURES)), cut=st.floats(0, 0.999))
def test_a_picture_cut_anywhere_is_refused_or_clean(kind: str, cut: float) -> None:
    data = PICTURES[kind][: int(len(PICTURES[kind]) * cut)]
    try:
        clean = stripped(data)
    except NotAPhoto:
        return
    assert [secret for secret in SECRETS if secret in clean] == []


@given(kind=st.sampled_from(sorted(PICTURES)), at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_damaged_picture_is_refused_or_comes_out_and_nothing_else_happens(kind: str, at: int, byte: int) -> None:
    data = bytearray(PICTURES[kind])
    data[at % len(data)] = byte
    position(bytes(data))
    try:
        assert len(stripped(bytes(data))) <= len(data) + 40
    except NotAPhoto as error:
        assert str(error)  # noqa: PT017 - either is right, but a refusal says why


def test_the_position_of_a_phone_is_read_in_degrees() -> None:
    found = position(photo())

    assert found is not None
    assert (round(found.lat, 4), round(found.lon, 4)) == (6.49, 17.4519)


def test_south_and_west_are_negative() -> None:
    found = position(jpeg())

    assert found is not None
    assert (round(found.lat, 4), round(found.lon, 4)) == (-6.49, -17.4519)


@pytest.mark.parametrize("gps", [
    {}, {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (17.0, 0.0, 0.0)},
    {1: "N", 2: (6.0, 75.0, 0.0), 3: "E", 4: (17.0, 0.0, 0.0)}, {2: (6.0, 0.0, 0.0), 4: (17.0, 0.0, 0.0)}, {1: "N", 3: "E"},
])  # fmt: skip
def test_nonsense_is_no_position(gps: dict[int, object]) -> None:
    made, out = Image.Exif(), io.BytesIO()
    made.get_ifd(0x8825).update(gps)
    gradient().save(out, "JPEG", exif=made)

    assert position(out.getvalue()) is None


def test_a_bomb_says_nothing_and_is_not_unpacked() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )

    assert position(bomb) is None
    assert stripped(bomb) == bomb
