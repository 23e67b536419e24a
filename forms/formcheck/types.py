"""What the text in the column ``type`` of a survey sheet means. Knows spelling, not the rest of the form."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

from pyxform import aliases
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT

Kind = Literal["question", "select", "begin", "end", "setting", "unknown"]

FILE_EXTENSIONS: Final = (".csv", ".geojson", ".xml")
_CONTAINERS: Final = "|".join(aliases.control)
_BEGIN = re.compile(rf"begin[ _]({_CONTAINERS})( (?:over )?(\S+))?$")
_END = re.compile(rf"end[ _]({_CONTAINERS})$")
_SELECTS: Final = "|".join(sorted((re.escape(name) for name in aliases.select), key=len, reverse=True))
_SELECT = re.compile(rf"({_SELECTS}) (\S+)( (?:or specify other|or_other|or other))?$")
_KNOWN: Final = frozenset({*QUESTION_TYPE_DICT, *aliases._type_alias_map, "audit"})
_SUGGESTED: Final = (
    *("text", "integer", "decimal", "date", "time", "dateTime", "note", "calculate", "geopoint", "geotrace"),
    *("geoshape", "image", "audio", "video", "file", "barcode", "range", "rank", "acknowledge", "hidden"),
    *("select_one", "select_multiple", "select_one_from_file", "select_multiple_from_file", "start", "end"),
    *("today", "deviceid", "username", "begin_group", "end_group", "begin_repeat", "end_repeat", "audit"),
)


@dataclass(frozen=True, slots=True)
class RowType:
    """A parsed type. ``container`` is group, repeat or loop; ``list_name`` what a select takes its choices from."""

    kind: Kind
    base: str
    container: str = ""
    list_name: str = ""
    or_other: bool = False

    @property
    def multiple(self) -> bool:
        """Whether several choices may be ticked, so that choice names may hold no space."""
        return self.kind == "select" and self.base in ("select all that apply", "rank")

    @property
    def from_file(self) -> bool:
        """Whether the choices come from an attached file."""
        return PurePath(self.list_name).suffix in FILE_EXTENSIONS and self.kind == "select"

    @property
    def from_answers(self) -> bool:
        """Whether the choices are answers of a repeat, as in ``select_one ${name}``."""
        return self.list_name.startswith("${")


def parse_type(text: str) -> RowType:
    """Parse the text of a type cell; never fails, an unreadable one is of kind ``unknown``."""
    text = " ".join(text.split())
    if match := _BEGIN.match(text):
        return RowType("begin", text, aliases.control[match[1]], match[3] or "")
    if match := _END.match(text):
        return RowType("end", text, aliases.control[match[1]])
    if match := _SELECT.match(text):
        command = "from_file" if "from_file" in match[1] or "from file" in match[1] else aliases.select[match[1]]
        base = aliases.select[match[1]]
        return RowType("select", base, "file" if command == "from_file" else "", match[2], bool(match[3]))
    if text in aliases.settings_header:
        return RowType("setting", text)
    return RowType("question" if text in _KNOWN else "unknown", text)


def is_visible(row_type: RowType) -> bool:
    """Whether a question of this type is shown and so wants a label."""
    if row_type.kind == "select":
        return True
    name = aliases._type_alias_map.get(row_type.base, row_type.base)
    return row_type.kind == "question" and "control" in QUESTION_TYPE_DICT.get(name, {})


def type_advice(text: str) -> str:
    """Say what was probably meant by an unknown type."""
    words = text.split()
    if words and words[0] in ("select_one", "select_multiple", "rank") and len(words) == 1:
        return f"Write the name of a choice list behind it, such as `{words[0]} yn`."
    close = difflib.get_close_matches(words[0].lower() if words else "", _SUGGESTED, n=1)
    if close:
        return f"Did you mean `{' '.join([close[0], *words[1:]])}`?"
    return "Use a type of the XLSForm standard, such as text, integer, select_one or geopoint."
