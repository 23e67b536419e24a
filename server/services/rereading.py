"""Reads stored reports again for a rebuild, on all cores side by side. Reading is most of a rebuild's work and writes nothing.

Each report is parsed once, with all of its versions, files and decisions, for everything that is made of it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from server import logs
from server.engines import engine_options, prepare_engine
from server.queries.submissions import roots_of
from server.queries.summaries import touched_roots
from server.services import merging, report_duplicates
from server.services.merge_reports import said_by
from server.services.summaries import Summary, read_summaries
from sync.merge.facts import Report

# From so many facts on other processes help: they need seconds to start.
MANY = 4_000
# Batches that wait for each reader: it must never wait for the writer, and what is read lies in memory.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Reread:
    """What is made of the reports whose originals are among some facts, before anything is known of records.

    `reports`: what each says of things, by its original's fact. `faces`: rows of what is compared with other reports.
    """

    summaries: list[Summary]
    reports: dict[int, Report]
    faces: list[dict[str, Any]]


def reread(session: Session, fact_ids: Collection[int]) -> Reread:
    """Reads the reports whose originals are among these facts; edits, files and events beside them belong to their reports."""
    wanted = set(fact_ids)
    stored = roots_of(session, touched_roots(session, wanted))
    summaries = [each for each in read_summaries(session, stored) if each.root in wanted]
    versions = {fact_id for each in summaries for fact_id in each.version_ids}
    own = [(row, fact) for row, fact in stored if row.fact_id in versions]
    said = {report.fact_id: report for report in said_by(session, own, merging.registers(session)) if report.fact_id is not None}
    documents = {row.fact_id: row for row, _fact in own}
    faces = report_duplicates.faces(session, ({**each.columns, "hlc": each.clock} for each in summaries), documents)
    return Reread(summaries, said, faces)


class Readers:
    """Reads batch after batch in order, in other processes where there is much to read. Close it."""

    def __init__(self, session: Session, facts: int) -> None:
        self._session = session
        self._pool: ProcessPoolExecutor | None = None
        self._cores = os.cpu_count() or 1
        if facts >= MANY and self._cores > 1:
            url = session.get_bind().engine.url.render_as_string(hide_password=False)
            self._pool = ProcessPoolExecutor(self._cores, get_context("spawn"), _open, (url,))

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, batches: Iterator[list[int]]) -> Iterator[tuple[list[int], Callable[[], Reread]]]:
        """Each batch of facts with what gives what was read of it, or raises what was wrong with it."""
        waiting: deque[tuple[list[int], Future[Reread] | None]] = deque()
        for batch in batches:
            waiting.append((batch, self._begin(batch)))
            if len(waiting) > self._cores * _AHEAD or self._pool is None:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _begin(self, batch: list[int]) -> Future[Reread] | None:
        try:
            return self._pool.submit(_read, batch) if self._pool is not None else None
        except BrokenProcessPool:
            return None

    def _next(self, waiting: deque[tuple[list[int], Future[Reread] | None]]) -> tuple[list[int], Callable[[], Reread]]:
        batch, future = waiting.popleft()

        def result() -> Reread:
            try:
                if future is not None:
                    return future.result()
            except BrokenProcessPool as error:  # killed, perhaps for its memory: this process can read as well
                logs.warning("a process that read for the rebuild ended; its reports are read here", reason=repr(error))
            return reread(self._session, batch)

        return batch, result


_opened: list[Session] = []


def _open(url: str) -> None:
    """Begins one of the reading processes."""
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    _opened.append(Session(engine))


def _read(batch: list[int]) -> Reread:
    session = _opened[0]
    try:
        return reread(session, batch)
    finally:
        session.rollback()
        session.expunge_all()
