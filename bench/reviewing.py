"""An officer at the review queue: what one decision costs, with the page of the next question in the same answer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import select

from bench import scale
from server.models import ReviewTask
from server.services import folding
from tests.processes import RunningServer

# One record in twenty is described anew under another spelling: so many questions wait.
RECORDS = 400
Row = dict[str, Any]


def rows(server: RunningServer, records: int, _others: Callable[[], list[int]]) -> Iterator[Row]:
    """CPU milliseconds of this process for the page, then for each of the waiting decisions (the aim: under 150 ms each)."""
    with server.session() as session:
        scale.write(session, server.settings, records, 2)
        folding.drain(session)
    with scale.officer_at(server.settings) as (client, session, _identity):
        waiting = session.scalars(select(ReviewTask.id).order_by(ReviewTask.worth.desc())).all()
        first = scale.timed(lambda: client.get("/review"))["cpu_s"] * 1000
        costs = []
        for task in waiting:
            action = _decision(client, task)
            costs.append(scale.timed(action)["cpu_s"] * 1000)
        yield {
            "what": "decision with the next question", "records": records, "decisions": len(costs),
            "page_cpu_ms": round(first, 1), "cpu_ms_median": round(statistics.median(costs), 1),
            "cpu_ms_worst": round(max(costs), 1),
        }  # fmt: skip


def _decision(client: Any, task: str) -> Callable[[], object]:
    def decide() -> None:
        answer = client.post(f"/review/{task}", data={"answer": "different"}, headers={"HX-Request": "true"})
        assert answer.status_code == 200, answer.status

    return decide
