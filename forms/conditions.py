"""What a relevance or a constraint says, as data that a page can put into words of any language.

Reads the patterns that forms are made of (comparisons, `selected()`, answered or not, and / or / not); what is none of them
is kept as written, with questions as `${name}` as in a sheet. Must not evaluate anything; `forms.xpath` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from forms.fields import Field, FormDefinition, text_in
from forms.xpath_parser import Binary, Call, Expression, Negation, Number, Path, Step, XPathProblem, parse_xpath
from forms.xpath_parser import Literal as Text

Kind = Literal[
    "all", "any", "is", "is_not", "at_least", "at_most", "more", "less", "includes", "excludes", "answered", "unanswered",
    "as_written",
]  # fmt: skip
Measure = Literal["", "count", "length"]
Word = Literal["", "today", "question"]

_OPPOSITE: Final[dict[Kind, Kind]] = {
    "is": "is_not", "is_not": "is", "at_least": "less", "less": "at_least", "at_most": "more", "more": "at_most",
    "includes": "excludes", "excludes": "includes", "answered": "unanswered", "unanswered": "answered",
    "all": "any", "any": "all",
}  # fmt: skip
_COMPARED: Final[dict[str, Kind]] = {"=": "is", "!=": "is_not", ">=": "at_least", "<=": "at_most", ">": "more", "<": "less"}
_TURNED: Final[dict[Kind, Kind]] = {"at_least": "at_most", "at_most": "at_least", "more": "less", "less": "more"}
# XPath 1.0, 3.3 to 3.5: how tightly operators bind.
_BINDING: Final = {
    "or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "div": 6, "mod": 6, "|": 7,
}  # fmt: skip
# Thousands of operators in a row are a valid expression, and deeper than Python goes; no page puts that into words.
_UNREADABLE: Final = (XPathProblem, RecursionError)
_MEASURES: Final[dict[str, Measure]] = {"count-selected": "count", "string-length": "length"}


@dataclass(frozen=True, slots=True)
class Said:
    """One condition. `all`/`any` have `parts`; the others speak of `subject` (a question's label, "" for the answer itself),
    or of its number of choices or its length (`measure`), and of `value`.

    `word` says what the value is: "" a fixed one, "question" another question's label, "today" the day of filling. For
    `as_written` the value is the expression.
    """

    kind: Kind
    subject: str = ""
    value: str = ""
    measure: Measure = ""
    word: Word = ""
    parts: tuple[Said, ...] = ()


def said(expression: str, definition: FormDefinition, path: str, language: str) -> Said:
    """What an XPath condition of the field at `path` says, with labels in `language` (a name or a code such as "fr").

    Never raises: an expression that cannot be read is returned as written.
    """
    try:
        return _Reader(definition, path, language).read(parse_xpath(expression))
    except _UNREADABLE:
        return Said("as_written", value=" ".join(expression.split()))


def written(expression: str, definition: FormDefinition, path: str) -> str:
    """An XPath expression as a sheet has it: one line, and questions as `${name}`. Never raises."""
    try:
        return _Reader(definition, path, "").text(parse_xpath(expression))
    except _UNREADABLE:
        return " ".join(expression.split())


@dataclass(frozen=True)
class _Reader:
    definition: FormDefinition
    path: str
    language: str

    def read(self, node: Expression) -> Said:
        if isinstance(node, Binary) and node.operator in ("and", "or"):
            return self._joined("all" if node.operator == "and" else "any", self.read(node.left), self.read(node.right))
        if isinstance(node, Binary) and node.operator in _COMPARED:
            return self._compared(node) or self._as_written(node)
        if isinstance(node, Call) and node.name == "not" and len(node.arguments) == 1:
            return _negated(self.read(node.arguments[0])) or self._as_written(node)
        if isinstance(node, Call) and node.name == "selected" and len(node.arguments) == 2:
            about, chosen = self._question(node.arguments[0]), node.arguments[1]
            if about is not None and isinstance(chosen, Text):
                return Said("includes", self._subject(about), self._choice(about, chosen.value))
        return self._as_written(node)

    def _joined(self, kind: Kind, *read: Said) -> Said:
        parts = [part for each in read for part in (each.parts if each.kind == kind else (each,))]
        return Said(kind, parts=tuple(parts))

    def _compared(self, node: Binary) -> Said | None:
        kind, left, right = _COMPARED[node.operator], node.left, node.right
        found = self._measured(left)
        if found is None:
            found, right = self._measured(right), left
            kind = _TURNED.get(kind, kind)
        if found is None:
            return None
        about, measure = found
        if isinstance(right, Text) and not right.value and not measure:
            return {"is": Said("unanswered", self._subject(about)), "is_not": Said("answered", self._subject(about))}.get(kind)
        value = self._value(about, right)
        return Said(kind, self._subject(about), value[0], measure, value[1]) if value else None

    def _measured(self, node: Expression) -> tuple[Field, Measure] | None:
        measure: Measure = ""
        if isinstance(node, Call) and node.name in _MEASURES and len(node.arguments) == 1:
            measure, node = _MEASURES[node.name], node.arguments[0]
        about = self._question(node)
        return (about, measure) if about is not None else None

    def _value(self, about: Field, node: Expression) -> tuple[str, Word] | None:
        if isinstance(node, Number):
            return _number(node.value), ""
        if isinstance(node, Negation) and isinstance(node.operand, Number):
            return f"-{_number(node.operand.value)}", ""
        if isinstance(node, Text):
            return self._choice(about, node.value), ""
        if isinstance(node, Call) and node.name in ("today", "now") and not node.arguments:
            return "", "today"
        if isinstance(node, Call) and node.name == "date" and len(node.arguments) == 1 and isinstance(node.arguments[0], Text):
            return node.arguments[0].value, ""
        other = self._question(node)
        return (self._subject(other), "question") if other is not None else None

    def _question(self, node: Expression) -> Field | None:
        path = self._path(node)
        return self.definition.by_path.get(path) if path is not None else None

    def _path(self, node: Expression) -> str | None:
        """The path of a question that an expression names plainly; None for anything else."""
        if not isinstance(node, Path) or node.predicates:
            return None
        current = isinstance(node.start, Call) and node.start.name == "current"
        if not (node.start in ("/", None) or current):
            return None
        steps = [] if node.start == "/" else ["", *self.path.split("/")[1:]]
        for step in node.steps:
            if step.predicates or step.axis not in ("self", "parent", "child") or step.test == "*":
                return None
            if step.axis == "parent":
                steps = steps[:-1]
            elif step.axis == "child":
                steps.append(step.test.rsplit(":", 1)[-1])
        # From the root the first name is the form's own.
        return "/".join(["", *steps[1:]])

    def _subject(self, about: Field) -> str:
        """The label of a question in the reader's language, its name when it has none; "" for the one asked."""
        if about.path == self.path:
            return ""
        return text_in(about.labels, self.language, self.definition.default_language) or about.name

    def _choice(self, about: Field, value: str) -> str:
        return self.definition.choice_label(about, value, self.language) or value

    def _as_written(self, node: Expression) -> Said:
        return Said("as_written", value=self.text(node))

    def text(self, node: Expression) -> str:
        """The expression, written anew."""
        if isinstance(node, Number):
            return _number(node.value)
        if isinstance(node, Text):
            return f"'{node.value}'" if "'" not in node.value else f'"{node.value}"'
        if isinstance(node, Binary):
            right = self._operand(node.right, node.operator, right=True)
            return f"{self._operand(node.left, node.operator)} {node.operator} {right}"
        if isinstance(node, Negation):
            return f"-{self._operand(node.operand, '*')}"
        if isinstance(node, Call):
            return f"{node.name}({', '.join(self.text(each) for each in node.arguments)})"
        return self._path_text(node)

    def _operand(self, node: Expression, around: str, right: bool = False) -> str:
        """A side of an operator, in brackets where it binds less (on the right, also where order would matter)."""
        if not isinstance(node, Binary):
            return self.text(node)
        inner, outer = _BINDING.get(node.operator, 0), _BINDING.get(around, 0)
        loose = inner < outer or (right and inner == outer and around not in ("and", "or", "+", "*"))
        return f"({self.text(node)})" if loose else self.text(node)

    def _path_text(self, node: Path) -> str:
        about = self._question(node)
        if about is not None:
            return "." if about.path == self.path else f"${{{about.name}}}"
        steps = "/".join(self._step(step) for step in node.steps)
        if node.start is None or isinstance(node.start, str):
            return f"{node.start or ''}{steps}"
        predicates = "".join(f"[{self.text(each)}]" for each in node.predicates)
        return f"{self.text(node.start)}{predicates}" + (f"/{steps}" if steps else "")

    def _step(self, step: Step) -> str:
        short = {("self", "node()"): ".", ("parent", "node()"): ".."}.get((step.axis, step.test))
        prefix = {"child": "", "attribute": "@"}.get(step.axis, f"{step.axis}::")
        predicates = "".join(f"[{self.text(each)}]" for each in step.predicates)
        return (short or f"{prefix}{step.test}") + predicates


def _negated(each: Said) -> Said | None:
    """The opposite, by de Morgan's laws; None when a part is only known as written.

    "a < b is false" is read as "a >= b": what is not answered fails both, and a condition on it is shown by its own words.
    """
    if each.kind == "as_written":
        return None
    parts = [_negated(part) for part in each.parts]
    if any(part is None for part in parts):
        return None
    return replace(each, kind=_OPPOSITE[each.kind], parts=tuple(part for part in parts if part is not None))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
