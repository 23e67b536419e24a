"""Who may knock: actors (users and app users), sessions, assignments, log-in attempts, the audit log.

Configuration, not facts.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime


class Actor(Model):
    """Anybody who acts. type: user | field_key (app user) | public_link | system. Never deleted, only marked."""

    __tablename__ = "actors"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    type: Mapped[str] = mapped_column(String(15))
    display_name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class User(Model):
    """A person with a password. role: see services.identity.ROLES; branch: the staff branch ("9", "3", "2", "civ", ...).

    email is stored folded to lower case. sector_id null means the whole mission. A read-only account may look, not act;
    a locked one cannot log in. audience: for a partner, which releases it reads (code list `audience`).
    """

    __tablename__ = "users"
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    branch: Mapped[str | None] = mapped_column(String(10))
    sector_id: Mapped[int | None] = mapped_column(ForeignKey("sectors.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
    organisation: Mapped[str | None] = mapped_column(String(255))
    language: Mapped[str] = mapped_column(String(5), default="en")
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False)
    audience: Mapped[str | None] = mapped_column(String(20))
    locked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    read_only_from: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class AppUser(Model):
    """A device of a post (ODK's app user). The token is looked up by its SHA-256 and kept sealed for showing its QR again.

    route_class: lan | default | satellite, the kind of link it usually has; null: its post's.
    """

    __tablename__ = "app_users"
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"), index=True)
    token_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_sealed: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[int | None] = mapped_column(Integer)
    route_class: Mapped[str | None] = mapped_column(String(10))
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class PublicLink(Model):
    """A key with which whoever has it fills one form. once: a client should offer the form a single time to each visitor."""

    __tablename__ = "public_links"
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id"), index=True)
    once: Mapped[bool] = mapped_column(Boolean, default=False)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    token_sealed: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[int | None] = mapped_column(Integer)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class LoginSession(Model):
    """A log-in. kind: "api" (bearer) or "page" (cookie). Only the SHA-256 of the token is stored."""

    __tablename__ = "sessions"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(5))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class PasswordReset(Model):
    """A wish for a new password and the token that grants it once, until it expires; a newer wish takes its place.

    The token is looked up by its SHA-256 and kept sealed, so that an administrator can hand the link over where there is no
    mail. mailed_at: when it went out by mail.
    """

    __tablename__ = "password_resets"
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.actor_id"), primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    token_sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    mailed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class Preference(Model):
    """What a person's client wants remembered, for the whole site (project_id 0) or one project. value: any JSON."""

    __tablename__ = "preferences"
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.actor_id"), primary_key=True)
    project_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)


class DigestSecret(Model):
    """What Digest log-in needs of a person's password (services.digest), sealed with the server's secret key."""

    __tablename__ = "digest_secrets"
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.actor_id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)


class DigestUse(Model):
    """A nonce count that was used once and is refused from then on, until the nonce itself has run out."""

    __tablename__ = "digest_uses"
    nonce: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)


class Assignment(Model):
    """A right of an actor over a project or one form. role: admin | manager | viewer | formfill | app-user."""

    __tablename__ = "assignments"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), index=True)
    role: Mapped[str] = mapped_column(String(15))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    form_id: Mapped[int | None] = mapped_column(ForeignKey("forms.id"))
    __table_args__ = (UniqueConstraint("actor_id", "role", "project_id", "form_id"),)


class ActorProperty(Model):
    """A property that a project's app users and collectors may have, for the access rules of its entity lists."""

    __tablename__ = "actor_properties"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(249))
    __table_args__ = (UniqueConstraint("project_id", "name"),)


class ActorValue(Model):
    """The value of such a property for one actor; none is kept for an actor without it."""

    __tablename__ = "actor_values"
    property_id: Mapped[int] = mapped_column(ForeignKey("actor_properties.id"), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True, index=True)
    value: Mapped[str] = mapped_column(Text)


class LoginAttempt(Model):
    """A failed log-in, kept an hour, so that guessing is slowed across all web processes."""

    __tablename__ = "login_attempts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class Audit(Model):
    """What somebody did or read, in ODK Central's words (action such as "user.session.create", "form.update.publish")."""

    __tablename__ = "audits"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    actor_id: Mapped[int | None] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(80), index=True)
    actee: Mapped[str | None] = mapped_column(String(300))
    details: Mapped[dict[str, Any] | None] = mapped_column(Json)
    notes: Mapped[str | None] = mapped_column(Text)
    logged_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_audits_logged_at", "logged_at"),)
