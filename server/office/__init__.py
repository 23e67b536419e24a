"""Door: officers' pages, and whatever no other door answers.

Each module holds one noun's pages as `blueprint`; a new one is added to PAGES and, if officers should find it, to
`navigation.SECTIONS`. Look and words are in templates/ (base.html, macros.html) and static/css/fieldpost.css.
"""

from __future__ import annotations

from flask import Flask, Response

from server.office import (
    account,
    audit,
    code_lists,
    devices,
    doubles,
    downloads,
    duty,
    entry,
    form_versions,
    forms,
    held_updates,
    imports,
    inbox,
    keys,
    layout,
    login,
    new_password,
    organisation,
    people,
    quarantine,
    records,
    registers,
    releases,
    reminders,
    reports,
    return_plans,
    returns,
    review,
    setup,
    states,
    weights,
)
from server.office.refusals import render_problem as _render
from server.problems import Problem

PAGES = (
    login,
    account,
    inbox,
    reports,
    duty,
    quarantine,
    held_updates,
    doubles,
    entry,
    registers,
    downloads,
    records,
    states,
    imports,
    review,
    reminders,
    return_plans,
    returns,
    releases,
    forms,
    form_versions,
    keys,
    devices,
    new_password,
    people,
    organisation,
    setup,
    code_lists,
    weights,
    audit,
)


def register(app: Flask) -> None:
    """Adds this door's routes to the app."""
    layout.install(app)
    for page in PAGES:
        app.register_blueprint(page.blueprint)


def answers(path: str) -> bool:
    """Whether problems at this path are rendered by this door."""
    return True


def render_problem(problem: Problem) -> Response:
    """The problem in this door's own form: a page, a fragment for htmx, JSON for scripts, or the way to the log-in."""
    return _render(problem)
