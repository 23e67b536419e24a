"""Encrypted reports as readers meet them: locked, or in clear because they were unlocked or because a key is at hand.

Changes nothing: what a key opens here is handed on and forgotten. Unlocking for good is services.decryption's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from forms.encryption import (
    Manifest,
    ManifestIncomplete,
    Undecryptable,
    decrypt,
    open_key,
    plain_name,
    read_manifest,
    vector,
)
from forms.submission import ParsedSubmission, SubmissionXmlError, parse_submission
from forms.xmlsafe import MAX_BYTES, XmlRefused
from server.models import Attachment, Submission
from server.queries import decrypted as queries
from server.queries import submissions as versions
from server.services.blobs import BlobStore
from server.services.documents import unpack, xml_of
from server.services.holding import reason_to_hold

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True, slots=True)
class ClearFile:
    """A file under its name in clear. Without key the stored bytes are in clear already; with it they are decrypted when read."""

    name: str
    blob_sha256: str
    key: bytes | None = None
    iv: bytes = b""

    def chunks(self, store: BlobStore) -> Iterator[bytes]:
        """The bytes in clear. Raises Undecryptable at the end when the file is damaged."""
        stored = store.chunks(self.blob_sha256)
        return stored if self.key is None else decrypt(self.key, self.iv, stored)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted report. xml: what it says, None while it is locked.

    status: None (in clear), "signatureBad" (in clear, but the signature does not fit), "notDecrypted", or
    "missingEncryptedFormData" (the file with the answers did not arrive). files: in clear, only when the report is.
    """

    xml: bytes | None
    status: str | None
    files: tuple[ClearFile, ...] = ()


def read_many(
    session: Session, store: BlobStore, fact_ids: Collection[int], keys: Sequence[RSAPrivateKey] = ()
) -> dict[int, Sealed]:
    """These encrypted reports by the fact of the version; with `keys` also those that one of the keys opens."""
    clear = queries.clear_of(session, fact_ids)
    found: dict[int, Sealed] = {}
    files: dict[int, list[ClearFile]] = {}
    for file in queries.clear_files(session, list(clear)):
        files.setdefault(file.submission_fact_id, []).append(ClearFile(file.name, file.blob_sha256))
    for fact_id, each in clear.items():
        status = "signatureBad" if each.signature == "bad" else None
        found[fact_id] = Sealed(unpack(each.xml, session), status, tuple(files.get(fact_id, ())))
    for fact_id in fact_ids:
        if fact_id not in found:
            found[fact_id] = _locked(session, store, fact_id, keys)
    return found


def read(session: Session, store: BlobStore, fact_id: int, keys: Sequence[RSAPrivateKey] = ()) -> Sealed:
    """One encrypted report."""
    return read_many(session, store, [fact_id], keys)[fact_id]


def _locked(session: Session, store: BlobStore, fact_id: int, keys: Sequence[RSAPrivateKey]) -> Sealed:
    row = versions.submission(session, fact_id)
    manifest = manifest_of(row) if row is not None else None
    if row is None or manifest is None:
        return Sealed(None, "notDecrypted")
    files = files_of(session, row)
    if manifest.xml_file not in files:
        return Sealed(None, "missingEncryptedFormData")
    for private in keys:
        try:
            opened = open_report(store, manifest, files, private)
        except Undecryptable:
            continue
        if opened.held is None:
            return Sealed(opened.xml, None, tuple(opened.media.values()))
    return Sealed(None, "notDecrypted")


def manifest_of(row: Submission) -> Manifest | None:
    """The manifest of a stored encrypted report; None when it was purged or, stored by an older release, is incomplete."""
    xml = xml_of(row)
    try:
        return read_manifest(parse_submission(xml)) if xml else None
    except ManifestIncomplete:
        return None


def files_of(session: Session, row: Submission) -> Mapping[str, Attachment]:
    """The encrypted files that came with this version, by name."""
    return {file.name: file for file in versions.attachments(session, [row.fact_id])}


@dataclass(frozen=True, slots=True)
class Opened:
    """A report that a key opened. media: by the name of the encrypted file, those that arrived; held: why it must not be used."""

    xml: bytes
    parsed: ParsedSubmission
    media: Mapping[str, ClearFile]
    held: str | None


def open_report(store: BlobStore, manifest: Manifest, files: Mapping[str, Attachment], private: RSAPrivateKey) -> Opened:
    """Decrypts the answers and says how to read the files. The XML file must be among `files`.

    Raises Undecryptable when the key does not fit or the answers are damaged or no report.
    """
    key = open_key(private, manifest)
    number = len(manifest.media_files)
    xml = _whole(decrypt(key, vector(manifest.instance_id, key, number), store.chunks(files[manifest.xml_file].blob_sha256)))
    try:
        parsed = parse_submission(xml)
    except (XmlRefused, SubmissionXmlError) as error:
        raise Undecryptable("What was decrypted is no report.") from error
    if parsed.encrypted:
        raise Undecryptable("What was decrypted is encrypted once more.")
    media = {
        name: ClearFile(plain_name(name), files[name].blob_sha256, key, vector(manifest.instance_id, key, index))
        for index, name in enumerate(manifest.media_files) if name in files
    }
    return Opened(xml, parsed, media, reason_to_hold(parsed))


def _whole(chunks: Iterator[bytes]) -> bytes:
    """All of it, up to the size of the largest report that is accepted."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_BYTES:
            raise Undecryptable("The decrypted report is too large.")
    return bytes(data)
