"""Turns an OData $filter or $orderby over system fields into SQL conditions. Only named fields, never answers.

The text comes from outside: it is tokenised and parsed here, values always travel as bound parameters.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, extract, func, literal, not_, or_

from server.models.columns import UtcDateTime
from server.problems import Problem

MAX_LENGTH, MAX_DEPTH = 10_000, 60
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[$A-Za-z_][\w$]*(?:/[\w$]+)*)"
    r"|(?P<mark>[(),]))"
)
_COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
_PARTS = {"year", "month", "day", "hour", "minute", "second"}


@dataclass(frozen=True)
class FilterField:
    """A field that may be filtered and sorted by: its column and what its values are ("time", "text" or "number")."""

    column: ColumnElement[Any]
    kind: str


@dataclass(frozen=True)
class _Term:
    expression: ColumnElement[Any] | None
    kind: str
    value: Any = None
    text: str = ""


_CONSTANTS = {
    "null": _Term(None, "null", text="null"), "true": _Term(None, "text", "true"), "false": _Term(None, "text", "false"),
}


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, FilterField], now: dt.datetime, dialect: str) -> None:
        if len(text) > MAX_LENGTH:
            raise Problem("unparseable_odata", reason=f"it is longer than {MAX_LENGTH} characters.")
        self.tokens = _tokens(text)
        self.place = 0
        self.fields, self.now, self.dialect = fields, now, dialect
        self.depth = 0

    def whole(self) -> ColumnElement[bool]:
        found = self.alternatives()
        if self.place < len(self.tokens):
            raise Problem("unparseable_odata", reason=f"nothing was expected at '{self.tokens[self.place][1]}'.")
        return found

    def alternatives(self) -> ColumnElement[bool]:
        found = self.conjunction()
        while self.accept("or"):
            found = or_(found, self.conjunction())
        return found

    def conjunction(self) -> ColumnElement[bool]:
        found = self.negation()
        while self.accept("and"):
            found = and_(found, self.negation())
        return found

    def negation(self) -> ColumnElement[bool]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Problem("unparseable_odata", reason="it is nested too deeply.")
        try:
            if self.accept("not"):
                return not_(self.negation())
            if self.accept("("):
                found = self.alternatives()
                self.expect(")")
                return found
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> ColumnElement[bool]:
        left = self.term()
        _kind, operator = self.next()
        if operator not in _COMPARISONS:
            raise Problem("unparseable_odata", reason=f"'{operator}' is no comparison.")
        return _compare(left, operator, self.term())

    def term(self) -> _Term:
        kind, token = self.next()
        if kind == "text":
            return _Term(None, "text", token[1:-1].replace("''", "'"), token)
        if kind == "number":
            return _Term(None, "number", float(token) if "." in token else int(token), token)
        if kind == "time":
            return _Term(None, "time", _instant(token), token)
        if kind == "mark":
            raise Problem("unparseable_odata", reason=f"a value was expected, not '{token}'.")
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token == "now":  # noqa: S105 (a word of the filter)
            self.expect("(")
            self.expect(")")
            return _Term(None, "time", self.now, "now()")
        if token in _PARTS and self.accept("("):
            return self.part(token)
        field = _field(self.fields, token)
        return _Term(field.column, field.kind, text=token)

    def part(self, name: str) -> _Term:
        inner = self.term()
        self.expect(")")
        if inner.kind != "time":
            raise Problem("unparseable_odata", reason=f"{name}() needs a time.")
        if inner.expression is None:
            return _Term(None, "number", getattr(inner.value, name), f"{name}()")
        # PostgreSQL would count in the time zone of the connection; the API speaks UTC.
        column = func.timezone("UTC", inner.expression) if self.dialect == "postgresql" else inner.expression
        return _Term(cast(func.floor(extract(name, column)) if name == "second" else extract(name, column), Integer), "number")

    def accept(self, token: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place] in {("word", token), ("mark", token)}:
            self.place += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise Problem("unparseable_odata", reason=f"'{token}' is missing.")

    def next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise Problem("unparseable_odata", reason="it ends too early.")
        self.place += 1
        return self.tokens[self.place - 1]


def condition(
    text: str, fields: Mapping[str, FilterField], now: dt.datetime, dialect: str
) -> ColumnElement[bool]:
    """The SQL condition of a $filter.

    Raises Problem unparseable_odata (400.5) for text that is no filter and odata_field (501.5) for other fields.
    """
    return _Parser(text, fields, now, dialect).whole()


def ordering(text: str, fields: Mapping[str, FilterField]) -> list[ColumnElement[Any]]:
    """The ORDER BY terms of an $orderby ("__system/submissionDate desc, __id"); same problems as `condition`."""
    found: list[ColumnElement[Any]] = []
    for part in text.split(","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].lower() not in {"asc", "desc"}):
            raise Problem("unparseable_odata", reason=f"'{part.strip()}' is no order.")
        column = _field(fields, words[0]).column
        found.append(column.desc().nulls_last() if words[1:] and words[1].lower() == "desc" else column.asc().nulls_first())
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise Problem("unparseable_odata", reason=f"'{text[place : place + 20].strip()}' cannot be read.")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    if not found:
        raise Problem("unparseable_odata", reason="it is empty.")
    return found


def _field(fields: Mapping[str, FilterField], name: str) -> FilterField:
    field = fields.get(name.removeprefix("$root/Submissions/").removeprefix("$root/Entities/"))
    if field is None:
        raise Problem("odata_field", field=name)
    return field


def _instant(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Problem("unparseable_odata", reason=f"'{text}' is no time.") from error


def _compare(left: _Term, operator: str, right: _Term) -> ColumnElement[bool]:
    kinds = {left.kind, right.kind} - {"null"}
    kind = "time" if "time" in kinds else "number" if "number" in kinds else "text"
    a, b = _side(left, kind), _side(right, kind)
    if operator == "eq":
        return a.is_not_distinct_from(b)
    if operator == "ne":
        return a.is_distinct_from(b)
    compared: ColumnElement[bool] = {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[operator]
    return compared


def _side(term: _Term, kind: str) -> ColumnElement[Any]:
    """The term as SQL, its value as the other side needs it (ids come quoted, times may come quoted)."""
    if term.expression is not None:
        return term.expression
    value = term.value
    if value is not None and kind == "time" and not isinstance(value, dt.datetime):
        value = _instant(str(value))
    elif value is not None and kind == "number" and isinstance(value, str):
        if not re.fullmatch(r"-?\d{1,9}(\.\d+)?", value):
            raise Problem("unparseable_odata", reason=f"{term.text} is no number.")
        value = float(value) if "." in value else int(value)
    elif value is not None and kind == "text":
        value = str(value)
    if isinstance(value, int | float) and abs(value) > 2**53:
        raise Problem("unparseable_odata", reason=f"{term.text} is too large.")
    if isinstance(value, dt.datetime):
        return literal(value, UtcDateTime())
    return literal(value)
