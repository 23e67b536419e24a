"""What devices feel: reports taken in and folded per second, latencies, processor time per report, bytes on disk per report.

One row per line of the table that intake is measured by; the form is a site assessment of 33 questions, about 2 kB filled in.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests
from sqlalchemy import func, select, text

from bench import seeding
from bench.link import Link
from forms.filling import fill
from server.models import AppUser, FormDuty, PendingFact, Submission
from server.queries import export_parts as parts
from server.services import forms as form_services
from server.services.definitions import definition_of
from server.services.export_rendering import WORDING
from server.services.journal import now
from tests.cast import Cast, make_cast
from tests.processes import REPOSITORY, RunningServer

Row = dict[str, Any]
Pids = Callable[[], list[int]]
ENTITIES = "key_infrastructure"
OPENROSA = {"X-OpenRosa-Version": "1.0"}
PHOTO = random.Random(7).randbytes(200_000)


def rows(server: RunningServer, reports: int, others: Pids = list) -> Iterator[Row]:
    """Figures of one running server that was prepared and is empty. others: pids of its database server."""
    bench = Bench(server, others)
    bench.send([bench.body() for _ in range(100)], 8)
    bench.settle()
    yield from bench.xml_only(reports)
    yield {"work": "one photo of 200 kB each", **bench.send([bench.body(PHOTO) for _ in range(reports // 4)], 8)}
    yield {"work": "with entity, matching and record", **bench.send([bench.with_entity(n) for n in range(reports // 4)], 8)}
    yield from bench.downloads()
    yield bench.races(60)
    yield bench.resend_after_edit()
    processes = [psutil.Process(pid) for pid in server.pids()]
    yield {"work": "memory after all that", "rss_mb": round(sum(each.memory_info().rss for each in processes) / 2**20, 1)}


class Bench:
    """A server with the form published and a device that may fill it."""

    def __init__(self, server: RunningServer, others: Pids) -> None:
        self.server, self.others = server, others
        with server.session() as session:
            self.cast: Cast = make_cast(session)
            seeding.publish(session, server.settings)
            path = REPOSITORY / "forms" / "library" / f"{ENTITIES}.xlsx"
            outcome = form_services.publish(session, server.settings, 1, path.read_bytes(), path.name)
            self.entities = definition_of(outcome.version)
            session.add_all(
                FormDuty(project_id=1, xml_form_id=each, post_type="patrol_unit") for each in (seeding.FORM_ID, ENTITIES)
            )
            for device in session.scalars(select(AppUser)):
                device.last_seen_at = now()
            session.commit()
        self.key = self.cast.key_path(0)
        self.number = 0

    def report(self) -> bytes:
        """A report of its own."""
        self.number += 1
        return seeding.report(10_000_000 + self.number)

    def body(self, photo: bytes | None = None) -> bytes:
        """The POST of one."""
        return _multipart(self.report(), photo)

    def with_entity(self, number: int) -> bytes:
        """A report on a facility: it makes an entity, which is compared with all others nearby and becomes a record."""
        rng, day = random.Random(number), dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
        answers = {
            "reporting_unit": "BANBATT-3", "reporter_role": "patrol", "report_date": "2026-11-20", "un_class": "UNCLASSIFIED",
            "sensitivity": "low", "adm1": "CF32", "adm2": "CF321", "settlement_new": f"Place {number % 97}", "fac_group": "water",
            "fac_type": "borehole", "gps": f"{6 + rng.random():.5f} {17 + rng.random():.5f} 400 5",
            "fac_name": f"Forage {rng.randint(1, 10**6)}", "ownership": "community", "functionality": "full", "damage": "none",
            "fac_source": "seen",
        }
        known = {field.name for field in self.entities.fields}
        xml = fill(
            self.entities, {name: value for name, value in answers.items() if name in known}, {}, day, device_id="bench",
            instance_id=f"uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}", start=day, end=day, rng=rng,
        )
        return _multipart(xml)

    def xml_only(self, reports: int) -> Iterator[Row]:
        """Reports without files over 1, 8 and 32 connections, and what they take on disk."""
        self.rest()
        before = self.bytes_on_disk()
        for connections in (8, 32):
            bodies = [self.body() for _ in range(reports)]
            yield {"work": "XML only", "connections": connections, **self.send(bodies, connections)}
        yield {"work": "XML only", "connections": 1, **self.send([self.body() for _ in range(max(reports // 4, 50))], 1)}
        stored = 2 * reports + max(reports // 4, 50)
        self.rest()
        yield {"work": "disk per submission", "bytes": round((self.bytes_on_disk() - before) / stored)}

    def send(self, bodies: Sequence[bytes], connections: int) -> Row:
        """Sends them, and waits until all is folded; processor time of all our processes up to either moment."""
        path = f"{self.key}/submission?deviceID=bench"
        head = {**OPENROSA, "Content-Type": "multipart/form-data; boundary=bench", "User-Agent": "org.odk.collect/bench"}
        requests_made = [Link.request("POST", path, head, body) for body in bodies]
        before, started = self.cpu(), time.monotonic()
        latencies, statuses = self.ask(requests_made, connections)
        accepted_after, accepted = time.monotonic() - started, self.cpu()
        self.settle()
        whole_after, whole = time.monotonic() - started, self.cpu()
        count = len(bodies)

        return {
            "reports": count, "answers": statuses, "accepted_per_s": round(count / accepted_after, 1),
            "end_to_end_per_s": round(count / whole_after, 1), **_percentiles(latencies),
            "cpu_ms_accepted": _per_report(before, accepted, count), "cpu_ms_accepted_all": _sum(before, accepted, count),
            "cpu_ms_end_to_end": _per_report(before, whole, count), "cpu_ms_end_to_end_all": _sum(before, whole, count),
        }

    def ask(self, made: Sequence[bytes], connections: int) -> tuple[list[float], dict[str, int]]:
        """Sends prepared requests over so many connections; latencies in seconds and how often each status came."""
        latencies: list[float] = []
        statuses: Counter[str] = Counter()
        lock, waiting = threading.Lock(), iter(made)

        def work() -> None:
            link = Link(self.server.port)
            while True:
                with lock:
                    each = next(waiting, None)
                if each is None:
                    link.close()
                    return
                started = time.perf_counter()
                status = link.ask(each)
                passed = time.perf_counter() - started
                with lock:
                    latencies.append(passed)
                    statuses[str(status)] += 1

        threads = [threading.Thread(target=work) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return latencies, dict(statuses)

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far: web processes (with their parent), worker, database server."""
        found: dict[str, float] = {}
        for pid in [*self.server.pids(), *self.others()]:
            try:
                process = psutil.Process(pid)
                kind = "worker" if "server.worker" in process.cmdline() else "database" if pid in self.others() else "web"
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            found[kind] = found.get(kind, 0.0) + times.user + times.system
        return found

    def settle(self) -> None:
        """Waits until every stored fact is folded. Raises TimeoutError after ten minutes."""
        deadline = time.monotonic() + 600
        with self.server.session() as session:
            while session.scalar(select(func.count()).select_from(PendingFact)):
                if time.monotonic() > deadline:
                    raise TimeoutError("the worker did not fold everything in 600 s")
                session.rollback()
                time.sleep(0.05)

    def rest(self) -> None:
        """Waits until the texts of exports are stored as well: they are part of what a report takes. At most a minute."""
        deadline = time.monotonic() + 60
        with self.server.session() as session:
            while parts.stale(session, now(), WORDING, 1) and time.monotonic() < deadline:
                session.rollback()
                time.sleep(0.5)

    def bytes_on_disk(self) -> int:
        """Size of the database, indexes included, without the journal."""
        with self.server.session() as session:
            if session.get_bind().dialect.name == "postgresql":
                return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
            session.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))
            return int(session.scalar(text("PRAGMA page_count")) or 0) * int(session.scalar(text("PRAGMA page_size")) or 0)

    def downloads(self) -> Iterator[Row]:
        """Form list and form XML, and the form again when the device has it."""
        form = f"{self.key}/forms/{seeding.FORM_ID}.xml"
        tag = requests.get(self.server.base_url + form, headers=OPENROSA, timeout=60).headers["ETag"]
        for work, path, more in (
            ("form list", f"{self.key}/formList", {}), ("form XML", form, {}), ("form XML, known", form, {"If-None-Match": tag}),
        ):
            made = [Link.request("GET", path, {**OPENROSA, **more})] * 200
            latencies, statuses = self.ask(made, 1)
            yield {"work": work, "answers": statuses, **_percentiles(latencies)}

    def races(self, pairs: int) -> Row:
        """Two connections send the same new report at the same time: both must hear that it is there, and it is there once."""
        url, before = f"{self.server.base_url}{self.key}/submission", self.stored()
        statuses: Counter[str] = Counter()
        for _ in range(pairs):
            body, gate = self.body(), threading.Barrier(2)

            def send(body: bytes = body, gate: threading.Barrier = gate) -> None:
                gate.wait()
                statuses[str(_post(url, body).status_code)] += 1

            threads = [threading.Thread(target=send) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        stored = self.stored() - before
        return {"work": "the same new report twice at once", "pairs": pairs, "answers": dict(statuses), "rows": stored}

    def stored(self) -> int:
        """How many submissions there are."""
        with self.server.session() as session:
            return session.scalar(select(func.count()).select_from(Submission)) or 0

    def resend_after_edit(self) -> Row:
        """The phone sends its original again after the office corrected it."""
        url, xml = f"{self.server.base_url}{self.key}/submission", self.report()
        old = xml.split(b"<instanceID>")[1].split(b"</instanceID>")[0].decode()
        edit = xml.replace(
            f"<instanceID>{old}</instanceID>".encode(),
            f"<instanceID>uuid:{uuid.uuid4()}</instanceID><deprecatedID>{old}</deprecatedID>".encode(),
        )
        first = _post(url, _multipart(xml)).status_code
        admin = self.cast.people["admin"].bearer | {"Content-Type": "application/xml"}
        place = f"{self.server.base_url}/v1/projects/1/forms/{seeding.FORM_ID}/submissions/{old}"
        corrected = requests.put(place, data=edit, headers=admin, timeout=60).status_code
        again = _post(url, _multipart(xml)).status_code
        unchanged = requests.get(f"{place}.xml", headers=admin, timeout=60).content == edit
        return {"work": "re-send after an office edit", "answers": [first, corrected, again], "nothing_changed": unchanged}


def _per_report(before: dict[str, float], until: dict[str, float], count: int) -> Row:
    """Milliseconds of each kind of process per report; what the worker folded meanwhile is among "accepted" as well."""
    return {name: round((seconds - before.get(name, 0.0)) / count * 1000, 2) for name, seconds in until.items()}


def _sum(before: dict[str, float], until: dict[str, float], count: int) -> float:
    return round((sum(until.values()) - sum(before.values())) / count * 1000, 2)


def _post(url: str, body: bytes) -> requests.Response:
    return requests.post(url, data=body, headers={**OPENROSA, "Content-Type": "multipart/form-data; boundary=bench"}, timeout=60)


def _multipart(xml: bytes, photo: bytes | None = None) -> bytes:
    part = b'--bench\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
    parts = [part % (b"xml_submission_file", b"submission.xml", b"text/xml", xml)]
    if photo is not None:
        # A few bytes of its own make every photo another file.
        parts.append(part % (b"photo.jpg", b"photo.jpg", b"image/jpeg", uuid.uuid4().bytes + photo))
    return b"".join(parts) + b"--bench--\r\n"


def _percentiles(latencies: list[float]) -> Row:
    cuts = statistics.quantiles(latencies, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 1), "p99_ms": round(cuts[98] * 1000, 1)}


def database_pids(data_directory: Path) -> list[int]:
    """The processes of the PostgreSQL server over that data directory."""
    parent = psutil.Process(int((data_directory / "postmaster.pid").read_text().split()[0]))
    return [parent.pid, *(child.pid for child in parent.children())]
