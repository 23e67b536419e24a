"""What a form says, in the reader's words: kinds of questions, conditions, aspects of a change."""

from __future__ import annotations

from flask_babel import gettext as _

from forms.conditions import Said


def kinds() -> dict[str, str]:
    """Kinds of questions by `forms.outline.Asked`."""
    return {
        "group": _("Group"), "repeat": _("Repeated group"), "note": _("Note to read"), "text": _("Text"),
        "integer": _("Whole number"), "decimal": _("Number with decimals"), "date": _("Date"), "time": _("Time"),
        "datetime": _("Date and time"), "geopoint": _("Position"), "geotrace": _("Line on the map"),
        "geoshape": _("Area on the map"), "select_one": _("One of a list"), "select_multiple": _("Several of a list"),
        "rank": _("Put in order"), "image": _("Photo"), "audio": _("Sound"), "video": _("Film"), "file": _("File"),
        "barcode": _("Bar code"), "range": _("Number on a scale"), "acknowledge": _("To be confirmed"),
        "calculate": _("Computed"), "metadata": _("Written by the phone"), "hidden": _("Not shown"),
    }  # fmt: skip


def aspects() -> dict[str, str]:
    """What about a question can change, by `forms.difference.Aspect`."""
    return {
        "type": _("Kind of answer"), "label": _("Wording"), "hint": _("Hint"), "required": _("Must be answered"),
        "relevant": _("Asked when"), "constraint": _("Accepted when"), "message": _("Message when not accepted"),
        "choices": _("Choices"), "choice_labels": _("Wording of a choice"), "list": _("List of choices"),
        "filter": _("Choices shown"), "calculation": _("Computation"), "default": _("Answer given at the start"),
        "read_only": _("Cannot be changed"), "appearance": _("Appearance"), "repeat_count": _("How often it is asked"),
        "save_to": _("Kept in the register as"), "entity": _("What becomes of the register's entry"),
    }  # fmt: skip


def changes() -> dict[str, tuple[str, str]]:
    """What happened to a question: the mark's state and its word."""
    return {
        "added": ("ok", _("new")), "removed": ("bad", _("gone")), "moved": ("info", _("moved")),
        "changed": ("warn", _("changed")),
    }  # fmt: skip


def effects() -> dict[str, tuple[str, str]]:
    """What becomes of a merged field: the mark's state and its words."""
    return {
        "gained": ("ok", _("now filled by this questionnaire")), "lost": ("bad", _("no longer filled by this questionnaire")),
        "changed": ("warn", _("filled otherwise")),
    }


def condition(said: Said, inside: bool = False) -> str:
    """A condition as a phrase. Expressions that have no plain words stand as the sheet has them."""
    if said.kind in ("all", "any"):
        word = _("and") if said.kind == "all" else _("or")
        text = f" {word} ".join(condition(each, True) for each in said.parts)
        return f"({text})" if inside else text
    if said.kind == "as_written":
        return said.value
    return _phrases(_subject(said), _value(said))[said.kind]


def _phrases(question: str, value: str) -> dict[str, str]:
    return {
        "is": _("%(question)s is %(value)s", question=question, value=value),
        "is_not": _("%(question)s is not %(value)s", question=question, value=value),
        "at_least": _("%(question)s is %(value)s or more", question=question, value=value),
        "at_most": _("%(question)s is %(value)s or less", question=question, value=value),
        "more": _("%(question)s is more than %(value)s", question=question, value=value),
        "less": _("%(question)s is less than %(value)s", question=question, value=value),
        "includes": _("%(question)s includes %(value)s", question=question, value=value),
        "excludes": _("%(question)s does not include %(value)s", question=question, value=value),
        "answered": _("%(question)s is answered", question=question),
        "unanswered": _("%(question)s is not answered", question=question),
    }


def _subject(said: Said) -> str:
    question = _quoted(said.subject)
    if said.measure == "count":
        return str(_("the number of choices in %(question)s", question=question))
    return str(_("the length of %(question)s", question=question)) if said.measure == "length" else question


def _value(said: Said) -> str:
    if said.word == "today":
        return str(_("today"))
    return _quoted(said.value) if said.word == "question" else said.value


def _quoted(label: str) -> str:
    return str(_("“%(text)s”", text=label) if label else _("the answer"))
