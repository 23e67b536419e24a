"""Reports that may be of one event, as a projection of the reports and of officers' verdicts (services.report_verdicts).

`fold` is one of the worker's folders. Nothing here drops a report: what repeats another is kept, shown, and not counted again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from forms.submission import walk
from server.models import Event, Fact, ReportFace, ReportPair, Submission, SubmissionSummary
from server.queries import importing as retracting
from server.queries import report_duplicates as queries
from server.queries.summaries import touched_roots
from server.services.documents import definition_for, parsed
from sync.merge import dedupe
from sync.merge.facts import Position, Retraction, derived_id
from sync.merge.judgements import standing

MAX_ANSWER = 200
# The columns of a report's summary that are kept of it, and that decide whether it is compared.
_KEPT = ("root_fact_id", "project_id", "xml_form_id", "root_instance_id", "observed_at", "hlc", "lat", "lon")
_COMPARED = (*(name for name in _KEPT if name != "hlc"), "is_draft", "deleted_at", "review_state", "current_fact_id")


def pair_subject(project_id: int, xml_form_id: str, a: str, b: str) -> str:
    """How a verdict names its pair of reports (root instanceIDs), alike on every server and in either order."""
    return derived_id("reports", str(project_id), xml_form_id, *sorted((a, b)))


def fold(session: Session, facts: Collection[Fact]) -> None:
    """Compares the reports that these facts speak of with those whose keys agree. The caller commits."""
    ids = [fact.id for fact in facts if fact.kind in ("submission", "event")]
    if not ids:
        return
    keys = {key for key in touched_roots(session, ids) if not key[2]}
    rows = list(queries.summaries(session, keys)) if keys else []
    roots = {row.root_fact_id for row in rows}
    for event in queries.judged(session, ids):
        told = event.payload
        found = queries.faces_of(session, int(told["project_id"]), told["xml_form_id"], (told["a"], told["b"]))
        roots |= {face.root_fact_id for face in found}
        known = {each.root_fact_id for each in rows}
        rows += [row for row in _of_faces(session, found) if row.root_fact_id not in known]
    if roots:
        _compare(session, rows)


def _of_faces(session: Session, faces: Sequence[ReportFace]) -> Sequence[SubmissionSummary]:
    return queries.summaries(session, {(face.project_id, face.xml_form_id, False, face.root_instance_id) for face in faces})


def _compare(session: Session, rows: Sequence[SubmissionSummary]) -> None:
    """Makes what is compared of these reports anew, and their pairs."""
    roots = {row.root_fact_id for row in rows}
    queries.forget(session, roots)
    documents = queries.current(session, {row.current_fact_id for row in rows})
    clocks = queries.clocks(session, roots)
    told = [{name: getattr(row, name) for name in _COMPARED} | {"hlc": clocks[row.root_fact_id]} for row in rows]
    made = faces(session, told, documents)
    queries.add(session, ReportFace, made)
    pair(session, made)


def pair(session: Session, made: Sequence[Mapping[str, Any]]) -> None:
    """Adds the pairs of these reports, given as rows of what is compared that are stored already. The caller commits."""
    if not made:
        return
    rules = dedupe.shipped_rules()
    windows: dict[str, tuple[dt.datetime, dt.datetime]] = {}
    for one in made:
        rule = dedupe.rule_of(one["xml_form_id"], rules)
        days = dt.timedelta(days=rule.days + 1 if rule is not None else 0)
        since, until = windows.get(one["block"], (one["observed_at"], one["observed_at"]))
        windows[one["block"]] = (min(since, one["observed_at"] - days), max(until, one["observed_at"] + days))
    known = {str(face.root_fact_id): face for face in queries.near(session, windows)}
    fresh = dedupe.duplicates([_face(face) for face in known.values()], fresh={str(one["root_fact_id"]) for one in made})
    there = {(each.earlier, each.later) for each in queries.pairs_among(session, {int(root) for root in known})}
    fresh = [each for each in fresh if (int(each.earlier), int(each.later)) not in there]
    verdicts = _verdicts(session, {_subject(known, each) for each in fresh})
    new = []
    for each in fresh:
        verdict, event = verdicts.get(_subject(known, each), (None, None))
        first = known[each.earlier]
        new.append({
            "earlier": int(each.earlier), "later": int(each.later), "project_id": first.project_id,
            "xml_form_id": first.xml_form_id,
            "relation": each.relation, "likeness": each.likeness, "features": {}, "verdict": verdict, "event_uuid": event,
        })  # fmt: skip
    queries.add(session, ReportPair, new)


def _subject(known: Mapping[str, ReportFace], pair: dedupe.Duplicate) -> str:
    one, other = known[pair.earlier], known[pair.later]
    return pair_subject(one.project_id, one.xml_form_id, one.root_instance_id, other.root_instance_id)


def faces(
    session: Session, told: Iterable[Mapping[str, Any]], documents: Mapping[int, Submission]
) -> list[dict[str, Any]]:
    """What is compared of reports, given by columns of their summaries and the original's clock (hlc). Writes nothing.

    documents: their current versions by fact. Deleted and rejected reports are not compared, nor those that lack a key.
    """
    rules = dedupe.shipped_rules()
    found: list[dict[str, Any]] = []
    for row in told:
        rule = dedupe.rule_of(row["xml_form_id"], rules)
        if rule is None or row["is_draft"] or row["deleted_at"] is not None or row["review_state"] == "rejected":
            continue
        answers = answers_of(session, documents.get(row["current_fact_id"]))
        values = rule.values(answers)
        if values is None:
            continue
        block = hashlib.sha256("\x1f".join((str(row["project_id"]), row["xml_form_id"], *values)).encode()).hexdigest()
        kept = {name: row[name] for name in _KEPT}
        found.append({**kept, "block": block, "answers": answers})
    return found


def answers_of(session: Session, document: Submission | None) -> dict[str, str]:
    """The answers outside repeats by question, each cut to 200 characters; none of a locked or purged report."""
    definition = definition_for(session, document) if document is not None else None
    if document is None or definition is None:
        return {}
    rule = dedupe.rule_of(definition.form_id, dedupe.shipped_rules())
    keys = {name for key in rule.keys for name in key.split("|")} if rule is not None else set()
    # A form without the questions that its rule asks for need not be read.
    submission = parsed(document) if keys & {field.name for field in definition.fields} else None
    if submission is None or submission.encrypted:
        return {}
    found = {}
    for field, indices, text in walk(submission, definition):
        # What the form computes by itself (an id, a label) says nothing of its own, but a key may be computed.
        told = (field.control is not None and field.calculate is None) or field.name in keys
        if told and not indices and text and text.strip() and field.name not in dedupe.UNCOUNTED:
            found[field.name] = text.strip()[:MAX_ANSWER]
    return found


def _face(row: ReportFace) -> dedupe.ReportFace:
    place = Position(row.lat, row.lon) if row.lat is not None and row.lon is not None else None
    return dedupe.ReportFace(str(row.root_fact_id), row.xml_form_id, row.answers, row.observed_at, row.hlc, place)


def _verdicts(session: Session, subjects: Collection[str]) -> dict[str, tuple[str, str]]:
    """The verdict in force on each pair with its event: the highest that stands, by authority, clock and id."""
    events = queries.verdict_events(session, subjects)
    against = retracting.retractions(session, [fact.uuid for _event, fact in events])
    told = {fact.uuid: event for event, fact in events}
    stand = standing([_as_event(*one) for one in events], [_as_event(*one) for one in against])
    found: dict[str, tuple[str, str]] = {}
    for event in sorted(stand, key=lambda each: each.rank):
        said = told[event.id]
        found[str(said.subject)] = (str(said.payload["verdict"]), event.id)
    return found


def _as_event(event: Event, fact: Fact) -> Retraction:
    return Retraction(
        id=fact.uuid, clock=fact.hlc, at=fact.received_at, authority=int(event.payload.get("authority", 0)),
        target=str(event.payload.get("target", "")),
    )  # fmt: skip


def repeated(session: Session, roots: Iterable[int]) -> set[int]:
    """Those of these reports that an officer called the same as an earlier one of them: they are not counted again."""
    pairs = queries.pairs_among(session, set(roots))
    return {pair.later for pair in pairs if pair.verdict == "same"}


def told_again(session: Session, project_id: int, dataset: str, record_ids: Collection[str]) -> dict[str, int]:
    """Per record, how many of its reports tell of an event that another of them has told (an officer's word, or a return that
    replaces another). Whoever shows how many reports speak of a record takes these off; records without any are left out.
    """
    if not record_ids or not queries.any_pair(session):
        return {}
    behind: dict[str, set[int]] = defaultdict(set)
    for record_id, root in queries.reports_behind(session, project_id, dataset, record_ids):
        behind[record_id].add(root)
    several = {record_id: roots for record_id, roots in behind.items() if len(roots) > 1}
    pairs = [
        (pair, _judged(pair)) for pair in queries.pairs_among(session, set[int]().union(*several.values()))
    ] if several else []  # fmt: skip
    found = {}
    for record_id, roots in several.items():
        told = [judged for pair, judged in pairs if pair.earlier in roots and pair.later in roots]
        again = len(roots) - dedupe.count({str(root) for root in roots}, told)[1]
        if again:
            found[record_id] = again
    return found


def events_told(session: Session, roots: Collection[int]) -> tuple[int, int]:
    """How many events these reports tell of, (at least, at most)."""
    return dedupe.count({str(root) for root in roots}, [_judged(pair) for pair in queries.pairs_among(session, roots)])


def _judged(pair: ReportPair) -> dedupe.Judged:
    return dedupe.Judged(
        str(pair.earlier), str(pair.later), "supersedes" if pair.relation == "supersedes" else "alike",
        "same" if pair.verdict == "same" else "different" if pair.verdict == "different" else None,
    )  # fmt: skip
