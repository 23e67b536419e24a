"""Draws how probability and truth agree, as an SVG that any browser and GitHub show. Knows nothing of linking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

_COLOURS = ("#1d6fa5", "#b3541e", "#3a7d44")
_SIDE, _LEFT, _TOP = 300, 60, 20


def draw(path: Path, bands: Mapping[str, Sequence[tuple[float, float, int]]]) -> None:
    """One line per name over its bands (mean probability, share that is true, pairs); a true one runs along the diagonal."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _SIDE + 160} {_TOP + _SIDE + 60}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#666"/>',
        f'<line x1="{_LEFT}" y1="{_TOP + _SIDE}" x2="{_LEFT + _SIDE}" y2="{_TOP}" stroke="#999" stroke-dasharray="4"/>',
        f'<text x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 42}" text-anchor="middle">probability given</text>',
        f'<text x="18" y="{_TOP + _SIDE / 2}" text-anchor="middle" transform="rotate(-90 18 {_TOP + _SIDE / 2})">share that is one thing</text>',
    ]
    for tick in (0.0, 0.5, 1.0):
        x, y = _at(tick, tick)
        parts.append(f'<text x="{x}" y="{_TOP + _SIDE + 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for number, (name, found) in enumerate(bands.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [_at(probability, share) for probability, share, _ in found]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{_LEFT + _SIDE + 16}" y="{_TOP + 20 + 20 * number}" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _at(probability: float, share: float) -> tuple[float, float]:
    return round(_LEFT + _SIDE * probability, 1), round(_TOP + _SIDE * (1 - share), 1)
