"""Parse ODK's XPath dialect (XPath 1.0 expressions) into a small tree. It evaluates nothing.

Prefixes of element names are dropped (`orx:meta` -> `meta`): answers are found by local name, as devices that
write other prefixes send the same report.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 50_000
MAX_NESTING: Final = 80


class XPathProblem(ValueError):
    """An expression that cannot be read or computed; the message names the reason."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Literal:
    value: str


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negation:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Step:
    axis: str
    test: str
    predicates: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Path:
    """`start` is None for a relative path, "/" for an absolute one, or the expression the steps go on from."""

    start: "Expression | str | None"
    predicates: tuple["Expression", ...]
    steps: tuple[Step, ...]


Expression = Number | Literal | Binary | Negation | Call | Path

_NAME: Final = r"[^\W\d][\w.\-·]*"
_TOKEN: Final = re.compile(
    rf"""\s*(?:
        (?P<number>\d+(?:\.\d*)?|\.\d+)
      | (?P<literal>"[^"]*"|'[^']*')
      | (?P<symbol>::|//|\.\.|!=|<=|>=|[/.@=<>|+\-*()\[\],])
      | (?P<name>(?:{_NAME}:(?!:))?(?:{_NAME}|\*))
    )""",
    re.VERBOSE,
)
_LEVELS: Final = (("or",), ("and",), ("=", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "div", "mod"))
_STRENGTH: Final = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_WORD_OPERATORS: Final = frozenset({"and", "or", "div", "mod"})
_NOT_BEFORE_OPERATOR: Final = frozenset({"@", "::", "(", "[", ",", "/", "//", "|", "+", "-", "=", "!=", "<", "<=", ">", ">="})
_NODE_TYPES: Final = frozenset({"node", "text", "comment"})
_ANY: Final = Step("descendant-or-self", "node()", ())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse_xpath(text: str) -> Expression:
    """Parse one expression; raises XPathProblem for what is no XPath or nests too deep."""
    if len(text) > MAX_LENGTH:
        raise XPathProblem(f"The expression has {len(text)} characters; at most {MAX_LENGTH} are read.")
    parser = _Parser(list(_tokens(text)))
    expression = parser.expression(0)
    if parser.peek().kind != "end":
        raise XPathProblem(f"The expression goes wrong at “{parser.peek().text}”.")
    return expression


def _tokens(text: str) -> Iterator[_Token]:
    position, previous = 0, None
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if not found:
            raise XPathProblem(f"The expression goes wrong at “{text[position : position + 20].strip()}”.")
        kind = found.lastgroup or ""
        token = _Token(kind, found.group(kind))
        if _is_operator(token, previous):
            token = _Token("operator", token.text)
        yield token
        position, previous = found.end(), token
    yield _Token("end", "the end")


def _is_operator(token: _Token, previous: _Token | None) -> bool:
    """XPath 1.0, 3.7: `*`, `and`, `div`... are operators after an operand and names elsewhere."""
    if token.text not in _WORD_OPERATORS and token.text != "*":
        return False
    return previous is not None and previous.kind != "operator" and previous.text not in _NOT_BEFORE_OPERATOR


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nesting = 0

    def peek(self, ahead: int = 0) -> _Token:
        index = min(self._at + ahead, len(self._tokens) - 1)
        return self._tokens[index]

    def _next(self) -> _Token:
        token = self.peek()
        self._at += 1
        return token

    def _take(self, text: str) -> bool:
        token = self.peek()
        if token.kind in {"symbol", "operator"} and token.text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise XPathProblem(f"The expression lacks “{text}” before “{self.peek().text}”.")

    def expression(self, weakest: int) -> Expression:
        """One operand and all operators at least as strong as level `weakest` of _LEVELS."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise XPathProblem(f"The expression nests deeper than {MAX_NESTING} levels.")
        left = self._unary()
        while (level := self._operator_level()) >= weakest:
            operator = self._next().text
            left = Binary(operator, left, self.expression(level + 1))
        self._nesting -= 1
        return left

    def _operator_level(self) -> int:
        token = self.peek()
        return _STRENGTH.get(token.text, -1) if token.kind in {"symbol", "operator"} else -1

    def _unary(self) -> Expression:
        minuses = 0
        while self._take("-"):
            minuses += 1
        left = self._path()
        while self._take("|"):
            left = Binary("|", left, self._path())
        return Negation(left) if minuses % 2 else left

    def _path(self) -> Expression:
        token = self.peek()
        if token.kind == "symbol" and token.text in {"/", "//"}:
            self._at += 1
            if token.text == "//":
                return Path("/", (), (_ANY, *self._steps()))
            return Path("/", (), self._steps() if self._step_follows() else ())
        if token.kind in {"number", "literal"} or token.text == "(" or self._call_follows():
            return self._from_primary()
        return Path(None, (), self._steps())

    def _from_primary(self) -> Expression:
        start = self._primary()
        predicates = self._predicates()
        if self._take("//"):
            return Path(start, predicates, (_ANY, *self._steps()))
        if self._take("/"):
            return Path(start, predicates, self._steps())
        return Path(start, predicates, ()) if predicates else start

    def _call_follows(self) -> bool:
        token = self.peek()
        return token.kind == "name" and self.peek(1).text == "(" and token.text not in _NODE_TYPES

    def _step_follows(self) -> bool:
        token = self.peek()
        return token.kind == "name" or (token.kind in {"symbol", "operator"} and token.text in {".", "..", "@", "*"})

    def _primary(self) -> Expression:
        token = self._next()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "literal":
            return Literal(token.text[1:-1])
        if token.text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        return self._call(token.text)

    def _call(self, name: str) -> Expression:
        self._expect("(")
        arguments: list[Expression] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression(0))
        return Call(name.rsplit(":", 1)[-1], tuple(arguments))

    def _steps(self) -> tuple[Step, ...]:
        steps = [self._step()]
        while True:
            if self._take("//"):
                steps.append(_ANY)
            elif not self._take("/"):
                return tuple(steps)
            steps.append(self._step())

    def _step(self) -> Step:
        if self._take(".."):
            return Step("parent", "node()", self._predicates())
        if self._take("."):
            return Step("self", "node()", self._predicates())
        axis = "child"
        if self._take("@"):
            axis = "attribute"
        elif self.peek(1).text == "::":
            axis = self._next().text
            self._expect("::")
        return Step(axis, self._test(), self._predicates())

    def _test(self) -> str:
        token = self._next()
        if token.text == "*":
            return "*"
        if token.kind != "name":
            raise XPathProblem(f"The expression goes wrong at “{token.text}”.")
        if token.text in _NODE_TYPES and self._take("("):
            self._expect(")")
            return f"{token.text}()"
        return token.text.rsplit(":", 1)[-1]

    def _predicates(self) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while self._take("["):
            found.append(self.expression(0))
            self._expect("]")
        return tuple(found)
