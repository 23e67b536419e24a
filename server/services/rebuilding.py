"""Makes all projections again: everything that was said is taken in first, then each record is made once, then summaries.

Folding in the order of arrival makes a record anew with each batch that speaks of it. Every step here is a short transaction
and one that ordinary folding could have made, so what arrives meanwhile is folded beside it. The facts stay on the queue,
put aside for a while, until all of their projections are there: after a kill the worker folds them when that while is over.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection
from functools import partial

from sqlalchemy.orm import Session

from server import logs
from server.queries import merge_facts as queries
from server.queries.merge_rows import list_key
from server.services import import_facts, merging, release_rows, report_duplicates, summaries
from server.services.journal import now
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
            except Exception as error:  # one fault must not end the rebuild: ordinary folding finds the fact that has it
                session.rollback()
                self.whole = False
                logs.error("a step of the rebuild failed; its facts are folded one by one", exc_info=error)
                return 0

    def facts(self, action: Callable[[list[int]], int]) -> int:
        """Does something with all facts that are put aside, in order; returns how many it says are done."""
        done, last = 0, 0
        while ids := queries.aside(self.session, last, FACTS):
            done += self.step(partial(action, ids))
            last = ids[-1]
        return done

    def take_in(self, ids: list[int]) -> int:
        """Keeps what facts say of things."""
        found = queries.facts(self.session, ids)
        merging.take_in(self.session, found)
        import_facts.take_in(self.session, found)
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
        """Makes all else of facts, and takes those off the queue that nobody wants folded again."""
        found = queries.facts(self.session, ids)
        for fold in (summaries.fold, report_duplicates.fold, release_rows.fold):
            fold(self.session, found)
            self.session.flush()
        return queries.done_aside(self.session, ids)


def rebuild(session: Session, progress: Callable[[int], None] | None = None) -> int:
    """Drops every projection and makes it again; returns how many facts were folded. Commits step by step.

    What is on the queue afterwards is for ordinary folding: what came meanwhile, and everything when a step failed.
    `progress` is called with the number of facts folded so far.
    """
    work = _Rebuild(session)
    work.begin()
    work.facts(work.take_in)
    if work.whole:
        work.records()
    folded = 0

    def finished(ids: list[int]) -> int:
        nonlocal folded
        folded += (done := work.finish(ids))
        if progress is not None:
            progress(folded)
        return done

    if work.whole:
        work.facts(finished)
    with turn(session.get_bind()):
        queries.hold_queue(session)
        queries.keep_aside(session, None)
        session.commit()
    return folded
