"""`fieldpost serve` and `fieldpost worker`. Imports little: this process only watches over the others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import click

from server.config import Settings, load_settings
from server.services.addresses import lan_address


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets phones in.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Do not run the worker beside the web processes (it runs elsewhere).")
@click.option("--tls", is_flag=True, help="Serve https as well, by a certificate of this server's own (docs/security.md).")
@click.option("--tls-port", default=8443, show_default=True, type=click.IntRange(1, 65535), help="Port of https.")
def serve(host: str, port: int, no_worker: bool, tls: bool, tls_port: int) -> None:
    """Run the server: web processes and one worker.

    The database is brought up to date first (with a backup if that changes anything).
    """
    settings = load_settings()
    _refuse_used_port(host, port)
    if tls:
        _refuse_tls(host, port, tls_port)
    address = _address(settings, host, port)
    os.environ.pop("FIELDPOST_TLS_PORT", None)
    if tls:
        os.environ["FIELDPOST_TLS_PORT"] = str(tls_port)
    os.environ.setdefault("FIELDPOST_LISTEN", host)
    if _is_local(host):
        click.echo(f"Fieldpost runs on {address} (this machine only; HOST=0.0.0.0 lets phones in)")
    else:
        click.echo(f"Fieldpost runs on {address}")
    if tls:
        _certify(settings, host, tls_port)
    sys.stdout.flush()
    _run(settings, host, port, not no_worker, tls_port if tls else 0)


@click.command()
def worker() -> None:
    """Run a worker alone: folds stored facts into the records until it is stopped."""
    sys.exit(subprocess.call([sys.executable, "-m", "server.worker"]))


def _run(settings: Settings, host: str, port: int, with_worker: bool, tls_port: int) -> None:
    if sys.platform == "win32":
        _run_on_windows(settings, host, port, with_worker)
        return
    from server.cli.supervisor import Server

    Server(host, port, settings.web_processes, settings.web_threads, with_worker, tls_port=tls_port).run()


def _refuse_tls(host: str, port: int, tls_port: int) -> None:
    if sys.platform == "win32":
        raise click.ClickException("--tls does not work on Windows; put a proxy with a certificate in front")
    if tls_port == port:
        raise click.ClickException("--tls-port must be another than --port: both are served")
    _refuse_used_port(host, tls_port, "--tls-port")


def _certify(settings: Settings, host: str, tls_port: int) -> None:
    """Makes what is missing of the certificates, and says where https is and by whose word."""
    from server.services import local_ca

    files = local_ca.ensure(settings.data_dir, settings.tls_names)
    click.echo(f"With https on {_address(None, host, tls_port, 'https')}")
    authority = local_ca.ca_certificate(settings.data_dir)
    if authority is not None:
        click.echo(f"Devices trust it by {files.ca}, SHA-256 {local_ca.fingerprint(authority)}; /field/trust says how")
    missing = local_ca.left_out(settings.data_dir, settings.tls_names)
    if missing:
        click.echo(
            f"Not in the certificate, because this authority was made without them: {', '.join(missing)}. "
            f"To have them, remove {files.folder} and start again; every device must then trust the new authority.",
            err=True,
        )


def _run_on_windows(settings: Settings, host: str, port: int, with_worker: bool) -> None:
    # Gunicorn needs fork; waitress serves from threads of one process.
    from waitress import serve as waitress_serve

    from server import create_app
    from server.cli.prepare import prepare

    prepare(settings)
    process = subprocess.Popen([sys.executable, "-m", "server.worker"]) if with_worker else None
    try:
        waitress_serve(create_app(settings), host=host, port=port, threads=settings.web_threads, max_request_header_size=262144)
    finally:
        if process is not None:
            process.terminate()


def _refuse_used_port(host: str, port: int, option: str = "--port") -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            refusal = f"cannot listen on {host}:{port} ({error.strerror}); choose another with {option}"
            raise click.ClickException(refusal) from error


def _is_local(host: str) -> bool:
    return host in {"127.0.0.1", "localhost", "::1"}


def _address(settings: Settings | None, host: str, port: int, scheme: str = "http") -> str:
    if settings is not None and settings.base_url:
        return settings.base_url
    shown = (lan_address() or "127.0.0.1") if host in {"0.0.0.0", "::"} else host  # noqa: S104 (compared, not bound)
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"
