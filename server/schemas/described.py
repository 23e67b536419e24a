"""What the API's document says of a view: the shapes of its query, body and answer. It changes nothing of what a view does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from marshmallow import Schema

View = TypeVar("View", bound=Callable[..., Any])
Shape = type[Schema] | str | tuple[str, ...] | None
"""A schema (JSON), a media type or several (bytes), or nothing."""

XML, JSON, BINARY, CSV, ZIP, GEOJSON = (
    "application/xml", "application/json", "application/octet-stream", "text/csv", "application/zip", "application/geo+json",
)
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OLD_EXCEL = "application/vnd.ms-excel"
FORM_FILES = (XML, EXCEL, OLD_EXCEL)


@dataclass(frozen=True, slots=True)
class Description:
    """The shapes of one view. extended: `X-Extended-Metadata: true` adds to the answer; optional: the body may be left out."""

    answer: Shape
    many: bool = False
    body: Shape = None
    optional: bool = False
    query: type[Schema] | None = None
    extended: bool = False
    status: int = 200


def described(
    answer: Shape, *, many: bool = False, body: Shape = None, optional: bool = False, query: type[Schema] | None = None,
    extended: bool = False, status: int = 200,
) -> Callable[[View], View]:
    """Tells the API's document what the view takes and answers."""

    def mark(view: View) -> View:
        view.__dict__["fieldpost_description"] = Description(answer, many, body, optional, query, extended, status)
        return view

    return mark
