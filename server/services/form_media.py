"""What a form version's expected files really are for one actor: uploaded bytes, an entity list, a list of the mission.

The manifest and the download read the same answer. An entity list may change between the two; its address in the
manifest therefore names the hash, and the announced bytes are served while they are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.models import Dataset, FormAttachment
from server.queries import forms as queries
from server.queries import submissions as blob_queries
from server.services.entity_lists import CONTENT_TYPE, MISSION_LISTS, ListFile, dataset_csv, has_rows, list_csv
from server.services.identity import Identity
from server.services.project_rights import MISSION


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file: either `blob_sha256` (stored bytes, `size` long) or `content` (a list). dataset: the entity list behind it."""

    name: str
    md5: str
    content_type: str
    blob_sha256: str | None = None
    size: int = 0
    content: ListFile | None = None
    dataset: Dataset | None = None

    @property
    def type(self) -> str | None:
        """The manifest's type attribute."""
        if self.dataset is None:
            return None
        return "approvalEntityList" if self.dataset.approval_required else "entityList"


def form_media(session: Session, project_id: int, version_id: int, identity: Identity | None) -> list[MediaFile]:
    """All files of a version that can be served now, by name; what was never uploaded is left out."""
    rows: Sequence[FormAttachment] = queries.attachments(session, version_id)
    found = (_resolve(session, project_id, row, identity) for row in rows)
    return [each for each in found if each is not None]


def form_media_file(
    session: Session, project_id: int, version_id: int, name: str, identity: Identity | None, md5: str | None = None
) -> MediaFile | None:
    """One file of a version; None when the form expects no such name or nothing was uploaded.

    md5: the hash that the manifest announced for an entity list, if the device said so.
    """
    row = queries.attachment(session, version_id, name)
    return None if row is None else _resolve(session, project_id, row, identity, md5)


def _resolve(
    session: Session, project_id: int, row: FormAttachment, identity: Identity | None, md5: str | None = None
) -> MediaFile | None:
    if row.dataset_name is not None:
        dataset = queries.dataset(session, project_id, row.dataset_name)
        return None if dataset is None else _list(row.name, dataset_csv(session, dataset, identity, md5), dataset)
    # Code lists are the mission's: in another project a file of such a name is whatever its owner meant, and still to come.
    ours = row.name in MISSION_LISTS or (project_id == MISSION and row.blob_sha256 is None)
    if ours and (row.blob_sha256 is None or row.fallback):
        content = list_csv(session, row.name)
        # A sample list that lay beside the form serves until the mission has its own areas and units.
        if content is not None and (has_rows(content) or row.blob_sha256 is None):
            return _list(row.name, content, None)
    blob = blob_queries.blob(session, row.blob_sha256) if row.blob_sha256 else None
    if blob is None:
        return None
    return MediaFile(row.name, blob.md5, row.content_type or "application/octet-stream", blob.sha256, blob.size)


def _list(name: str, content: ListFile, dataset: Dataset | None) -> MediaFile:
    return MediaFile(name, content.md5, CONTENT_TYPE, content=content, size=len(content.data), dataset=dataset)
