"""The express way of intake: ordinary new reports of devices, several in one transaction, one sync to disk for all.

Threads that wait for their turn lay their reports down; the one whose turn it is takes all that lie there, writes them
and commits. What is not plainly ordinary (known id, closed form, no right, anything unclear) is not decided here: the
caller sends it the long way, through services.intake, which says what becomes of it.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Engine

from forms.submission import ParsedSubmission, expected_files
from server import logs
from server.queries.express import Grant, Statements
from server.services import dictionaries, documents, journal
from server.services.blobs import StoredBlob
from server.services.definitions import kept
from server.services.devices_seen import EVERY
from server.services.intake import RECEIPT_SIGNS
from server.services.turns import turn

MOST_AT_ONCE = 64
_MOST_FORMS = 1_024


@dataclass(frozen=True, slots=True)
class Stored:
    """What the sender is told: the receipt's number, and for the size of POST to announce, who it was."""

    receipt: str
    grant: Grant


@dataclass(slots=True)
class Parcel:
    """A report on the express way; `stored` is set once it is safe on disk and stays None when it goes the long way."""

    token_sha256: str
    project_id: int
    parsed: ParsedSubmission
    instance_id: str
    packed: bytes
    xml_sha256: str
    device_id: str | None
    user_agent: str | None
    in_clear: bool = False
    files: Sequence[tuple[str, str, StoredBlob]] = field(default_factory=tuple)
    stored: Stored | None = None
    done: bool = False

    @property
    def version(self) -> str:
        """The version of the form that it answers; empty for none."""
        return self.parsed.version or ""


class Counter:
    """Where parcels are laid down; one per process and database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._statements = Statements(engine)
        self._waiting: deque[Parcel] = deque()
        self._turn = threading.Lock()
        self._connection: Any = None
        self._dictionaries: dict[tuple[int, str, str], int] = {}

    def hand_in(self, parcel: Parcel) -> Stored | None:
        """Stores the report and returns once it is safe on disk; None: nothing was stored, go the long way."""
        self._waiting.append(parcel)
        with self._turn:
            if not parcel.done:
                with turn(self._engine):
                    self._store(self._take_waiting())
        return parcel.stored

    def would_take(self, parcel: Parcel) -> bool:
        """Whether the sender may send this form now; looked up beside the queue, for reports whose files come first."""
        with self._engine.connect() as connection:
            cursor = connection.connection.cursor()
            grant = self._statements.grant(
                cursor, parcel.token_sha256, parcel.project_id, parcel.parsed.form_id, parcel.version
            )
            cursor.close()
        return grant is not None

    def pack(self, project_id: int, parsed: ParsedSubmission, xml: bytes) -> bytes:
        """The report as it is stored; done beside the queue, with the dictionary that the form had last."""
        number = self._dictionaries.get((project_id, parsed.form_id, parsed.version or ""))
        return documents.pack(xml, dictionaries.kept(number))

    def _learn(self, cursor: Any, form: tuple[int, str], version: str, grant: Grant | None) -> None:
        """Remembers the dictionary of a form for the reports that come next."""
        if grant is None or grant.dictionary is None:
            return
        if dictionaries.kept(grant.dictionary) is None:
            dictionaries.keep(grant.dictionary, self._statements.dictionary(cursor, grant.dictionary))
        if len(self._dictionaries) >= _MOST_FORMS:
            self._dictionaries.clear()
        self._dictionaries[(*form, version)] = grant.dictionary

    def close(self) -> None:
        """Gives its connection back; the next report opens another one."""
        with self._turn:
            self._disconnect()

    def _take_waiting(self) -> list[Parcel]:
        batch: list[Parcel] = []
        while self._waiting and len(batch) < MOST_AT_ONCE:
            batch.append(self._waiting.popleft())
        return batch

    def _store(self, batch: list[Parcel]) -> None:
        """One transaction for all. Should it fail, none of them is stored, and each finds out why on the long way."""
        written: list[tuple[Parcel, Stored | None]] = []
        try:
            connection = self._connect()
            cursor = connection.cursor()
            self._statements.begin(cursor)
            grants: dict[tuple[str, int, str, str], Grant | None] = {}
            seen: set[tuple[int, str, str]] = set()
            written = [(parcel, self._write(cursor, parcel, grants, seen)) for parcel in batch]
            connection.commit()
        except Exception as error:  # a broken transaction stores nothing; the long way shows each sender its own fault
            logs.warning("the express way is closed for this batch", reports=len(batch), reason=repr(error))
            written = []
            self._disconnect()
        for parcel, stored in written:
            parcel.stored = stored
        for parcel in batch:
            parcel.done = True

    def _write(
        self, cursor: Any, parcel: Parcel, grants: dict[tuple[str, int, str, str], Grant | None], seen: set[tuple[int, str, str]]
    ) -> Stored | None:
        form = parcel.parsed.form_id
        who, what = (parcel.token_sha256, parcel.project_id, form, parcel.version), (parcel.project_id, form, parcel.instance_id)
        if who not in grants:
            grants[who] = self._statements.grant(cursor, *who)
            self._learn(cursor, what[:2], parcel.version, grants[who])
        grant, instant = grants[who], journal.now()
        # Once in a few minutes a device goes the long way, where it is noted that it called.
        if grant is None or grant.last_seen_at is None or instant - grant.last_seen_at >= EVERY:
            return None
        definition = kept(grant.version_id, grant.version_sha256) if parcel.files else None
        if what in seen or (parcel.files and definition is None) or self._statements.is_known(cursor, *what):
            return None
        seen.add(what)
        fact_id = self._fact(cursor, grant, "submission", parcel.xml_sha256)
        receipt = new_receipt()
        self._statements.add_submission(cursor, _row(parcel, grant, fact_id, receipt))
        expected = set(expected_files(parcel.parsed, definition)) if definition is not None else set()
        for name, content_type, stored in parcel.files:
            self._statements.add_file(
                cursor, {"sha256": stored.sha256, "md5": stored.md5, "size": stored.size, "stored_at": instant},
                {
                    "fact_id": self._fact(cursor, grant, "attachment", stored.sha256), "submission_fact_id": fact_id,
                    "name": name, "blob_sha256": stored.sha256, "content_type": content_type, "expected": name in expected,
                },
            )
        return Stored(receipt, grant)

    def _fact(self, cursor: Any, grant: Grant, kind: str, payload_sha256: str) -> int:
        return self._statements.add_fact(cursor, {
            "uuid": str(uuid.uuid4()), "kind": kind, "actor_id": grant.actor_id, "actor_name": grant.actor_name,
            "observed_at": None, "received_at": journal.now(), "hlc": journal.tick(grant.server_id),
            "server_id": grant.server_id, "payload_sha256": payload_sha256,
        })

    def _connect(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        return self._connection.driver_connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Whatever state it is in, it is not used again; closing it rolls back.
            self._connection.invalidate()
            self._connection = None


def _row(parcel: Parcel, grant: Grant, fact_id: int, receipt: str) -> dict[str, Any]:
    return {
        "fact_id": fact_id, "project_id": parcel.project_id, "xml_form_id": parcel.parsed.form_id,
        "form_version": parcel.version, "is_draft": False, "instance_id": parcel.instance_id,
        "root_instance_id": parcel.instance_id, "deprecated_id": None, "instance_name": parcel.parsed.instance_name,
        "canonical_hash": parcel.parsed.canonical_hash, "xml": parcel.packed,
        "encrypted": False, "disposition": "stored", "reason": None, "receipt": receipt, "channel": "openrosa",
        "submitter_id": grant.actor_id, "post_id": grant.post_id, "device_id": parcel.device_id,
        "user_agent": parcel.user_agent, "sent_in_clear": parcel.in_clear,
    }


def new_receipt() -> str:
    """Six signs in two groups, fit to be read out over a radio."""
    drawn = secrets.randbits(30)
    signs = "".join(RECEIPT_SIGNS[drawn >> shift & 31] for shift in range(0, 30, 5))
    return f"{signs[:3]}-{signs[3:]}"
