"""One view for addresses that a form has several times: for what is published, for its draft, for a version of old."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response

from server.central.routes import routes
from server.extensions import db
from server.gate import allow, identity
from server.models import Form, FormVersion
from server.services import form_catalogue as catalogue
from server.services.identity import Verb
from server.services.submissions import Place

FORM = "/projects/<project_id>/forms/<path:form_id>"
DRAFT = f"{FORM}/draft"
View = Callable[..., Response]


@dataclass(frozen=True)
class Stage:
    """A form as it is published, as its draft, or one of its versions: where it lies and who may read it."""

    name: str
    base: str
    verbs: tuple[Verb, ...]

    def find(self, project_id: int, form_id: str, version: str | None = None) -> tuple[Form, FormVersion]:
        """The form at this stage. Raises Problem not_found."""
        session = db.session()
        form = catalogue.find(session, identity(), project_id, form_id)
        if self is DRAFTED:
            return form, catalogue.draft_version(session, form)
        return form, catalogue.published_version(session, form, version)


PUBLISHED = Stage("published", FORM, (Verb.FORM_READ,))
DRAFTED = Stage("draft", DRAFT, (Verb.FORM_PUBLISH, Verb.SUBMISSION_READ))
OF_OLD = Stage("version", f"{FORM}/versions/<version>", (Verb.FORM_READ,))
STAGES = (PUBLISHED, DRAFTED, OF_OLD)


def of_form(suffix: str, *stages: Stage) -> Callable[[View], View]:
    """GET of `suffix` at these stages (default: all); the view gets the form and its version."""

    def add(view: View) -> View:
        for stage in stages or STAGES:
            _add(f"{stage.base}{suffix}", f"{stage.name}_{view.__name__}", _with_version(view, stage), stage.verbs, "GET")
        return view

    return add


def of_reports(suffix: str, verb: Verb, method: str = "GET") -> Callable[[View], View]:
    """`suffix` below the real submissions of a form and below those that came on its draft; the view gets the place."""

    def add(view: View) -> View:
        for stage in (PUBLISHED, DRAFTED):
            rule = f"{stage.base}/submissions{suffix}"
            _add(rule, f"{stage.name}_{view.__name__}", _with_place(view, stage), (verb,), method)
        return view

    return add


def of_service(suffix: str, *stages: Stage) -> Callable[[View], View]:
    """GET of `suffix` of the OData service at these stages; the view gets the form, its version and the place of its reports."""

    def add(view: View) -> View:
        for stage in stages:
            rule = f"{stage.base}.svc{suffix}"
            _add(rule, f"{stage.name}_{view.__name__}", _with_service(view, stage), (Verb.SUBMISSION_READ,), "GET")
        return view

    return add


def place(project_id: int, form_id: str, draft: bool = False) -> Place:
    """The form's real submissions, or those of its draft. Raises Problem not_found."""
    return Place(catalogue.find(db.session(), identity(), project_id, form_id), draft)


def _add(rule: str, endpoint: str, view: View, verbs: tuple[Verb, ...], method: str) -> None:
    routes.add_url_rule(rule, endpoint, allow(*verbs)(view), methods=[method])


def _with_version(view: View, stage: Stage) -> View:
    @functools.wraps(view)
    def at_stage(project_id: int, form_id: str, version: str | None = None, **values: Any) -> Response:
        return view(*stage.find(project_id, form_id, version), **values)

    return at_stage


def _with_place(view: View, stage: Stage) -> View:
    @functools.wraps(view)
    def at_place(project_id: int, form_id: str, **values: Any) -> Response:
        return view(place(project_id, form_id, stage is DRAFTED), **values)

    return at_place


def _with_service(view: View, stage: Stage) -> View:
    @functools.wraps(view)
    def at_service(project_id: int, form_id: str, **values: Any) -> Response:
        form, version = stage.find(project_id, form_id)
        return view(form, version, Place(form, stage is DRAFTED), **values)

    return at_service
