"""`fieldpost demo`: a made-up mission to look at, sent through the real devices' door."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from server.cli.prepare import prepare
from server.config import Settings, load_settings
from server.engines import engine_options, prepare_engine

if TYPE_CHECKING:
    from server.demo.run import Outcome

LOGINS = "demo-logins.txt"


@click.command()
@click.option("--if-empty", is_flag=True, help="Do nothing when the server holds any report already.")
@click.option("--seed", default=2026, show_default=True, help="Another number makes another mission.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the three months; today when absent.")
def demo(if_empty: bool, seed: int, until: dt.datetime | None) -> None:
    """Fill an empty server with a made-up mission: three months, about 1,500 reports, with log-ins for every role.

    The reports are filled and sent by headless devices through the real door, as phones would. The log-ins have random
    passwords, printed here and kept in demo-logins.txt in the data directory, readable by you alone.
    """
    from server.demo.run import is_empty, run
    from server.demo.sender import DemoFailed

    settings = load_settings()
    prepare(settings)
    if not _check(settings, is_empty, if_empty):
        return
    end = dt.datetime.now(dt.UTC) if until is None else until.replace(hour=17, tzinfo=dt.UTC)
    try:
        with _Progress() as progress:
            outcome = run(settings, seed, end, progress.step)
    except DemoFailed as failed:
        raise click.ClickException(f"{failed} What was sent until then is stored.") from failed
    _tell(settings, outcome)


def _check(settings: Settings, is_empty: object, if_empty: bool) -> bool:
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)
    with Session(engine) as session:
        empty = is_empty(session)  # type: ignore[operator]
    engine.dispose()
    if empty:
        return True
    if not if_empty:
        raise click.ClickException("this server holds reports already; the demo goes into an empty one (see FIELDPOST_DATA_DIR)")
    click.echo(f"the server holds reports already; the demo's log-ins, if it has one, are in {settings.data_dir / LOGINS}")
    return False


class _Progress:
    """A progress bar on a terminal, one line per step elsewhere."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._known: dict[str, int] = {}

    def __enter__(self) -> _Progress:
        if self._bars.console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    def step(self, what: str, done: int, of: int) -> None:
        """Shows how far a step is."""
        if what not in self._known:
            self._known[what] = int(self._bars.add_task(what, total=of))
            if not self._bars.console.is_terminal:
                click.echo(f"{what} ...")
        self._bars.update(self._known[what], completed=done)  # type: ignore[arg-type]


def _tell(settings: Settings, outcome: Outcome) -> None:
    path = settings.data_dir / LOGINS
    lines = [f"{each.role:<11} {each.email:<34} {each.password}" for each in outcome.logins]
    _write_private(path, "\n".join(lines) + "\n")
    counts = outcome.counts
    click.echo(f"\n{outcome.reports} reports sent, {outcome.photos} of them with a photo, in {outcome.seconds:.0f} s")
    click.echo(
        f"{counts['records']} records, {counts['review_tasks_open']} questions for an officer, "
        f"{counts['submissions_quarantined']} reports in quarantine, {counts['facts_pending']} facts waiting"
    )
    click.echo(f"\nlog-ins (also in {path}):")
    for line in lines:
        click.echo(f"  {line}")


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
