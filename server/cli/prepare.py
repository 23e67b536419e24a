"""What `serve` runs in a process of its own before it listens: the database's schema brought up to date."""

from __future__ import annotations

import click

from server.config import load_settings


def main() -> None:
    """Upgrades the schema; says so if anything changed; makes a backup first."""
    from sqlalchemy import create_engine

    from server.engines import engine_options, prepare_engine
    from server.services.database import upgrade

    settings = load_settings()
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    prepare_engine(engine)

    def back_up(revision: str) -> None:
        from server.services.backup import back_up_before_upgrade

        path = back_up_before_upgrade(settings, revision)
        click.echo(f"backup before the upgrade: {path}")

    done = upgrade(engine, back_up)
    if done.changed:
        click.echo(f"database: schema {done.before or 'empty'} -> {done.after}")
    engine.dispose()


if __name__ == "__main__":
    main()
