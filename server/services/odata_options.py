"""Reads the query options of an OData request and refuses those that are not offered (501.1). Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.problems import Problem

_KNOWN = frozenset({
    "$top", "$skip", "$skiptoken", "$count", "$filter", "$orderby", "$select", "$expand", "$wkt", "$format", "$search",
})
_BIGGEST = 2**53


@dataclass(frozen=True)
class Options:
    """The options of one request; limits are None where none was given."""

    top: int | None = None
    skip: int = 0
    token: Mapping[str, Any] = field(default_factory=dict)
    count: bool = False
    filter: str | None = None
    orderby: str | None = None
    select: tuple[str, ...] = ()
    expand: bool = False
    wkt: bool = False
    search: str | None = None

    @property
    def wants_deleted(self) -> bool:
        """Whether the filter speaks of deletion; without that, what is deleted is left out."""
        return "deletedAt" in (self.filter or "")


def flag(text: str | None, default: bool = False) -> bool:
    """A boolean of the query in any case ("True", "false"); anything else is the default, as in ODK Central."""
    return {"true": True, "false": False}.get((text or "").lower(), default)


def parse_options(query: Mapping[str, str], entities: bool = False) -> Options:
    """The options of a query.

    Raises Problem not_implemented (501.1) for unknown options and combinations, not_acceptable (406.1) for a format
    other than JSON, unexpected_value (400.8) for what is no number or token.
    """
    for name in query:
        if name.startswith("$") and (name not in _KNOWN or (name == "$search" and not entities)):
            raise Problem("not_implemented", feature=name)
    if query.get("$format", "json").split(";")[0].strip().lower() not in {"json", "application/json"}:
        raise Problem("not_acceptable", allowable="application/json")
    expand, select = query.get("$expand", ""), query.get("$select", "")
    if expand not in {"", "*"}:
        raise Problem("not_implemented", feature="$expand on a specific property")
    names = tuple(part.strip() for part in select.split(",") if part.strip() and part.strip() != "*")
    if expand and names:
        raise Problem("not_implemented", feature="$select together with $expand")
    if query.get("$orderby") and query.get("$skiptoken"):
        raise Problem("not_implemented", feature="$orderby together with $skiptoken")
    return Options(
        top=_number(query, "$top"), skip=_number(query, "$skip") or 0, token=_token(query.get("$skiptoken")),
        count=flag(query.get("$count")), filter=query.get("$filter") or None, orderby=query.get("$orderby") or None,
        select=names, expand=expand == "*", wkt=flag(query.get("$wkt")), search=query.get("$search") or None,
    )


def skip_token(place: Mapping[str, Any]) -> str:
    """The token that continues after a row: "01" and base64 of JSON, the shape ODK Central's clients have seen."""
    return "01" + base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise Problem("unexpected_value", field=name, value=text[:50], reason="it must be a whole number from 0.")
    return min(int(text[:20]), _BIGGEST)


def _token(text: str | None) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        padded = text[2:].replace("+", "-").replace("/", "_")
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _foreign_token(text) from error
    if not text.startswith("01") or not isinstance(place, dict) or not all(isinstance(each, str) for each in place.values()):
        raise _foreign_token(text)
    return place


def _foreign_token(text: str) -> Problem:
    return Problem("unexpected_value", field="$skiptoken", value=text[:50], reason="it was not given by this server.")


def select_columns(row: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """The row with only the wanted fields ("a", "group/b", "__system/submissionDate"); everything when none is named."""
    if not wanted:
        return row
    chosen: dict[str, Any] = {}
    for path in wanted:
        _copy(row, chosen, path.split("/"))
    return chosen


def _copy(source: Any, target: dict[str, Any], steps: list[str]) -> None:
    if not isinstance(source, dict) or steps[0] not in source:
        return
    if len(steps) == 1:
        target[steps[0]] = source[steps[0]]
    else:
        _copy(source[steps[0]], target.setdefault(steps[0], {}), steps[1:])
