"""Reads and writes the CSV tables of `fieldpost link`. Must not match anything."""

from __future__ import annotations

import csv
import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync.merge.batch import Engine, Local
from sync.merge.link import Row, link
from sync.merge.matching import reason
from sync.registers import load_registers

csv.field_size_limit(min(sys.maxsize, 10_000_000))


class TableRefused(Exception):
    """A table cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows went in, how many things they are, and how many pairs an officer should look at."""

    rows: int
    clusters: int
    questions: int


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV table (UTF-8, with or without a byte order mark; comma, semicolon or tab).

    Raises `TableRefused` when it is no such table or a row lacks its `record_id`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableRefused(f"{path} cannot be read: {error}. Save it as CSV in UTF-8.") from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = [_clean(row) for row in csv.DictReader(text.splitlines(), delimiter=delimiter)]
    except csv.Error as error:
        raise TableRefused(f"{path} is no CSV table: {error}.") from error
    if "record_id" not in {name.strip().lower() for name in head.strip().strip('"').split(delimiter)} and not (
        rows and "record_id" in rows[0]
    ):
        raise TableRefused(f"{path} has no column record_id. Add one with a different value in each row.")
    for number, row in enumerate(rows, 2):
        if not row.get("record_id"):
            raise TableRefused(f"{path}, line {number}: record_id is empty. Give every row its own.")
    return rows


def _clean(row: dict[str | None, str | list[str] | None]) -> Row:
    return {name.strip().lower(): value.strip() for name, value in row.items() if name is not None and isinstance(value, str)}


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
