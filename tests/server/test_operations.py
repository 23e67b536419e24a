"""/health on bad days and /metrics: what is unwell is named, the counts are right, and nothing secret is told."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from fsspec.implementations.memory import MemoryFileSystem
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.extensions import db
from server.services import heartbeat, journal
from tests.cast import Cast
from tests.devices import Phone, add_form, multipart, new_id, report

WELL = {"status": "well", "database": "well", "files": "well", "worker": "well"}
# What may never be told to somebody who is not logged in.
SECRET = "A place that nobody may know"


@pytest.fixture
def worker(session: Session) -> None:
    """A worker that showed itself this moment."""
    heartbeat.beat(session)


def health(client: FlaskClient) -> tuple[int, dict[str, str]]:
    """Status and what it says of each part."""
    answer = client.get("/health")
    return answer.status_code, json.loads(answer.text)


def away(*_args: Any, **_options: Any) -> Any:
    """What a query meets when the database is gone; the driver's words name host and user."""
    raise OperationalError("SELECT 1", {}, Exception('connection to "db.mission.example" failed for user "fieldpost"'))


@pytest.fixture
def no_database(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every query fails, whoever asks."""
    monkeypatch.setattr(db.session.session_factory.class_, "execute", away)
    monkeypatch.setattr(db.session.session_factory.class_, "scalar", away)
    monkeypatch.setattr(db.session.session_factory.class_, "get", away)


def test_a_server_with_a_living_worker_is_well(client: FlaskClient, worker: None) -> None:
    assert health(client) == (200, WELL)


def test_a_server_whose_worker_never_started_says_so(client: FlaskClient, session: Session) -> None:
    told = health(client)

    assert told == (503, {**WELL, "status": "unwell", "worker": "no sign of life; is `fieldpost worker` running?"})


def test_a_worker_silent_for_a_minute_is_named(
    client: FlaskClient, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = journal.now() + dt.timedelta(minutes=1)
    monkeypatch.setattr(journal, "_clock", lambda: later)

    status, told = health(client)

    assert (status, told["worker"].partition(";")[0]) == (503, "no sign of life")


def test_a_database_that_is_away_is_named_without_its_address(client: FlaskClient, worker: None, no_database: None) -> None:
    told = health(client)

    unknown = "unknown, as the database cannot be read"
    assert told == (503, {"status": "unwell", "database": "cannot be read", "files": "well", "worker": unknown})


def refuse(number: int) -> Callable[..., Any]:
    """An operating system that answers with that error."""

    def fail(*_args: Any, **_options: Any) -> Any:
        raise OSError(number, "no")

    return fail


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EIO])
def test_files_that_cannot_be_written_are_named(
    client: FlaskClient, worker: None, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", refuse(number))

    told = health(client)

    assert told == (503, {**WELL, "status": "unwell", "files": "cannot be written"})


def test_a_disk_that_takes_names_but_no_bytes_is_full(
    client: FlaskClient, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # /dev/full opens like any file and refuses every byte, as a full disk does.
    real = os.fdopen

    def full(descriptor: int, mode: str) -> Any:
        real(descriptor, mode).close()
        return Path("/dev/full").open(mode)

    monkeypatch.setattr(os, "fdopen", full)

    told = health(client)

    assert told == (503, {**WELL, "status": "unwell", "files": "cannot be written"})


def test_a_store_elsewhere_is_tried_and_not_only_the_spool_here(
    app: Flask, client: FlaskClient, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], blob_url="memory://photos"))
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse(errno.EACCES))

    status, told = health(client)

    assert (status, told["files"]) == (503, "cannot be written")


def test_a_check_leaves_nothing_behind(app: Flask, client: FlaskClient, worker: None) -> None:
    client.get("/health")

    assert [path for path in Path(app.config["SETTINGS"].data_dir).rglob("spool/*") if path.is_file()] == []


def scraped(client: FlaskClient) -> dict[str, float]:
    """The samples of a scrape, read by Prometheus' own parser."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_an_empty_server_counts_nothing_and_says_that_no_worker_ever_was(client: FlaskClient, session: Session) -> None:
    counted = scraped(client)

    assert counted == {
        "fieldpost_facts": counted["fieldpost_facts"], "fieldpost_facts_pending": 0, "fieldpost_facts_failed": 0,
        "fieldpost_submissions_quarantined": 0, "fieldpost_records": 0, "fieldpost_review_tasks_open": 0,
        "fieldpost_worker_heartbeat_age_seconds": -1,
    }  # fmt: skip


def test_reports_that_wait_and_reports_held_back_are_counted(
    client: FlaskClient, session: Session, cast: Cast, worker: None
) -> None:
    add_form(session)
    phone, instance_id = Phone(client, cast.key_path(0)), new_id()
    phone.send(report(instance_id, settlement_new=SECRET))
    phone.send(report(instance_id, settlement_new="Another"))

    counted = scraped(client)

    assert counted["fieldpost_facts_pending"] == 2
    assert counted["fieldpost_submissions_quarantined"] == 1
    assert 0 <= counted["fieldpost_worker_heartbeat_age_seconds"] < 45


def test_the_numbers_tell_no_names_and_no_secrets(app: Flask, client: FlaskClient, session: Session, cast: Cast) -> None:
    add_form(session)
    Phone(client, cast.key_path(0)).post(*multipart(report(new_id(), settlement_new=SECRET)))

    told = client.get("/metrics").text + client.get("/health").text

    settings = app.config["SETTINGS"]
    secrets = [settings.secret_key, settings.database_url, str(settings.data_dir), cast.device_tokens[0], SECRET, "BANBATT-3"]
    assert [each for each in secrets if each in told] == []


def test_the_numbers_of_a_database_that_is_away_are_an_error_and_no_zeros(client: FlaskClient, no_database: None) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 503
    assert "mission.example" not in answer.text


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_who_watches_may_only_look(client: FlaskClient, path: str) -> None:
    assert client.post(path).status_code == 405
