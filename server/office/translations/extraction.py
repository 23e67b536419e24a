"""Finds words that reach a page without a call of gettext beside them: the catalogue of problems and plain reasons.

A refusal is raised in English where no page is known, and put into the reader's language by `office.refusals.words`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

Found = tuple[int, str | None, str, list[str]]


def refusals(
    fileobj: BinaryIO, keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """A Babel extraction method: message and advice of each `Kind(...)`, and `reason="..."` of each `Problem(...)`."""
    for node in ast.walk(ast.parse(fileobj.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for text in _texts(node.func.id, node):
                yield node.lineno, None, text, []


def _texts(called: str, call: ast.Call) -> list[str]:
    if called == "Kind":
        values = call.args[2:]
    elif called == "Problem":
        values = [each.value for each in call.keywords if each.arg == "reason"]
    else:
        values = []
    texts = [each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    # A reason of one word is a code of quarantine, not a sentence.
    return [text for text in texts if " " in text]
