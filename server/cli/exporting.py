"""`fieldpost export`: a register as a file, the whole of it or what is released."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from server.cli.context import database
from server.queries import forms as queries
from server.services import exports
from server.services.identity import AUDIENCE_READS


@click.command()
@click.argument("register")
@click.option("--format", "format_", default="csv", show_default=True, type=click.Choice(list(exports.FORMATS)))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write; replaced.")
@click.option("--released", is_flag=True, help="Only what is released, as partners get it.")
@click.option("--audience", type=click.Choice(list(AUDIENCE_READS)), help="With --released: as this audience gets it.")
@click.option("--purpose", default="console", show_default=True, help="Written into the audit log.")
@click.option("--bom", is_flag=True, help="CSV with a byte order mark, for Excel.")
@click.option("--semicolon", is_flag=True, help="CSV with semicolons, for a French Excel.")
@click.option("--personal", is_flag=True, help="With names and phone numbers of persons, which stay out otherwise.")
def export(
    register: str, format_: str, output: Path, released: bool, audience: str | None, purpose: str, bom: bool, semicolon: bool,
    personal: bool,
) -> None:
    """Write the register REGISTER (such as facilities) to a file: CSV, GeoJSON or GeoPackage."""
    if audience and not released:
        raise click.UsageError("--audience goes with --released")
    wish = exports.Wish(format_, purpose, bom, ";" if semicolon else ",", personal)
    with database() as (session, settings):
        known = [dataset.name for dataset in queries.datasets(session, 1)]
        if register not in known:
            raise click.ClickException(f"there is no register {register}; there are: {', '.join(known) or 'none yet'}")
        if released:
            made = exports.released(session, settings, None, register, wish, audience=audience)
        else:
            made = exports.whole(session, settings, None, register, wish)
        try:
            _write(made, output)
        except OSError as error:
            raise click.ClickException(f"{output} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {made.rows} rows of {register} to {output}")


def _write(made: exports.Download, output: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=output.resolve().parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in made.chunks:
                file.write(chunk)
        os.replace(temporary, output)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
