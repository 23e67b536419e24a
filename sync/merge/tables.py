"""Reads and writes the CSV tables of `fieldpost link`. Must not match anything."""

from __future__ import annotations

import csv
import gc
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync.merge.batch import Engine, Local
from sync.merge.headings import columns_of
from sync.merge.link import Row, link
from sync.merge.matching import reason
from sync.registers import load_registers

csv.field_size_limit(min(sys.maxsize, 10_000_000))
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# The first line of a table begins with letters and holds no control characters but tabs.
_HEADING = re.compile(r"\W*[A-Za-z][^\x00-\x08\x0e-\x1f]*$")


class TableRefused(Exception):
    """A table cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows went in, how many things they are, and how many pairs an officer should look at."""

    rows: int
    clusters: int
    questions: int


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV table: UTF-8, UTF-16 with a byte order mark or Windows-1252; comma, semicolon, tab or bar.

    Columns may bear other common names (`headings.columns_of`). Rows without any value are left out. Raises `TableRefused`
    when it is no such table, a row lacks its `record_id`, or two rows have the same.
    """
    text = _text(path)
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    lines: dict[str, int] = {}
    try:
        columns = columns_of(next(reader, []))
        if "record_id" not in columns:
            raise TableRefused(f"{path} has no column record_id. Add one with a different value in each row.")
        for cells in reader:
            row = {name: value for name, cell in zip(columns, cells, strict=False) if (value := cell.strip()) and name}
            if not row:
                continue
            key = row.get("record_id")
            if not key:
                raise TableRefused(f"{path}, line {reader.line_num}: record_id is empty. Give every row its own.")
            if key in lines:
                where = f"{path}, line {reader.line_num}"
                raise TableRefused(f"{where}: record_id '{key}' stands in line {lines[key]} already. Give every row its own.")
            lines[key] = reader.line_num
            rows.append(row)
    except csv.Error as error:
        raise TableRefused(f"{path} is no CSV table: {error}.") from error
    return rows


def _text(path: Path) -> str:
    """What a file says, in the first encoding in which it can be a table."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableRefused(f"{path} cannot be read: {error}. Save it as CSV in UTF-8.") from error
    for encoding in ("utf-8-sig", "utf-16" if content[:2] in _UTF_16 else "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or _HEADING.match(text.partition("\n")[0]):
            return text
    raise TableRefused(f"{path} cannot be read: it is no text. Save it as CSV in UTF-8.")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV table whole or not at all."""
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        partial.replace(path)
    except OSError as error:
        raise TableRefused(f"{path} cannot be written: {error}.") from error


@contextmanager
def _no_rings() -> Iterator[None]:
    """Looks for no rings of dead objects meanwhile: a batch makes millions of objects, no ring, and looking takes a tenth."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def link_files(
    reference: Path, reports: Path, mapping: Path, register: str, review: Path | None = None, engine: Engine | None = None
) -> Outcome:
    """Links two tables and writes MAPPING (record_id,cluster_id) and, when asked, REVIEW (a,b and why).

    `engine`: where it is done; all processors of this machine when None.

    Raises `TableRefused` for a table that cannot be used and for an unknown register.
    """
    registers = {name: found for name, found in load_registers().items() if found.matching is not None}
    if register not in registers:
        raise TableRefused(f"there is no register '{register}' to match by; use one of: {', '.join(registers)}.")
    known, new = read_table(reference), read_table(reports)
    try:
        with _no_rings():
            linked = link(known, new, registers[register], engine or Local(os.cpu_count() or 1))
    except ValueError as error:
        raise TableRefused(f"{reference} and {reports}: {error}.") from error
    rows = [(row["record_id"], linked.clusters[row["record_id"]]) for row in (*known, *new)]
    write_table(mapping, ("record_id", "cluster_id"), rows)
    if review is not None:
        pairs = [(m.a, m.b, m.score, reason(m.features, "en"), reason(m.features, "fr")) for m in linked.review]
        write_table(review, ("a", "b", "probability", "reason_en", "reason_fr"), pairs)
    return Outcome(len(rows), len(set(linked.clusters.values())), len(linked.review))
