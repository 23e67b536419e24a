"""`fieldpost device ...`: the headless device of sync.client from the console. Knows no database of the server."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from forms.filling import FillingProblem
from forms.submission import SubmissionXmlError
from forms.xmlsafe import XmlRefused
from sync.client.device import Device
from sync.client.enrolment import server_url
from sync.client.problems import DeviceProblem
from sync.client.store import DELIVERED, HELD, REFUSED, WAITING, Item

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_STORE = click.option("--store", type=_FOLDER, default=Path("device"), show_default=True, help="Folder of the device.")
_WORDS = {WAITING: "waiting", DELIVERED: "delivered", HELD: "delivered, an officer will look at it", REFUSED: "refused"}


@click.group()
def device() -> None:
    """A device without a screen: download questionnaires, fill, keep and send reports.

    Works against any OpenRosa server. Everything lies in the folder named with --store.
    """


@contextmanager
def _opened(store: Path, url: str | None = None) -> Iterator[Device]:
    opened = Device(store, url)
    try:
        yield opened
    except (DeviceProblem, FillingProblem, SubmissionXmlError, XmlRefused) as problem:
        raise click.ClickException(str(problem)) from problem
    finally:
        opened.close()


def _with_store(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --store and opens the device that lies there."""

    @_STORE
    @wraps(command)
    def opening(store: Path, **arguments: Any) -> None:
        with _opened(store) as opened:
            command(opened, **arguments)

    return opening


@device.command()
@click.argument("url_or_qr")
@_STORE
def enroll(url_or_qr: str, store: Path) -> None:
    """Tie the device to a server: URL_OR_QR is its server URL, or the text of a settings QR code of ODK Collect."""
    try:
        url = server_url(url_or_qr)
    except DeviceProblem as problem:
        raise click.ClickException(str(problem)) from problem
    with _opened(store, url) as opened:
        opened.connection.announce()
        click.echo(f"enrolled in {store}; the server knows this device")


@device.command()
@_with_store
def pull(device: Device) -> None:
    """Download forms and lists; what has not changed is not downloaded again."""
    done = device.pull()
    click.echo(f"{done.forms} forms; changed: {', '.join(done.changed) or 'none'}; {done.files} files downloaded")


@device.command("list")
@_with_store
def list_(device: Device) -> None:
    """List the forms on the device, with the files each needs."""
    table = Table("form", "version", "title", "lists and files", box=None)
    for form in device.forms():
        table.add_row(form.form_id, form.version, form.name, ", ".join(device.store.form_files(form.form_id)))
    Console().print(table)


@device.command()
@click.argument("form_id")
@click.argument("answers", type=_FILE)
@click.option("--photo", "photos", multiple=True, type=_FILE, help="A file named in the answers.")
@_with_store
def fill(device: Device, form_id: str, answers: Path, photos: tuple[Path, ...]) -> None:
    """Fill FORM_ID with the answers of a JSON file (question to answer; a repeat is a list) and queue the report."""
    try:
        given = json.loads(answers.read_text())
    except ValueError as error:
        raise click.ClickException(f"{answers} is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise click.ClickException(f"{answers} must hold one JSON object: question to answer")
    xml = device.fill(form_id, given, dt.datetime.now(dt.UTC).astimezone())
    _queued(device.enqueue(xml, {path.name: path for path in photos}))


@device.command()
@click.argument("report", type=_FILE)
@click.argument("photos", nargs=-1, type=_FILE)
@_with_store
def queue(device: Device, report: Path, photos: tuple[Path, ...]) -> None:
    """Queue a finished report (XML) with its files."""
    _queued(device.enqueue(report.read_bytes(), {path.name: path for path in photos}))


@device.command()
@click.option("--wait", default=0.0, show_default=True, help="Seconds to go on trying when the server cannot be reached.")
@_with_store
def send(device: Device, wait: float) -> None:
    """Send what waits. Ends with status 1 when something is left or was refused."""
    done = device.send(wait, _say)
    click.echo(f"delivered {done.delivered}, held for an officer {done.held}, refused {done.refused}, waiting {done.waiting}")
    if done.trouble:
        click.echo(f"the last attempt failed: {done.trouble}", err=True)
    if done.waiting or done.refused:
        sys.exit(1)


@device.command()
@_with_store
def status(device: Device) -> None:
    """Show the outbox: what waits, what was delivered with which receipt, what was refused and why."""
    table = Table("no.", "form", "instance", "state", "receipt", "attempts", "message", box=None)
    for item in device.store.items():
        table.add_row(
            str(item.id), item.form_id, item.instance_id, _WORDS[item.state], item.receipt or "", str(item.attempts),
            item.message,
        )
    Console().print(table)
    counts = device.store.counts()
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items()))


@device.command()
@click.argument("folder", type=_FOLDER)
@_with_store
def export(device: Device, folder: Path) -> None:
    """Write refused and waiting reports with their files into FOLDER, to be carried by hand."""
    kept = [*device.store.items(REFUSED), *device.store.items(WAITING)]
    for item in kept:
        click.echo(device.export(item, folder))
    click.echo(f"{len(kept)} reports written")


@device.command()
@click.argument("number", type=int)
@_with_store
def retry(device: Device, number: int) -> None:
    """Queue refused report NUMBER (see `status`) again, after its cause is mended."""
    if not device.store.queue_again(number):
        raise click.ClickException(f"there is no refused report {number}; `fieldpost device status` lists them")
    click.echo(f"report {number} waits to be sent")


def _queued(item: Item) -> None:
    click.echo(f"report {item.id} ({item.instance_id}) is in the outbox: {_WORDS[item.state]}")


def _say(item: Item) -> None:
    click.echo(f"{item.form_id} {item.instance_id}: {_WORDS[item.state]}. {item.message}")
