"""`fieldpost serve --tls`: https beside the plain port, by the server's own authority, in Python and in Chromium."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright

from server.services.local_ca import Files
from tests.databases import free_port, make_settings
from tests.processes import START_SECONDS, RunningServer

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@dataclass
class TlsServer(RunningServer):
    """A server with both listeners."""

    tls_port: int = field(default_factory=free_port)

    def command(self) -> list[str]:
        return [*super().command(), "--tls", "--tls-port", str(self.tls_port)]

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def files(self) -> Files:
        return Files.of(self.settings.data_dir)

    def wait_for_https(self) -> None:
        """Until it answers; it starts after the plain listener."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/login")
                return
            except requests.ConnectionError:
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)

    def get(self, path: str, seconds: float = 20) -> requests.Response:
        return requests.get(self.https + path, verify=str(self.files.ca), timeout=seconds)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """One server for the module, on SQLite: what a listener does not hang on the database. Two threads only."""
    data_dir: Path = tmp_path_factory.mktemp("tls")
    settings = make_settings(data_dir, f"sqlite:///{data_dir / 'fieldpost.sqlite3'}")
    server = TlsServer(settings, processes=1, threads=2).prepare()
    assert isinstance(server, TlsServer)
    server.start()
    try:
        server.wait_for_https()
        yield server
    finally:
        server.stop()


def test_who_trusts_the_authority_reads_pages_over_https(server: TlsServer) -> None:
    assert server.get("/login").status_code == 200


def test_who_does_not_trust_it_refuses_the_server(server: TlsServer) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.https + "/login", timeout=20)


def test_the_plain_port_serves_as_ever(server: TlsServer) -> None:
    assert requests.get(server.base_url + "/login", timeout=20).status_code == 200


def test_a_cookie_given_over_https_is_for_https_alone(server: TlsServer) -> None:
    cookies = server.get("/login").headers.get("Set-Cookie", "")
    assert "Secure" in cookies


def test_the_start_tells_the_address_and_the_fingerprint(server: TlsServer) -> None:
    held = x509.load_pem_x509_certificate(server.files.ca.read_bytes()).public_bytes(Encoding.DER)
    assert server.https in server.log
    assert hashlib.sha256(held).digest().hex(":").upper() in server.log


def test_clients_that_say_nothing_hold_nobody_up(server: TlsServer) -> None:
    with ExitStack() as stack:
        for _each in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.tls_port)))
        assert server.get("/login", seconds=4).status_code == 200


def test_clients_that_stop_in_the_middle_of_a_handshake_hold_nobody_up(server: TlsServer) -> None:
    with ExitStack() as stack:
        for _each in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.tls_port))).sendall(b"\x16\x03\x01\x02\x00\x01")
        assert server.get("/login", seconds=4).status_code == 200


def test_a_chromium_that_trusts_the_authority_keeps_the_field_app(server: TlsServer, tmp_path: Path) -> None:
    store = tmp_path / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "fieldpost", "-i", str(server.files.ca)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *command], check=True)
    with sync_playwright() as playwright:
        # No flag that forgives certificates: the chain and its name constraints are judged by Chromium itself.
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS, env={**os.environ, "HOME": str(tmp_path)}
        )
        page = browser.new_page()
        page.goto(f"https://localhost:{server.tls_port}/field/")
        assert page.evaluate("window.isSecureContext && 'subtle' in crypto")
        # A worker is not registered where anything is wrong with the certificate.
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        browser.close()


def test_chromium_has_a_secure_context(server: TlsServer) -> None:
    held = x509.load_pem_x509_certificate(server.files.certificate.read_bytes())
    key = held.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, f"--ignore-certificate-errors-spki-list={pin}"]
        )
        page = browser.new_page()
        page.goto(f"https://localhost:{server.tls_port}/login")
        assert page.evaluate("window.isSecureContext && 'subtle' in crypto")
        browser.close()


def test_the_listener_is_started_again_when_it_died(server: TlsServer) -> None:
    listener = next(each for each in map(psutil.Process, server.pids()) if "server.cli.tls" in each.cmdline())
    os.kill(listener.pid, signal.SIGKILL)
    listener.wait(20)
    server.wait_for_https()
    assert server.get("/login").status_code == 200
