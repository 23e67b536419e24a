"""Stored texts of exports: made by the worker from reports that have come to rest, used by every export that can.

Only a short cut. A report that is not in the texts, or there with an older version, is read from its XML; encrypted
reports always are. Nothing else may rely on them.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isal import isal_zlib
from sqlalchemy.orm import Session

from server.models import FormVersion
from server.queries import export_parts as queries
from server.queries.submission_lists import Wanted
from server.services.definitions import definition_of
from server.services.export_rendering import REPORT_END, SECTIONS, WORDING, Wording
from server.services.journal import now
from server.services.report_reading import Encrypted, Source, read_answers

STRETCH = 1024
"""Reports by root_fact_id: as many of any form as make a part of some hundred kB."""
LONGEST = 65_536
"""Bytes of a report's texts: a longer one is always read from its XML, or a part could become as large as memory."""
QUIET = dt.timedelta(seconds=10)
"""A stretch into which reports still come would be made again and again."""
# A seventh less room than what isal packs, for 0.02 ms a report; isal unpacks it as fast as its own.
_LEVEL = 6
_WORTH = 16
_MAX_WORDINGS = 32
_wordings: dict[tuple[int, str], Wording] = {}


def wording(xml_form_id: str, version: FormVersion) -> Wording:
    """How a form version's reports are worded; kept per process."""
    key = (version.id, version.sha256)
    found = _wordings.get(key)
    if found is None:
        if len(_wordings) >= _MAX_WORDINGS:
            _wordings.clear()
        found = _wordings[key] = Wording(xml_form_id, definition_of(version), version.sha256)
    return found


def changed(session: Session, reports: Iterable[tuple[int, str, bool, int, bool]]) -> None:
    """Notes that reports changed: (project, form, is_draft, root_fact_id, whether what they say changed). The caller commits."""
    lists, stretches = set(), set()
    for project_id, xml_form_id, is_draft, root_fact_id, said in reports:
        lists.add((project_id, xml_form_id, is_draft))
        if said and not is_draft:
            stretches.add((project_id, xml_form_id, root_fact_id // STRETCH))
    queries.stamp(session, lists, secrets.token_hex(8))
    queries.mark(session, stretches, now())


def begin(session: Session) -> None:
    """Once at the start of a worker: what an earlier release stored has no texts yet. Commits."""
    queries.mark_all(session, STRETCH, now())
    session.commit()


def fill(session: Session, seconds: float = 0.25, quiet: dt.timedelta = QUIET) -> int:
    """Makes the texts of stretches that have come to rest, for at most so many seconds; commits each. Returns how many."""
    started, made = time.monotonic(), 0
    for row in queries.stale(session, now() - quiet, WORDING, 100):
        _make(session, row)
        made += 1
        if time.monotonic() - started > seconds:
            break
    session.commit()
    return made


def _make(session: Session, row: Any) -> None:
    version = session.get_one(FormVersion, row.version_id)
    words = wording(row.xml_form_id, version)
    stretch = (row.project_id, row.xml_form_id, row.part)
    members = queries.members(session, row.project_id, row.xml_form_id, row.part * STRETCH, (row.part + 1) * STRETCH - 1)
    known = _known(session, stretch, words.key)
    fresh = [each for each in members if each.current_fact_id not in known]
    writers = [words.writer(section) for section in SECTIONS]
    for each, answers in zip(fresh, read_answers(session, words.root, [each.current_fact_id for each in fresh]), strict=True):
        texts = () if answers is None else tuple(write(answers, each.root_instance_id) for write in writers)
        if texts and sum(map(len, texts)) <= LONGEST:
            known[each.current_fact_id] = texts
    kept = [each for each in members if each.current_fact_id in known]
    ids = array("q", (number for each in kept for number in (each.root_fact_id, each.current_fact_id)))
    values: dict[str, Any] = {
        section: _pack(REPORT_END.join(known[each.current_fact_id][index] for each in kept))
        for index, section in enumerate(SECTIONS)
    }
    # Reading ends here: SQLite would refuse to write on top of what somebody else has changed since it began.
    session.commit()
    queries.keep(session, stretch, {"layout": words.key, "built_marks": row.marks, "ids": _pack(ids.tobytes()), **values})
    session.commit()


def _known(session: Session, stretch: queries.Stretch, layout: str) -> dict[int, tuple[bytes, ...]]:
    """The texts that the stretch holds already, by current_fact_id."""
    row = queries.whole(session, *stretch)
    if row is None or row.layout != layout or not row.ids:
        return {}
    ids = _ids(row.ids)
    if not ids:
        return {}
    columns = [_texts(getattr(row, section)) for section in SECTIONS]
    return {ids[2 * index + 1]: texts for index, texts in enumerate(zip(*columns, strict=True))}


def _pack(data: bytes) -> bytes:
    return zlib.compress(data, _LEVEL)


def _ids(packed: bytes) -> array[int]:
    found = array("q")
    found.frombytes(isal_zlib.decompress(packed))
    return found


def _texts(packed: bytes) -> list[bytes]:
    return isal_zlib.decompress(packed).split(REPORT_END)


class StoredTexts:
    """One section of a form's stored texts for one export; keeps the parts that the last rows were in."""

    def __init__(self, source: Source, found: Wanted, words: Wording, section: str) -> None:
        self.source, self.project_id, self.words, self.section = source, found.project_id, words, section
        self.write = words.writer(section)
        # Of drafts nothing is stored; a list in an order of its own is all over the parts.
        self._used = not found.is_draft and not found.order
        self._parts: dict[int, dict[int, tuple[int, bytes]]] = {}

    def of(self, rows: Sequence[Any]) -> tuple[list[bytes | None], dict[int, Encrypted]]:
        """The text of each row of queries.list_rows (None for one that cannot be read), and encrypted ones by current_fact_id."""
        parts = [row[0] // STRETCH for row in rows]
        if self._used:
            self._load(Counter(parts))
        texts: list[bytes | None] = []
        missing: list[int] = []
        for index, (part, row) in enumerate(zip(parts, rows, strict=True)):
            current, text = self._parts.get(part, _NOTHING).get(row[0], _NOBODY)
            if current != row[1]:
                missing.append(index)
                text = None
            texts.append(text)
        return texts, self._fill_in(rows, texts, missing) if missing else {}

    def _fill_in(self, rows: Sequence[Any], texts: list[bytes | None], missing: list[int]) -> dict[int, Encrypted]:
        """Writes the texts that are not stored."""
        plain = [index for index in missing if not rows[index].encrypted]
        found = self.source.answers(self.words.root, [rows[index].current_fact_id for index in plain])
        for index, answers in zip(plain, found, strict=True):
            texts[index] = None if answers is None else self.write(answers, rows[index].root_instance_id)
        secret = [index for index in missing if rows[index].encrypted]
        states = self.source.encrypted(self.words.root, [rows[index].current_fact_id for index in secret])
        for index in secret:
            clear = states[rows[index].current_fact_id].answers
            texts[index] = None if clear is None else self.write(clear, rows[index].root_instance_id)
        return states

    def _load(self, wanted: Mapping[int, int]) -> None:
        self._parts = {part: texts for part, texts in self._parts.items() if part in wanted}
        absent = [part for part in wanted if part not in self._parts]
        if not absent:
            return
        for row in queries.parts(self.source.session, self.project_id, self.words.form_id, absent, self.words.key, self.section):
            ids = _ids(row.ids) if row.ids else array("q")
            # A part of which hardly anything is wanted costs more to unpack than the few reports to read.
            if ids and wanted[row.part] * _WORTH >= len(ids) // 2:
                self._parts[row.part] = {
                    ids[2 * index]: (ids[2 * index + 1], text) for index, text in enumerate(_texts(row.texts))
                }


_NOTHING: dict[int, tuple[int, bytes]] = {}
_NOBODY: tuple[int, bytes | None] = (-1, None)
