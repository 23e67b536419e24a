"""The threads that serve requests: places at work, and others in the place of those that wait for a client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from server.cli import threads as module
from server.cli.threads import Threads

PATIENCE = 30


class Waits:
    """A task that waits for its client until `goes` is set; notes when it waits and how often it was hung up on."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads
        self.waits, self.goes = threading.Event(), threading.Event()

    def __call__(self) -> str:
        with self.threads.away(self.goes.set):
            self.waits.set()
            assert self.goes.wait(PATIENCE)
        return "done"


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(busy=2, most=5)
    yield made
    made.shutdown()


def blocked(threads: Threads, count: int) -> tuple[threading.Event, threading.Barrier]:
    """So many tasks at work until the event is set; the barrier is passed when all of them run."""
    ends, running = threading.Event(), threading.Barrier(count + 1)

    def task() -> None:
        running.wait(PATIENCE)
        assert ends.wait(PATIENCE)

    for _ in range(count):
        threads.submit(task)
    return ends, running


def test_a_task_gives_its_result_and_its_error(threads: Threads) -> None:
    assert threads.submit(lambda: 7).result(PATIENCE) == 7
    with pytest.raises(ValueError, match="no"):
        threads.submit(_fails).result(PATIENCE)


def _fails() -> None:
    raise ValueError("no")


def test_no_more_tasks_work_at_once_than_there_are_places(threads: Threads) -> None:
    ends, running = blocked(threads, 2)
    running.wait(PATIENCE)

    third = threads.submit(lambda: "third")

    assert not third.done()
    ends.set()
    assert third.result(PATIENCE) == "third"


def test_who_waits_for_a_client_makes_room(threads: Threads) -> None:
    waiting = [Waits(threads) for _ in range(4)]
    futures = [threads.submit(each) for each in waiting]
    assert all(each.waits.wait(PATIENCE) for each in waiting)

    assert threads.submit(lambda: "served").result(PATIENCE) == "served"

    for each in waiting:
        each.goes.set()
    assert [each.result(PATIENCE) for each in futures] == ["done"] * 4


def test_who_comes_back_takes_a_place_before_new_tasks() -> None:
    threads = Threads(busy=1, most=3)
    client = Waits(threads)
    first = threads.submit(client)
    assert client.waits.wait(PATIENCE)
    ends, running = blocked(threads, 1)
    running.wait(PATIENCE)
    order: list[str] = []
    first.add_done_callback(lambda _future: order.append("back"))
    client.goes.set()
    # Whoever waits for a place again is on the list before anybody leaves.
    assert _soon(lambda: bool(threads._returning))
    new = threads.submit(order.append, "new")

    ends.set()
    new.result(PATIENCE)
    first.result(PATIENCE)

    assert order[0] == "back"


def test_when_all_threads_wait_the_longest_waiting_is_hung_up_on(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DISPLACED_AFTER", 0.0)
    waiting = [Waits(threads) for _ in range(5)]
    for each in waiting:
        threads.submit(each)
        assert each.waits.wait(PATIENCE)

    assert threads.submit(lambda: "served").result(PATIENCE) == "served"

    assert [each.goes.is_set() for each in waiting] == [True, False, False, False, False]
    for each in waiting:
        each.goes.set()


def test_threads_that_are_too_many_end(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.05)
    waiting = [Waits(threads) for _ in range(5)]
    for each in waiting:
        threads.submit(each)
        assert each.waits.wait(PATIENCE)

    for each in waiting:
        each.goes.set()

    assert _soon(lambda: threads._alive == 2)
    assert threads.submit(lambda: "served").result(PATIENCE) == "served"


def test_after_the_end_no_task_is_taken(threads: Threads) -> None:
    threads.shutdown()

    with pytest.raises(RuntimeError):
        threads.submit(lambda: None)


def _soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within some seconds."""
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return True
        pause.wait(0.01)
    return False
