"""The texts of a form in its languages, and the media files they name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from forms.fields import Attachment, MediaType
from forms.formxml import children
from forms.xmlsafe import local_name

NO_LANGUAGE: Final = "default"
"""Key of the texts of a form without translations, as pyxform names it."""

_REFERENCE: Final = re.compile(r"""jr:itext\(\s*(['"])(.*?)\1\s*\)""", re.DOTALL)
_JR: Final = re.compile(r"jr://([^/]+)/(.+)", re.DOTALL)
_FOLDERS: Final[Mapping[str, MediaType]] = {
    "images": "image",
    "image": "image",
    "audio": "audio",
    "video": "video",
    "file": "file",
    "file-csv": "file",
}


@dataclass(frozen=True)
class Itext:
    """`texts[id][language]` -> text; `media` are (kind, filename) pairs in order of appearance."""

    languages: tuple[str, ...]
    default: str
    texts: Mapping[str, Mapping[str, str]]
    media: tuple[tuple[MediaType, str], ...]

    def labels(self, text_id: str) -> dict[str, str]:
        """Language -> text; pyxform's "-" for a missing translation is left out."""
        return {language: text for language, text in self.texts.get(text_id, {}).items() if text != "-"}


def read_itext(model: etree._Element) -> Itext:
    """All translations of a model; a form without any has the one language "default"."""
    texts: dict[str, dict[str, str]] = {}
    media: dict[tuple[MediaType, str], None] = {}
    languages: list[str] = []
    default = None
    for translation in (each for block in children(model, "itext") for each in children(block, "translation")):
        language = translation.get("lang") or NO_LANGUAGE
        languages.append(language)
        if (translation.get("default") or "").strip() not in {"", "false()"} and default is None:
            default = language
        for text in children(translation, "text"):
            _read_text(text, language, texts, media)
    default = default or (languages[0] if languages else NO_LANGUAGE)
    return Itext(tuple(languages) or (NO_LANGUAGE,), default, texts, tuple(media))


def _read_text(
    text: etree._Element,
    language: str,
    texts: dict[str, dict[str, str]],
    media: dict[tuple[MediaType, str], None],
) -> None:
    key = text.get("id", "")
    for value in children(text, "value"):
        form = value.get("form")
        found = media_uri((value.text or "").strip()) if form else None
        if found:
            media[found] = None
        elif form in {None, "long"} or (form == "short" and language not in texts.get(key, {})):
            texts.setdefault(key, {})[language] = text_of(value)


def text_of(element: etree._Element) -> str:
    """The text of a label with each `<output value="x"/>` as `{{x}}`; other markup is dropped."""
    parts = [element.text or ""]
    for child in element:
        if local_name(child) == "output":
            parts.append("{{" + (child.get("value") or child.get("ref") or "").strip() + "}}")
        else:
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts).strip()


def label_texts(element: etree._Element | None, itext: Itext) -> dict[str, str]:
    """Texts of a `<label>`, `<hint>` or `<value>` element in every language."""
    if element is None:
        return {}
    reference = element.get("ref")
    if reference:
        return itext_labels(reference, itext)
    text = text_of(element)
    return {itext.default: text} if text else {}


def itext_labels(reference: str, itext: Itext) -> dict[str, str]:
    """Texts behind `jr:itext('id')`; any other text stands for itself in the default language."""
    found = _REFERENCE.search(reference)
    return itext.labels(found.group(2)) if found else {itext.default: reference}


def media_uri(uri: str) -> tuple[MediaType, str] | None:
    """(kind, filename) of a jr:// address that names a file to attach; None for any other."""
    found = _JR.fullmatch(uri.strip())
    kind = _FOLDERS.get(found.group(1)) if found else None
    return (kind, found.group(2)) if found and kind else None


def media_of(itext: Itext) -> Iterator[Attachment]:
    """Attachments the translations name."""
    return (Attachment(filename, kind) for kind, filename in itext.media)
