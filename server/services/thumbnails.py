"""Pictures for pages: made smaller, turned upright, without EXIF (no position leaves with a photo), kept by hash.

Hostile or huge images are refused before they are decoded; the original is never sent to a page.
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from server.config import Settings
from server.problems import Problem
from server.services.blobs import BlobStore

if TYPE_CHECKING:
    from PIL import Image

SIZES = {"thumb": 320, "full": 1800}
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# A JPEG is decoded at a fraction of its size, other formats whole: 24 million pixels are about 100 MB.
MAX_PIXELS = {"JPEG": 120_000_000}
MAX_PIXELS_OTHERS = 24_000_000
# Phones make photos for MIME types in many spellings; what Pillow reads decides in the end.
SHOWABLE = (".jpg", ".jpeg", ".png", ".webp", ".gif")
# One picture at a time in each process, so that a page of forty photos does not need forty times the memory.
_one = threading.Lock()


def is_photo(name: str, content_type: str) -> bool:
    """Whether a file should be shown as a picture: by its type, else by its name."""
    return content_type.lower().startswith("image/") or name.lower().endswith(SHOWABLE)


def picture(settings: Settings, sha256: str, size: str = "thumb") -> Path:
    """Path of a JPEG of the stored image, at most SIZES[size] pixels wide and high.

    Raises Problem not_found (no such file or size), unsupported_type (no image, damaged, or too many pixels).
    """
    if size not in SIZES or len(sha256) != 64 or not sha256.isalnum():
        raise Problem("not_found")
    target = settings.data_dir / "thumbnails" / sha256[:2] / f"{sha256}-{SIZES[size]}.jpg"
    if not target.exists():
        with _one:
            if not target.exists():
                _make(settings, sha256, SIZES[size], target)
    return target


def forget(settings: Settings, sha256: str) -> None:
    """Deletes the small pictures of a file that is no longer here."""
    for pixels in SIZES.values():
        (settings.data_dir / "thumbnails" / sha256[:2] / f"{sha256}-{pixels}.jpg").unlink(missing_ok=True)


def _make(settings: Settings, sha256: str, pixels: int, target: Path) -> None:
    from PIL import Image, UnidentifiedImageError  # loaded with the first picture, to keep an idle server small

    target.parent.mkdir(parents=True, exist_ok=True)
    with BlobStore(settings).open(sha256) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                small = _small(image, pixels)
        except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _refused() from error
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as error:
            # Pillow's decoders answer damaged files with any of these.
            raise _refused() from error
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as out:
            small.save(out, "JPEG", quality=80 if pixels > 500 else 74, optimize=True)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _small(image: Image.Image, pixels: int) -> Image.Image:
    from PIL import Image, ImageOps

    width, height = image.size
    if width * height > MAX_PIXELS.get(image.format or "", MAX_PIXELS_OTHERS):
        raise _refused()
    image.draft("RGB", (pixels, pixels))
    turned = ImageOps.exif_transpose(image)
    turned.thumbnail((pixels, pixels))
    if turned.mode in {"RGBA", "LA", "P", "PA"}:
        # Transparency becomes white, as on paper; JPEG has none.
        layer = turned.convert("RGBA")
        turned = Image.new("RGB", layer.size, "white")
        turned.paste(layer, mask=layer.getchannel("A"))
    clean = turned.convert("RGB")
    # Nothing but pixels is written: a fresh image has no EXIF, comment or profile to carry along.
    fresh = Image.new("RGB", clean.size)
    fresh.paste(clean)
    return fresh


def _refused() -> Problem:
    return Problem("unsupported_type", type="of this picture", allowable="JPEG, PNG, WebP, GIF")
