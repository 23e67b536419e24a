"""Projections of merging: entities, observations, candidate pairs, records, open review tasks, releases.

All of it may be dropped; `fieldpost rebuild` makes it again from the facts, the same to the byte. Written by
services.folding only.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime
from server.models.facts import BigKey


class Entity(Model):
    """ODK's entity: one UUID with its own chain of creates and updates. record_id: the record it belongs to now.

    data: the chain's own latest values; conflict: null | "soft" | "hard"; held: an offline chain that waits for a part.
    """

    __tablename__ = "entities"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset: Mapped[str] = mapped_column(String(249), primary_key=True)
    record_id: Mapped[str | None] = mapped_column(String(36), index=True)
    label: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer, default=1)
    conflict: Mapped[str | None] = mapped_column(String(5))
    created_hlc: Mapped[str] = mapped_column(String(60))
    creator_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    face: Mapped[dict[str, Any] | None] = mapped_column(Json)
    __table_args__ = (Index("ix_entities_dataset_record", "project_id", "dataset", "record_id"),)


class Observation(Model):
    """One thing as one report (or imported row, or API write) describes it. `values` holds only answered properties.

    id is derived from the report's root instanceID, the place in it, dataset and entity, so it is the same on every server.
    state: applied | held | failed | superseded (an edit of the report replaced it); problem says why in a code.
    """

    __tablename__ = "observations"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fact_id: Mapped[int] = mapped_column(BigKey, index=True)
    project_id: Mapped[int] = mapped_column(Integer)
    dataset: Mapped[str] = mapped_column(String(249))
    entity_id: Mapped[str] = mapped_column(String(300))
    action: Mapped[str] = mapped_column(String(10))
    label: Mapped[str | None] = mapped_column(Text)
    values: Mapped[dict[str, Any]] = mapped_column(Json)
    observed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    hlc: Mapped[str] = mapped_column(String(60))
    clock_flagged: Mapped[bool] = mapped_column(Boolean, default=False)
    seen: Mapped[bool | None] = mapped_column(Boolean)
    unit: Mapped[str | None] = mapped_column(String(100))
    role: Mapped[str | None] = mapped_column(String(40))
    post_id: Mapped[int | None] = mapped_column(Integer)
    actor_id: Mapped[int | None] = mapped_column(Integer)
    source: Mapped[str | None] = mapped_column(String(300))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    base_version: Mapped[int | None] = mapped_column(Integer)
    trunk_version: Mapped[int | None] = mapped_column(Integer)
    branch_id: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12), default="applied")
    problem: Mapped[str | None] = mapped_column(String(60))
    details: Mapped[dict[str, Any] | None] = mapped_column(Json)
    __table_args__ = (Index("ix_observations_entity", "project_id", "dataset", "entity_id"),)


class EventTarget(Model):
    """What a folded event speaks of, for look-up: observations (JUDGE), an event (RETRACT), "list/entity" (PIN, CHOOSE, ...)."""

    __tablename__ = "event_targets"
    target: Mapped[str] = mapped_column(String(300), primary_key=True)
    fact_id: Mapped[int] = mapped_column(BigKey, primary_key=True)


class BlockingKey(Model):
    """A blocking key of an entity: two entities that share one are compared."""

    __tablename__ = "blocking_keys"
    dataset: Mapped[str] = mapped_column(String(249), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    __table_args__ = (Index("ix_blocking_keys_entity", "entity_id"),)


class CandidatePair(Model):
    """Two entities (a_id < b_id) that were compared: probability, features and whether the register's certain rule holds.

    verdict: the judgement in force ("same" | "different" | "unsure") or null.
    """

    __tablename__ = "candidate_pairs"
    a_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    b_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset: Mapped[str] = mapped_column(String(249), primary_key=True)
    score: Mapped[float] = mapped_column(Float)
    certain: Mapped[bool] = mapped_column(Boolean, default=False)
    verdict: Mapped[str | None] = mapped_column(String(10))
    features: Mapped[dict[str, Any]] = mapped_column(Json)
    __table_args__ = (Index("ix_candidate_pairs_b", "b_id"),)


class Record(Model):
    """The golden record of a cluster of entities: what officers, devices and (once released) partners see.

    id: the surviving entity's UUID. data: property -> value. provenance: property -> {observation, source (root
    instanceID), fact_id, unit, observed_at, received_at, seen, rule, original}. version only grows.
    last_observed_at: "last confirmed". contested: a chain of "same" breaks a "different". current: the last operation
    (creator_id, created_at, user_agent, base_version, conflicting). digest stands for the content of the whole row: the
    sum over a list changes whenever anything in the list does.
    """

    __tablename__ = "records"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset: Mapped[str] = mapped_column(String(249), primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    provenance: Mapped[dict[str, Any]] = mapped_column(Json)
    aliases: Mapped[list[str]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer)
    conflict: Mapped[str | None] = mapped_column(String(5))
    contested: Mapped[bool] = mapped_column(Boolean, default=False)
    entity_count: Mapped[int] = mapped_column(Integer)
    observation_count: Mapped[int] = mapped_column(Integer)
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    area_code: Mapped[str | None] = mapped_column(String(40), index=True)
    sector_id: Mapped[int | None] = mapped_column(Integer)
    sensitivity: Mapped[str | None] = mapped_column(String(20))
    creator_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_observed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    search: Mapped[str] = mapped_column(Text, default="")
    current: Mapped[dict[str, Any] | None] = mapped_column(Json)
    digest: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    __table_args__ = (Index("ix_records_list", "project_id", "dataset", "sector_id", "label"),)


class ReviewTask(Model):
    """An open question for an officer. kind: pair | disputed | contested | proposal (e.g. a moved position) | held.

    id is derived from what it asks, so that it is the same on every server. a_/b_: observations to judge and the
    records they belong to now (b_ null for kinds with one side).
    """

    __tablename__ = "review_tasks"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer)
    dataset: Mapped[str] = mapped_column(String(249))
    kind: Mapped[str] = mapped_column(String(12))
    a_observation: Mapped[str | None] = mapped_column(String(36))
    b_observation: Mapped[str | None] = mapped_column(String(36))
    a_record: Mapped[str] = mapped_column(String(36), index=True)
    b_record: Mapped[str | None] = mapped_column(String(36), index=True)
    score: Mapped[float] = mapped_column(Float, default=0.0)
    worth: Mapped[float] = mapped_column(Float, default=0.0)
    features: Mapped[dict[str, Any]] = mapped_column(Json)
    sector_id: Mapped[int | None] = mapped_column(Integer)
    since: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_review_tasks_queue", "sector_id", "worth"),)


class Release(Model):
    """What partners see: a separate record made by a RELEASE event (snapshot of whitelisted fields at a stated precision).

    number: REL-2026-0042. state: proposed | released | withheld | superseded | withdrawn; an expired one is past
    valid_until. decided_at: the last decision (the proposal while it waits). reasons: why two persons were needed.
    """

    __tablename__ = "releases"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    event_uuid: Mapped[str] = mapped_column(String(36), unique=True)
    project_id: Mapped[int] = mapped_column(Integer)
    dataset: Mapped[str] = mapped_column(String(249))
    record_id: Mapped[str] = mapped_column(String(36), index=True)
    audience: Mapped[str] = mapped_column(String(20))
    precision: Mapped[str] = mapped_column(String(12))
    label: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    area_code: Mapped[str | None] = mapped_column(String(40))
    sector_id: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12))
    decided_by: Mapped[str] = mapped_column(String(255))
    decided_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    proposed_by: Mapped[str | None] = mapped_column(String(255))
    proposed_by_id: Mapped[int | None] = mapped_column(Integer)
    reasons: Mapped[list[str]] = mapped_column(Json, default=list)
    note: Mapped[str | None] = mapped_column(Text)
    valid_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_releases_list", "dataset", "state", "audience"),)
