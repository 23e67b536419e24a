"""What devices feel: reports accepted and folded in per second, latencies, CPU per report, form list and list downloads."""

from __future__ import annotations

import datetime as dt
import http.client
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil
from sqlalchemy import func, select

from forms.fields import FormDefinition
from forms.filling import fill
from server.models import FormDuty, PendingFact
from server.queries import forms as form_queries
from server.services import forms as form_services
from server.services.definitions import definition_of
from tests.cast import make_cast
from tests.processes import REPOSITORY, RunningServer

FORMS = {"monthly_return": "without entities", "key_infrastructure": "with entity, matching and record"}


def rows(server: RunningServer, reports: int) -> Iterator[dict[str, Any]]:
    """Figures of one running server that was prepared and is empty."""
    definitions, key_path = _set_up(server)
    for form_id, kind in FORMS.items():
        for connections in (1, 8, 32):
            count = max(reports // 4, 50) if connections == 1 else reports
            bodies = [_report(definitions[form_id], number) for number in range(count)]
            yield {
                "work": f"XML only, {kind}",
                "connections": connections,
                **_send(server, f"{key_path}/submission", bodies, connections),
            }
    for name, path in (
        ("form list", "formList"),
        ("form XML", "forms/key_infrastructure.xml"),
        ("list of facilities", "forms/key_infrastructure/attachments/facilities.csv"),
    ):
        yield {"work": name, **_get(server, f"{key_path}/{path}", 100)}
    processes = [psutil.Process(pid) for pid in server.pids()]
    yield {"work": "memory after all that", "rss_mb": round(sum(each.memory_info().rss for each in processes) / 2**20, 1)}


def _set_up(server: RunningServer) -> tuple[dict[str, FormDefinition], str]:
    with server.session() as session:
        cast = make_cast(session)
        definitions = {}
        for form_id in FORMS:
            path = REPOSITORY / "forms" / "library" / f"{form_id}.xlsx"
            outcome = form_services.publish(session, server.settings, 1, path.read_bytes(), path.name)
            definitions[form_id] = definition_of(outcome.version)
            _let_fill(session, form_id)
        session.commit()
        assert form_queries.forms(session, 1)
        return definitions, cast.key_path(0)


def _let_fill(session: Any, form_id: str) -> None:
    """Lets patrol units fill the form."""
    session.add(FormDuty(project_id=1, xml_form_id=form_id, post_type="patrol_unit"))


def _report(definition: FormDefinition, number: int) -> bytes:
    rng = random.Random(number)
    day = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
    answers: dict[str, Any] = {
        "reporting_unit": "BANBATT-3",
        "reporter_role": "patrol",
        "report_date": "2026-11-20",
        "un_class": "UNCLASSIFIED",
        "sensitivity": "low",
        "year": "2026",
        "month": f"{rng.randint(1, 12):02d}",
        "nil_return": "no",
        "correction": "no",
        "n_patrols": str(rng.randint(0, 40)),
        "n_visits": "12",
        "n_meetings": "7",
        "summary": f"Report {number}",
        "adm1": "CF32",
        "adm2": "CF321",
        "settlement_new": f"Place {number % 97}",
        "fac_group": "water",
        "fac_type": "borehole",
        "gps": f"{6 + rng.random():.5f} {17 + rng.random():.5f} 400 5",
        "fac_name": f"Forage {rng.randint(1, 10**6)}",
        "ownership": "community",
        "functionality": "full",
        "damage": "none",
        "fac_source": "seen",
    }
    known = {field.name for field in definition.fields}
    return fill(
        definition,
        {name: value for name, value in answers.items() if name in known},
        {},
        day,
        device_id="bench",
        instance_id=f"uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}",
        start=day,
        end=day,
        rng=rng,
    )


def _cpu(server: RunningServer) -> float:
    total = 0.0
    for pid in server.pids():
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def _send(server: RunningServer, path: str, bodies: Sequence[bytes], connections: int) -> dict[str, Any]:
    before, started = _cpu(server), time.monotonic()
    latencies, statuses = _in_threads(server, [lambda link, body=body: _post(link, path, body) for body in bodies], connections)
    accepted_after, accepted_cpu = time.monotonic() - started, _cpu(server) - before
    _wait_until_folded(server)
    whole_after, whole_cpu = time.monotonic() - started, _cpu(server) - before
    count = len(bodies)
    return {
        "reports": count,
        "answers": statuses,
        "accepted_per_s": round(count / accepted_after, 1),
        "end_to_end_per_s": round(count / whole_after, 1),
        **_percentiles(latencies),
        "cpu_ms_accepted": round(accepted_cpu / count * 1000, 2),
        "cpu_ms_end_to_end": round(whole_cpu / count * 1000, 2),
    }


def _get(server: RunningServer, path: str, count: int) -> dict[str, Any]:
    latencies, statuses = _in_threads(server, [lambda link: _fetch(link, path)] * count, 1)
    return {"requests": count, "answers": statuses, **_percentiles(latencies)}


def _percentiles(latencies: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 1), "p99_ms": round(cuts[98] * 1000, 1)}


Job = Callable[[http.client.HTTPConnection], int]


def _in_threads(server: RunningServer, jobs: Sequence[Job], connections: int) -> tuple[list[float], dict[str, int]]:
    latencies: list[float] = []
    statuses: dict[str, int] = {}
    lock, waiting = threading.Lock(), iter(jobs)

    def work() -> None:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while True:
            with lock:
                job = next(waiting, None)
            if job is None:
                link.close()
                return
            started = time.perf_counter()
            status = job(link)
            passed = time.perf_counter() - started
            with lock:
                latencies.append(passed)
                statuses[str(status)] = statuses.get(str(status), 0) + 1

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, statuses


def _post(link: http.client.HTTPConnection, path: str, xml: bytes) -> int:
    mark = "fieldpostbench"
    head = 'Content-Disposition: form-data; name="xml_submission_file"; filename="s.xml"\r\nContent-Type: text/xml'
    body = f"--{mark}\r\n{head}\r\n\r\n".encode() + xml + f"\r\n--{mark}--\r\n".encode()
    headers = {"X-OpenRosa-Version": "1.0", "Content-Type": f"multipart/form-data; boundary={mark}"}
    return _answered(link, "POST", path, body, headers)


def _fetch(link: http.client.HTTPConnection, path: str) -> int:
    return _answered(link, "GET", path, None, {"X-OpenRosa-Version": "1.0"})


def _answered(link: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> int:
    link.request(method, path, body, headers)
    answer = link.getresponse()
    answer.read()
    return answer.status


def _wait_until_folded(server: RunningServer) -> None:
    deadline = time.monotonic() + 600
    with server.session() as session:
        while time.monotonic() < deadline:
            if not session.scalar(select(func.count()).select_from(PendingFact)):
                return
            session.rollback()
            time.sleep(0.05)
    raise TimeoutError("the worker did not fold everything in 600 s")
