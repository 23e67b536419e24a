"""What clients that read feel: exports, tables, lists and maps of 50,000 reports with 150,000 rows of a repeat."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import psutil

from bench import seeding
from tests.cast import Cast, make_cast
from tests.processes import RunningServer

Row = dict[str, Any]
_FORM = f"/v1/projects/1/forms/{seeding.FORM_ID}"
_NEWEST = quote("__system/submissionDate gt 2020-01-01T00:00:00Z")
WORK = {
    "CSV zip, all": ("/submissions.csv.zip?attachments=false", 2.5),
    "CSV zip with a column per choice, all": ("/submissions.csv.zip?attachments=false&splitSelectMultiples=true", None),
    "OData whole table": (".svc/Submissions", 2.5),
    "OData table of the repeat, whole": (".svc/Submissions.leader", None),
    "OData page of 1,000": (".svc/Submissions?$top=1000&$count=true", 0.1),
    "OData page of 1,000, filtered": (f".svc/Submissions?$top=1000&$filter={_NEWEST}", 0.1),
    "OData page of 1,000 of the repeat": (".svc/Submissions.leader?$top=1000", 0.1),
    "submissions list, all": ("/submissions", 0.5),
    "submissions list, page of 100": ("/submissions?limit=100", None),
    "GeoJSON, cold": ("/submissions.geojson", 1.5),
}
_REPEATED = 5


def rows(server: RunningServer, reports: int, others: Callable[[], list[int]] = list) -> Iterator[Row]:
    """Figures of one prepared, stopped and empty server; it is seeded and started here. others: pids of its database."""
    cast = _seed(server, reports)
    server.start()
    _settle(server, others)
    head = cast.people["hq_officer"].bearer
    for work, (path, aim) in WORK.items():
        small = "page" in work
        found = [_get(server, f"{_FORM}{path}", head, others) for _ in range(_REPEATED if small else 1)]
        best = min(found, key=lambda row: float(row["cpu_s"]))
        yield {"work": work, "reports": reports, "aim_s": aim, **best}
    tag = _get(server, f"{_FORM}.svc/Submissions", head, others)["etag"]
    known = [_get(server, f"{_FORM}.svc/Submissions", {**head, "If-None-Match": tag}, others) for _ in range(_REPEATED)]
    yield {"work": "OData whole table, unchanged (304)", "reports": reports, **min(known, key=lambda row: float(row["wall_s"]))}


def _seed(server: RunningServer, reports: int) -> Cast:
    with server.session() as session:
        cast = make_cast(session)
        session.commit()
        seeding.publish(session, server.settings)
        seeding.seed(session, reports)
    return cast


def _cpu(server: RunningServer, others: Callable[[], list[int]]) -> dict[int, float]:
    """Processor seconds so far of every process of ours, by pid."""
    found = {}
    for pid in {*server.pids(), *others()}:
        # A database process may have ended since it was listed.
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            found[pid] = times.user + times.system
    return found


def _settle(server: RunningServer, others: Callable[[], list[int]]) -> None:
    """Waits until nothing uses the processor any more: the first seconds after a start belong to none of the figures."""
    deadline = time.monotonic() + 60
    before = sum(_cpu(server, others).values())
    while time.monotonic() < deadline:
        time.sleep(1)
        now = sum(_cpu(server, others).values())
        if now - before < 0.05:
            return
        before = now


def _get(server: RunningServer, path: str, head: dict[str, str], others: Callable[[], list[int]]) -> Row:
    """One request, with the processor seconds of all our processes and how far the web processes' memory rose."""
    before = _cpu(server, others)
    web = [psutil.Process(pid) for pid in server.pids()]
    resting = sum(each.memory_info().rss for each in web)
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    started = time.monotonic()
    link.request("GET", path, headers=head)
    answer = link.getresponse()
    first = size = peak = 0
    first_after = 0.0
    while piece := answer.read(1 << 16):
        if not size:
            first_after = time.monotonic() - started
        size += len(piece)
        if size - first > 1 << 22:
            first = size
            peak = max(peak, sum(each.memory_info().rss for each in web))
    wall = time.monotonic() - started
    after = _cpu(server, others)
    link.close()
    cpu = sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
    return {
        "status": answer.status, "cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "first_byte_s": round(first_after, 3),
        "mb": round(size / 1e6, 1), "memory_mb": round(max(peak, resting) / 2**20),
        "memory_rise_mb": round(max(0, peak - resting) / 2**20),
        "etag": answer.getheader("ETag") or "",
    }
