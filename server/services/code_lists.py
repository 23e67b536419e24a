"""Code lists: the shipped ones are seeded and refreshed, the mission adds its own codes (x-...), nothing is deleted.

Codes are stable and labels may change; a retired code gets valid_to, the first day without it: it is offered no more, and old
reports keep their meaning.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from sqlalchemy.orm import Session

from server.models import CodeItem
from server.problems import Problem
from server.queries import mission as queries
from server.services import entries
from server.services.audits import audit, save
from server.services.identity import Identity
from server.services.journal import now

OWN = "x-"
_OWN_CODE = re.compile(r"x-[a-z0-9][a-z0-9_-]{0,57}")


def shipped() -> Iterator[dict[str, str]]:
    """The rows of the shipped file: list, code, label_en, label_fr, parent_code, external_code; valid_from and valid_to where it
    has such columns."""
    text = resources.files("forms").joinpath("library/code-lists.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text))


def seed_code_lists(session: Session) -> tuple[int, int]:
    """Adds missing codes and refreshes labels of shipped ones; returns (added, changed). The caller commits.

    The mission's own codes and the labels it changed (mission_own) are left alone. A code that is shipped no more ends today.
    """
    known = queries.all_code_items(session)
    added = changed = 0
    gone = {place for place, item in known.items() if not item.mission_own and item.valid_to is None}
    for sort, row in enumerate(shipped()):
        wanted: dict[str, Any] = {
            "label_en": row["label_en"], "label_fr": row["label_fr"], "sort": sort,
            "parent_code": row["parent_code"] or None, "external_code": row["external_code"] or None,
        }
        # Without an end in the file it has none: a code that a release left out and the next one ships again is offered again.
        wanted |= {bound: dt.date.fromisoformat(row[bound]) if row.get(bound) else None for bound in ("valid_from", "valid_to")}
        item = known.get((row["list"], row["code"]))
        gone.discard((row["list"], row["code"]))
        if item is None:
            session.add(CodeItem(list_name=row["list"], code=row["code"], mission_own=row["code"].startswith(OWN), **wanted))
            added += 1
        elif not item.mission_own and any(getattr(item, key) != value for key, value in wanted.items()):
            for key, value in wanted.items():
                setattr(item, key, value)
            changed += 1
    for place in gone:
        known[place].valid_to = now().date()
    session.flush()
    return added, changed + len(gone)


def labels(session: Session, list_name: str, language: str) -> dict[str, str]:
    """code -> label in the language ("fr", else English), retired codes too, in the list's order."""
    return {
        item.code: (item.label_fr if language == "fr" else item.label_en) or item.label_en
        for item in queries.code_items(session, list_name)
    }


def add_own(
    session: Session, actor: Identity | None, list_name: str, code: str, label_en: str, label_fr: str,
    parent_code: str | None = None,
) -> CodeItem:
    """Adds a code of the mission's own and commits.

    Raises invalid_input unless it begins with x- and its parent is a code, uniqueness when the code or a label is taken by a
    code that is still offered (case aside): officers could not tell the two apart.
    """
    code = entries.text("Code", code, 60)
    if not _OWN_CODE.fullmatch(code):
        reason = "Code: the mission's own codes begin with x- and hold small letters, digits, - and _ (x-mill)."
        raise Problem("invalid_input", reason=reason, field="Code")
    label_en, label_fr = entries.text("English label", label_en, 300), entries.text("French label", label_fr, 300)
    items = queries.code_items(session, list_name)
    if any(item.code.casefold() == code for item in items):
        raise Problem("uniqueness", fields="list, code", values=f"{list_name}, {code}")
    for item in queries.offered_codes(session, list_name, now().date()):
        for field, label, theirs in (("label_en", label_en, item.label_en), ("label_fr", label_fr, item.label_fr)):
            if label.casefold() == theirs.casefold():
                raise Problem("uniqueness", fields=f"list, {field}", values=f"{list_name}, {label} ({item.code})")
    parent_code = entries.optional("Parent", parent_code, 60)
    if parent_code and not queries.code_exists(session, parent_code):
        raise Problem("invalid_input", reason=f"Parent: no list has a code {parent_code}.", field="Parent")
    return put_own(session, actor, list_name, code, label_en, label_fr, parent_code)


def end_own(session: Session, actor: Identity | None, list_name: str, code: str) -> None:
    """Ends one of the mission's own codes from today and commits. Raises not_found, and invalid_input for a shipped code."""
    if not code.startswith(OWN):
        reason = "Code: only the mission's own codes (x-) are ended here; the others come with the release."
        raise Problem("invalid_input", reason=reason, field="Code")
    retire(session, actor, list_name, code)


def put_own(
    session: Session, actor: Identity | None, list_name: str, code: str, label_en: str, label_fr: str,
    parent_code: str | None = None,
) -> CodeItem:
    """Adds or renames a code of the mission's own and commits. Raises invalid_input unless it begins with x-."""
    code = entries.text("Code", code, 60)
    if not code.startswith(OWN) or " " in code:
        raise Problem("invalid_input", reason="Code: the mission's own codes begin with x- and hold no blank.", field="Code")
    if list_name not in queries.code_lists(session):
        raise Problem("not_found")
    item = queries.code_item(session, list_name, code)
    if item is None:
        last = max((row.sort for row in queries.code_items(session, list_name)), default=0)
        item = CodeItem(list_name=list_name, code=code, sort=last + 1, mission_own=True, label_en="", label_fr="")
        session.add(item)
    item.label_en = entries.text("English label", label_en, 300)
    item.label_fr = entries.text("French label", label_fr, 300)
    item.parent_code, item.valid_to = parent_code or None, None
    audit(session, actor, "code_list.update", f"{list_name}/{code}")
    save(session, list=list_name, code=code)
    return item


def retire(session: Session, actor: Identity | None, list_name: str, code: str) -> None:
    """Ends the use of a code from today and commits; reports that hold it keep its label."""
    item = queries.code_item(session, list_name, code)
    if item is None:
        raise Problem("not_found")
    item.valid_to = now().date()
    audit(session, actor, "code_list.retire", f"{list_name}/{code}")
    session.commit()
