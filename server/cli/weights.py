"""`fieldpost weights`: learn the weights of matching from officers' judgements, see what they would change, put them in force."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy.orm import Session

from server.cli.context import database
from server.problems import Problem
from server.queries import accounts
from server.services import authentication, folding
from server.services import weights as service
from server.services.identity import Identity, Verb


@click.group()
def weights() -> None:
    """Learn the weights of matching from what officers decided. Nothing comes into force by itself."""


def _who(session: Session, email: str) -> Identity:
    found = accounts.user_by_email(session, email.strip().lower())
    if found is None:
        raise click.ClickException(f"there is no account {email}; `fieldpost user list` shows them")
    who = replace(authentication.user_identity(*found, "console"), notes=None)
    if not who.may(Verb.MISSION_MANAGE) or who.read_only:
        raise click.ClickException(f"the account {email} may not change the rules of the mission")
    return who


_REGISTER = click.argument("register")
_AS = click.option("--as", "email", required=True, metavar="EMAIL", help="The account in whose name it is done.")


@weights.command()
@_REGISTER
def show(register: str) -> None:
    """Say which weights REGISTER goes by, how many judgements there are, and what was proposed."""
    with database() as (session, _settings):
        try:
            found = service.state(session, register)
        except Problem as problem:
            raise click.ClickException(f"no register is called {register}") from problem
        click.echo(f"{register}: {found.version} (shipped: {found.shipped})")
        click.echo(f"judgements: {found.judged}, {found.same} of them \"same\"")
        for one in found.proposals:
            click.echo(f"{one.uuid}  {one.version}{'  in force' if one.in_force else ''}")


@weights.command()
@_REGISTER
@_AS
def learn(register: str, email: str) -> None:
    """Learn weights for REGISTER and keep them as a proposal, with figures and what they would change."""
    with database() as (session, _settings):
        try:
            fact = service.propose(session, _who(session, email), register, most=None)
        except Problem as problem:
            raise click.ClickException(problem.message) from problem
        folding.fold_now(session, [fact])
        session.commit()
        told = service.state(session, register).proposals[0].told
        click.echo(f"proposal {fact.uuid}: {told['version']}, learnt from {told['count']} judgements")
        for name, label in (("log_loss", "log loss"), ("right", "told right"), ("calibration_error", "calibration error")):
            click.echo(f"  {label} on judgements not learnt from: {told['before'][name]} before, {told['after'][name]} after")
        would = told["would"]
        click.echo(f"  records that would merge: {would['merge']}, that would split: {would['split']}; "
                   f"questions: {would['questions'][0]} now, {would['questions'][1]} then")  # fmt: skip
        for sign, groups in (("+", would["merges"]), ("-", would["splits"])):
            for group in groups:
                click.echo(f"  {sign} {' | '.join(group)}")
        click.echo(f"Put them in force with `fieldpost weights adopt {register} {fact.uuid} --as {email}`.")


@weights.command()
@_REGISTER
@click.argument("proposal")
@_AS
def adopt(register: str, proposal: str, email: str) -> None:
    """Put the weights of PROPOSAL in force; records follow as the queue is worked off."""
    _decide(register, proposal, email)


@weights.command()
@_REGISTER
@_AS
def back(register: str, email: str) -> None:
    """Put the shipped weights of REGISTER in force again."""
    _decide(register, None, email)


def _decide(register: str, proposal: str | None, email: str) -> None:
    with database() as (session, _settings):
        try:
            fact = service.adopt(session, _who(session, email), register, proposal)
        except Problem as problem:
            known = f"`fieldpost weights show {register}`"
            raise click.ClickException(f"there is no such proposal for {register}; {known}") from problem
        folding.fold_now(session, [fact])
        session.commit()
        click.echo(f"{register} goes by {service.state(session, register).version}; its reports are compared again")


@weights.command()
@_REGISTER
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON goes.")
def export(register: str, output: Path) -> None:
    """Write the shipped weights of REGISTER as settings of Splink 5 (JSON). Needs no `init`."""
    from sync.merge.fellegi_sunter import settings
    from sync.merge.matching import load_model
    from sync.registers import load_registers

    found = load_registers().get(register)
    if found is None or found.matching is None:
        raise click.ClickException(f"no register is called {register}")
    output.write_text(json.dumps(settings(load_model(found.matching.model)), indent=1), encoding="utf-8")
    click.echo(f"{output}: {found.matching.model}")
