"""The questionnaires that come with the software, and publishing one of them with the lists that lie beside it."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from sqlalchemy.orm import Session

from server.config import Settings
from server.problems import Problem
from server.services.form_files import Upload
from server.services.forms import Outcome, publish
from server.services.identity import Identity


def _folder() -> Traversable:
    return resources.files("forms").joinpath("library")


def names() -> list[str]:
    """Form ids of the shipped questionnaires, sorted."""
    return sorted(each.name.removesuffix(".xlsx") for each in _folder().iterdir() if each.name.endswith(".xlsx"))


def source(name: str) -> bytes:
    """The XLSForm of a shipped questionnaire, to change it by hand. Raises Problem not_found."""
    if name not in names():
        raise Problem("not_found")
    return _folder().joinpath(f"{name}.xlsx").read_bytes()


def publish_from_library(session: Session, settings: Settings, name: str, actor: Identity | None) -> Outcome:
    """Publishes a shipped questionnaire in project 1; its sample lists serve until the mission has its own. Commits.

    ODK Validate is left out: the shipped forms went through it in the project's tests.
    """
    data = source(name)
    lists = _folder().joinpath("lists")
    files = {each.name: Upload(each.read_bytes(), fallback=True) for each in lists.iterdir() if each.is_file()}
    return publish(session, settings, 1, data, f"{name}.xlsx", files, actor, validate=False)
