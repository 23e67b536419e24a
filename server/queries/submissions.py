"""Queries over submissions, attachments, blobs and the events that decide about them, as intake and folding need them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, literal_column, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.models import Assignment, Attachment, Blob, Event, Fact, Form, FormDuty, FormVersion, Post, Project, Submission
from server.models.columns import table_of

# Literals and not parameters: only so can the planner see that the partial indexes hold the answer.
_STORED = Submission.disposition == literal_column("'stored'")
_QUARANTINED = Submission.disposition == literal_column("'quarantined'")


@dataclass(frozen=True, slots=True)
class FormForIntake:
    """What intake asks of a form: version_id is None when the report's version was never published; fillable by grant."""

    form_id: int
    state: str
    published: bool
    version_id: int | None
    fillable: bool


# Built once: for the busiest path the building of a statement costs more than its execution.
_DUTY = exists().where(
    FormDuty.project_id == Form.project_id, FormDuty.xml_form_id == Form.xml_form_id,
    Post.type == FormDuty.post_type, Post.id == bindparam("post_id"), Post.closed_at.is_(None),
)
_ASSIGNED = exists().where(
    Assignment.actor_id == bindparam("actor_id"), Assignment.role != literal_column("'viewer'"),
    or_(Assignment.form_id == Form.id, and_(Assignment.form_id.is_(None), Assignment.project_id == Form.project_id)),
)
_FORM_FOR_INTAKE = (
    select(Form.id, Form.state, Form.current_version_id, FormVersion.id, or_(_DUTY, _ASSIGNED))
    .outerjoin(
        FormVersion,
        and_(FormVersion.form_id == Form.id, FormVersion.version == bindparam("version"), FormVersion.published_at.is_not(None)),
    )
    .join(Project, and_(Project.id == Form.project_id, Project.deleted_at.is_(None)))
    .where(Form.project_id == bindparam("project_id"), Form.xml_form_id == bindparam("xml_form_id"), Form.deleted_at.is_(None))
)
_SAME_FORM = and_(
    Submission.project_id == bindparam("project_id"), Submission.xml_form_id == bindparam("xml_form_id"),
    Submission.is_draft == bindparam("is_draft"),
)
_TRACES = union_all(
    select(Submission.fact_id).where(
        _STORED, _SAME_FORM, Submission.instance_id.in_([bindparam("instance_id"), bindparam("replaced")])
    ),
    select(Submission.fact_id).where(_QUARANTINED, _SAME_FORM, Submission.instance_id == bindparam("instance_id")),
    select(Submission.fact_id).where(
        _QUARANTINED, _SAME_FORM, Submission.deprecated_id.is_not(None), Submission.deprecated_id == bindparam("instance_id")
    ),
).limit(1)
_SHA256 = select(FormVersion.sha256).where(FormVersion.id == bindparam("version_id"))
_VERSION_ID_FOR = (
    select(Form.draft_version_id, Form.current_version_id, FormVersion.id)
    .outerjoin(
        FormVersion,
        and_(FormVersion.form_id == Form.id, FormVersion.version == bindparam("version"), FormVersion.published_at.is_not(None)),
    )
    .where(Form.project_id == bindparam("project_id"), Form.xml_form_id == bindparam("xml_form_id"))
    .order_by(Form.deleted_at.is_not(None), Form.id.desc())
)
_INSERT_SUBMISSION = insert(table_of(Submission))


def form_for_intake(
    session: Session, project_id: int, xml_form_id: str, version: str, actor_id: int | None, post_id: int | None
) -> FormForIntake | None:
    """The form, the report's version and whether duty or assignment lets this sender fill it: one statement per report.

    The big columns of the version (XML, definition) are left where they are.
    """
    row = session.connection().execute(_FORM_FOR_INTAKE, {
        "project_id": project_id, "xml_form_id": xml_form_id, "version": version, "actor_id": actor_id, "post_id": post_id,
    }).first()
    return None if row is None else FormForIntake(row[0], row[1], row[2] is not None, row[3], bool(row[4]))


def is_known(
    session: Session, project_id: int, xml_form_id: str, instance_id: str, replaced: str | None, is_draft: bool
) -> bool:
    """Whether anything is stored or quarantined under these ids, or waits for this one. Nearly always not: one look-up."""
    return session.connection().execute(_TRACES, {
        "project_id": project_id, "xml_form_id": xml_form_id, "instance_id": instance_id, "replaced": replaced or instance_id,
        "is_draft": is_draft,
    }).first() is not None


def add_submission(session: Session, values: dict[str, Any]) -> None:
    """Writes the payload row of a submission; the keys are the table's columns, all of them."""
    session.connection().execute(_INSERT_SUBMISSION, values)


def ensure_blob(session: Session, *, sha256: str, md5: str, size: int, stored_at: dt.datetime) -> None:
    """Adds the row of a file unless there is one; two writers at once do no harm."""
    values = {"sha256": sha256, "md5": md5, "size": size, "stored_at": stored_at}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sqlite.insert(Blob).values(values).on_conflict_do_nothing())
    else:
        session.execute(postgresql.insert(Blob).values(values).on_conflict_do_nothing())


def blob(session: Session, sha256: str) -> Blob | None:
    """The row of a stored file."""
    return session.get(Blob, sha256)


def stored(
    session: Session, project_id: int, xml_form_id: str, instance_ids: Collection[str], is_draft: bool = False
) -> dict[str, Submission]:
    """The stored versions with these instanceIDs, by instanceID."""
    rows = session.scalars(
        select(Submission).where(
            _STORED, Submission.project_id == project_id, Submission.xml_form_id == xml_form_id,
            Submission.is_draft == is_draft, Submission.instance_id.in_(instance_ids),
        )
    )
    return {row.instance_id: row for row in rows}


def quarantined(
    session: Session, project_id: int, xml_form_id: str, instance_id: str, is_draft: bool = False
) -> Sequence[Submission]:
    """All copies in quarantine with this instanceID, decided about or not, oldest first."""
    return session.scalars(
        select(Submission).where(
            _QUARANTINED, Submission.project_id == project_id, Submission.xml_form_id == xml_form_id,
            Submission.instance_id == instance_id, Submission.is_draft == is_draft,
        ).order_by(Submission.fact_id)
    ).all()


def waiting_edits(
    session: Session, project_id: int, xml_form_id: str, deprecated_id: str, is_draft: bool = False
) -> Sequence[Submission]:
    """Edits in quarantine that name this instanceID as the one they replace, oldest first."""
    return session.scalars(
        select(Submission).where(
            _QUARANTINED, Submission.project_id == project_id, Submission.xml_form_id == xml_form_id,
            Submission.deprecated_id.is_not(None), Submission.deprecated_id == deprecated_id, Submission.is_draft == is_draft,
            Submission.reason == "unknown_deprecated",
        ).order_by(Submission.fact_id)
    ).all()


def chain(
    session: Session, project_id: int, xml_form_id: str, root_instance_id: str, is_draft: bool = False
) -> Sequence[Submission]:
    """The stored versions of one report, the original first, the current last."""
    rows = session.scalars(
        select(Submission).where(
            Submission.project_id == project_id, Submission.xml_form_id == xml_form_id,
            Submission.root_instance_id == root_instance_id, Submission.is_draft == is_draft, _STORED,
        ).order_by(Submission.fact_id)
    ).all()
    return in_order(rows)


def in_order(versions: Sequence[Submission]) -> list[Submission]:
    """The versions of one report along their deprecatedIDs, whatever order they arrived in.

    The unique index on the replaced instanceID makes the chain a line; what does not hang on it comes last, by fact.
    """
    following = {row.deprecated_id: row for row in versions if row.deprecated_id}
    found = [row for row in versions if row.instance_id == row.root_instance_id][:1]
    while found and (after := following.pop(found[-1].instance_id, None)):
        found.append(after)
    return [*found, *(row for row in versions if row not in found)]


def submission(session: Session, fact_id: int) -> Submission | None:
    """One submission as it arrived."""
    return session.get(Submission, fact_id)


def by_facts(session: Session, fact_ids: Collection[int]) -> Iterator[Submission]:
    """These versions, read in portions, in the order of their facts."""
    wanted = sorted(set(fact_ids))
    for start in range(0, len(wanted), 400):
        part = wanted[start : start + 400]
        yield from session.scalars(select(Submission).where(Submission.fact_id.in_(part)).order_by(Submission.fact_id)).all()


def submission_with_fact(session: Session, fact_id: int) -> tuple[Submission, Fact] | None:
    """One submission with its envelope."""
    row = session.execute(
        select(Submission, Fact).join(Fact, Fact.id == Submission.fact_id).where(Submission.fact_id == fact_id)
    ).first()
    return None if row is None else (row[0], row[1])


def attachments(session: Session, submission_fact_ids: Collection[int]) -> Sequence[Attachment]:
    """Every file that came for these versions, in order of arrival: the last of a name is current."""
    return session.scalars(
        select(Attachment).where(Attachment.submission_fact_id.in_(submission_fact_ids)).order_by(Attachment.fact_id)
    ).all()


def current_files(session: Session, versions: Sequence[Submission]) -> dict[str, Attachment]:
    """The files of the last of `versions` (a chain, original first) by name: its own, else carried over from earlier ones."""
    place = {row.fact_id: index for index, row in enumerate(versions)}
    rows = sorted(attachments(session, place), key=lambda row: (place[row.submission_fact_id], row.fact_id))
    return {row.name: row for row in rows}


def deciding_events(session: Session, subjects: Collection[str], types: Collection[str]) -> Sequence[tuple[Event, Fact]]:
    """Events of these types about these subjects with their envelopes, in clock order (the same on every server)."""
    rows = session.execute(
        select(Event, Fact).join(Fact, Fact.id == Event.fact_id)
        .where(Event.type.in_(types), Event.subject.in_(subjects)).order_by(Fact.hlc, Fact.uuid)
    )
    return [(row[0], row[1]) for row in rows]


def fact_uuid(session: Session, fact_id: int) -> str | None:
    """The travelling id of a fact."""
    return session.scalar(select(Fact.uuid).where(Fact.id == fact_id))


def roots_of(session: Session, keys: Collection[tuple[int, str, bool, str]]) -> Sequence[tuple[Submission, Fact]]:
    """All stored versions of these reports, keys (project, form, is_draft, root instanceID), with their envelopes."""
    if not keys:
        return []
    roots: dict[tuple[int, str, bool], list[str]] = {}
    for project_id, xml_form_id, is_draft, root in keys:
        roots.setdefault((project_id, xml_form_id, is_draft), []).append(root)
    wanted = or_(*(
        and_(
            Submission.project_id == project_id, Submission.xml_form_id == xml_form_id, Submission.is_draft == is_draft,
            Submission.root_instance_id.in_(sorted(found)),
        )
        for (project_id, xml_form_id, is_draft), found in roots.items()
    ))
    rows = session.execute(
        select(Submission, Fact).join(Fact, Fact.id == Submission.fact_id).where(_STORED, wanted).order_by(Submission.fact_id)
    )
    return [(row[0], row[1]) for row in rows]


def version_sha256(session: Session, version_id: int) -> str | None:
    """The hash of a form version's XML, by which its definition is cached."""
    return session.connection().execute(_SHA256, {"version_id": version_id}).scalar()


def version_id_for(session: Session, project_id: int, xml_form_id: str, version: str, is_draft: bool) -> int | None:
    """Key of the published version of that name, else of the current one; for test reports, of the draft."""
    row = session.connection().execute(
        _VERSION_ID_FOR, {"project_id": project_id, "xml_form_id": xml_form_id, "version": version}
    ).first()
    if row is None:
        return None
    found: int | None = (row[0] or row[1]) if is_draft else (row[2] or row[1])
    return found


def fact_by_uuid(session: Session, uuid: str) -> Fact | None:
    """The fact with that travelling id."""
    return session.scalar(select(Fact).where(Fact.uuid == uuid))
