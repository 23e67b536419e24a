"""The printable card of a device: one A6 page with its QR code, call sign, duty telephone and what to do when it is lost.

Always in English and French, whatever the officer reads: the card goes to whoever carries the phone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno

# ISO 216, in points of 1/72 inch.
_MM = 72 / 25.4
_WIDTH, _HEIGHT = 105 * _MM, 148 * _MM
_MARGIN = 7 * _MM
_INK, _PALE, _BAND, _WARN, _WARN_PAPER = "#16202a", "#5b6875", "#0f4c5c", "#8a4b00", "#fff3dc"
# The PDF's own fonts write Western European letters; others need one that is on the machine.
_WIDE_FONTS = tuple(Path("/usr/share/fonts/truetype/dejavu") / f"DejaVuSans{kind}.ttf" for kind in ("", "-Bold"))

_SET_UP = (
    ("Set up", "Open ODK Collect, choose “Configure with QR code” and hold the phone over it. Then get blank forms."),
    ("Mise en route", "Ouvrez ODK Collect, choisissez “Configurer avec un code QR” et visez-le. Récupérez les formulaires."),
)
_LOST = (
    ("Phone or card lost?", (
        "Call the duty phone at once, at any hour.", "Say the call sign above, when and where.",
        "The office shuts the phone out; reports already sent are safe.", "Do not lend this card: it is a key.",
    )),
    ("Téléphone ou carte perdu ?", (
        "Appelez aussitôt la permanence, à toute heure.", "Dites l'indicatif ci-dessus, quand et où.",
        "Le bureau coupe l'accès ; les comptes rendus déjà envoyés sont en sûreté.", "Ne prêtez pas cette carte : c'est une clé.",
    )),
)
_UNSAFE = (
    "Plain http: use on the unit's own network only. Reports can be read on the way unless their form is encrypted.",
    "http simple : seulement sur le réseau de l'unité. Sauf formulaire chiffré, les comptes rendus sont lisibles en chemin.",
)


@dataclass(frozen=True)
class Card:
    """What one card says. payload: the QR code's text; unsafe: the server's address is plain http; issued: a date."""

    mission: str
    call_sign: str
    post: str
    duty_phone: str
    payload: str
    unsafe: bool
    issued: str


def cards_pdf(cards: Sequence[Card]) -> bytes:
    """A PDF with one A6 page per card."""
    # Loaded when the first card is printed: a web process that prints none need not hold it.
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    page = Canvas(buffer, pagesize=(_WIDTH, _HEIGHT), pageCompression=1)
    page.setTitle("Device cards" if len(cards) != 1 else f"Device card {cards[0].call_sign}")
    page.setAuthor("Fieldpost")
    for card in cards:
        _draw(page, card)
        page.showPage()
    page.save()
    return buffer.getvalue()


def _draw(page: Any, card: Card) -> None:
    _head(page, card)
    bottom = _qr(page, card.payload, _HEIGHT - 25 * _MM)
    bottom = _columns(page, bottom - 4.2 * _MM, [(title, (text,)) for title, text in _SET_UP], "")
    bottom = _duty_phone(page, card, bottom - 2.2 * _MM)
    bottom = _columns(page, bottom - 4.4 * _MM, _LOST, "•")
    _foot(page, card)


def _head(page: Any, card: Card) -> None:
    page.setFillColor(_BAND)
    page.rect(0, _HEIGHT - 22 * _MM, _WIDTH, 22 * _MM, stroke=0, fill=1)
    page.setFillColor("#ffffff")
    _line(page, card.mission, _MARGIN, _HEIGHT - 5.6 * _MM, 7.5, width=_WIDTH - 2 * _MARGIN)
    _line(page, "CALL SIGN · INDICATIF", _WIDTH - _MARGIN, _HEIGHT - 5.6 * _MM, 5.5, width=35 * _MM, align="right")
    _line(page, card.call_sign, _MARGIN, _HEIGHT - 13.6 * _MM, 19, width=_WIDTH - 2 * _MARGIN, bold=True)
    _line(page, card.post, _MARGIN, _HEIGHT - 19 * _MM, 9, width=_WIDTH - 2 * _MARGIN)


def _qr(page: Any, payload: str, top: float) -> float:
    """Draws the code as squares, sharp on any printer; returns its lower edge."""
    # Level L, as Collect's own codes: the text is long, and a denser code is harder to scan.
    rows = [bytes(row) for row in segno.make_qr(payload, error="l", boost_error=False).matrix]
    side = 56 * _MM
    dot, left, low = side / len(rows), (_WIDTH - side) / 2, top - side
    page.setFillColor("#000000")
    for down, row in enumerate(rows):
        start = None
        for across, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = across
            elif not dark and start is not None:
                # A hair larger than the grid, or viewers show white lines between the squares.
                page.rect(left + start * dot, top - (down + 1) * dot, (across - start) * dot, dot * 1.02, stroke=0, fill=1)
                start = None
    return low


def _duty_phone(page: Any, card: Card, top: float) -> float:
    height = 10.5 * _MM
    page.setFillColor("#e8f0f2")
    page.roundRect(_MARGIN, top - height, _WIDTH - 2 * _MARGIN, height, 2 * _MM, stroke=0, fill=1)
    page.setFillColor(_PALE)
    _line(page, "Duty phone", _MARGIN + 3 * _MM, top - 4.4 * _MM, 7, width=25 * _MM)
    _line(page, "Permanence", _MARGIN + 3 * _MM, top - 7.9 * _MM, 7, width=25 * _MM)
    page.setFillColor(_INK)
    right, middle = _WIDTH - _MARGIN - 3 * _MM, top - 6.9 * _MM
    if card.duty_phone:
        _line(page, card.duty_phone, right, middle, 15, width=62 * _MM, bold=True, align="right")
    else:
        page.setStrokeColor(_PALE)
        page.line(right - 58 * _MM, middle - 0.6 * _MM, right, middle - 0.6 * _MM)
    return top - height


def _columns(page: Any, top: float, columns: Sequence[tuple[str, Sequence[str]]], mark: str) -> float:
    """English left, French right: a title and short lines under it. Returns where the longer one ends."""
    gap = 4 * _MM
    width, ends = (_WIDTH - 2 * _MARGIN - gap) / 2, []
    for number, (title, texts) in enumerate(columns):
        left, down = _MARGIN + number * (width + gap), top
        page.setFillColor(_BAND)
        _line(page, title, left, down, 8, width=width, bold=True)
        page.setFillColor(_INK)
        down -= 0.6 * _MM
        indent = 2 * _MM if mark else 0
        for text in texts:
            _line(page, mark, left, down - 2.8 * _MM, 6.6, width=width)
            for piece in _folded(text, 6.6, width - indent):
                down -= 2.8 * _MM
                _line(page, piece, left + indent, down, 6.6, width=width - indent)
        ends.append(down)
    return min(ends)


def _foot(page: Any, card: Card) -> None:
    if card.unsafe:
        page.setFillColor(_WARN_PAPER)
        page.rect(0, 4.6 * _MM, _WIDTH, 7.6 * _MM, stroke=0, fill=1)
        page.setFillColor(_WARN)
        for number, text in enumerate(_UNSAFE):
            _line(page, text, _MARGIN, (9.4 - number * 2.9) * _MM, 5.4, width=_WIDTH - 2 * _MARGIN)
    page.setFillColor(_PALE)
    _line(page, f"Issued · Établie le {card.issued}", _MARGIN, 1.9 * _MM, 5.4, width=50 * _MM)
    _line(page, "Destroy when replaced · À détruire après remplacement", _WIDTH - _MARGIN, 1.9 * _MM, 5.4, width=60 * _MM,
          align="right")


def _line(
    page: Any, text: str, x: float, y: float, size: float, *, width: float, bold: bool = False, align: str = "left"
) -> None:
    """One line of text, made smaller until it fits and cut when even that does not help."""
    name = _font(text, bold)
    while size > 5 and page.stringWidth(text, name, size) > width:
        size -= 0.25
    while len(text) > 1 and page.stringWidth(text, name, size) > width:
        text = text[:-2].rstrip() + "…"
    page.setFont(name, size)
    (page.drawRightString if align == "right" else page.drawString)(x, y, text)


def _folded(text: str, size: float, width: float) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return list(simpleSplit(text, _font(text, False), size, width))


def _font(text: str, bold: bool) -> str:
    """Helvetica for Western European letters; else a font of the machine that has more, where there is one."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        path = _WIDE_FONTS[bold]
        if path.exists():
            return _registered(path)
    return "Helvetica-Bold" if bold else "Helvetica"


def _registered(path: Path) -> str:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    if path.stem not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(path.stem, str(path)))
    return path.stem
