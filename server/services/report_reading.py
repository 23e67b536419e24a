"""Answers of many reports for tables and exports: from the XML that came, of encrypted ones from what is in clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from forms.xmlsafe import Rereader
from server.memory import trim_after
from server.queries import list_rows
from server.services import documents, sealed
from server.services.answer_tables import Instance, Table
from server.services.blobs import BlobStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True)
class Source:
    """Where answers are read: the database, the files, and private keys that the reader has at hand."""

    session: Session
    store: BlobStore
    keys: Sequence[RSAPrivateKey] = ()

    def answers(self, root: Table, fact_ids: Sequence[int]) -> Iterator[Instance | None]:
        """The answers of these (not encrypted) versions as a form's tables have them; None for one that is purged."""
        return read_answers(self.session, root, fact_ids)

    def encrypted(self, root: Table, fact_ids: Sequence[int]) -> dict[int, Encrypted]:
        """The same of encrypted versions, by fact id."""
        if not fact_ids:
            return {}
        reader = Rereader()
        return {
            fact_id: Encrypted(root.read(reader.element(each.xml)) if each.xml else None, each.status, each.files)
            for fact_id, each in sealed.read_many(self.session, self.store, fact_ids, self.keys).items()
        }


@dataclass(frozen=True, slots=True)
class Encrypted:
    """An encrypted report: what it says and its files, if it is in clear, and its status as OData shows it."""

    answers: Instance | None
    status: str | None
    files: tuple[sealed.ClearFile, ...]


def read_answers(session: Session, root: Table, fact_ids: Sequence[int]) -> Iterator[Instance | None]:
    """The answers of these (not encrypted) versions as the tables of a form have them; None for one that is purged."""
    if not fact_ids:
        return
    found, reader = list_rows.packed_xml(session, fact_ids), Rereader()
    for fact_id in fact_ids:
        packed = found.get(fact_id)
        yield _read(session, root, packed, reader) if packed else None


def _read(session: Session, root: Table, packed: bytes, reader: Rereader) -> Instance:
    xml = documents.unpack(packed, session)
    answers = root.read(reader.element(xml))
    trim_after(len(xml))
    return answers
