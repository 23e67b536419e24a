"""What a photo says beside its pixels: takes it out without touching them, and reads the position that a phone wrote into it.

JPEG, PNG and WebP are taken apart at their own seams (segments and chunks), so that the picture stays bit for bit what it was.
Orientation is kept, because without it pages show the picture lying; all else goes: EXIF, XMP, IPTC, comments, maker's notes.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator, Mapping
from io import BytesIO

from sync.merge.facts import Position

_JPEG, _PNG, _RIFF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF"
# JPEG: segments that draw the picture, JFIF (E0), colour (ICC in E2) and Adobe's transform (EE) stay; other APPn and COM go.
_APP, _COM, _SOS, _ICC = range(0xE0, 0xF0), 0xFE, 0xDA, b"ICC_PROFILE\0"
_ALONE = {0x01, *range(0xD0, 0xD9)}
_KEPT_APP = {0xE0, 0xEE}
# PNG: eXIf and the texts (XMP is an iTXt), and the time of the last change.
_PNG_TOLD = {b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"}
_WEBP_TOLD = {b"EXIF", b"XMP "}
_WEBP_FLAGS = 0x08 | 0x04
# Tags of EXIF 2.32: orientation; of its GPS directory: north or south, latitude, east or west, longitude.
_ORIENTATION, _GPS = 0x0112, 0x8825
_FORMATS = ("JPEG", "PNG", "WEBP")


class NotAPhoto(ValueError):
    """The bytes are no whole JPEG, PNG or WebP: what they may say of a place cannot be taken out."""


def stripped(data: bytes) -> bytes:
    """The same picture without what it says beside its pixels. Raises NotAPhoto; never gives back what it cannot take apart."""
    try:
        if data.startswith(_JPEG):
            return b"".join(_jpeg(data))
        if data.startswith(_PNG):
            return b"".join(_png(data))
        if data.startswith(_RIFF) and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise NotAPhoto("the picture ends in the middle") from error
    raise NotAPhoto("no JPEG, PNG or WebP")


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield _JPEG
    turned = orientation(data)
    if turned != 1:
        yield _oriented(turned)
    at = 2
    while True:
        if data[at] != 0xFF:
            raise NotAPhoto("a segment of the JPEG does not begin where the last one ends")
        kind = data[at + 1]
        if kind == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if kind in _ALONE:
            yield data[at : at + 2]
            at += 2
            continue
        if kind == 0xD9:
            yield data[at : at + 2]
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise NotAPhoto("a segment of the JPEG is longer than the file")
        told = kind == _COM or (kind in _APP and kind not in _KEPT_APP and not data.startswith(_ICC, at + 4))
        if not told:
            yield data[at:end]
        at = end
        if kind == _SOS:
            at, drawn = _scan(data, at)
            yield drawn


def _scan(data: bytes, start: int) -> tuple[int, bytes]:
    """The compressed pixels after a start of scan: up to the next marker that is neither a stuffed byte nor a restart."""
    at = start
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0x00 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at, data[start:at]
        at += 2
    raise NotAPhoto("the picture ends in the middle")


def _oriented(turned: int) -> bytes:
    """An EXIF segment that says which side is up, and nothing else."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, turned, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG
    at, ended = len(_PNG), False
    while not ended:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise NotAPhoto("a chunk of the PNG is longer than the file")
        if kind not in _PNG_TOLD:
            yield data[at:end]
        at, ended = end, kind == b"IEND"


def _webp(data: bytes) -> bytes:
    found, at = bytearray(), 12
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise NotAPhoto("the WebP is shorter than it says")
    while at < end:
        kind, length = struct.unpack_from("<4sI", data, at)
        after = at + 8 + length + length % 2
        if at + 8 + length > end:
            raise NotAPhoto("a chunk of the WebP is longer than the file")
        chunk = bytearray(data[at:after])
        if kind == b"VP8X":
            chunk[8] &= ~_WEBP_FLAGS & 0xFF
        if kind not in _WEBP_TOLD:
            found += chunk
        at = after
    return _RIFF + struct.pack("<I", len(found) + 4) + b"WEBP" + bytes(found)


def orientation(data: bytes) -> int:
    """How the picture has to be turned, 1 to 8 as EXIF counts; 1 (not at all) when it does not say."""
    told = _read(data)[0].get(_ORIENTATION, 1)
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def position(data: bytes) -> Position | None:
    """Where the phone was by the photo's EXIF, WGS 84 degrees; None when it does not say, or says nonsense."""
    from PIL import ExifTags

    try:
        gps = _read(data)[1]
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], str(gps[ExifTags.GPS.GPSLatitudeRef]), "S")
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], str(gps[ExifTags.GPS.GPSLongitudeRef]), "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    # Nothing at 0, 0: that is what cameras write that have no fix.
    return Position(lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 and (lat or lon) else None


def _degrees(parts: object, side: str, negative: str) -> float:
    degrees, minutes, seconds = (float(each) for each in parts)  # type: ignore[attr-defined]
    found = degrees + minutes / 60 + seconds / 3600
    if math.isnan(found) or not 0 <= minutes < 60 or not 0 <= seconds < 61:
        raise ValueError("no angle")
    return -found if side.strip().upper().startswith(negative) else found


def _read(data: bytes) -> tuple[Mapping[int, object], Mapping[int, object]]:
    """EXIF's first directory and its GPS directory, by tag."""
    from PIL import Image  # loaded with the first picture, to keep an idle server small

    try:
        # Pillow warns of damaged directories and reads on; what it then finds is checked by who asked.
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data), formats=_FORMATS) as image:
            found = image.getexif()
            return dict(found), dict(found.get_ifd(_GPS))
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error, Image.DecompressionBombError):
        # Pillow's readers answer damaged files with any of these; such a photo says nothing.
        return {}, {}
