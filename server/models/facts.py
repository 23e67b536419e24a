"""Facts: immutable, append-only envelopes and what the sealer and the queue keep beside them.

Nothing updates a fact. `Seal` and `Block` are written once by the sealer; `PendingFact` is the queue of facts not
yet folded into the projections and can always be refilled from `facts`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime

BigKey = BigInteger().with_variant(Integer(), "sqlite")


class Fact(Model):
    """Envelope of one fact: who, when observed, when received, where first written, and the hash of its payload.

    kind: form_version | submission | attachment | event. `id` is local to this server; `uuid` travels.
    `hlc` sorts facts of all servers: "<13-digit ms>-<5-digit counter>-<server id>".
    """

    __tablename__ = "facts"
    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[int | None] = mapped_column(Integer)
    actor_name: Mapped[str | None] = mapped_column(String(255))
    observed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    hlc: Mapped[str] = mapped_column(String(60), index=True)
    server_id: Mapped[str] = mapped_column(String(36))
    payload_sha256: Mapped[str] = mapped_column(String(64))


class Event(Model):
    """Payload of a fact of kind `event`.

    type: JUDGE RETRACT PIN CHOOSE RELEASE WITHDRAW WAIVE REMIND RULES REVIEW COMMENT DELETE RESTORE ACCEPT REJECT STATE
    ENTITY (an entity written through the API) IMPORT PURGE ACKNOWLEDGE LAPSE ROTATION (of a unit) POST (closed or
    opened); the list is open.
    subject: what it speaks of (a record, entity, submission root instanceID, another event's fact uuid), for look-up.
    """

    __tablename__ = "events"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str | None] = mapped_column(String(300))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    __table_args__ = (Index("ix_events_type_subject", "type", "subject"),)


class Seal(Model):
    """The counter that the sealer gave a committed fact, and the block that holds it."""

    __tablename__ = "seals"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    counter: Mapped[int] = mapped_column(BigInteger, unique=True)
    block_number: Mapped[int] = mapped_column(Integer, index=True)


class Block(Model):
    """One link of this server's hash chain over its sealed facts."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_counter: Mapped[int] = mapped_column(BigInteger)
    last_counter: Mapped[int] = mapped_column(BigInteger)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class PendingFact(Model):
    """A fact that is not yet folded in. Written in the same transaction as the fact, deleted when it is folded."""

    __tablename__ = "pending_facts"
    fact_id: Mapped[int] = mapped_column(BigKey, ForeignKey("facts.id"), primary_key=True, autoincrement=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
