"""`fieldpost serve` as an operator meets it: start, dying and hanging processes, slow and hostile clients, end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest
import requests

from tests.cast import make_cast
from tests.databases import free_port
from tests.processes import RunningServer, ServerMaker

PATIENCE = 60.0


def until(done: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False


def workers(server: RunningServer) -> list[psutil.Process]:
    """The background workers of the server."""
    found = []
    for pid in server.pids():
        try:
            process = psutil.Process(pid)
            if "server.worker" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def is_well(server: RunningServer) -> bool:
    """Whether /health says that all parts are well."""
    try:
        return requests.get(f"{server.base_url}/health", timeout=30).status_code == 200
    except requests.RequestException:
        return False


def test_a_started_server_is_well_with_its_worker(running_server: RunningServer) -> None:
    assert until(lambda: is_well(running_server))

    told = requests.get(f"{running_server.base_url}/health", timeout=30).json()

    assert told == {"status": "well", "database": "well", "files": "well", "worker": "well"}


def test_metrics_are_open_to_a_scraper_and_count_facts(running_server: RunningServer) -> None:
    answer = requests.get(f"{running_server.base_url}/metrics", timeout=30)

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "fieldpost_facts_pending 0.0" in answer.text


def test_a_worker_that_is_killed_is_started_again(running_server: RunningServer) -> None:
    assert until(lambda: len(workers(running_server)) == 1)
    killed = workers(running_server)[0]

    killed.send_signal(signal.SIGKILL)

    assert until(lambda: [one.pid for one in workers(running_server)] not in ([], [killed.pid]))


def test_sigterm_ends_every_process(running_server: RunningServer) -> None:
    assert until(lambda: len(workers(running_server)) == 1)
    processes = [psutil.Process(pid) for pid in running_server.pids()]

    running_server.stop()

    assert until(lambda: not any(_alive(process) for process in processes))


def test_a_killed_server_leaves_no_worker_behind(running_server: RunningServer) -> None:
    assert until(lambda: len(workers(running_server)) == 1)
    (worker,) = workers(running_server)

    os.kill(running_server.pids()[0], signal.SIGKILL)

    assert until(lambda: not _alive(worker))


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_forty_half_sent_headers_do_not_keep_others_out(make_server: ServerMaker) -> None:
    server = make_server(processes=1, threads=8, worker=False).start()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _number in range(40)]
    for connection in slow:
        connection.sendall(b"POST /v1/key/x/projects/1/submission HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

    try:
        answer = requests.get(f"{server.base_url}/metrics", timeout=PATIENCE)
    finally:
        for connection in slow:
            connection.close()

    assert answer.status_code == 200


def test_an_address_of_64_kb_reaches_the_door(make_server: ServerMaker) -> None:
    server = make_server(processes=1, worker=False)
    with server.session() as session:
        cast = make_cast(session)
    server.start()
    ids = ",".join(f"{number:036d}" for number in range(1700))

    answer = requests.get(
        f"{server.base_url}{cast.key_path(0)}/datasets/none/integrity?id={ids}",
        headers={"X-OpenRosa-Version": "1.0"},
        timeout=PATIENCE,
    )

    assert len(answer.request.url or "") > 62_000
    assert answer.status_code == 404
    assert b"OpenRosaResponse" in answer.content


@pytest.mark.parametrize("environ, said", [
    ({"FIELDPOST_COLOUR": "red"}, "FIELDPOST_COLOUR"), ({"FIELDPOST_TIME_ZONE": "Mars/Olympus"}, "IANA"),
    ({"FIELDPOST_DATABASE_URL": "mysql://x"}, "postgresql://"), ({"FIELDPOST_WEB_PROCESSES": "none"}, "WEB_PROCESSES"),
])  # fmt: skip
def test_a_setting_that_cannot_be_used_is_refused_with_its_name(
    make_server: ServerMaker, environ: dict[str, str], said: str
) -> None:
    server = make_server(environ=environ)

    done = subprocess.run(server.command(), env=server.environment(), capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_plainly(make_server: ServerMaker) -> None:
    server = make_server()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()

        done = subprocess.run(
            server.command(), env=server.environment(), capture_output=True, text=True, timeout=120, check=False
        )

    assert done.returncode != 0
    assert "--port" in done.stderr


def test_without_a_worker_health_says_so(make_server: ServerMaker) -> None:
    server = make_server(processes=1, worker=False, port=free_port()).start()

    answer = requests.get(f"{server.base_url}/health", timeout=30)

    assert answer.status_code == 503
    assert "no sign of life" in answer.json()["worker"]


IDLE_BYTES = {"sqlite": 200_000_000, "postgresql": 220_000_000}
"""Resident memory of arbiter, one web process and the worker: 200 MB is the project's aim, and PostgreSQL's client library
takes 9 MB more in each of two processes."""


def test_an_idle_server_stays_small(running_server: RunningServer, database_kind: str) -> None:
    assert until(lambda: is_well(running_server))
    requests.get(f"{running_server.base_url}/login", timeout=30)

    assert until(lambda: _resident(running_server) < IDLE_BYTES[database_kind]), _resident(running_server)


def _resident(server: RunningServer) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in server.pids())
