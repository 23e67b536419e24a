"""`fieldpost drain`, `rebuild` and `link`: fold what waits, make all projections again, match two tables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from server.services.folding import Drained


def _report(drained: Drained, done: str) -> None:
    """Says what was done, and ends with status 1 when a fact could not be folded."""
    click.echo(f"{done}: {drained.folded} facts")
    for fact_id, attempts, error in drained.failing:
        click.echo(f"  fact {fact_id} cannot be processed ({attempts} attempts): {error}", err=True)
    if drained.failing:
        click.echo(
            f"{len(drained.failing)} facts stay in the queue and are tried again; nothing is lost. "
            "Mend the cause and run `fieldpost drain`.",
            err=True,
        )
        sys.exit(1)


def _show(folded: int) -> None:
    """One line that counts up, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"\r{folded} facts", nl=False, err=True)


@click.command()
def drain() -> None:
    """Process every stored fact now, and return when that is done.

    Works beside a running server. Ends with status 1 when a fact cannot be processed, and says why.
    """
    from server.cli.context import database
    from server.services import folding

    with database() as (session, _settings):
        _report(folding.drain(session, _show), "processed")


@click.command()
def rebuild() -> None:
    """Drop every projection and make it again from the facts.

    Works beside a running server, which shows what has been made so far. The result is the same as before.
    """
    from server.cli.context import database
    from server.services import folding

    with database() as (session, _settings):
        drained = folding.rebuild(session, _show)
        _report(drained, "rebuilt from")


@click.command()
@click.argument("reference", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where MAPPING.csv goes.")
@click.option("--register", default="facilities", show_default=True, help="Whose rules apply.")
@click.option("--review", type=click.Path(dir_okay=False, path_type=Path), help="Where pairs for an officer go.")
@click.option("--engine", type=click.Choice(["local", "duckdb", "spark"]), default="local", show_default=True,
              help="Where it is done; the answer is the same.")  # fmt: skip
@click.option("--master", help="The Spark cluster's address, such as spark://host:7077; else Spark on this machine.")
def link(
    reference: Path, reports: Path, output: Path, register: str, review: Path | None, engine: str, master: str | None
) -> None:
    """Match the rows of REFERENCE.csv and REPORTS.csv: which are one thing.

    Columns: record_id, name, type, adm1, adm2, adm3, lat, lon, gps_acc_m, phone, code, date, team; any but record_id may
    be absent or empty. MAPPING.csv has record_id,cluster_id; needs no `init`.
    """
    from sync.merge.engines import EngineMissing, engine_named
    from sync.merge.tables import TableRefused, link_files

    try:
        chosen = engine_named(engine, os.cpu_count() or 1, master)
        outcome = link_files(reference, reports, output, register, review, chosen)
    except (TableRefused, EngineMissing) as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"{output}: {outcome.rows} rows, {outcome.clusters} things")
    if review is not None:
        click.echo(f"{review}: {outcome.questions} pairs for an officer, most valuable first")
