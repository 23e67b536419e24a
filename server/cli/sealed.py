"""`fieldpost sealed FILE`: takes in the file that a phone's field app wrote instead of sending."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from server.cli.context import database
from server.queries import accounts
from server.services import authentication, sealed_import


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "email", required=True, help="E-mail of the account that brings the file.")
def sealed(file: Path, email: str) -> None:
    """Take in FILE, the sealed reports of a phone that could not send (field app, "As a file").

    Reports count for the phone that wrote them. Taking the same file in again changes nothing. Ends with status 1 when
    something in it could not be read; all else is kept.
    """
    with database() as (session, settings), file.open("rb") as stream:
        found = accounts.user_by_email(session, email)
        if found is None:
            raise click.ClickException(f"there is no account {email}; `fieldpost user list` names them")
        who = authentication.user_identity(*found, how="cli")
        brought = sealed_import.take_in(session, settings, stream, who)
    click.echo(
        f"{brought.new} new reports ({brought.quarantined} for an officer to look at), {brought.known} known already, "
        f"{brought.files} files"
    )
    if brought.strangers:
        click.echo(f"{brought.strangers} reports are of a phone that this server does not know; they count for {email}", err=True)
    for number, reason in brought.unreadable:
        click.echo(f"number {number} could not be read: {reason}", err=True)
    if brought.cut:
        click.echo("the file ends in the middle: it was not copied whole. Copy it again and take it in once more", err=True)
    if brought.unreadable or brought.cut:
        sys.exit(1)
