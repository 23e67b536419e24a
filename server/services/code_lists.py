"""Code lists: the shipped ones are seeded and refreshed, the mission adds its own codes (x-...), nothing is deleted.

Codes are stable and labels may change; a retired code gets valid_to, so old reports keep their meaning.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib import resources

from sqlalchemy.orm import Session

from server.models import CodeItem
from server.problems import Problem
from server.queries import mission as queries
from server.services import entries
from server.services.audits import audit, save
from server.services.identity import Identity
from server.services.journal import now

OWN = "x-"


def shipped() -> Iterator[dict[str, str]]:
    """The rows of the shipped file: list, code, label_en, label_fr, parent_code, external_code."""
    text = resources.files("forms").joinpath("library/code-lists.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text))


def seed_code_lists(session: Session) -> tuple[int, int]:
    """Adds missing codes and refreshes labels of shipped ones; returns (added, changed). The caller commits.

    The mission's own codes and the labels it changed (mission_own) are left alone.
    """
    known = queries.all_code_items(session)
    added = changed = 0
    for sort, row in enumerate(shipped()):
        wanted = {
            "label_en": row["label_en"], "label_fr": row["label_fr"], "sort": sort,
            "parent_code": row["parent_code"] or None, "external_code": row["external_code"] or None,
        }
        item = known.get((row["list"], row["code"]))
        if item is None:
            session.add(CodeItem(list_name=row["list"], code=row["code"], mission_own=row["code"].startswith(OWN), **wanted))
            added += 1
        elif not item.mission_own and any(getattr(item, key) != value for key, value in wanted.items()):
            for key, value in wanted.items():
                setattr(item, key, value)
            changed += 1
    session.flush()
    return added, changed


def labels(session: Session, list_name: str, language: str) -> dict[str, str]:
    """code -> label in the language ("fr", else English), retired codes too, in the list's order."""
    return {
        item.code: (item.label_fr if language == "fr" else item.label_en) or item.label_en
        for item in queries.code_items(session, list_name)
    }


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
