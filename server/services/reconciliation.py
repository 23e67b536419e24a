"""A register as a service that other tools match their tables against: W3C Reconciliation Service API 0.2.

Candidates, scores and what is certain come from the matcher of the live server, on records that the reader may see. Reads only.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from server.models import LoginSession, Record
from server.problems import Problem
from server.queries import accounts, records
from server.queries import importing as queries
from server.queries.merge_rows import list_key
from server.queries.merge_store import SqlMergeStore
from server.services import authentication, importing, importing_work, merging, registers
from server.services.audits import audit
from server.services.identity import Identity
from server.services.journal import now
from sync.importing import rows
from sync.importing.columns import LAT, LON, fields
from sync.importing.rows import Reading
from sync.merge.blocking import search_keys
from sync.merge.faces import Face, face_of
from sync.merge.matching import Match, match, reason
from sync.merge.names import fold
from sync.registers import Register

# A key stands in addresses, so it ends by itself; OpenRefine asks for ten things at a time.
KEY_LIFE = dt.timedelta(days=30)
MOST_QUERIES, MOST_CANDIDATES, USUAL_CANDIDATES, MOST_IDS = 100, 50, 10, 1_000
PROJECT = 1


def new_key(session: Session, who: Identity) -> tuple[str, dt.datetime]:
    """A key for addresses, good for 30 days with the account's own sight; shown once, stored as a hash; commits."""
    token, instant = authentication.new_token(), now()
    session.add(LoginSession(
        token_sha256=authentication.token_hash(token), kind=authentication.MATCHING_KEY, actor_id=who.actor_id,
        csrf=secrets.token_hex(32), created_at=instant, expires_at=instant + KEY_LIFE,
    ))  # fmt: skip
    audit(session, who, "reconciliation_key.create", f"actor/{who.actor_id}")
    session.commit()
    return token, instant + KEY_LIFE


def end_keys(session: Session, who: Identity) -> None:
    """Makes all keys of the account worthless at once; commits."""
    accounts.delete_sessions_of_kind(session, who.actor_id, authentication.MATCHING_KEY)
    audit(session, who, "reconciliation_key.delete", f"actor/{who.actor_id}")
    session.commit()


def type_property(rules: Register) -> str | None:
    """The property that says of what type a thing is, if the register has one."""
    return rules.matching.type if rules.matching else None


def types(session: Session, rules: Register, spoken: registers.Words) -> list[dict[str, str]]:
    """The register itself, and its types."""
    kind = type_property(rules)
    named = spoken.options(kind) if kind and rules.properties[kind].code_list else []
    return [{"id": rules.name, "name": rules.label(spoken.language)}, *({"id": code, "name": label} for code, label in named)]


def properties(rules: Register, language: str) -> list[dict[str, str]]:
    """What a query may state of a thing: the fields that a list may have, but those of the row alone."""
    return [
        {"id": field.name, "name": field.label(language)}
        for field in fields(rules)
        if not field.name.startswith("_") or field.kind in ("lat", "lon", "position", "accuracy")
    ]


@dataclass(frozen=True)
class Asked:
    """One query of a batch, checked."""

    text: str
    types: tuple[str, ...]
    strict: str
    limit: int
    values: Mapping[str, str]


def read_query(query: object) -> Asked:
    """Checks one query. Raises unparseable for what the specification does not allow."""
    if not isinstance(query, Mapping):
        raise Problem("unparseable", reason="a query is an object.")
    text, kinds, limit = query.get("query", ""), query.get("type", []), query.get("limit", USUAL_CANDIDATES)
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(text, str) or not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise Problem("unparseable", reason="'query' is a text, 'type' a text or a list of texts.")
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 1:
        raise Problem("unparseable", reason="'limit' is a number from 1.")
    stated = query.get("properties", [])
    if not isinstance(stated, list) or (not text.strip() and not stated):
        raise Problem("unparseable", reason="a query needs 'query' or 'properties'.")
    values: dict[str, str] = {}
    for one in stated:
        if not isinstance(one, Mapping) or not isinstance(one.get("pid"), str) or "v" not in one:
            raise Problem("unparseable", reason="each of 'properties' has 'pid' and 'v'.")
        said = one["v"][0] if isinstance(one["v"], list) and one["v"] else one["v"]
        # A value may be a thing that was matched before; its name is what can be compared.
        said = said.get("name", said.get("id")) if isinstance(said, Mapping) else said
        if said not in (None, [], ""):
            values[one["pid"]] = str(said)
    return Asked(text[:1_000], tuple(kinds), str(query.get("type_strict", "any")), min(int(limit), MOST_CANDIDATES), values)


class Matcher:
    """Answers the queries of one batch."""

    def __init__(self, session: Session, who: Identity, rules: Register, language: str) -> None:
        self.session, self.who, self.rules = session, who, rules
        self.language = language
        self.key = list_key(PROJECT, rules.name)
        in_force = merging.registers(session)
        self.store = SqlMergeStore(session, in_force)
        # With the weights that the mission goes by, which need not be those of the register's file.
        self.matching = in_force.get(self.key, rules).matching
        self.codes = importing.known_texts(session, rules)
        self.areas = importing_work.known_areas(session)
        self.spoken = registers.words(session, who, rules, language)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The candidates of one query, best first."""
        matching = self.matching
        face = self._face(asked)
        if face is None or matching is None:
            return {"result": []}
        keys = sorted(search_keys(face))
        others = {other.id: other for found in self.store.faces_with_keys(self.key, keys).values() for other in found}
        compared = [match(face, other, matching, told=True) for other in others.values()]
        by_entity = {(m.b if m.a == face.id else m.a): m for m in compared if m.score > 0}
        owners = queries.records_of(self.session, PROJECT, self.rules.name, set(by_entity))
        best: dict[str, Match] = {}
        for entity, pair in sorted(by_entity.items(), key=lambda item: (-item[1].certain, -item[1].score, item[0])):
            if entity in owners:
                best.setdefault(owners[entity].id, pair)
        seen = registers.several(self.session, self.who, best, PROJECT)
        found = [(seen[key], pair) for key, pair in best.items() if key in seen and self._of_type(seen[key], asked)]
        found.sort(key=lambda one: (-one[1].certain, -one[1].score, one[0].id))
        # Two certain ones are a question, so none of them is called the match.
        sole = sum(pair.certain for _record, pair in found) == 1
        return {"result": [self._candidate(record, pair, pair.certain and sole) for record, pair in found[: asked.limit]]}

    def _face(self, asked: Asked) -> Face | None:
        """The query as a thing to compare: read as a row of a list is read."""
        label = self.rules.label_property or ""
        stated = dict(asked.values)
        if asked.text.strip():
            stated[label] = asked.text
        kind = type_property(self.rules)
        named = [code for code in asked.types if code != self.rules.name]
        if kind and kind not in stated and len(named) == 1:
            stated[kind] = named[0]
        columns = {name: place for place, name in enumerate(stated)}
        above = importing_work.groups_above(self.session, self.rules)
        reading = Reading(self.rules, columns, self.codes, self.areas, above)
        said = rows.understand(list(stated.values()), reading)
        if said.label is None:
            return None
        day = now()
        source = rows.Source("query", "query", self.key, day, "low", dt.UTC)
        observation = rows.observation(source, 1, None, said.label, said.values, None, "", day)
        # Nobody observed a query, so neither its day nor its unit tells anything.
        face = face_of(observation.entity_id, [observation], self.rules)
        return None if face is None else replace(face, observed=None, unit=None)

    def _of_type(self, record: Record, asked: Asked) -> bool:
        kind = type_property(self.rules)
        if not asked.types or self.rules.name in asked.types or asked.strict == "should" or kind is None:
            return True
        return str(record.data.get(kind) or "") in asked.types

    def _candidate(self, record: Record, pair: Match, certain: bool) -> dict[str, Any]:
        features: list[dict[str, Any]] = [
            {"id": "probability", "value": pair.score}, {"id": "name_likeness", "value": pair.features["likeness"]},
            {"id": "certain_by_rule", "value": pair.certain},
        ]  # fmt: skip
        if pair.features.get("distance_m") is not None:
            features.append({"id": "distance_m", "value": pair.features["distance_m"]})
        return {
            "id": record.id, "name": record.label, "description": reason(pair.features, self.language),
            "score": round(100 * pair.score, 2), "match": certain, "type": record_types(record, self.rules, self.spoken),
            "features": features,
        }  # fmt: skip


def record_types(record: Record, rules: Register, spoken: registers.Words) -> list[dict[str, str]]:
    """The types of a record: its own, and the register."""
    kind = type_property(rules)
    code = str(record.data.get(kind) or "") if kind else ""
    own = [{"id": code, "name": spoken.value(kind or "", code)}] if code else []
    return [*own, {"id": rules.name, "name": rules.label(spoken.language)}]


def suggest(session: Session, who: Identity, rules: Register, prefix: str, start: int, language: str) -> list[dict[str, Any]]:
    """Records whose names hold these words, for choosing by hand."""
    narrowed = records.Filters(words=tuple(fold(prefix[:200]).split()))
    spoken = registers.words(session, who, rules, language)
    found = records.chosen(session, who.scope, rules.name, narrowed, start + USUAL_CANDIDATES, PROJECT)[start:]
    return [
        {
            "id": row.id, "name": row.label, "description": describe(row, rules, spoken),
            "notable": record_types(row, rules, spoken),
        }
        for row in found
    ]


def describe(record: Record, rules: Register, spoken: registers.Words) -> str:
    """A few words that tell namesakes apart."""
    shown = [spoken.value(name, record.data.get(name)) for name in registers.columns(rules)]
    place = spoken.area(record.area_code) if record.area_code else ""
    return ", ".join(text for text in (*shown, place) if text)


def extend(
    session: Session, who: Identity, rules: Register, ids: Sequence[str], wanted: Sequence[str], language: str
) -> dict[str, Any]:
    """Values of records. A record that the reader may not see has none; so has a property that the register does not have."""
    spoken = registers.words(session, who, rules, language)
    found = registers.several(session, who, ids, PROJECT)
    rows_out = {}
    for each in ids:
        record = found.get(each)
        if record is not None and record.dataset != rules.name:
            record = None
        rows_out[each] = {name: _values(record, rules, name, spoken) for name in wanted}
    meta = [{"id": name, "name": _property_name(rules, name, spoken)} for name in wanted]
    return {"meta": meta, "rows": rows_out}


def _property_name(rules: Register, name: str, spoken: registers.Words) -> str:
    own = {field.name: field.label(spoken.language) for field in fields(rules)}
    return own.get(name) or spoken.property_label(name)


def _values(record: Record | None, rules: Register, name: str, spoken: registers.Words) -> list[dict[str, Any]]:
    if record is None:
        return []
    if name in (LAT, LON):
        degrees = record.lat if name == LAT else record.lon
        return [{"float": degrees}] if degrees is not None else []
    prop, raw = rules.properties.get(name), str(record.data.get(name) or "")
    if prop is None or not raw:
        return []
    if prop.type == "date":
        return [{"date": f"{raw[:10]}T00:00:00Z"}]
    if prop.type in ("integer", "decimal"):
        try:
            return [{"int": int(raw)}] if prop.type == "integer" else [{"float": float(raw)}]
        except ValueError:
            return [{"str": raw}]
    parts = raw.split() if prop.type == "select_multiple" else [raw]
    return [{"str": spoken.value(name, part)} for part in parts]
