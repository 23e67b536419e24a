"""`fieldpost key ...`: keys for encrypted forms from the console. Passphrases come from standard input or a hidden prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy.orm import Session

from server.cli.context import database
from server.models import Form
from server.problems import Problem
from server.queries import encryption as queries
from server.queries import forms as form_queries
from server.services import encrypting, encryption_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_STDIN = click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")
_HINT = click.option("--hint", default="", help="Shown to whoever unlocks; never the passphrase itself.")
_NAME = click.option("--name", default="", help="Name of the key on pages.")
_PROJECT = click.option("--project", default=1, show_default=True, help="Number of the project.")


@click.group()
def key() -> None:
    """Make keys for encrypted forms, bring private keys from elsewhere, encrypt forms."""


@key.command()
@_NAME
@_HINT
@_STDIN
@_PROJECT
@click.option("--form", "form_ids", multiple=True, metavar="FORM_ID", help="Encrypt this form with it at once; repeatable.")
def create(name: str, hint: str, passphrase_stdin: bool, project: int, form_ids: tuple[str, ...]) -> None:
    """Make a key. Its private half is stored wrapped by the passphrase, and the passphrase nowhere.

    Whoever loses the passphrase loses the reports: nobody can recover it.
    """
    passphrase = _passphrase(passphrase_stdin)
    with database() as (session, _settings):
        made = encryption_keys.make(session, None, passphrase, hint=hint or None, name=name, made_in="console")
        for form_id in form_ids:
            encrypting.encrypt_form(session, None, _form(session, project, form_id), made)
        session.commit()
        click.echo(f"made key {made.id}{f' ({made.name})' if made.name else ''}")
        for form_id in form_ids:
            click.echo(f"{form_id} is encrypted with it from now on: a new version is published")


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_NAME
@_HINT
@_STDIN
def import_(file: Path, name: str, hint: str, passphrase_stdin: bool) -> None:
    """Bring an RSA private key (PEM) of a form that carries its own public key, so that its reports can be unlocked here.

    The key is stored wrapped by a passphrase of its own. A PEM file that is itself encrypted must be opened first, such as
    with: openssl pkey -in FILE -out PLAIN
    """
    private = _private(file)
    passphrase = _passphrase(passphrase_stdin)
    with database() as (session, _settings):
        brought = encryption_keys.bring(session, None, private, passphrase, hint=hint or None, name=name)
        session.commit()
        click.echo(f"key {brought.id} is here; delete {file} now, or keep it where nobody of this server can read it")


@key.command("list")
def list_keys() -> None:
    """Print the keys: number, whether the private half is here, name, hint, and the forms that carry it."""
    with database() as (session, _settings):
        for each in queries.keys(session):
            forms = ", ".join(form.xml_form_id for form in queries.forms_with(session, each.id))
            where = "managed" if each.managed else "private half elsewhere"
            click.echo("\t".join((str(each.id), where, each.name, each.hint or "", forms)))


@key.command()
@click.argument("number", type=int)
@click.argument("form_ids", nargs=-1, required=True, metavar="FORM_ID...")
@_PROJECT
def encrypt(number: int, form_ids: tuple[str, ...], project: int) -> None:
    """Encrypt forms with a key that is here: each gets a new version. Reports on earlier versions are still taken."""
    with database() as (session, _settings):
        try:
            found = encryption_keys.find(session, number)
        except Problem as problem:
            raise click.ClickException(f"there is no key {number}; `fieldpost key list` shows them") from problem
        for form_id in form_ids:
            encrypting.encrypt_form(session, None, _form(session, project, form_id), found)
        session.commit()
    for form_id in form_ids:
        click.echo(f"{form_id} is encrypted with key {number} from now on: a new version is published")


def _passphrase(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    text: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    return text


def _private(file: Path) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(file.read_bytes(), None)
    except TypeError as error:
        raise click.ClickException(f"{file} is encrypted itself; open it first: openssl pkey -in {file} -out PLAIN") from error
    except ValueError as error:
        raise click.ClickException(f"{file} holds no private key in PEM form") from error
    if not isinstance(found, RSAPrivateKey):
        raise click.ClickException(f"{file} holds no RSA key; ODK Collect encrypts with RSA only")
    return found


def _form(session: Session, project: int, form_id: str) -> Form:
    found = form_queries.form(session, project, form_id)
    if found is None:
        raise click.ClickException(f"there is no form '{form_id}' in project {project}; `fieldpost form list` shows them")
    return found
