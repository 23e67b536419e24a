"""Reports as API clients handle them: find, send, correct, review, comment, delete, their versions and files.

Sending goes through services.intake, decisions through services.report_events; what is changed here is folded at once,
so that a client reads what it has just written. A backlog of other facts is left to the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from forms.submission import ParsedSubmission, SubmissionXmlError, XmlRefused, expected_files, parse_submission, walk
from server import logs
from server.config import Settings
from server.models import Event, Fact, Form, FormVersion
from server.problems import Problem
from server.queries import list_rows
from server.queries import submission_lists as lists
from server.queries import submissions as queries
from server.queries.submission_lists import Listed, Wanted
from server.services import clean_photos, documents, folding, held_updates, intake, media, report_events, report_versions
from server.services.blobs import BlobStore
from server.services.identity import Identity
from server.services.intake import Receipt, Sender
from server.services.media import Content
from server.services.report_versions import Version
from server.services.uploads import Upload, safe_name


@dataclass(frozen=True)
class Place:
    """Which submissions are meant: those of a form, or those that came on its draft for testing."""

    form: Form
    is_draft: bool = False

    def only_deleted(self, who: Identity) -> Wanted:
        """The deleted submissions of this place that the actor may see."""
        return replace(self.wanted(who, deleted=True), condition=lists.DELETED)

    def wanted(self, who: Identity, *, deleted: bool = False) -> Wanted:
        """The submissions of this place that the actor may see. deleted: the deleted ones as well."""
        return Wanted(self.form.project_id, self.form.xml_form_id, who.scope, self.is_draft, deleted)


def find(session: Session, who: Identity, place: Place, instance_id: str, *, deleted: bool = False) -> Listed:
    """The report with this (first) instanceID. Raises Problem not_found, also outside the actor's sector."""
    found = lists.one(session, place.wanted(who, deleted=deleted), instance_id)
    if found is None:
        raise Problem("not_found")
    return found


def listed(
    session: Session, wanted: Wanted, limit: int | None, offset: int, *, texts: bool = False
) -> Iterator[list_rows.Batch]:
    """Rows of queries.list_rows.list_columns, or with texts=True of list_texts, newest first, batch by batch."""
    dialect = session.get_bind().dialect.name
    columns = list_rows.list_texts(dialect) if texts else list_rows.list_columns(dialect)
    if not offset:
        return list_rows.newest_first(session, wanted, columns, None, limit)
    return list_rows.by_ids(session, lists.page_ids(session, wanted, limit, offset), columns)


def create(
    session: Session, place: Place, xml: bytes, sender: Sender, draft: FormVersion | None = None
) -> tuple[Receipt, Listed | None]:
    """Takes a new report as ODK Central's REST does: what is there already is refused (409.3), not repeated.

    Returns the receipt and the report as lists show it; None when it lies in quarantine. Raises what intake raises.
    """
    parsed_id = _instance_id(xml)
    if parsed_id and queries.stored(session, place.form.project_id, place.form.xml_form_id, [parsed_id], place.is_draft):
        raise _known(parsed_id)
    receipt = _receive(session, place, xml, sender, draft)
    if not receipt.created:
        raise _known(receipt.instance_id)
    return receipt, _fresh(session, place, receipt)


def edit(session: Session, place: Place, report: Listed, xml: bytes, sender: Sender) -> Listed:
    """Takes a corrected version of this very report.

    Raises Problem missing_deprecated_id (400.19), stale_edit (409.9) when it corrects another version than the current.
    """
    replaced = _parse(xml).deprecated_id
    if replaced is None:
        raise Problem("missing_deprecated_id")
    if replaced != report.summary.current_instance_id:
        raise Problem("stale_edit", expected=report.summary.current_instance_id)
    receipt = _receive(session, place, xml, sender, None)
    found = _fresh(session, place, receipt)
    return found or report


def _receive(session: Session, place: Place, xml: bytes, sender: Sender, draft: FormVersion | None) -> Receipt:
    with Upload(xml) as upload:
        return intake.receive(
            session, upload, project_id=place.form.project_id, sender=sender, strict=True, draft=draft,
            expected_form_id=place.form.xml_form_id,
        )


def _fresh(session: Session, place: Place, receipt: Receipt) -> Listed | None:
    """The report right after it was stored. Should folding fail, the report is safe all the same and the worker tries again."""
    fold_stored(session, [session.get_one(Fact, receipt.fact_id)])
    versions = queries.chain(
        session, place.form.project_id, place.form.xml_form_id, receipt.root_instance_id, place.is_draft
    )
    return lists.by_root(session, versions[0].fact_id) if versions else None


def fold_stored(session: Session, facts: Sequence[Fact]) -> None:
    """Folds facts that are committed already; a failure is logged and left to the worker, as every fact on the queue is."""
    ids = [fact.id for fact in facts]
    try:
        folding.fold_now(session, facts)
        session.commit()
    except Exception as error:  # the report is stored and answered; the worker records and shows the failure
        session.rollback()
        logs.error("folding at once failed", facts=ids, exc_info=error)


def _parse(xml: bytes) -> ParsedSubmission:
    try:
        return parse_submission(xml)
    except XmlRefused as error:
        raise Problem("xml_refused", reason=str(error)) from error
    except SubmissionXmlError as error:
        raise Problem("unparseable", reason=str(error)) from error


def _instance_id(xml: bytes) -> str | None:
    return _parse(xml).instance_id


def _known(instance_id: str) -> Problem:
    return Problem("uniqueness", fields="instanceId", values=instance_id)


def decide(session: Session, decision: Callable[[], Fact], report: Listed) -> Listed:
    """Makes a decision (review, deletion, restoration, a comment) and returns the report as it is then."""
    fact = decision()
    root = report.summary.root_fact_id
    fold_stored(session, [fact])
    return lists.by_root(session, root) or report


def comments(session: Session, report: Listed) -> list[tuple[Event, Fact]]:
    """Comments on the report, newest first."""
    said = report_versions.said_about(session, report.summary)
    return [pair for pair in reversed(said) if pair[0].type == "COMMENT"]


def comment(session: Session, who: Identity, report: Listed, text: str) -> Fact:
    """Adds a comment."""
    fact = report_events.comment(session, who, report.summary, text)
    fold_stored(session, [fact])
    return fact


def versions(session: Session, report: Listed) -> Sequence[Version]:
    """Every version, the current one first."""
    return list(reversed(report_versions.versions(session, report.summary)))


def version(session: Session, report: Listed, instance_id: str) -> Version:
    """One version by its own instanceID. Raises Problem not_found."""
    for each in report_versions.versions(session, report.summary):
        if each.row.instance_id == instance_id:
            return each
    raise Problem("not_found")


def current(session: Session, report: Listed) -> Version:
    """The current version with its files."""
    return report_versions.versions(session, report.summary)[-1]


def files(session: Session, each: Version) -> list[tuple[str, bool]]:
    """Names of the files that the version says it has, and whether they came; surplus ones at the end."""
    expected = _expected(session, each)
    surplus = [name for name in each.files if name not in expected]
    return [(name, name in each.files) for name in expected] + [(name, True) for name in surplus]


def _expected(session: Session, each: Version) -> list[str]:
    read, definition = documents.parsed_as_sent(each.row), documents.definition_for(session, each.row)
    return expected_files(read, definition) if read is not None and definition is not None else []


def file(session: Session, settings: Settings, each: Version, name: str) -> Content:
    """One file of a version; a photo clean where the project wants that. Raises Problem not_found, and unsupported_type
    for a photo that cannot be cleaned.
    """
    found = each.files.get(name)
    if found is None:
        raise Problem("not_found")
    whole = media.stored_file(session, settings, found.blob_sha256, found.content_type)
    return clean_photos.clean(name, whole) if clean_photos.wanted(session, each.row.project_id) else whole


def add_file(
    session: Session, settings: Settings, who: Identity, report: Listed, name: str, content_type: str, pieces: Iterable[bytes]
) -> None:
    """Adds or replaces a file of the current version, streamed to disk. Raises not_found for a name it does not expect."""
    each = current(session, report)
    if name not in _expected(session, each) or safe_name(name) != name:
        raise Problem("not_found")
    intake.add_file(session, each.row, name, content_type, BlobStore(settings), pieces, who)
    session.commit()
    arrived = queries.attachments(session, [each.row.fact_id])[-1]
    fold_stored(session, [session.get_one(Fact, arrived.fact_id)])


def differences(session: Session, report: Listed) -> dict[str, list[dict[str, object]]]:
    """Per version after the first: what changed against the one before, question by question (path, old, new)."""
    found: dict[str, list[dict[str, object]]] = {}
    before: dict[tuple[object, ...], str | None] | None = None
    for each in report_versions.versions(session, report.summary):
        answers = _answers(session, each)
        if before is not None:
            found[each.row.instance_id] = [
                {"path": [list(step) if isinstance(step, tuple) else step for step in path], "old": before.get(path), "new": new}
                for path in dict.fromkeys([*before, *answers]) if before.get(path) != (new := answers.get(path))
            ]
        before = answers
    return found


def history(session: Session, report: Listed) -> list[dict[str, Any]]:
    """What happened to the report, newest first: received, corrected, reviewed, commented, deleted, restored; and what
    became of each entity that it asked for."""
    found: list[tuple[Fact, str, dict[str, object]]] = []
    chain = report_versions.versions(session, report.summary)
    for index, each in enumerate(chain):
        action = "submission.create" if index == 0 else "submission.update.version"
        found.append((each.fact, action, {"instanceId": each.row.instance_id}))
    found += _file_history(session, chain)
    for event, fact in report_versions.said_about(session, report.summary):
        told = {"REVIEW": {"reviewState": "state"}, "DECRYPT": {"keyId": "key_id", "signature": "signature"}}.get(event.type, {})
        found.append((fact, _ACTIONS[event.type], {name: event.payload.get(key) for name, key in told.items()}))
    rows = [
        {
            "actorId": fact.actor_id, "action": action, "acteeId": report.summary.root_instance_id, "details": details,
            "loggedAt": fact.received_at, "notes": None,
        }
        for fact, action, details in sorted(found, key=lambda row: row[0].id, reverse=True)
    ]
    made = held_updates.log_of_report(session, report.summary.root_fact_id)
    return sorted([*made, *rows], key=lambda row: row["loggedAt"], reverse=True)


def _file_history(session: Session, chain: Sequence[Version]) -> list[tuple[Fact, str, dict[str, object]]]:
    """Every file that arrived, with the SHA-256 of its bytes and of the file of that name which it replaced."""
    named = {each.row.fact_id: each.row.instance_id for each in chain}
    present: dict[tuple[int, str], str] = {}
    found: list[tuple[Fact, str, dict[str, object]]] = []
    for row in queries.attachments(session, named):
        key = (row.submission_fact_id, row.name)
        details: dict[str, object] = {
            "instanceId": named[row.submission_fact_id], "name": row.name, "newBlobId": row.blob_sha256,
            "oldBlobId": present.get(key),
        }
        found.append((session.get_one(Fact, row.fact_id), "submission.attachment.update", details))
        present[key] = row.blob_sha256
    return found


_ACTIONS = {
    "REVIEW": "submission.update", "COMMENT": "submission.comment.create", "DELETE": "submission.delete",
    "RESTORE": "submission.restore", "ACKNOWLEDGE": "submission.acknowledge", "DECRYPT": "submission.decrypt",
    "LOCK": "submission.lock",
}


def _answers(session: Session, each: Version) -> dict[tuple[object, ...], str | None]:
    read, definition = documents.parsed(each.row), documents.definition_for(session, each.row)
    if read is None or definition is None:
        return {}
    repeats = set(definition.repeats)
    answers: dict[tuple[object, ...], str | None] = {}
    for field, indices, text in walk(read, definition):
        if field.is_structure or text is None:
            continue
        steps: list[object] = []
        walked, depth = "", 0
        for name in field.path.split("/")[1:]:
            walked += f"/{name}"
            if walked in repeats:
                steps.append((name, indices[depth] - 1))
                depth += 1
            else:
                steps.append(name)
        answers[tuple(steps)] = text
    return answers
