"""`fieldpost form ...`: publish questionnaires, list them, open and close them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from forms.findings import Finding
from server.cli.context import database
from server.problems import Problem
from server.queries import forms as queries
from server.services import form_findings
from server.services import forms as services
from server.services.form_files import Upload


@click.group()
def form() -> None:
    """Publish questionnaires and see which are open."""


@form.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--attachment", "attachments", multiple=True, metavar="NAME=FILE", help="A file the form expects; repeatable.")
@click.option("--project", default=1, show_default=True, help="Number of the project.")
@click.option("--strict", is_flag=True, help="Refuse a form that has warnings.")
def publish(files: tuple[Path, ...], attachments: tuple[str, ...], project: int, strict: bool) -> None:
    """Publish XLSForms (.xlsx, .xls, .csv, .md) or XForms (.xml), in any order.

    Lists in lists/ beside a file are attached by name; entity lists are linked by name. The same bytes again change
    nothing. A faulty form stores nothing and prints every finding.
    """
    given = dict(_named_file(text) for text in attachments)
    refused = 0
    with database() as (session, settings):
        for path in files:
            uploads = {**_lists_beside(path), **given}
            if path.suffix.lower() == ".xml" or len(files) > 1:
                uploads = {name: Upload(each.data, each.content_type, fallback=True) for name, each in uploads.items()}
            try:
                outcome = services.publish(
                    session, settings, project, path.read_bytes(), path.name, uploads, ignore_warnings=not strict
                )
            except Problem as problem:
                session.rollback()
                refused += 1
                click.echo(f"{path}: {problem.message} {problem.advice} Nothing was stored.", err=True)
                _print_findings(problem.details.get("findings", []))
                continue
            state = "unchanged" if outcome.unchanged else "published"
            click.echo(f"{path}: {outcome.form.xml_form_id} version {outcome.version.version or '(none)'} {state}")
            _print_findings([each.as_dict() for each in outcome.findings])
            if alone := form_findings.unread_questions(session, outcome.version):
                click.echo(f"  no register reads: {', '.join(alone)} (the answers stay in the reports and their exports)")
            for row in queries.attachments(session, outcome.version.id):
                if row.blob_sha256 is None and row.dataset_name is None:
                    click.echo(f"  expects {row.name}: not uploaded yet")
    if refused:
        sys.exit(1)


@form.command("list")
@click.option("--project", default=1, show_default=True)
def list_forms(project: int) -> None:
    """Print the forms of a project."""
    with database() as (session, _settings):
        for row in queries.forms(session, project):
            version = queries.version_by_id(session, row.current_version_id)
            name, title = (version.version, version.title) if version else ("draft only", "")
            click.echo(f"{row.xml_form_id}\t{name}\t{row.state}\t{title}")


@form.command()
@click.argument("form_id")
@click.argument("state", type=click.Choice(services.STATES))
@click.option("--project", default=1, show_default=True)
def state(form_id: str, state: str, project: int) -> None:
    """Open a form, let it close (no longer listed, reports still taken) or close it (reports go to quarantine)."""
    with database() as (session, _settings):
        found = queries.form(session, project, form_id)
        if found is None:
            raise click.ClickException(f"there is no form '{form_id}' in project {project}; `fieldpost form list` shows them")
        services.set_state(session, found, state)
    click.echo(f"{form_id} is {state}")


def _named_file(text: str) -> tuple[str, Upload]:
    name, equals, path = text.partition("=")
    if not equals or not name or not Path(path).is_file():
        raise click.BadParameter(f"{text!r} is not NAME=FILE with a file that exists", param_hint="--attachment")
    return name, Upload(Path(path).read_bytes())


def _lists_beside(path: Path) -> dict[str, Upload]:
    folder = path.parent / "lists"
    if not folder.is_dir():
        return {}
    return {each.name: Upload(each.read_bytes(), fallback=True) for each in sorted(folder.iterdir()) if each.is_file()}


def _print_findings(findings: list[dict[str, object]]) -> None:
    if not findings:
        return
    table = Table("", "Sheet", "Row", "Column", "What is wrong", "What to do", box=None)
    for each in (Finding.from_dict(found) for found in findings):
        table.add_row(each.level, each.sheet or "", str(each.row or ""), each.column or "", each.message, each.advice)
    Console(stderr=True).print(table)
