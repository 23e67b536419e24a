"""The words of the pages in French: `fr/LC_MESSAGES/messages.po` is kept by hand, the `.mo` beside it is compiled from it.

`python -m server.office.translations` brings the catalogue up to date with the code and says what lacks a translation.
`make setup` and the Dockerfile only compile it. The pages themselves use flask-babel and nothing of this.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
SERVER = HERE.parents[1]
FRENCH = HERE / "fr" / "LC_MESSAGES" / "messages.po"
COMPILED = FRENCH.with_suffix(".mo")
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "lazy_ngettext": (1, 2)}


def words_in_use() -> Catalog:
    """Every text that the server's sources hand to gettext, with the files that hold it."""
    with (HERE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = Catalog(locale="fr", fuzzy=False)
    for name, _line, message, comments, context in extract_from_dir(SERVER, methods, options, keywords=KEYWORDS):
        # Files without lines, so that the catalogue changes only when words do.
        found.add(message, locations=[(f"server/{name}", 0)], auto_comments=comments, context=context)
    return found


def french() -> Catalog:
    """The kept catalogue, for reading and changing."""
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def lacking(catalog: Catalog) -> list[Message]:
    """Messages without a translation, or with one that was only guessed (fuzzy)."""
    return [message for message in catalog if message.id and (message.fuzzy or not _complete(message))]


def _complete(message: Message) -> bool:
    said = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return bool(said) and all(said)


def update() -> list[Message]:
    """Takes up new words, drops those no longer used, and returns what lacks a translation."""
    catalog = french()
    since = catalog.creation_date
    catalog.update(words_in_use(), no_fuzzy_matching=True, update_header_comment=False)
    # Without this the file would differ after each run, even when no word changed.
    catalog.creation_date = since
    catalog.obsolete.clear()
    written = io.BytesIO()
    write_po(written, catalog, width=120, sort_output=True, include_lineno=False)
    FRENCH.write_bytes(written.getvalue())
    return lacking(catalog)


def compile_french() -> bytes:
    """The catalogue as gettext reads it."""
    written = io.BytesIO()
    write_mo(written, french())
    return written.getvalue()
