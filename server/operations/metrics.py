"""GET /metrics in Prometheus' text format: what waits, what failed, what there is. No names, no places."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from server import logs
from server.extensions import db
from server.gate import public
from server.problems import Problem
from server.queries.operations import counts
from server.services import heartbeat

HELP = {
    "facts": "Facts stored on this server (largest local number).",
    "facts_pending": "Facts not yet folded into the records.",
    "facts_failed": "Facts whose folding failed at least once and is tried again.",
    "submissions_quarantined": "Submissions that arrived into quarantine.",
    "records": "Live records over all registers.",
    "review_tasks_open": "Questions that wait for an officer.",
}


class _Counts(Collector):
    def collect(self) -> Iterator[Metric]:
        session = db.session()
        for name, value in counts(session).items():
            yield GaugeMetricFamily(f"fieldpost_{name}", HELP[name], value=value)
        age = heartbeat.age(session)
        yield GaugeMetricFamily(
            "fieldpost_worker_heartbeat_age_seconds", "Seconds since the worker's last sign of life; -1: never.",
            value=-1 if age is None else age.total_seconds(),
        )


@public
def metrics() -> Response:
    """The counts of the moment; they are read at each scrape, so every web process answers the same.

    Raises unwell when the database cannot be read: no numbers are better than zeros.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts())
    try:
        text = generate_latest(registry)
    except SQLAlchemyError as error:
        logs.error("no numbers", exc_info=error)
        raise Problem("unwell", reason="the database cannot be read") from error
    return Response(text, content_type=CONTENT_TYPE_LATEST)
