"""What can be said of an XPath expression of a form without evaluating it.

Splits it into tokens and reports brackets, quotes, operators of other languages, unknown functions and paths to
nodes that do not exist. ODK Validate lets the last two pass; on the phone they stop the questionnaire.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

# Functions of the ODK XForms specification and of JavaRosa, the engine of ODK Collect.
FUNCTIONS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        abs acos area asin atan atan2 base64-decode boolean boolean-from-string checklist coalesce concat contains
        cos count count-non-empty count-selected current date date-time decimal-date-time decimal-time depend digest
        distance ends-with exp exp10 extract-signed false format-date format-date-time geofence if indexed-repeat
        instance int intersects join jr:choice-name jr:itext log log10 max min normalize-space not now number once pi
        position pow property pulldata random randomize regex round selected selected-at sin sqrt starts-with string
        string-length substr substring-after substring-before sum tan today translate true uuid version
        weighted-checklist
        """,
    )
)
NODE_TESTS: Final = frozenset({"text", "node", "comment", "processing-instruction"})
_WORD_OPERATORS: Final = frozenset({"and", "or", "div", "mod"})
_NCNAME = r"[^\W\d][\w.\-·]*"
_TOKEN = re.compile(
    rf"""(?P<string>"[^"]*"|'[^']*')|(?P<ref>\$\{{[^}}]*\}})|(?P<number>\d+(?:\.\d*)?|\.\d+)"""
    rf"""|(?P<name>{_NCNAME}(?::(?!:){_NCNAME})?)"""
    r"""|(?P<op>//|::|\.\.|!=|<=|>=|[/.()\[\],=<>+\-*|@$])|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_FOREIGN: Final = {
    "&": "Write `and` for `&&`.",
    "!": "Write `!=` for unequal and `not(...)` for a negation.",
    ";": "XPath separates arguments with a comma.",
    "%": "Write `mod` for the remainder.",
    "{": "Write a reference to a question as ${name}.",
    "}": "Write a reference to a question as ${name}.",
}
_CLOSING: Final = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression. ``kind`` is string, ref, number, name, function, word (and, or, ...) or op."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault inside an expression; the caller knows sheet, row and column."""

    code: str
    message: str
    advice: str


def tokens(expression: str) -> tuple[Token, ...]:
    """Split an expression; an unreadable character becomes a token of kind ``other``."""
    raw = [(m.lastgroup or "other", m.group()) for m in _TOKEN.finditer(expression)]
    raw = [pair for pair in raw if pair[0] != "space"]
    result: list[Token] = []
    for position, (kind, text) in enumerate(raw):
        following = raw[position + 1][1] if position + 1 < len(raw) else ""
        is_word = text in _WORD_OPERATORS and bool(result) and _ends_operand(result[-1])
        named = "word" if is_word else "function" if following == "(" else "name"
        result.append(Token(named if kind == "name" else kind, text))
    return tuple(result)


def references(text: str) -> tuple[str, ...]:
    """Return the question names in ``${...}``, also those inside quotes or labels."""
    return tuple(inner.strip().removeprefix("last-saved#") for inner in _REFERENCE.findall(text))


def malformed_reference(text: str) -> bool:
    """Tell whether a ``${`` is never closed or holds something that cannot be a question's name."""
    opened = text.count("${")
    proper = [name for name in references(text) if re.fullmatch(_NCNAME, name)]
    return opened != len(proper)


def instances(expression: str) -> tuple[str, ...]:
    """Return the list names that ``instance('...')`` names."""
    found = tokens(expression)
    return tuple(
        found[i + 2].text[1:-1]
        for i, token in enumerate(found[:-2])
        if token == Token("function", "instance") and found[i + 2].kind == "string"
    )


def bare_names(expression: str) -> tuple[str, ...]:
    """Return names that stand alone outside ``[...]``, as the columns of a list do in a choice filter."""
    found = tokens(expression)
    around = ("", *(token.text for token in found), "")
    depth, names = 0, []
    for i, token in enumerate(found):
        depth += (token.text == "[") - (token.text == "]") if token.kind == "op" else 0
        alone = around[i] not in ("/", "//", "@", "::", "]") and around[i + 2] not in ("/", "//", "::")
        if token.kind == "name" and alone and depth == 0:
            names.append(token.text)
    return tuple(names)


def syntax_problems(expression: str) -> tuple[Problem, ...]:
    """Report unclosed quotes and brackets, operators of other languages and functions ODK does not have."""
    found = tokens(expression)
    return (*_character_problems(found), *_bracket_problems(found), *_function_problems(found))


def path_problems(expression: str, known: Collection[str], context: str) -> tuple[Problem, ...]:
    """Report absolute and ``..`` paths that lead to no node, and names without ``${}`` or quotes.

    ``known`` holds the paths of the form's instance such as ``/data/group/question``; ``context`` is the path of
    the node the expression belongs to. Paths inside a predicate or behind a function are left alone: their
    context is another one.
    """
    missing = [path for path in _paths(tokens(expression), context) if path not in known]
    bare = [name for name in bare_names(expression) if f"{context}/{name}" not in known]
    return (
        *(
            Problem("missing-node", f"The path {path} leads to no question.", did_you_mean(path, known))
            for path in dict.fromkeys(missing)
        ),
        *(
            Problem("bare-name", f"{name} alone means nothing here.", f"Write ${{{name}}} for the answer, '{name}' for the text.")
            for name in dict.fromkeys(bare)
        ),
    )


def _ends_operand(token: Token) -> bool:
    return token.kind in ("string", "ref", "number", "name") or token.text in (")", "]", ".", "..", "*")


def _character_problems(found: tuple[Token, ...]) -> Iterator[Problem]:
    for text in dict.fromkeys(token.text for token in found if token.kind == "other"):
        if text in "'\"":
            yield Problem("unclosed-quote", "A quotation mark is not closed.", "Add the closing quotation mark.")
        else:
            advice = _FOREIGN.get(text, "Remove it, or put text between quotation marks.")
            yield Problem("bad-character", f"The character {text} has no meaning in an expression.", advice)
    for first, second in itertools.pairwise(found):
        if (first.text, second.text) in (("=", "="), ("|", "|"), ("<", ">"), ("=", ">"), ("=", "<")):
            advice = "Write = for equal, != for unequal, <= and >= for limits, `or` for `||`."
            yield Problem("bad-operator", f"{first.text}{second.text} is no operator of XPath.", advice)


def _bracket_problems(found: tuple[Token, ...]) -> Iterator[Problem]:
    stack: list[str] = []
    for token in found:
        if token.kind != "op":
            continue
        if token.text in "([":
            stack.append(token.text)
        elif token.text in _CLOSING and (not stack or stack.pop() != _CLOSING[token.text]):
            yield Problem("brackets", f"A {token.text} has no partner.", "Check that every bracket is opened and closed.")
            return
    if stack:
        yield Problem("brackets", f"A {stack[-1]} is never closed.", "Check that every bracket is opened and closed.")


def _function_problems(found: tuple[Token, ...]) -> Iterator[Problem]:
    names = dict.fromkeys(token.text for token in found if token.kind == "function")
    for name in names:
        if name not in FUNCTIONS and name not in NODE_TESTS:
            yield Problem("unknown-function", f"ODK has no function {name}().", did_you_mean(name, FUNCTIONS))


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return advice that names the most similar known word, if there is one."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else "Check the spelling."


def _paths(found: tuple[Token, ...], context: str) -> Iterator[str]:
    position, depth = 0, 0
    while position < len(found):
        token = found[position]
        depth += (token.text == "[") - (token.text == "]") if token.kind == "op" else 0
        before = found[position - 1] if position else None
        continues = before is not None and (_ends_operand(before) or before.text in ("/", "//", "::"))
        starts = token.kind == "op" and token.text in ("/", "..") and not continues and depth == 0
        if not starts:
            position += 1
            continue
        steps, position = _steps(found, position)
        resolved = _resolve(steps, context)
        if resolved is not None:
            yield resolved


def _steps(found: tuple[Token, ...], position: int) -> tuple[list[str], int]:
    """Read one location path from ``position``; predicates end it, for what follows them needs evaluation."""
    steps: list[str] = []
    while position < len(found):
        token = found[position]
        after_slash = not steps or steps[-1] == "/"
        is_step = token.kind == "name" or (token.kind == "op" and token.text in ("..", ".", "*", "@", "//"))
        is_slash = token.kind == "op" and token.text == "/"
        doubled = is_slash and bool(steps) and after_slash
        if doubled or not (is_slash or (is_step and after_slash)):
            break
        steps.append(token.text)
        position += 1
    return steps, position


def _resolve(steps: list[str], context: str) -> str | None:
    """Return the absolute path, or None where wildcards, attributes or climbing too far forbid an answer."""
    if any(step in ("*", "@", "//") for step in steps) or steps == ["/"]:
        return None
    nodes = [] if steps[0] == "/" else context.strip("/").split("/")
    for step in steps:
        if step == "..":
            if not nodes:
                return None
            nodes.pop()
        elif step not in ("/", "."):
            nodes.append(step)
    return "/" + "/".join(nodes) if nodes else None
