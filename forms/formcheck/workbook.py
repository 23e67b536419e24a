"""Reads a spreadsheet form within limits, into sheets with canonical column names and true row numbers.

Whatever a hostile file holds, reading ends in bounded memory with a finding; it never interprets the form.
"""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal

from pyxform.errors import PyXFormError
from pyxform.xls2json_backends import DefinitionData, get_xlsform

from forms.findings import NOWHERE, FormRefused, Place, error

Kind = Literal["xlsx", "xls", "csv", "md", "xml"]

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 60 * 1024 * 1024
MAX_PARTS: Final = 2_000
MAX_VALUES: Final = 250_000
MAX_CELL: Final = 32_767
"""Longest text of a cell, in characters: Excel's own limit, held against text files too."""
MAX_SURVEY_ROWS: Final = 5_000
MAX_LIST_ROWS: Final = 50_000

SHEETS: Final = ("survey", "choices", "external_choices", "settings", "entities", "osm")
_ALIASES: Final = {
    "relevance": "relevant",
    "calculate": "calculation",
    "constraining_message": "constraint_message",
    "requiredmsg": "required_message",
    "caption": "label",
    "command": "type",
    "tag": "name",
    "value": "name",
    "readonly": "read_only",
    "count": "repeat_count",
    "jr:count": "repeat_count",
    "id_string": "form_id",
    "set_form_id": "form_id",
    "set_form_title": "form_title",
    "title": "form_title",
}
_MACRO_MARK: Final = "_VBA_PROJECT".encode("utf-16-le")
_ENCRYPTED_MARK: Final = "EncryptedPackage".encode("utf-16-le")
_VALUE: Final = re.compile(rb"<(?:\w+:)?(?:v|is)[\s>]")
_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SPLIT_ADVICE: Final = "Put long lists into a CSV file and use select_one_from_file."


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` counts as the spreadsheet does; ``cells`` maps canonical columns to non-empty text."""

    number: int
    cells: Mapping[str, str]

    def get(self, column: str) -> str:
        """Return the text of a cell, "" when it is empty."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: ``columns`` maps canonical names such as ``label::French (fr)`` to the header as written."""

    name: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]

    def languages(self, column: str) -> tuple[str, ...]:
        """Return the languages a translatable column is given in; "" stands for a column without language."""
        prefix = f"{column}::"
        named = [name.removeprefix(prefix) for name in self.columns if name.startswith(prefix)]
        return (*([""] if column in self.columns else []), *named)

    def texts(self, row: Row, column: str) -> dict[str, str]:
        """Return language -> text of a translatable column, for the languages that have a column."""
        return {lang: row.get(f"{column}::{lang}" if lang else column) for lang in self.languages(column)}


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets, and ``definition``: the same content as pyxform reads it."""

    sheets: Mapping[str, Sheet]
    definition: dict[str, Any]

    def sheet(self, name: str) -> Sheet:
        """Return a sheet, an empty one when the file has none of that name."""
        return self.sheets.get(name, Sheet(name, {}, ()))


def file_kind(data: bytes, filename: str) -> Kind:
    """Tell the kind of file by its first bytes, for text by its name. Raises FormRefused for anything else."""
    suffix = PurePath(filename).suffix.lower()
    if len(data) > MAX_FILE_BYTES:
        raise _refused("file-too-large", "The file is larger than 10 MB.", _SPLIT_ADVICE)
    if suffix in (".xlsm", ".xltm", ".xlam", ".xlsb"):
        raise _macros()
    if data.startswith(b"PK\x03\x04"):
        return "xlsx"
    if data.startswith(_OLE_MAGIC):
        return "xls"
    if suffix == ".xml" or data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "xml"
    if suffix == ".csv":
        return "csv"
    if suffix in (".md", ".markdown"):
        return "md"
    message = f"{PurePath(filename).name or 'The file'} is no form that can be read."
    raise _refused("unknown-file", message, "Upload an XLSForm (.xlsx, .xls, .csv, .md) or an XForm (.xml).")


def read_workbook(data: bytes, kind: Kind) -> Workbook:
    """Read all sheets. Raises FormRefused when the file is hostile, broken, protected or too large."""
    _PRECHECKS[kind](data)
    try:
        definition = get_xlsform(data, file_type=f".{kind}")
    except MemoryError:
        raise
    except PyXFormError as problem:
        text = str(problem)
        # pyxform's own words for "none of my readers took it" speak of its arguments, not of the file.
        message = "The file holds no sheets of an XLSForm." if text.startswith("Argument") else text
        raise _refused("unreadable", message, "Start from one of the forms in the library.") from problem
    # The spreadsheet readers fail on damaged files in more ways than they document; each means the same here.
    except Exception as problem:
        message = f"The file is damaged: {type(problem).__name__}: {problem}"
        raise _refused("unreadable", message, "Save it again in a spreadsheet program.") from problem
    workbook = Workbook(dict(_sheets(definition)), _shallow(definition))
    _refuse_oversize(workbook)
    return workbook


def canonical(header: str, double_colon: bool = True) -> str:
    """Return the name a column goes by: lower case, aliases resolved, ``::`` before the language."""
    parts = [part.strip() for part in header.split("::" if double_colon or "::" in header else ":")]
    first = "_".join(parts[0].split()).lower()
    if "::" not in header and header.strip().lower() in _ALIASES:
        return _ALIASES[header.strip().lower()]
    return "::".join([_ALIASES.get(first, first), *parts[1:]])


def _sheets(definition: DefinitionData) -> Iterator[tuple[str, Sheet]]:
    for name in SHEETS:
        rows = getattr(definition, name) or []
        headers = list((getattr(definition, f"{name}_header") or [{}])[0])
        if not rows and not headers:
            continue
        double = any("::" in header for header in headers)
        columns = {canonical(header, double): header for header in headers if header}
        yield name, Sheet(name, columns, tuple(_row(n, row, double) for n, row in enumerate(rows, start=2)))


def _row(number: int, cells: Mapping[str, Any], double_colon: bool) -> Row:
    texts = ((canonical(str(key), double_colon), str(value).strip()) for key, value in cells.items() if key)
    return Row(number, {key: text for key, text in texts if text})


def _shallow(definition: DefinitionData) -> dict[str, Any]:
    return {field.name: getattr(definition, field.name) for field in dataclasses.fields(definition)}


def _refuse_oversize(workbook: Workbook) -> None:
    for name, sheet in workbook.sheets.items():
        most = MAX_SURVEY_ROWS if name == "survey" else MAX_LIST_ROWS
        if len(sheet.rows) > most:
            raise _refused("too-many-rows", f"The sheet has more than {most} rows.", _SPLIT_ADVICE, Place(name))
        for row in sheet.rows:
            for column, text in row.cells.items():
                if len(text) > MAX_CELL:
                    message = f"The cell holds {len(text)} characters; {MAX_CELL} is the most."
                    raise _refused("cell-too-long", message, "Shorten it.", Place(name, row.number, column))


def _check_xlsx(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _refuse_dangerous_parts(parts)
            values = sum(_scan_part(archive, part) for part in parts)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as problem:
        # zipfile raises NotImplementedError for a compression it does not know; to the sender the file is unreadable too.
        message = "The file is damaged or no Excel workbook."
        raise _refused("unreadable", message, "Save it again in a spreadsheet program.") from problem
    if values > MAX_VALUES:
        raise _refused("too-many-rows", f"The workbook has more than {MAX_VALUES} filled cells.", _SPLIT_ADVICE)


def _refuse_dangerous_parts(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename.lower().lstrip("/") for part in parts]
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise _refused("file-too-large", "The workbook unpacks to more than 60 MB.", _SPLIT_ADVICE)
    if any(part.flag_bits & 1 for part in parts):
        raise _protected()
    if any("vbaproject" in name or "macrosheets/" in name or "activex/" in name for name in names):
        raise _macros()
    if any("externallinks/" in name or "embeddings/" in name for name in names):
        message = "The workbook is linked to other files."
        raise _refused("external-links", message, "Replace the links by their values and save again.")


def _scan_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """Return the number of cell values of a part, refusing entity tricks. Reads piecewise, never as a whole."""
    if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
        return 0
    count, tail = 0, b""
    with archive.open(part) as stream:
        while chunk := stream.read(1 << 16):
            text = tail + chunk
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text or text.startswith((b"\xff\xfe", b"\xfe\xff")):
                message = "The workbook holds XML that no spreadsheet program writes."
                raise _refused("hostile-xml", message, "Save it again in a spreadsheet program.")
            count += len(_VALUE.findall(chunk))
            tail = chunk[-10:]
    return count


def _check_xls(data: bytes) -> None:
    if _ENCRYPTED_MARK in data:
        raise _protected()
    if _MACRO_MARK in data:
        raise _macros()


def _check_text(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as problem:
        message = f"The text is not in UTF-8 (byte {problem.start})."
        raise _refused("encoding", message, "Save it with the encoding UTF-8.") from problem


def _macros() -> FormRefused:
    advice = "Save it as an Excel workbook without macros (.xlsx)."
    return _refused("macros", "Workbooks with macros are not accepted.", advice)


def _protected() -> FormRefused:
    return _refused("protected", "The workbook is protected by a password.", "Remove the password and save again.")


def _refused(code: str, message: str, advice: str, place: Place = NOWHERE) -> FormRefused:
    return FormRefused([error(code, message, advice, place)])


_PRECHECKS: Final[Mapping[Kind, Callable[[bytes], None]]] = {
    "xlsx": _check_xlsx,
    "xls": _check_xls,
    "csv": _check_text,
    "md": _check_text,
    "xml": _check_text,
}
