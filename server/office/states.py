"""The states of a record on its page: what may follow with its small form, the history, taking the last change back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.models import Record
from server.office.layout import back_to, language, zone
from server.queries import lookups, records
from server.services import registers, states
from server.services.identity import Identity, Verb
from server.services.registers import Words
from server.services.states import History, Option
from sync.merge.states import Step
from sync.registers import Register, StateField

blueprint = Blueprint("states", __name__)


def _session() -> Session:
    return db.session()


@dataclass(frozen=True)
class Shown:
    """One step as the page tells it: the answers with their labels, and whether this reader may take it back."""

    step: Step
    state: str
    before: str
    party: str
    answers: tuple[tuple[str, str | dt.datetime], ...]
    undo: bool


class View:
    """What the record page needs of states: the history, newest first, and what may follow."""

    def __init__(self, session: Session, who: Identity, record: Record, rules: Register, spoken: Words) -> None:
        self.session, self.spoken = session, spoken
        self.found: History = states.history(session, record, rules)
        self.property = self.found.table.property
        lists = {field.code_list for field in self.found.table.fields.values() if field.code_list}
        self.codes = records.code_labels(session, lists)
        self.options: list[Option] = states.options(who, record, self.found)
        self.steps = [self._shown(who, step) for step in reversed(self.found.steps)]

    @property
    def state(self) -> str:
        """The present state in the reader's words."""
        return self.word(self.found.state)

    def word(self, state: str) -> str:
        """A state in the reader's words."""
        return self.spoken.value(self.property, state)

    def label(self, field: StateField) -> str:
        """What a field asks, in the reader's language."""
        return field.labels.get(self.spoken.language) or field.labels["en"]

    def lacking_all(self, option: Option) -> str:
        """What the record lacks for this, in the reader's words; a stroke between things of which one is enough."""
        return ", ".join(" / ".join(map(self.spoken.property_label, names.split("|"))) for names in option.lacks)

    def choices(self, field: StateField) -> list[tuple[str, str]]:
        """What a field can be answered with: the codes of its list, or the units."""
        if field.type == "unit":
            return list(lookups.unit_names(self.session).items())
        french = self.spoken.language == "fr"
        return [
            (code, labels[french]) for (listed, code), labels in self.codes.items()
            if listed == field.code_list and code not in field.refuse
        ]

    def _shown(self, who: Identity, step: Step) -> Shown:
        table = self.found.table
        said = [(table.fields[name], text) for name, text in step.answers.items() if name in table.fields]
        answers = tuple((self.label(field), self._told(field, text)) for field, text in said)
        before = self.word(step.before) if step.before else ""
        return Shown(step, self.word(step.to), before, _party(step), answers, states.may_undo(who, self.found, step))

    def _told(self, field: StateField, text: str) -> str | dt.datetime:
        if field.type == "datetime":
            return dt.datetime.fromisoformat(text)
        if field.type == "unit":
            return lookups.unit_names(self.session, [text]).get(text, text)
        if field.type == "record":
            return str(_("there is one"))
        labels = self.codes.get((field.code_list or "", text))
        return labels[self.spoken.language == "fr"] if labels else text


def _party(step: Step) -> str:
    if step.party == "report" and step.observation is not None:
        return step.observation.unit or _("a report")
    actor = step.actor or ""
    told: dict[str, str] = {
        "cimic": actor, "approver": _("%(name)s, approver", name=actor), "unit": actor, "system": _("by itself"),
        "requester": _("%(name)s, for the requester", name=actor),
    }  # fmt: skip
    return told.get(step.party, actor)


def view(session: Session, who: Identity, record: Record, rules: Register, spoken: Words) -> View | None:
    """The states of a record for its page; None for a register without states."""
    return View(session, who, record, rules, spoken) if rules.states is not None else None


@blueprint.post("/registers/<name>/<record_id>/state")
@allow(Verb.STATE_MOVE, Verb.STATE_APPROVE)
def change(name: str, record_id: str) -> Response:
    """Sets another state; times are typed in mission time."""
    session, who = _session(), identity()
    record, rules = registers.find(session, who, name, record_id), registers.register(session, name)
    to = request.form.get("to", "")
    states.change(session, who, record, rules, to, request.form.to_dict(), zone())
    spoken = registers.words(session, who, rules, language())
    flash(_("State: %(state)s.", state=spoken.value(rules.states.property if rules.states else "", to)), "ok")
    return back_to("records.show", name=name, record_id=record.id)


@blueprint.post("/registers/<name>/<record_id>/state/undo")
@allow(Verb.STATE_MOVE, Verb.STATE_APPROVE)
def undo(name: str, record_id: str) -> Response:
    """Takes the last change back."""
    session, who = _session(), identity()
    record = registers.find(session, who, name, record_id)
    states.undo(session, who, record, registers.register(session, name), request.form.get("event", ""))
    flash(_("The change is taken back."), "ok")
    return back_to("records.show", name=name, record_id=record.id)
