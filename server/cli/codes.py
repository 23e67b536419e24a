"""`fieldpost code ...`: code lists and the mission's own codes."""

from __future__ import annotations

import click

from server.cli.context import database
from server.problems import Problem
from server.queries import mission as queries
from server.services import code_lists
from server.services.journal import now


@click.group()
def code() -> None:
    """Code lists; the mission's own codes begin with x-."""


@code.command("list")
@click.argument("list_name", required=False)
def show(list_name: str | None) -> None:
    """Print all lists, or the codes of LIST_NAME with their labels."""
    with database() as (session, _settings):
        if list_name is None:
            for name, count in queries.code_lists(session).items():
                click.echo(f"{name}: {count}")
            return
        items = queries.code_items(session, list_name)
        if not items:
            raise Problem("not_found")
        ended = queries.ended_codes(session, [list_name], now().date())
        for item in items:
            mark = "  (ended)" if (list_name, item.code) in ended else ""
            click.echo(f"{item.code}\t{item.label_en}\t{item.label_fr}{mark}")


@code.command()
@click.argument("list_name")
@click.argument("new_code")
@click.argument("english")
@click.argument("french")
@click.option("--parent", help="The code above it, where the list has such.")
def add(list_name: str, new_code: str, english: str, french: str, parent: str | None) -> None:
    """Add NEW_CODE (x-...) with both labels to LIST_NAME."""
    with database() as (session, _settings):
        code_lists.add_own(session, None, list_name, new_code, english, french, parent)
        click.echo("added")


@code.command()
@click.argument("list_name")
@click.argument("own_code")
def end(list_name: str, own_code: str) -> None:
    """End OWN_CODE of LIST_NAME from today: it is offered no more, and old records keep its label."""
    with database() as (session, _settings):
        code_lists.end_own(session, None, list_name, own_code)
        click.echo("ended")
