"""A large mission: records with ten observations each, and what grows with them. Facts are written in bulk, all else folded."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import re
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.orm import Session

from bench.seeding import BATCH
from server.application import build
from server.config import Settings
from server.models import CandidatePair, Entity, Fact, Observation, PendingFact, Record, ReviewTask, Submission
from server.models.columns import table_of
from server.queries import accounts as account_queries
from server.queries import forms as form_queries
from server.queries.mission import server_id
from server.services import accounts, authentication, dictionaries, folding, form_datasets, form_library, intake
from server.services.documents import pack
from server.services.identity import Identity
from server.services.uploads import Upload
from sync.merge.facts import derived_id
from tests.databases import make_settings
from tests.processes import RunningServer
from tests.server import patrols

EMAIL = "bench@example.org"
FORM = "key_infrastructure"
# One created report in so many describes a known thing anew, under another spelling and some metres off.
AGAIN = 20
SPELLINGS = (("Centre de Santé", "CS"), ("Poste de Santé", "PS"), ("École primaire", "EP"), ("Forage", "Forage de"))
TYPES = ("health_centre", "health_post", "school_primary", "borehole")
GROUPS = ("health", "health", "education", "water")
_SOUNDS = (
    "ba", "bo", "da", "do", "ga", "gbo", "ka", "ki", "kou", "la", "li", "ma", "mbo", "na", "ngo", "nza", "ra", "sa",
    "ti", "ya", "za",
)
Row = dict[str, Any]


def thing(number: int) -> tuple[str, str, float, float]:
    """(name, type index as text, latitude, longitude) of a made-up facility: villages about 3 km apart, four things in each."""
    village, kind = divmod(number, 4)
    rng = random.Random(village)
    side = 400
    lat, lon = 3.0 + (village // side) * 0.027, 15.0 + (village % side) * 0.027
    name = "".join(rng.choice(_SOUNDS) for _ in range(rng.randint(2, 4))).capitalize()
    own = random.Random(number)
    return name, str(kind), lat + own.uniform(-0.003, 0.003), lon + own.uniform(-0.003, 0.003)


class Reports:
    """Filled questionnaires of about 4 kB: made once by the form's own structure, then copied with other answers."""

    def __init__(self) -> None:
        self._template = _template()

    def report(self, number: int, records: int) -> tuple[str, bytes]:
        """(instanceID, XML) of one report: the first `records` make things, the others update one of them."""
        rng = random.Random(number)
        of, first = number % records, number < records
        twin = first and of % AGAIN == AGAIN - 1
        name, kind_text, lat, lon = thing(of - 1 if twin else of)
        kind = int(kind_text)
        long, short = SPELLINGS[kind]
        day = dt.date(2025, 1, 1) + dt.timedelta(days=number * 600 // (records * 10))
        metres = 0.0008 if twin else 0.0
        place = f"{lat + metres:.6f} {lon:.6f} 0 {rng.randint(4, 30)}"
        instance = f"uuid:{derived_id('scale', str(number))}"
        operation = 'create="1"' if first else f'update="1" baseVersion="{number // records}"'
        answers = {
            "@name@": f"{short if twin else long} {name}", "@group@": GROUPS[kind], "@type@": TYPES[kind], "@place@": place,
            "@day@": day.isoformat(), "@works@": rng.choice(("full", "partial", "none")), "@unit@": f"UNIT-{rng.randrange(20)}",
            "@entity@": entity(of), "@operation@": operation, "@instance@": instance, "@adm2@": f"CF3{of % 90:02d}",
        }  # fmt: skip
        text = self._template
        for key, value in answers.items():
            text = text.replace(key, value)
        return instance, text.encode()


def entity(number: int) -> str:
    """The id of a thing."""
    return str(uuid.UUID(bytes=uuid.UUID(derived_id("scale-thing", str(number))).bytes, version=4))


def _template() -> str:
    answers = {
        "reporting_unit": "@unit@", "reporter_role": "patrol", "report_date": "@day@", "adm1": "CF3", "adm2": "@adm2@",
        "fac_group": "@group@", "fac_type": "@type@", "fac_name": "@name@", "fac_adm2": "@adm2@", "fac_source": "observed",
        "ownership": "public", "functionality": "@works@", "gps": "@place@", "fac_geo": "@place@",
    }  # fmt: skip
    operation = {"dataset": "facilities", "id": "@entity@", "make": "@operation@"}
    made = patrols.filled(FORM, answers, operation, "@name@", "@instance@")
    return made.decode().replace('make="@operation@"', "@operation@")


def write(session: Session, settings: Settings, records: int, observations: int) -> None:
    """Stores `records` * `observations` reports as intake would have, all of them waiting to be folded. Commits."""
    accounts.create_user(session, None, EMAIL, accounts.Profile("Bench", "hq_officer", None), "a long bench password")
    form_library.publish_from_library(session, settings, FORM, None)
    form_datasets.ensure_dataset(session, 1, "facilities", {}, register="facilities")
    session.commit()
    dictionaries.make_missing(session)
    officer = account_queries.user_by_email(session, EMAIL)
    assert officer is not None
    sender = officer[1]
    form = form_queries.form(session, 1, FORM)
    current = form_queries.version_by_id(session, form.current_version_id if form else None)
    version = current.version if current else ""
    dictionary = dictionaries.for_report(session, 1, FORM, version, False)
    origin, made = server_id(session), Reports()
    total, start = records * observations, dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    for begin in range(0, total, BATCH):
        facts, rows = [], []
        for number in range(begin, min(total, begin + BATCH)):
            instance, xml = made.report(number, records)
            sha256 = hashlib.sha256(xml).hexdigest()
            received = start + dt.timedelta(seconds=number * 50)
            facts.append({
                "id": number + 1_000, "uuid": derived_id("scale-fact", str(number)), "kind": "submission", "actor_id": sender.id,
                "actor_name": "Bench", "observed_at": None, "received_at": received, "server_id": origin,
                "payload_sha256": sha256, "hlc": f"{int(received.timestamp() * 1000):013d}-{number % 100000:05d}-{origin}",
            })  # fmt: skip
            rows.append({
                "fact_id": number + 1_000, "project_id": 1, "xml_form_id": FORM, "form_version": version, "is_draft": False,
                "instance_id": instance, "root_instance_id": instance, "deprecated_id": None, "instance_name": None,
                "canonical_hash": sha256, "xml": pack(xml, dictionary), "encrypted": False, "disposition": "stored",
                "reason": None, "receipt": f"S{number:08d}", "channel": "openrosa", "submitter_id": sender.id, "post_id": None,
                "device_id": f"bench-{number % 200:04d}", "user_agent": "bench",
            })  # fmt: skip
        session.execute(insert(table_of(Fact)), facts)
        session.execute(insert(table_of(Submission)), rows)
        session.execute(insert(table_of(PendingFact)), [{"fact_id": f["id"], "attempts": 0} for f in facts])
        session.commit()


def _cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def timed(action: Callable[[], object]) -> Row:
    """CPU and wall seconds of an action."""
    cpu, wall = _cpu(), time.monotonic()
    action()
    return {"cpu_s": round(_cpu() - cpu, 3), "wall_s": round(time.monotonic() - wall, 3)}


def sizes(session: Session) -> Row:
    """How many rows there are of what grows."""
    models = (Record, Entity, Observation, CandidatePair, ReviewTask, PendingFact)
    return {model.__tablename__: session.scalar(select(func.count()).select_from(model)) for model in models}


def rows(records: int, observations: int = 10) -> Iterator[Row]:
    """Writes and folds a mission of that size on SQLite, then measures what an officer and a patrol wait for."""
    with tempfile.TemporaryDirectory(prefix="fieldpost-scale-") as name:
        directory = Path(name)
        settings = make_settings(directory, f"sqlite:///{directory / 'fieldpost.sqlite3'}")
        server = RunningServer(settings).prepare()
        size = {"records": records, "observations": records * observations}
        with server.session() as session:
            yield {"what": "facts written", **size, **timed(lambda: write(session, settings, records, observations))}
            yield {"what": "all folded", **size, **timed(lambda: folding.drain(session))}
            yield {"what": "rows", **size, **sizes(session), "peak_mb": _peak_mb()}
            database = sum(each.stat().st_size for each in directory.glob("fieldpost.sqlite3*"))
            yield {"what": "disk", **size, "mb": round(database / 1e6, 1)}
        yield from looked_at(settings, size)


@contextmanager
def officer_at(settings: Settings) -> Iterator[tuple[FlaskClient, Session, Identity]]:
    """A headquarters officer who has signed in: the browser, a session of the database, the identity."""
    app = build(settings)
    with app.app_context(), Session(create_engine(settings.database_url)) as session:
        found = account_queries.user_by_email(session, EMAIL)
        assert found is not None
        token, page = authentication.open_session(session, found[1].id, "page")
        session.commit()
        client = app.test_client()
        client.set_cookie(authentication.SESSION_COOKIE, token)
        client.environ_base["HTTP_X_CSRF_TOKEN"] = page.csrf
        yield client, session, authentication.user_identity(*found, how="cookie")


def looked_at(settings: Settings, size: Row) -> Iterator[Row]:
    """CPU milliseconds of one report's arrival, and of the pages, in this process."""
    with officer_at(settings) as (client, session, identity):
        record = session.scalars(select(Record.id).order_by(Record.observation_count.desc())).first()
        task = session.scalars(select(ReviewTask.id).order_by(ReviewTask.worth.desc())).first()
        register = "/registers/facilities"
        pages = {
            "record page": f"{register}/{record}", "record on a day": f"{register}/{record}/past?on=2025-09-01",
            "review page": f"/review/{task}", "review queue": "/review", "register list": register,
            "register list, searched": f"{register}?q=gbo", "map's points": f"{register}/points.geojson",
        }
        for what, address in pages.items():
            assert client.get(address).status_code == 200, address
            yield {"what": what, **size, **_milliseconds(partial(_look, client, address), 5)}
        made, sent = Reports(), iter(range(5_000_000, 6_000_000))
        for what, operation in (("arrival of a new thing", "create"), ("arrival of an update", "update")):
            take = partial(_arrive, session, identity, made, sent, operation, size)
            yield {"what": what, **size, **_milliseconds(take, 9)}


def _look(client: FlaskClient, address: str) -> bytes:
    return client.get(address).get_data()


def _arrive(session: Session, identity: Identity, made: Reports, sent: Iterator[int], operation: str, size: Row) -> None:
    """One report taken in and folded at once, as the worker folds it."""
    records = int(size["records"])
    of = next(sent) * 7919 % records
    _instance, xml = made.report(of if operation == "create" else of + records, records)
    if operation == "create":
        xml = xml.replace(entity(of).encode(), str(uuid.uuid4()).encode())
    xml = re.sub(rb"uuid:[0-9a-f-]{36}", f"uuid:{uuid.uuid4()}".encode(), xml)
    with Upload(xml) as upload:
        intake.receive(session, upload, project_id=1, sender=intake.Sender(identity))
    assert folding.drain(session).failing == ()


def _milliseconds(action: Callable[[], object], times: int) -> Row:
    spent = [timed(action)["cpu_s"] * 1000 for _ in range(times)]
    return {"cpu_ms_median": round(statistics.median(spent), 1), "cpu_ms_worst": round(max(spent), 1)}
