"""The two statements behind what devices download all the time, compiled once as those of queries.express."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.engine import Engine

from server.models import Actor, AppUser, Form, FormAttachment, FormVersion, Post, Project
from server.queries.device_forms import ListedForm
from server.queries.express import ASSIGNED, DUTY, Statement

# Open forms that the device of a key may fill, each with its current version, and what else an answer needs.
_OPEN = (
    select(
        Form.id, FormVersion.id, Form.xml_form_id, FormVersion.version, FormVersion.title, FormVersion.md5,
        exists().where(FormAttachment.form_version_id == FormVersion.id),
        AppUser.last_seen_at, AppUser.route_class,
        select(Post.route_class).where(Post.id == AppUser.post_id).scalar_subquery(),
    )
    .select_from(AppUser)
    .join(Actor, Actor.id == AppUser.actor_id)
    .join(Project, Project.id == AppUser.project_id)
    .join(Form, Form.project_id == AppUser.project_id)
    .join(FormVersion, FormVersion.id == Form.current_version_id)
    .where(
        AppUser.token_sha256 == bindparam("token_sha256"), AppUser.project_id == bindparam("project_id"),
        AppUser.revoked_at.is_(None), Actor.deleted_at.is_(None), Project.deleted_at.is_(None),
        Form.deleted_at.is_(None), Form.state == "open", or_(DUTY, ASSIGNED),
    )
)
_ALL = _OPEN.order_by(Form.xml_form_id)
_ONE = _OPEN.where(Form.xml_form_id == bindparam("xml_form_id"))
_XML = select(FormVersion.xml).where(FormVersion.id == bindparam("version_id"))


@dataclass(frozen=True, slots=True)
class Listed:
    """The forms that a device may fill, when it called last, and the kinds of link of device and post."""

    forms: tuple[ListedForm, ...]
    last_seen_at: Any
    route_class: str | None
    post_route_class: str | None


class Statements:
    """The statements for one database. Each call takes a connection of the pool for one round trip, without a transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        dialect = engine.dialect
        self._all, self._one, self._xml = Statement(_ALL, dialect), Statement(_ONE, dialect), Statement(_XML, dialect)
        self._time_out = AppUser.__table__.c.last_seen_at.type.dialect_impl(dialect).result_processor(dialect, None)

    def listed(self, token_sha256: str, project_id: int, xml_form_id: str | None = None) -> Listed | None:
        """The open forms of this key's device, by form id, or the one named; None when there is none, for whatever reason."""
        values: dict[str, Any] = {"token_sha256": token_sha256, "project_id": project_id}
        if xml_form_id is not None:
            values["xml_form_id"] = xml_form_id
        rows = self._rows(self._all if xml_form_id is None else self._one, values)
        if not rows:
            return None
        forms = tuple(ListedForm(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6])) for row in rows)
        seen = self._time_out(rows[0][7]) if self._time_out else rows[0][7]
        return Listed(forms, seen, rows[0][8], rows[0][9])

    def xml(self, version_id: int) -> bytes | None:
        """The bytes of a form version."""
        rows = self._rows(self._xml, {"version_id": version_id})
        return bytes(rows[0][0]) if rows else None

    def _rows(self, statement: Statement, values: dict[str, Any]) -> list[Any]:
        with self._engine.connect() as connection:
            cursor = connection.connection.cursor()
            try:
                statement.run(cursor, values)
                return list(cursor.fetchall())
            finally:
                cursor.close()
