"""Patterns of a form's `regex()`: Java's dialect for Python, and how long a text they may be tried on.

A pattern such as `(a+)+b` can take longer than the age of the universe on forty letters; a device must not be able
to stop the server with one answer to such a question.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from forms.xpath_parser import XPathProblem

LONGEST: Final = 4_000
"""Longest text, in characters, that any pattern is tried on."""
SHORTEST: Final = 64
"""Texts up to this length are tried whatever the number of repetitions, unless one stands inside another."""
NESTED: Final = 22
"""The same where a repetition or choice stands inside a repetition: 2^22 steps take below a second."""
STEPS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern and the longest text it is tried on."""

    compiled: re.Pattern[str]
    limit: int

    def matches(self, text: str) -> bool:
        """Whether the whole text matches; raises XPathProblem for a text that is too long to be tried."""
        if len(text) > self.limit:
            raise XPathProblem(f"A text of {len(text)} characters is too long for the pattern “{self.compiled.pattern[:80]}”.")
        return self.compiled.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """A Java pattern: ASCII classes, and the two Unicode classes that forms use. Raises XPathProblem for a bad one."""
    translated = text.replace(r"\p{L}", r"[^\W\d_]").replace(r"\p{N}", r"\d")
    try:
        compiled = re.compile(translated, 0 if translated != text else re.ASCII)
    except (re.error, OverflowError, RecursionError) as problem:
        raise XPathProblem(f"The pattern “{text[:80]}” is not understood: {problem}.") from problem
    return Pattern(compiled, _limit(translated))


def _limit(text: str) -> int:
    """With k repetitions in a row a match may take about length^k steps; nested ones 2^length."""
    repetitions, nested = _repetitions(text)
    if nested:
        return NESTED
    if repetitions < 2:
        return LONGEST
    return min(LONGEST, max(SHORTEST, int(STEPS ** (1 / repetitions))))


_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\??|\{\d*,?\d*\}|.", re.DOTALL)


def _repetitions(text: str) -> tuple[int, bool]:
    """How many repetitions of open length a pattern has, and whether a repeated group can match in several ways."""
    count, nested = 0, False
    groups: list[bool] = [False]  # per open group: whether it holds something that can match in several ways
    closed = False  # whether the part before was such a group
    for part in _PART.findall(text):
        repeats = part in {"*", "+"} or (part[0] == "{" and "," in part)
        if part in {"(", "(?"}:
            groups.append(False)
        if repeats:
            count += 1
            nested |= closed
        if repeats or part in {"|", "?"}:
            groups[-1] = True
        closed = False
        if part == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] |= closed
    return count, nested
