"""XPath functions of text: joining, cutting, patterns, digests."""

import base64
import binascii
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from forms.xpath_context import Context, Function, Run, number_of, text_of
from forms.xpath_parser import XPathProblem
from forms.xpath_patterns import pattern
from forms.xpath_values import to_string

Arguments = Sequence[Run]


def _members(context: Context, arguments: Arguments) -> list[str]:
    """The texts of all arguments, with each node of a node set on its own."""
    found: list[str] = []
    for argument in arguments:
        value = argument(context)
        found += [node.string() for node in value] if isinstance(value, list) else [to_string(value)]
    return found


def _string(context: Context, arguments: Arguments) -> str:
    return text_of(context, arguments[0]) if arguments else context.node.string()


def _concat(context: Context, arguments: Arguments) -> str:
    return "".join(_members(context, arguments))


def _join(context: Context, arguments: Arguments) -> str:
    return text_of(context, arguments[0]).join(_members(context, arguments[1:]))


def _string_length(context: Context, arguments: Arguments) -> float:
    return float(len(_string(context, arguments)))


def _normalize_space(context: Context, arguments: Arguments) -> str:
    return " ".join(_string(context, arguments).split())


def _substr(context: Context, arguments: Arguments) -> str:
    """From `start` (0-based, negative from the end) up to, not including, `end`."""
    text = text_of(context, arguments[0])
    bounds = [number_of(context, argument) for argument in arguments[1:]]
    if any(math.isnan(bound) or math.isinf(bound) for bound in bounds):
        return ""
    start, end = int(bounds[0]), int(bounds[1]) if len(bounds) > 1 else len(text)
    return text[_within(start, text) : max(_within(end, text), 0)]


def _within(index: int, text: str) -> int:
    return max(index + len(text), 0) if index < 0 else index


def _substring(context: Context, arguments: Arguments) -> str:
    """XPath 1.0's substring: 1-based start and a length."""
    text = text_of(context, arguments[0])
    start = number_of(context, arguments[1])
    length = number_of(context, arguments[2]) if len(arguments) > 2 else math.inf
    first = math.floor(start + 0.5) if math.isfinite(start) else start
    last = first + (math.floor(length + 0.5) if math.isfinite(length) else length)
    return "".join(character for at, character in enumerate(text, 1) if first <= at < last)


def _substring_before(context: Context, arguments: Arguments) -> str:
    before, found, _after = text_of(context, arguments[0]).partition(text_of(context, arguments[1]) or "\0")
    return before if found else ""


def _substring_after(context: Context, arguments: Arguments) -> str:
    separator = text_of(context, arguments[1])
    text = text_of(context, arguments[0])
    return text.partition(separator)[2] if separator else text


def _translate(context: Context, arguments: Arguments) -> str:
    text, old, new = (text_of(context, argument) for argument in arguments)
    table: dict[int, str | None] = {}
    for at, character in enumerate(old):
        table.setdefault(ord(character), new[at] if at < len(new) else None)
    return text.translate(table)


def _regex(context: Context, arguments: Arguments) -> bool:
    """Whether the whole text matches, as Java's `matches` does on the phone."""
    return pattern(text_of(context, arguments[1])).matches(text_of(context, arguments[0]))


def _digest(context: Context, arguments: Arguments) -> str:
    text, algorithm = text_of(context, arguments[0]), text_of(context, arguments[1])
    encoding = text_of(context, arguments[2]) if len(arguments) > 2 else "base64"
    name = algorithm.lower().replace("-", "")
    if name not in {"md5", "sha1", "sha256", "sha384", "sha512"}:
        raise XPathProblem(f"digest() does not know the algorithm “{algorithm}”.")
    made = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
    if encoding not in {"base64", "hex"}:
        raise XPathProblem(f"digest() does not know the encoding “{encoding}”.")
    return made.hex() if encoding == "hex" else base64.b64encode(made).decode()


def _base64_decode(context: Context, arguments: Arguments) -> str:
    try:
        return base64.b64decode(text_of(context, arguments[0]), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _pair(test: Callable[[str, str], bool]) -> Function:
    return Function(lambda context, arguments: test(text_of(context, arguments[0]), text_of(context, arguments[1])), 2, 2)


TEXT_FUNCTIONS: Final[Mapping[str, Function]] = {
    "string": Function(_string, 0, 1),
    "concat": Function(_concat, 0, None),
    "join": Function(_join, 1, None),
    "string-length": Function(_string_length, 0, 1),
    "normalize-space": Function(_normalize_space, 0, 1),
    "substr": Function(_substr, 2, 3),
    "substring": Function(_substring, 2, 3),
    "substring-before": Function(_substring_before, 2, 2),
    "substring-after": Function(_substring_after, 2, 2),
    "contains": _pair(lambda text, part: part in text),
    "starts-with": _pair(lambda text, part: text.startswith(part)),
    "ends-with": _pair(lambda text, part: text.endswith(part)),
    "translate": Function(_translate, 3, 3),
    "upper-case": Function(lambda context, arguments: text_of(context, arguments[0]).upper(), 1, 1),
    "lower-case": Function(lambda context, arguments: text_of(context, arguments[0]).lower(), 1, 1),
    "regex": Function(_regex, 2, 2),
    "digest": Function(_digest, 2, 3),
    "base64-decode": Function(_base64_decode, 1, 1),
}
