"""Routing rules that learn to write their address when somebody first asks for it.

Werkzeug compiles two small functions per rule for `url_for`, a sixth of the whole start-up with our 350 rules; a process
asks for the addresses of a few dozen. Matching a path needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LateRule(Rule):
    """A rule of werkzeug whose builders are compiled on first use; `Flask.url_rule_class`."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # Werkzeug 3.1 binds what this returns to the rule and keeps it; should it ever ask by another name, it compiles at once.
        compiled: list[Callable[..., tuple[str, str]]] = []
        compile_now = super()._compile_builder

        def build(rule: Rule, *args: Any, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_now(append_unknown))
            return compiled[0](rule, *args, **values)

        return build
