"""The background worker: folds stored facts into the projections, seals them, and shows that it is alive.

Runs as `python -m server.worker [--follow-parent PID]`. It loads no door and no Flask application, so that it stays small.
SIGTERM lets it finish its batch; what it had not folded stays on the queue.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server import logs
from server.config import Settings, load_settings
from server.engines import engine_options, prepare_engine
from server.memory import give_memory_back, spare_memory
from server.problems import Problem
from server.queries import merge_facts as queries
from server.services import (
    dictionaries,
    export_parts,
    folding,
    heartbeat,
    importing,
    keeping_away,
    lapses,
    pin_expiry,
    purging,
    resumable,
    sealing,
    states,
)
from server.services.blobs import BlobStore
from server.services.importing_work import Importer
from server.services.journal import now

# A stored report shows up within this time, for the price of one small query each time.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.5
AFTER_ERROR = 5.0
LONGEST_YIELD = 0.25
# SQLite hands its one writer to whoever asks at the right moment, and who waits asks ten times a second: a worker with a
# long queue would keep it for minutes. So it stands back for a little longer than that after so many batches.
BATCHES_IN_A_ROW, STAND_BACK = 8, 0.12
# The first reports on a new form are packed without; a few seconds of them are not worth a look-up each round.
DICTIONARIES = 5.0
# A pin ends at midnight of the mission: minutes are soon enough.
PINS = 300.0
# A partner's copy of a warning that is over must not stand for long.
WARNINGS = 10.0
# How often mails that wait are looked for, in seconds; only where a mail server is configured.
MAILS = 5.0
# A reminder is of a day: minutes are soon enough.
REMINDERS = 120.0
# While reports come in by the dozen, taking them in and folding them would only hinder each other: measured on two cores,
# 750 reports/s are taken in when the worker stands aside and 240 when it does not. Whoever reads over the API does not wait
# for the worker (services.folding.catch_up), and nobody else waits longer than this.
LOOK, MANY_AT_ONCE, LONGEST_ASIDE = 0.15, 8, 10.0
HOUR, DAY = 3_600.0, 86_400.0


@dataclass
class Duty:
    """Something done every so many seconds beside folding."""

    action: Callable[[Session], object]
    seconds: float
    due: float = 0.0


def duties(settings: Settings) -> list[Duty]:
    """What the worker does by the clock; files that a broken upload left behind are looked for once a day."""
    store = BlobStore(settings)
    return [
        Duty(heartbeat.beat, heartbeat.EVERY.total_seconds()),
        Duty(sealing.seal, 1.0),
        Duty(_texts, 1.0),
        Duty(Importer(settings).work, 0.6),
        Duty(dictionaries.make_missing, DICTIONARIES),
        Duty(pin_expiry.expire, PINS),
        Duty(states.close_due, HOUR),
        Duty(lapses.lapse, HOUR),
        Duty(keeping_away.end, WARNINGS),
        *_mails(settings),
        Duty(lambda session: purging.purge(session, store), HOUR),
        Duty(lambda session: resumable.expire(session, settings), HOUR),
        Duty(lambda session: importing.discard_forgotten(session, settings), HOUR),
        Duty(lambda _session: store.sweep(), DAY, time.monotonic() + HOUR),
    ]


def _mails(settings: Settings) -> list[Duty]:
    """Mails are sent only where a mail server is configured; what that takes is not loaded elsewhere."""
    if not settings.mail_url:
        return []
    from server.services.reminder_mail import ReminderMail
    from server.services.reset_mail import ResetMail

    return [Duty(ResetMail(settings).send, MAILS), Duty(ReminderMail(settings).send, REMINDERS)]


def _texts(session: Session) -> None:
    """Texts of exports are made when nothing else waits; while reports come in, one stretch a second is enough."""
    export_parts.fill(session, seconds=0.0 if queries.any_waiting(session, now()) else 0.25)


class Burst:
    """Whether reports are coming in so quickly that folding had better wait a moment; seen from the numbers of stored facts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: int | None = None
        self._since: float | None = None

    def goes_on(self, newest: int) -> bool:
        """Whether many facts came since the last look, and folding has not waited LONGEST_ASIDE seconds for them already."""
        before, self._newest = self._newest, newest
        if before is None or newest - before < MANY_AT_ONCE:
            self._since = None
            return False
        if self._since is None:
            self._since = self._clock()
        return self._clock() - self._since < LONGEST_ASIDE

    def is_over(self) -> None:
        """Nothing waits any more: the next report is folded at once."""
        self._newest = self._since = None


class Worker:
    """Folds and does its duties until `stop` is set; a database that is away is waited for."""

    def __init__(self, engine: Engine, settings: Settings, stop: threading.Event, parent: int | None = None) -> None:
        self.engine = engine
        self.stop = stop
        self.parent = parent
        self.duties = duties(settings)
        self.pause = SHORTEST_PAUSE
        self.begun = False
        self.batches = 0
        self.burst = Burst()

    def run(self) -> None:
        """Works until told to stop, or until the process that started it is gone."""
        while not self.stop.is_set() and not self._orphaned():
            try:
                busy = self.work()
            except SQLAlchemyError as error:
                logs.error("the database cannot be used; trying again", exc_info=error)
                self.stop.wait(AFTER_ERROR)
                continue
            self._note(busy)
            if not busy:
                self.stop.wait(self.pause)

    def work(self) -> bool:
        """One round: duties that are due, then one batch. True when there may be more to fold at once."""
        with Session(self.engine) as session:
            if not self.begun:
                export_parts.begin(session)
                self.begun = True
            for duty in self.duties:
                if time.monotonic() >= duty.due:
                    self._do(session, duty)
            if not queries.any_waiting(session, now()):
                self.burst.is_over()
                return False
            newest = queries.newest(session)
            session.rollback()
            if self.burst.goes_on(newest):
                self.stop.wait(LOOK)
                return True
            if self.engine.dialect.name == "sqlite":
                folding.prepare(session)
            started = time.monotonic()
            folded, _failed = folding.fold_batch(session)
            if self.engine.dialect.name == "sqlite":
                self._make_way(queries.newest(session) > newest, time.monotonic() - started)
            return folded > 0

    def _note(self, busy: bool) -> None:
        """Looks less often while nothing comes; when calm begins, what the work needed goes back to the system."""
        if busy:
            self.pause = SHORTEST_PAUSE
        elif self.pause < LONGEST_PAUSE:
            self.pause = min(LONGEST_PAUSE, self.pause * 1.5)
            if self.pause == LONGEST_PAUSE:
                give_memory_back()

    def _make_way(self, reports_come: bool, seconds: float) -> None:
        """Leaves SQLite's one writer to others: while reports come in, for as long as the batch took (seconds)."""
        self.batches += 1
        if reports_come:
            self.stop.wait(min(LONGEST_YIELD, seconds))
        elif self.batches % BATCHES_IN_A_ROW == 0:
            self.stop.wait(STAND_BACK)

    def _do(self, session: Session, duty: Duty) -> None:
        """One duty. Files that cannot be reached must not keep reports out of the records, so it is put off until next time."""
        try:
            duty.action(session)
            session.commit()
        except (OSError, Problem) as error:
            session.rollback()
            logs.error("a duty of the worker failed; it is tried again when it is due next", exc_info=error)
        duty.due = time.monotonic() + duty.seconds

    def _orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent


def _parent(arguments: list[str]) -> int | None:
    """The process to end with. It names itself: it may be gone before this one can ask who it was."""
    if "--follow-parent" not in arguments:
        return None
    named = arguments[arguments.index("--follow-parent") + 1 :]
    return int(named[0]) if named else os.getppid()


def main(arguments: list[str]) -> int:
    """Runs the worker with the settings of the environment; exit status 0 after SIGTERM or SIGINT."""
    spare_memory()
    settings = load_settings()
    logs.configure(settings.log_level)
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    Worker(engine, settings, stop, _parent(arguments)).run()
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
