"""`fieldpost init`: everything a server needs before it can serve, as often as it is called."""

from __future__ import annotations

import click

from server.cli.prepare import prepare
from server.config import load_settings
from server.services import local_ca


@click.command()
def init() -> None:
    """Make the data directory, the database, project 1, the code lists and a list for every register.

    Harmless on a server that has them already: only what is missing is added, labels of shipped codes are refreshed,
    and a database of an older release is brought up to date (after a backup).
    """
    settings = load_settings()
    made = prepare(settings)
    done = made.made
    click.echo(f"data directory: {settings.data_dir}")
    click.echo(f"database: {made.database} ({'brought to' if made.schema.changed else 'at'} schema {made.schema.after})")
    click.echo(f"project 1: {'made' if done.project_made else 'there already'}; server id {done.server_id}")
    click.echo(f"code lists: {done.codes_added} codes added, {done.codes_changed} refreshed")
    # Made here, so that devices can be told to trust it before the first start with --tls.
    files = local_ca.ensure(settings.data_dir, settings.tls_names)
    click.echo(f"authority for https on this network: {files.ca} (used by serve --tls)")
    click.echo(f"registers: {', '.join(done.registers_added) or 'all there already'}")
