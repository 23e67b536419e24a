"""`fieldpost import ...`: a partner's list from file to merge, and back, without the pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy.orm import Session

from server.cli.context import database
from server.models import ImportBatch
from server.problems import Problem
from server.queries import accounts
from server.services import authentication, folding, importing
from server.services.identity import Identity, Verb
from server.services.importing_work import Importer


@click.group("import")
def import_list() -> None:
    """Take in a partner's list: see what it would change, merge it, take it back as one."""


def _who(session: Session, email: str) -> Identity:
    """The account in whose name the console acts, with that account's sector and authority."""
    found = accounts.user_by_email(session, email.strip().lower())
    if found is None:
        raise click.ClickException(f"there is no account {email}; `fieldpost user list` shows them")
    who = replace(authentication.user_identity(*found, "console"), notes=None)
    if not who.may(Verb.RECORD_WRITE) or who.read_only:
        raise click.ClickException(f"the account {email} may not write records")
    return who


_AS = click.option("--as", "email", required=True, metavar="EMAIL", help="The account in whose name it is done.")


@import_list.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--register", "dataset", default="facilities", show_default=True, help="Where it goes.")
@click.option("--name", required=True, help="The list's name; values show it as their source.")
@click.option("--owner", required=True, help="Whose list it is.")
@click.option("--date", "listed_on", required=True, metavar="YYYY-MM-DD", help="The day that it describes.")
@click.option("--sensitivity", default="moderate", show_default=True, help="low, moderate, high or severe.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=HEADING", help="Instead of what is suggested; repeatable.")
@click.option("--swap", is_flag=True, help="Latitude and longitude are changed round.")
@_AS
def check(
    file: Path, dataset: str, name: str, owner: str, listed_on: str, sensitivity: str, columns: tuple[str, ...], swap: bool,
    email: str,
) -> None:  # fmt: skip
    """Read FILE (CSV, XLSX, GeoJSON, GeoPackage), check it, and print what it would do. Changes no record."""
    with database() as (session, settings):
        who = _who(session, email)
        with file.open("rb") as stream:
            batch = importing.begin(
                session, who, settings, dataset=dataset, name=name, owner=owner, listed_on=listed_on, sensitivity=sensitivity,
                filename=file.name, file=stream,
            )  # fmt: skip
        worker = Importer(settings)
        worker.drain(session)
        _raise_failure(batch)
        importing.set_columns(session, who, batch, _mapping(batch, columns), {}, swap)
        worker.drain(session)
        _raise_failure(batch)
        _print(batch)


def _raise_failure(batch: ImportBatch) -> None:
    if batch.problem:
        raise Problem(batch.problem["name"], **batch.problem["details"])


def _mapping(batch: ImportBatch, columns: tuple[str, ...]) -> dict[str, int]:
    headings = {column["name"]: place for place, column in enumerate(batch.columns)}
    mapping = dict(batch.mapping)
    for text in columns:
        field, equals, heading = text.partition("=")
        if not equals or (heading and heading not in headings):
            raise click.ClickException(f"--column {text}: write FIELD=HEADING; headings: {', '.join(headings)}")
        mapping.pop(field, None)
        if heading:
            mapping[field] = headings[heading]
    return mapping


def _print(batch: ImportBatch) -> None:
    click.echo(f"{batch.id} {batch.state}: {batch.name} ({batch.filename})")
    for field, column in sorted(batch.mapping.items()):
        click.echo(f"  {field} = {batch.columns[column]['name']}")
    counts = batch.counts
    click.echo(
        f"  {counts.get('new', 0)} new, {counts.get('join', 0)} join a record, {counts.get('ask', 0)} are asked about, "
        f"{counts.get('fault', 0)} left out"
    )
    if batch.offsets.get("swapped"):
        click.echo("  latitude and longitude look changed round: check again with --swap")
    for shift in batch.offsets.get("shifts", []):
        where, metres = shift["area"] or "the whole list", f"{shift['distance_m']:.0f} m"
        click.echo(f"  shifted: {where}: {shift['agree']} of {shift['compared']} by {metres}; decide with --mend or --leave")


@import_list.command("list")
@_AS
def list_batches(email: str) -> None:
    """Print the lists with their state."""
    with database() as (session, _settings):
        for batch in importing.listed(session, _who(session, email)):
            click.echo(f"{batch.id} {batch.state:9} {batch.dataset:14} {batch.listed_on} {batch.name} ({batch.owner})")


@import_list.command()
@click.argument("batch_id")
@click.option("--mend", "areas", multiple=True, metavar="AREA|all", help="Mend the shift of that district, or of all.")
@click.option("--leave", is_flag=True, help="Leave positions as they are.")
@_AS
def merge(batch_id: str, areas: tuple[str, ...], leave: bool, email: str) -> None:
    """Merge a checked list and process its rows."""
    with database() as (session, settings):
        who = _who(session, email)
        batch = importing.one(session, who, batch_id)
        worker = Importer(settings)
        if areas or leave:
            importing.set_shifts(session, who, batch, ["" if area == "all" else area for area in areas])
            worker.drain(session)
            _print(batch)
        importing.merge(session, who, batch)
        worker.drain(session)
        drained = folding.drain(session)
        click.echo(f"merged: {batch.done} rows, {drained.folded} facts processed")


@import_list.command()
@click.argument("batch_id")
@click.option("--reason", required=True)
@_AS
def undo(batch_id: str, reason: str, email: str) -> None:
    """Take a merged list back as one."""
    with database() as (session, _settings):
        who = _who(session, email)
        importing.undo(session, who, importing.one(session, who, batch_id), reason)
        folding.drain(session)
        click.echo("taken back")
