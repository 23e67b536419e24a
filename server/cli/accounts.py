"""`fieldpost user ...`: accounts from the console. Passwords come from standard input, never from the command line."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from server.cli.context import database
from server.problems import Problem
from server.queries import accounts as queries
from server.services import accounts
from server.services.identity import AUDIENCE_READS, ROLES


@click.group()
def user() -> None:
    """Make accounts, list them, give a forgotten password anew."""


@user.command()
@click.argument("email")
@click.option("--role", required=True, type=click.Choice(list(ROLES)), help="What the person may do.")
@click.option("--name", default="", help="Name shown on pages; the part of the e-mail before the @ when absent.")
@click.option("--sector", default="", metavar="CODE", help="Sector of an officer or observer.")
@click.option("--branch", default="", help="Staff branch, such as 9 or 3. Branch 2 gets no CIMIC role.")
@click.option("--organisation", default="", help="Organisation of a partner.")
@click.option("--audience", type=click.Choice(list(AUDIENCE_READS)), help="What a partner may read; ngo when absent.")
@click.option("--language", default="en", type=click.Choice(["en", "fr"]), show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else a one-time one is made.")
def create(
    email: str, role: str, name: str, sector: str, branch: str, organisation: str, audience: str | None, language: str,
    password_stdin: bool,
) -> None:
    """Make an account. Without --password-stdin a one-time password is printed, to be changed at the first log-in."""
    password = _from_stdin() if password_stdin else None
    with database() as (session, _settings):
        profile = accounts.Profile(
            name=name or email.partition("@")[0], role=role, sector_id=accounts.sector_id_of(session, sector),
            branch=branch or None, organisation=organisation or None, audience=audience, language=language,
        )
        made, handed = accounts.create_user(session, None, email, profile, password)
        click.echo(f"made the account {made.email} with the role {role}")
        if role == "officer" and made.sector_id is None:
            click.echo("note: an officer without sector sees nothing once the mission has sectors; name one with --sector")
        if handed:
            click.echo(f"one-time password: {handed}")


@user.command("list")
def list_() -> None:
    """List all accounts."""
    table = Table("e-mail", "name", "role", "sector", "branch", "state", "last log-in")
    with database() as (session, _settings):
        for account, actor, sector in queries.users(session):
            state = "locked" if account.locked_at else "read-only" if account.read_only_from else "active"
            seen = f"{account.last_login_at:%Y-%m-%d %H:%MZ}" if account.last_login_at else "never"
            where = sector.code if sector else "-"
            table.add_row(account.email, actor.display_name, account.role, where, account.branch or "-", state, seen)
    Console().print(table)


@user.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else a one-time one is made.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Give a forgotten password anew; it must be changed at the next log-in, and all sessions end."""
    password = _from_stdin() if password_stdin else None
    with database() as (session, _settings):
        handed = accounts.reset_password(session, None, _actor_id(session, email), password)
        click.echo(f"gave {email} a new password; it must be changed at the next log-in")
        if password is None:
            click.echo(f"one-time password: {handed}")


@user.command()
@click.argument("email")
@click.option("--undo", is_flag=True, help="Let the person in again.")
def lock(email: str, undo: bool) -> None:
    """Shut a person out at once."""
    with database() as (session, _settings):
        accounts.lock(session, None, _actor_id(session, email), locked=not undo)
        click.echo(f"{'unlocked' if undo else 'locked'} {email}")


def _actor_id(session: object, email: str) -> int:
    for account, actor, _sector in queries.users(session):  # type: ignore[arg-type]
        if account.email == email.strip().lower():
            return actor.id
    raise Problem("invalid_input", reason=f"E-mail: there is no account {email}; see `fieldpost user list`.")


def _from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("no password came on standard input; pipe it in: printf %s SECRET | fieldpost user ...")
    return password
