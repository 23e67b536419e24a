"""Text as people search it, in SQL: small letters without accents, alike on both databases and in Python."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class plain(FunctionElement[str]):
    """A column's text as `server.engines.plain_text` makes it, which SQLite calls itself."""

    type = Text()
    inherit_cache = True


@compiles(plain, "sqlite")
def _sqlite(element: plain, compiler: Any, **options: Any) -> str:
    return f"plain_text({compiler.process(element.clauses, **options)})"


@compiles(plain, "postgresql")
def _postgresql(element: plain, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"regexp_replace(normalize(lower({text}), NFKD), '[\\u0300-\\u036f]', '', 'g')"
