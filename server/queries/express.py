"""The statements of the express way of intake, compiled once and run past SQLAlchemy on the driver's own connection.

For a report of two kilobytes, SQLAlchemy's work per statement costs more than the statement itself. The text of every
statement comes from the models all the same, so a changed column shows here as anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, and_, bindparam, exists, insert, literal_column, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect, Engine

from server.models import (
    Actor,
    AppUser,
    Assignment,
    Attachment,
    Blob,
    Fact,
    Form,
    FormDuty,
    FormVersion,
    MissionSetting,
    PendingFact,
    Post,
    Project,
    Submission,
    XmlDictionary,
)
from server.models.columns import table_of

DUTY = exists().where(
    FormDuty.project_id == Form.project_id, FormDuty.xml_form_id == Form.xml_form_id,
    Post.type == FormDuty.post_type, Post.id == AppUser.post_id, Post.closed_at.is_(None),
)
ASSIGNED = exists().where(
    Assignment.actor_id == AppUser.actor_id, Assignment.role != "viewer",
    or_(Assignment.form_id == Form.id, and_(Assignment.form_id.is_(None), Assignment.project_id == Form.project_id)),
)
# Everything a report needs to be taken without any question: a live device, an open form that the device may fill, the
# report's version published.
_GRANT = (
    select(
        Actor.id, Actor.display_name, AppUser.post_id, AppUser.last_seen_at, FormVersion.id, FormVersion.sha256,
        select(MissionSetting.value).where(MissionSetting.key == "server_id").scalar_subquery(), AppUser.route_class,
        select(Post.route_class).where(Post.id == AppUser.post_id).scalar_subquery(),
        select(XmlDictionary.number).where(XmlDictionary.form_version_id == FormVersion.id).scalar_subquery(),
    )
    .select_from(AppUser)
    .join(Actor, Actor.id == AppUser.actor_id)
    .join(Project, Project.id == AppUser.project_id)
    .join(Form, Form.project_id == AppUser.project_id)
    .join(FormVersion, and_(FormVersion.form_id == Form.id, FormVersion.version == bindparam("version")))
    .where(
        AppUser.token_sha256 == bindparam("token_sha256"), AppUser.project_id == bindparam("project_id"),
        AppUser.revoked_at.is_(None), Actor.deleted_at.is_(None), Project.deleted_at.is_(None),
        Form.xml_form_id == bindparam("xml_form_id"), Form.deleted_at.is_(None), Form.current_version_id.is_not(None),
        Form.state != "closed", FormVersion.published_at.is_not(None), or_(DUTY, ASSIGNED),
    )
)
_DICTIONARY = select(XmlDictionary.data).where(XmlDictionary.number == bindparam("number")).limit(literal_column("1"))
_SAME_FORM = (
    Submission.project_id == bindparam("project_id"), Submission.xml_form_id == bindparam("xml_form_id"),
    Submission.is_draft == literal_column("false"),
)
_QUARANTINED = Submission.disposition == literal_column("'quarantined'")
_MINE = Submission.instance_id == bindparam("instance_id")
# As queries.submissions: the literals let the planner see that the partial indexes hold the answer.
_TRACES = union_all(
    select(Submission.fact_id).where(Submission.disposition == literal_column("'stored'"), *_SAME_FORM, _MINE),
    select(Submission.fact_id).where(_QUARANTINED, *_SAME_FORM, _MINE),
    select(Submission.fact_id).where(
        _QUARANTINED, *_SAME_FORM, Submission.deprecated_id.is_not(None), Submission.deprecated_id == bindparam("instance_id")
    ),
).limit(1)


@dataclass(frozen=True, slots=True)
class Grant:
    """Who sends and on what: the sender, form version, its hash and dictionary, this server's id, kinds of link."""

    actor_id: int
    actor_name: str
    post_id: int | None
    last_seen_at: Any
    version_id: int
    version_sha256: str
    server_id: str
    route_class: str | None
    post_route_class: str | None
    dictionary: int | None


class Statement:
    """One statement as the driver takes it."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        self.sql = str(compiled)
        self.fixed: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
        self.order: Sequence[str] | None = compiled.positiontup

    def run(self, cursor: Any, values: Mapping[str, Any]) -> Any:
        """Executes it; values by the names of its parameters."""
        wanted = {**self.fixed, **values} if self.fixed else values
        return cursor.execute(self.sql, wanted if self.order is None else [wanted[name] for name in self.order])


class Statements:
    """All statements for one database."""

    def __init__(self, engine: Engine) -> None:
        dialect = engine.dialect
        self.is_sqlite = dialect.name == "sqlite"
        self._read: dict[int, Callable[[Any], Any] | None] = {}
        self._grant, self._traces = Statement(_GRANT, dialect), Statement(_TRACES, dialect)
        self._dictionary = Statement(_DICTIONARY, dialect)
        facts, returning = insert(table_of(Fact)), []
        if not self.is_sqlite:
            returning = [table_of(Fact).c.id]
        columns = [column.name for column in table_of(Fact).columns if column.name != "id"]
        self._fact = Statement(facts.values({name: bindparam(name) for name in columns}).returning(*returning), dialect)
        self._pending = Statement(insert(table_of(PendingFact)).values(fact_id=bindparam("fact_id"), attempts=0), dialect)
        self._submission = Statement(_plain_insert(table_of(Submission)), dialect)
        self._attachment = Statement(_plain_insert(table_of(Attachment)), dialect)
        upsert = sqlite.insert if self.is_sqlite else postgresql.insert
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in table_of(Blob).columns}
        self._blob = Statement(upsert(table_of(Blob)).values(values).on_conflict_do_nothing(), dialect)
        self._time_in = table_of(Fact).c.received_at.type.dialect_impl(dialect).bind_processor(dialect)
        self._time_out = table_of(AppUser).c.last_seen_at.type.dialect_impl(dialect).result_processor(dialect, None)
        self._json_out = table_of(MissionSetting).c.value.type.dialect_impl(dialect).result_processor(dialect, None)

    def begin(self, cursor: Any) -> None:
        """Starts the transaction; SQLite's takes the write lock at once, so that what is read cannot be out of date."""
        if self.is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")

    def grant(self, cursor: Any, token_sha256: str, project_id: int, xml_form_id: str, version: str) -> Grant | None:
        """What lets this device send that form; None when anything at all is in the way."""
        row = self._grant.run(cursor, {
            "token_sha256": token_sha256, "project_id": project_id, "xml_form_id": xml_form_id, "version": version,
        }).fetchone()
        if row is None or row[6] is None:
            return None
        seen = self._time_out(row[3]) if self._time_out else row[3]
        server_id = self._json_out(row[6]) if self._json_out else row[6]
        return Grant(row[0], row[1], row[2], seen, row[4], row[5], str(server_id), row[7], row[8], row[9])

    def dictionary(self, cursor: Any, number: int) -> bytes:
        """The dictionary of that number, which is stored."""
        return bytes(self._dictionary.run(cursor, {"number": number}).fetchone()[0])

    def is_known(self, cursor: Any, project_id: int, xml_form_id: str, instance_id: str) -> bool:
        """Whether anything is stored, quarantined or waiting under this instanceID."""
        values = {"project_id": project_id, "xml_form_id": xml_form_id, "instance_id": instance_id}
        return self._traces.run(cursor, values).fetchone() is not None

    def add_fact(self, cursor: Any, values: Mapping[str, Any]) -> int:
        """Writes an envelope and its place in the queue; returns the fact's id."""
        instant = self.time(values["received_at"])
        self._fact.run(cursor, {**values, "received_at": instant})
        fact_id = int(cursor.lastrowid if self.is_sqlite else cursor.fetchone()[0])
        self._pending.run(cursor, {"fact_id": fact_id})
        return fact_id

    def add_submission(self, cursor: Any, values: Mapping[str, Any]) -> None:
        """Writes the payload row of a submission; the keys are the table's columns, all of them."""
        self._submission.run(cursor, values)

    def add_file(self, cursor: Any, blob: Mapping[str, Any], attachment: Mapping[str, Any]) -> None:
        """Writes the row of a stored file, unless there is one, and that it came with a report."""
        self._blob.run(cursor, {**blob, "stored_at": self.time(blob["stored_at"])})
        self._attachment.run(cursor, attachment)

    def time(self, instant: Any) -> Any:
        """A UTC instant as the driver takes it."""
        return self._time_in(instant) if self._time_in else instant


def _plain_insert(table: Any) -> Any:
    return insert(table).values({column.name: bindparam(column.name) for column in table.columns})
