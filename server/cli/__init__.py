"""The console command `fieldpost`: a click group; each module here adds the commands of its noun."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from server.config import SettingRefused
from server.problems import Problem

# command name -> "module:function"; loaded only when used, so that `fieldpost --help` and start-up stay fast.
COMMANDS: dict[str, str] = {
    "init": "server.cli.setup:init",
    "serve": "server.cli.serving:serve",
    "worker": "server.cli.serving:worker",
    "drain": "server.cli.merging:drain",
    "rebuild": "server.cli.merging:rebuild",
    "link": "server.cli.merging:link",
    "weights": "server.cli.weights:weights",
    "user": "server.cli.accounts:user",
    "form": "server.cli.forms:form",
    "area": "server.cli.areas:area",
    "code": "server.cli.codes:code",
    "key": "server.cli.keys:key",
    "device": "server.cli.device:device",
    "sealed": "server.cli.sealed:sealed",
    "demo": "server.cli.demo:demo",
    "import": "server.cli.importing:import_list",
    "export": "server.cli.exporting:export",
    "backup": "server.cli.backup:backup",
    "restore": "server.cli.backup:restore",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, function = COMMANDS[name].split(":")
        command: click.Command = getattr(import_module(module), function)
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fieldpost")
def cli() -> None:
    """Fieldpost: questionnaires out, reports in, one picture kept, partners get what they may have."""


def main() -> None:
    """Entry point: known errors become one readable line and exit status 1."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except SettingRefused as error:
        click.echo(f"fieldpost: {error}", err=True)
        sys.exit(2)
    except Problem as problem:
        click.echo(f"fieldpost: {problem.message} {problem.advice}".rstrip(), err=True)
        sys.exit(1)
