"""Empties the outbox: HEAD first, parts by the announced size, back-off, and nothing lost when killed at any moment.

What the server has answered is written down before the next byte goes out. A part whose answer was lost is sent again;
the server knows it by its bytes. Must run alone (see lock.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import requests

from sync.client import documents
from sync.client.http import TEMPORARY, Connection, Target, retry_after
from sync.client.multipart import Body, Part
from sync.client.pieces import Carrier, FileRefused, Pace, ReportGone
from sync.client.problems import ServerAway
from sync.client.store import DELIVERED, HELD, REFUSED, Item, Store

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 900.0
# ODK Collect's limit of files in one POST.
MAX_FILES = 100
# A report of so many bytes with all its files goes in one POST; of a larger one, files over SMALL_FILE follow in pieces.
SMALL_REPORT, SMALL_FILE = 65_536, 16_384
# What headers and boundaries of a part cost beside its bytes, generously.
OVERHEAD = 1_000

Report = Callable[[Item], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run of sending did, and what is left. next_time: seconds since 1970, None when nothing waits."""

    delivered: int
    held: int
    refused: int
    waiting: int
    next_time: float | None
    trouble: str


class Sender:
    """Sends what waits in a store over a connection."""

    def __init__(
        self, store: Store, connection: Connection, clock: Callable[[], float], *,
        sleep: Callable[[float], None] = time.sleep, random: Random | None = None, first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._store = store
        self._connection = connection
        self._clock = clock
        self._sleep = sleep
        self._random = random or Random()
        self._first_pause = first_pause
        self._failures = 0
        self._asked: float | None = None
        self._trouble = ""
        self._target: Target | None = None
        self._pace = Pace()
        # What the server said to reports whose files are still under way.
        self._said: dict[int, str] = {}

    def run(self, patience: float = 0.0, settled: Report | None = None) -> Sent:
        """Sends until nothing waits, or nothing can be tried within `patience` seconds.

        Raises ServerRefused when the server turns the device away; the outbox stays as it is. `settled` is called with
        each report that reached its end.
        """
        before = self._store.counts()
        deadline = self._clock() + patience
        while True:
            item = self._store.next_due(self._clock())
            if item is not None:
                if not self._try(item, settled) and not self._rest(deadline):
                    break
                continue
            due = self._store.next_time()
            if due is None or due > deadline:
                break
            self._sleep(max(due - self._clock(), 0.01))
        return self._summary(before)

    def _try(self, item: Item, settled: Report | None) -> bool:
        """One attempt at one report; False when the server or the way to it failed, so that others would fail too."""
        arrived = self._pace.arrived
        try:
            self._send(item)
        except ServerAway as trouble:
            # A cut after some pieces is no reason to wait longer than after the first one.
            on_the_way = self._pace.arrived > arrived
            self._trouble = str(trouble)
            self._target = None
            self._failures = 1 if on_the_way else self._failures + 1
            self._asked = trouble.retry_after
            pause = self._pause(0 if on_the_way else item.attempts, trouble.retry_after)
            self._store.put_off(item.id, self._clock() + pause, str(trouble), None)
            return False
        self._failures, self._trouble = 0, ""
        done = self._store.item(item.id)
        if settled is not None and done is not None and done.settled_at is not None:
            settled(done)
        return True

    def _rest(self, deadline: float) -> bool:
        """Waits before the next report is tried after a failure of the way; False when the patience is at its end."""
        pause = self._pause(self._failures - 1, self._asked)
        if self._clock() + pause > deadline:
            return False
        self._sleep(pause)
        return True

    def _pause(self, attempts: int, asked: float | None) -> float:
        """Doubles with each attempt up to 15 minutes, scattered by half so that many phones do not come back at once."""
        pause = min(LONGEST_PAUSE, self._first_pause * 2.0 ** min(attempts, 20)) * self._random.uniform(0.5, 1.5)
        return max(pause, asked) if asked is not None else pause

    def _send(self, item: Item) -> None:
        left = [each for each in item.files if not each.sent]
        parts = [Part(each.name, self._store.attachments / each.sha256, each.size, each.content_type) for each in left]
        gone = [part.name for part in parts if not part.is_whole]
        if gone:
            missing = f"Files of this report are gone from this device: {', '.join(gone)}."
            self._store.settle(item.id, REFUSED, 0, None, missing, self._clock())
            return
        if self._target is None:
            self._target = self._connection.announce()
        small, large = self._sorted(item, parts, self._target)
        if (small or not item.xml_sent or not large) and not self._post(item, small, self._target, more=bool(large)):
            return
        if large:
            self._carry(item, large)

    def _sorted(self, item: Item, parts: Sequence[Part], target: Target) -> tuple[list[Part], list[Part]]:
        """What goes with the report, and what goes in pieces after it: large files, where the server takes pieces.

        What was begun in pieces ends in pieces, also when it is all that is left: the server has some of it already.
        """
        begun = {part.name for part in parts if self._store.upload_of(item.id, part.name) is not None}
        if not target.in_pieces or (not begun and len(item.xml) + sum(part.size for part in parts) <= SMALL_REPORT):
            return list(parts), []
        large = [part for part in parts if part.size > SMALL_FILE or part.name in begun]
        return [part for part in parts if part not in large], large

    def _post(self, item: Item, parts: Sequence[Part], target: Target, more: bool) -> bool:
        """Posts the report with these files, in as many bodies as it takes; True when the server has them all."""
        batches = list(split(len(item.xml), parts, target.accepted))
        for number, batch in enumerate(batches, start=1):
            last = number == len(batches) and not more
            response = self._connection.post(target.url, Body(item.xml, batch, incomplete=not last))
            if not self._taken(item, batch, response, last):
                return False
        return True

    def _carry(self, item: Item, parts: Sequence[Part]) -> None:
        """Carries the large files and settles the report as its POST was answered. Raises ServerAway, ServerRefused."""
        carrier = Carrier(self._store, self._connection, self._clock, self._pace)
        for part in parts:
            try:
                carrier.carry(item, part)
            except FileRefused as refusal:
                self._store.settle(item.id, REFUSED, refusal.status, None, f"{part.name}: {refusal}", self._clock())
                return
            except ReportGone:
                self._store.send_anew(item.id)
                raise
            self._store.part_sent(item.id, [part.name])
        done = self._store.item(item.id) or item
        status = done.http_status or 201
        state = HELD if status == 202 else DELIVERED
        self._store.settle(item.id, state, status, None, self._said.pop(item.id, ""), self._clock())

    def _taken(self, item: Item, batch: Sequence[Part], response: requests.Response, last: bool) -> bool:
        """Writes down what the server answered; True when the next part may go. Raises ServerAway."""
        status, said = response.status_code, documents.message(response.content)
        receipt = response.headers.get("X-Fieldpost-Receipt")
        if status in {201, 202}:
            if last:
                state = DELIVERED if status == 201 else HELD
                self._store.settle(item.id, state, status, receipt, said, self._clock())
            else:
                self._said[item.id] = said
                self._store.part_sent(item.id, [part.name for part in batch], status, receipt)
            return True
        if 400 <= status < 500 and status not in TEMPORARY:
            self._store.settle(item.id, REFUSED, status, receipt, said or f"HTTP {status} {response.reason}", self._clock())
            return False
        wait = retry_after(response, self._clock())
        if status >= 500 or status in TEMPORARY:
            raise ServerAway(said or f"The server answered HTTP {status} {response.reason}.", wait)
        # 200 is what a log-in page of a hotel or a phone company answers; 3xx would lead elsewhere.
        raise ServerAway(f"Something between here and the server answers in its place (HTTP {status}).", wait)

    def _summary(self, before: dict[str, int]) -> Sent:
        after = self._store.counts()
        return Sent(
            after[DELIVERED] - before[DELIVERED], after[HELD] - before[HELD], after[REFUSED] - before[REFUSED], after["waiting"],
            self._store.next_time(), self._trouble,
        )


def split(xml_size: int, parts: Sequence[Part], accepted: int) -> Iterator[list[Part]]:
    """The files by POST: never more than 100, nor more bytes than the server takes, except for a single larger file."""
    batch: list[Part] = []
    size = xml_size + OVERHEAD
    for part in parts:
        cost = part.size + OVERHEAD
        if batch and (size + cost > accepted or len(batch) >= MAX_FILES):
            yield batch
            batch, size = [], xml_size + OVERHEAD
        batch.append(part)
        size += cost
    yield batch
