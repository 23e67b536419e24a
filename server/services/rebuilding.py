"""Makes all projections again: every report is read once and kept, then each record is made once, then what needs both.

Folding in the order of arrival makes a record anew with each batch that speaks of it. Every step here is a short transaction,
and what arrives meanwhile is folded beside it: a report that has a summary already was folded since, and is left as it is. The
facts stay on the queue, put aside for a while, until all of their projections are there: after a kill the worker folds them
when that while is over.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial

from sqlalchemy.orm import Session

from server import logs
from server.models import ReportFace
from server.queries import merge_facts as queries
from server.queries import report_duplicates as duplicate_queries
from server.queries import summaries as summary_queries
from server.queries.merge_rows import list_key
from server.services import export_parts, import_facts, merging, release_rows, report_duplicates, summaries
from server.services.journal import now
from server.services.rereading import Readers, Reread
from server.services.turns import turn
from sync.store import EntityKey

# Facts in one transaction, and things: SQLite has one writer, and intake must not wait long for it.
FACTS, THINGS = 100, 100
# How long facts are put aside, and after how many seconds that is said again.
ASIDE, RENEW = dt.timedelta(minutes=15), 300.0


class _Rebuild:
    """One rebuild; `whole` is false once a step has failed, and then every fact is left to ordinary folding."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.whole = True
        self.renewed = time.monotonic()
        # Reports whose place only a record names, until there are records: some hundred bytes each.
        self.unnamed: dict[int, str] = {}

    def begin(self) -> None:
        """Empties the projections and puts every fact on the queue, aside."""
        with turn(self.session.get_bind()):
            queries.hold_queue(self.session)
            queries.empty_projections(self.session)
            queries.set_aside(self.session, now() + ASIDE)
            self.session.commit()

    def step(self, action: Callable[[], int]) -> int:
        """One short transaction; what it returns, or 0 when it failed."""
        session = self.session
        with turn(session.get_bind()):
            try:
                session.rollback()  # what was read before the turn came may be out of date
                queries.hold_queue(session)
                if time.monotonic() - self.renewed > RENEW:
                    queries.keep_aside(session, now() + ASIDE)
                    self.renewed = time.monotonic()
                done = action()
                session.commit()
                session.expunge_all()
                return done
            except Exception as error:
                self.failed(error)
                return 0

    def failed(self, error: Exception) -> None:
        """One fault must not end the rebuild: ordinary folding finds the fact that has it."""
        self.session.rollback()
        self.whole = False
        logs.error("a step of the rebuild failed; its facts are folded one by one", exc_info=error)

    def batches(self) -> Iterator[list[int]]:
        """All facts that are put aside, in order, some at a time."""
        last = 0
        while ids := queries.aside(self.session, last, FACTS):
            yield ids
            last = ids[-1]

    def read(self) -> None:
        """Keeps what all facts say."""
        with Readers(self.session, queries.waiting_count(self.session)) as readers:
            for ids, result in readers.read(self.batches()):
                try:
                    read = result()  # before the turn is taken: intake does not wait while reports are read
                except Exception as error:
                    self.failed(error)
                else:
                    self.step(partial(self.keep, ids, read))

    def keep(self, ids: list[int], read: Reread) -> int:
        """Keeps what these facts say: the reports among them, then the events."""
        session = self.session
        made_since = summary_queries.summaries_of_roots(session, [each.root for each in read.summaries]).keys()
        fresh = [each for each in read.summaries if each.root not in made_since]
        events = queries.facts(session, ids, "event")
        merging.take_in(session, [report for root, report in read.reports.items() if root not in made_since], events)
        import_facts.take_in(session, events)
        summary_queries.add_summaries(session, [each.columns for each in fresh])
        export_parts.changed(session, (each.listed(True) for each in fresh))
        duplicate_queries.add(session, ReportFace, [face for face in read.faces if face["root_fact_id"] not in made_since])
        self.unnamed |= {each.root: sys.intern(each.settlement) for each in fresh if each.settlement}
        return 0

    def records(self) -> None:
        """Makes every record, things in the order of their lists and ids."""
        last = (0, "", "")
        while things := queries.entities_after(self.session, last, THINGS):
            keys = {(list_key(project_id, dataset), entity) for project_id, dataset, entity in things}
            self.step(partial(self.make, keys))
            last = things[-1]

    def make(self, things: Collection[EntityKey]) -> int:
        """Makes the records of these things."""
        merging.make_records(self.session, things)
        return 0

    def finish(self, ids: list[int]) -> int:
        """Makes what needs records and other reports, and takes the facts off the queue that nobody wants folded again."""
        session = self.session
        unnamed = {root: self.unnamed.pop(root) for root in ids if root in self.unnamed}
        summaries.name_places(session, unnamed)
        report_duplicates.pair(session, duplicate_queries.blocks(session, ids))
        release_rows.fold(session, queries.facts(session, ids, "event"))
        return queries.done_aside(session, ids)


def rebuild(session: Session, progress: Callable[[int], None] | None = None) -> int:
    """Drops every projection and makes it again; returns how many facts were folded. Commits step by step.

    What is on the queue afterwards is for ordinary folding: what came meanwhile, and everything when a step failed.
    `progress` is called with the number of facts folded so far.
    """
    work = _Rebuild(session)
    work.begin()
    work.read()
    if work.whole:
        work.records()
    folded = 0
    for ids in work.batches() if work.whole else ():
        folded += work.step(partial(work.finish, ids))
        if progress is not None:
            progress(folded)
    with turn(session.get_bind()):
        queries.hold_queue(session)
        queries.keep_aside(session, None)
        session.commit()
    return folded
