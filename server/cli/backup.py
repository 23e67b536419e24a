"""`fieldpost backup` and `fieldpost restore`: everything in one file, and back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine, create_engine

from server.config import Settings, load_settings
from server.engines import engine_options, prepare_engine
from server.services import backup as backups
from server.services import restore as restores


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
def backup(file: Path, overwrite: bool) -> None:
    """Write everything of this instant into FILE (a zip), also while the server runs.

    It holds all tables, all files and the secret key: keep it as safe as the server itself. It restores on SQLite and
    on PostgreSQL alike, whichever it came from.
    """
    with _engine() as (engine, settings):
        try:
            made = backups.make(settings, engine, file, overwrite=overwrite)
        except OSError as error:
            raise click.ClickException(f"{file} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {made.path}: {made.rows} rows, {made.files} files, {made.size / 1e6:.1f} MB")
    click.echo("it holds the secret key as well: keep it as safe as the server")
    if made.missing:
        some = ", ".join(made.missing[:5])
        click.echo(f"warning: {len(made.missing)} files were not in the store (purged or lost): {some}", err=True)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a server that holds data; it is backed up first.")
def restore(file: Path, force: bool) -> None:
    """Bring a backup back into an empty data directory. Stop the server before.

    The file is checked as a whole before anything changes. A backup of an older release is brought up to date.
    """
    own_key = bool(os.environ.get("FIELDPOST_SECRET_KEY"))
    with _engine() as (engine, settings):
        done = restores.restore(settings, engine, file, force=force, own_key=own_key)
    if done.saved:
        click.echo(f"backed up what was here before: {done.saved}")
    click.echo(f"restored {done.rows} rows and {done.files} files; the schema is at {done.revision}")
    if done.key_kept:
        click.echo("note: FIELDPOST_SECRET_KEY is set and stays; if it is another key, issue the devices' codes anew")


@contextmanager
def _engine() -> Iterator[tuple[Engine, Settings]]:
    # Not cli.context.database(): the database may be empty here, or of another release.
    settings = load_settings()
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)
    try:
        yield engine, settings
    finally:
        engine.dispose()
