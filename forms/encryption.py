"""Encrypted submissions: reads their manifest, decrypts their files with a private key, checks
their signature; and encrypts a report for a device.

The scheme is that of the ODK XForms specification (section Encryption) as ODK Collect carries it out. It knows no
passphrases and stores nothing. `cryptography` loads when first needed: most processes never decrypt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from lxml import etree

from forms.formxml import children
from forms.submission import ParsedSubmission

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

Signature = Literal["good", "bad", "none"]
ENDING: Final = ".enc"
_BLOCK: Final = 16
_AES_KEY_BYTES: Final = 32
_MAX_FILES: Final = 10_000
_NAMESPACE: Final = "http://opendatakit.org/submissions"
_ORX: Final = "http://openrosa.org/xforms"


class ManifestIncomplete(ValueError):
    """The manifest of an encrypted submission lacks a part without which it can never be decrypted; `field` names it."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"The encrypted submission lacks {field}.")


class Undecryptable(ValueError):
    """The key does not fit the data, or the data is damaged."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an encrypted submission tells in clear. Names are those of the encrypted files; version None: the form has none."""

    form_id: str
    version: str | None
    instance_id: str
    encrypted_key: str
    media_files: tuple[str, ...]
    xml_file: str
    signature: str | None

    @property
    def files(self) -> tuple[str, ...]:
        """All encrypted files in the order of encryption: the media in theirs, the XML last."""
        return (*self.media_files, self.xml_file)


def is_manifest(root: etree._Element) -> bool:
    """Whether the XML has what only the manifest of an encrypted submission has, whatever its `encrypted` attribute says."""
    return all(next(children(root, name), None) is not None for name in ("base64EncryptedKey", "encryptedXmlFile"))


def read_manifest(submission: ParsedSubmission) -> Manifest:
    """The manifest. Namespaces are not looked at: ODK Collect's is another than the specification's.

    Raises ManifestIncomplete without `encrypted="yes"`, key, name of the encrypted XML or instanceID, and when a `<media>`
    does not name exactly one file.
    """
    root = submission.root
    if not submission.encrypted:
        raise ManifestIncomplete('the attribute encrypted="yes"')
    if submission.instance_id is None:
        raise ManifestIncomplete("instanceID")
    return Manifest(
        form_id=submission.form_id,
        version=submission.version,
        instance_id=submission.instance_id,
        encrypted_key=_required(root, "base64EncryptedKey"),
        media_files=tuple(_media(root)),
        xml_file=_required(root, "encryptedXmlFile"),
        signature=next((_text(each) for each in children(root, "base64EncryptedElementSignature")), "") or None,
    )


def _required(root: etree._Element, name: str) -> str:
    text = next((_text(each) for each in children(root, name)), "")
    if not text:
        raise ManifestIncomplete(name)
    return text


def _media(root: etree._Element) -> Iterator[str]:
    for count, media in enumerate(children(root, "media")):
        named = [_text(each) for each in children(media, "file")]
        if len(named) != 1 or not named[0] or count >= _MAX_FILES:
            raise ManifestIncomplete("media/file")
        yield named[0]


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def plain_name(name: str) -> str:
    """The name a file had before it was encrypted."""
    return name[: -len(ENDING)] if name.lower().endswith(ENDING) else name


def public_key(text: str) -> RSAPublicKey | None:
    """The key in a form's `base64RsaPublicKey`; None when phones could not read it (no base64, no RSA key)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        found = load_der_public_key(_from_base64(text))
    except (ValueError, UnsupportedAlgorithm):  # Undecryptable, for what is no base64, is a ValueError
        return None
    return found if isinstance(found, RSAPublicKey) else None


def public_text(private: RSAPrivateKey) -> str:
    """The public half as forms carry it: base64 of the DER SubjectPublicKeyInfo, without line breaks."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def open_key(private: RSAPrivateKey, manifest: Manifest) -> bytes:
    """The submission's AES key (256 bits). Raises Undecryptable when the private key does not fit."""
    key = _rsa(private, manifest.encrypted_key)
    if len(key) != _AES_KEY_BYTES:
        raise Undecryptable("The key of the submission does not have 256 bits.")
    return key


def _rsa(private: RSAPrivateKey, text: str) -> bytes:
    """RSA-OAEP. Bouncy Castle, which ODK Collect uses, takes SHA-256 for the mask as well; other Java providers and some
    web clients take SHA-1 there."""
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    sealed = _from_base64(text)
    for mask in (SHA256(), SHA1()):  # noqa: S303 - a mask generator, not a fingerprint
        try:
            return private.decrypt(sealed, OAEP(mgf=MGF1(mask), algorithm=SHA256(), label=None))
        except ValueError:
            continue
    raise Undecryptable("The private key does not fit the submission.")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Undecryptable("The key of the submission is no base64.") from error


def vector(instance_id: str, key: bytes, number: int) -> bytes:
    """The initialization vector of the file with that number, counted from 0 in the order of encryption.

    MD5 of instanceID and key; before each file one byte grows by one: the first byte for the first file, and so on
    around the sixteen. What grew stays grown.
    """
    seed = bytearray(hashlib.md5(instance_id.encode() + key, usedforsecurity=False).digest())
    for index in range(number + 1):
        seed[index % _BLOCK] = (seed[index % _BLOCK] + 1) % 256
    return bytes(seed)


def decrypt(key: bytes, iv: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """One file in clear, piece by piece: AES-256-CFB, then the PKCS#7 padding is taken off.

    Raises Undecryptable at the end when there is no right padding: another key, another place in the order, or damage.
    """
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    decryptor = Cipher(AES(key), CFB(iv)).decryptor()
    kept = b""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        kept += decryptor.update(chunk)
        if len(kept) > _BLOCK:
            yield kept[:-_BLOCK]
            kept = kept[-_BLOCK:]
    kept += decryptor.finalize()
    padding = kept[-1] if kept else 0
    if size % _BLOCK or not 1 <= padding <= _BLOCK or kept[-padding:] != bytes([padding]) * padding:
        raise Undecryptable("The file is damaged, or was encrypted with another key.")
    yield kept[:-padding]


def check_signature(private: RSAPrivateKey, manifest: Manifest, digests: dict[str, str]) -> Signature:
    """Whether the signature fits. digests: MD5 (hex) of the files in clear, by the names of the encrypted files.

    The signature is no proof of who sent the report (anybody can make one with the public key); it shows files that were
    exchanged, left out or damaged.
    """
    if manifest.signature is None:
        return "none"
    lines = [manifest.form_id, *([manifest.version] if manifest.version else []), manifest.encrypted_key, manifest.instance_id]
    lines += [f"{plain_name(name)}::{digests.get(name, '')}" for name in manifest.files]
    expected = hashlib.md5("".join(f"{line}\n" for line in lines).encode(), usedforsecurity=False).digest()
    try:
        return "good" if hmac.compare_digest(_rsa(private, manifest.signature), expected) else "bad"
    except Undecryptable:
        return "bad"


class Sealing:
    """Encrypts one report as ODK Collect does: first its files, one after the other, then the XML, then the manifest."""

    def __init__(self, public: RSAPublicKey, form_id: str, version: str | None, instance_id: str) -> None:
        self._public, self._form_id, self._version, self._instance_id = public, form_id, version, instance_id
        self._key = secrets.token_bytes(_AES_KEY_BYTES)
        self._digests: list[tuple[str, str]] = []

    def encrypt(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The next file, to be kept as `name` + ".enc". It counts for the order once it was read to its end."""
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES

        iv = vector(self._instance_id, self._key, len(self._digests))
        encryptor, digest, size = Cipher(AES(self._key), CFB(iv)).encryptor(), hashlib.md5(usedforsecurity=False), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            yield encryptor.update(chunk)
        missing = _BLOCK - size % _BLOCK
        yield encryptor.update(bytes([missing]) * missing) + encryptor.finalize()
        self._digests.append((name, digest.hexdigest()))

    def manifest(self) -> bytes:
        """The manifest with its signature; the file encrypted last is the XML."""
        names: Any = {None: _NAMESPACE, "orx": _ORX}
        root = etree.Element(f"{{{_NAMESPACE}}}data", nsmap=names)
        root.set("id", self._form_id)
        if self._version:
            root.set("version", self._version)
        root.set("encrypted", "yes")
        key = self._rsa(self._key)
        etree.SubElement(root, f"{{{_NAMESPACE}}}base64EncryptedKey").text = key
        meta = etree.SubElement(root, f"{{{_ORX}}}meta")
        etree.SubElement(meta, f"{{{_ORX}}}instanceID").text = self._instance_id
        *media, (xml_name, _digest) = self._digests
        for name, _md5 in media:
            element = etree.SubElement(root, f"{{{_NAMESPACE}}}media")
            etree.SubElement(element, f"{{{_NAMESPACE}}}file").text = name + ENDING
        etree.SubElement(root, f"{{{_NAMESPACE}}}encryptedXmlFile").text = xml_name + ENDING
        lines = [self._form_id, *([self._version] if self._version else []), key, self._instance_id]
        lines += [f"{name}::{digest}" for name, digest in self._digests]
        signed = hashlib.md5("".join(f"{line}\n" for line in lines).encode(), usedforsecurity=False).digest()
        etree.SubElement(root, f"{{{_NAMESPACE}}}base64EncryptedElementSignature").text = self._rsa(signed)
        return etree.tostring(root, xml_declaration=True, encoding="utf-8")

    def _rsa(self, data: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
        from cryptography.hazmat.primitives.hashes import SHA256

        return base64.b64encode(self._public.encrypt(data, OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))).decode()
