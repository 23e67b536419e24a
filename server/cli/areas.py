"""`fieldpost area ...`: administrative areas from a file, and what boundary versions there are."""

from __future__ import annotations

from pathlib import Path

import click

from server.cli.context import database
from server.problems import Problem
from server.queries import areas as queries
from server.queries import mission
from server.services import areas
from server.services.journal import now


@click.group()
def area() -> None:
    """Administrative areas with their p-codes and boundaries."""


@area.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--boundary-version", "version", default="", help="Of the boundary set, where FILE does not state it.")
@click.option("--partial", is_flag=True, help="FILE holds a part of the country only: end no older code.")
def import_file(file: Path, version: str, partial: bool) -> None:
    """Take areas out of FILE (CSV, XLSX, GeoJSON, GeoPackage; OCHA's COD-AB tables). A faulty file stores nothing."""
    with database() as (session, _settings):
        try:
            done = areas.import_areas(session, None, file.read_bytes(), file.name, version, partial=partial)
        except Problem as problem:
            for found in problem.details.get("findings", []):
                place = " ".join(part for part in (found["sheet"], f"row {found['row']}", found["column"]) if part)
                click.echo(f"{place}: {found['message']} {found['advice']}", err=True)
            raise
        click.echo(
            f"{done.added} added, {done.changed} changed, {done.unchanged} as they were, {done.ended} kept for old records only"
        )


@area.command("list")
def list_versions() -> None:
    """Print how many areas of each level there are, and the boundary versions."""
    with database() as (session, _settings):
        for level, count in mission.area_counts(session).items():
            click.echo(f"level {level}: {count}")
        for version, count, drawn in queries.version_counts(session):
            click.echo(f"version {version or '(none)'}: {count} areas, {drawn} with boundary")
        click.echo(f"for old records only: {queries.ended_count(session, now().date())}")
