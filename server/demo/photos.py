"""Small drawings that stand in for photos of buildings; each differs, none shows a person."""

from __future__ import annotations

import io
from random import Random

WIDTH, HEIGHT = 640, 480


def drawing(caption: str, random: Random) -> bytes:
    """A JPEG of a house under a sky with a caption, 10-30 kB, the same for the same random numbers."""
    from PIL import Image, ImageDraw  # loaded in the demo's sender only

    sky = (150 + random.randrange(60), 190 + random.randrange(40), 235)
    earth = (170 + random.randrange(40), 110 + random.randrange(40), 60 + random.randrange(40))
    picture = Image.new("RGB", (WIDTH, HEIGHT), sky)
    draw = ImageDraw.Draw(picture)
    horizon = 300 + random.randrange(-30, 30)
    draw.rectangle((0, horizon, WIDTH, HEIGHT), fill=earth)
    for _tree in range(random.randrange(2, 6)):
        x, size = random.randrange(WIDTH), random.randrange(25, 60)
        draw.rectangle((x - 4, horizon - size, x + 4, horizon + 10), fill=(90, 60, 30))
        draw.ellipse((x - size, horizon - 2 * size, x + size, horizon - size // 2), fill=(40, 90 + random.randrange(60), 40))
    left, width, height = random.randrange(80, 250), random.randrange(180, 300), random.randrange(90, 140)
    wall, top = (225, 215, 190 + random.randrange(40)), horizon + 40 - height
    draw.rectangle((left, top, left + width, horizon + 40), fill=wall, outline=(80, 70, 60))
    draw.polygon(
        [(left - 20, top), (left + width // 2, top - 60), (left + width + 20, top)], fill=(150, 70 + random.randrange(50), 50)
    )
    for number in range(3):
        x = left + 20 + number * width // 3
        draw.rectangle((x, top + 30, x + width // 6, top + 65), fill=(70, 90, 110))
    draw.text((12, HEIGHT - 24), caption.encode("ascii", "replace").decode(), fill=(255, 255, 255))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=78)
    return out.getvalue()
