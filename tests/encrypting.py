"""Encrypts reports as ODK Collect does, with the openssl command: nothing of the server makes what the server reads."""

from __future__ import annotations

import base64
import hashlib
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

SUBMISSIONS = "http://opendatakit.org/submissions"
COLLECT = "http://www.opendatakit.org/xforms/encrypted"
_OAEP = ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:{}")


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    """What the command prints for these arguments and this input."""
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


@dataclass(frozen=True)
class KeyPair:
    """An RSA key made by openssl. private: path of the PEM file; public: as a form's base64RsaPublicKey."""

    private: Path
    public: str

    @classmethod
    def make(cls, folder: Path, bits: int = 2048) -> KeyPair:
        """A new key below the folder."""
        path = folder / f"key-{secrets.token_hex(4)}.pem"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", str(path))
        der = openssl("pkey", "-in", str(path), "-pubout", "-outform", "DER")
        return cls(path, base64.b64encode(der).decode())


@dataclass(frozen=True)
class Encrypted:
    """An encrypted report: the manifest and the encrypted files by name; key: its AES key."""

    manifest: bytes
    files: Mapping[str, bytes]
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Encryptor:
    """A phone's encryption. namespace: of the manifest; mask: the hash behind the OAEP mask."""

    public: str
    folder: Path
    namespace: str = SUBMISSIONS
    mask: str = "sha256"

    def encrypt(
        self, form_id: str, version: str | None, instance_id: str, xml: bytes, files: Mapping[str, bytes] | None = None, *,
        signature: str | None = "right",
    ) -> Encrypted:
        """The report with its files, in the order of `files`, the XML last. signature: right, wrong, or None for none."""
        key = secrets.token_bytes(32)
        plain = {**(files or {}), "submission.xml": xml}
        sealed = {
            f"{name}.enc": aes(key, vector(instance_id, key, number), data) for number, (name, data) in enumerate(plain.items())
        }
        base64_key = base64.b64encode(self.rsa(key)).decode()
        lines = [form_id, *([version] if version else []), base64_key, instance_id]
        lines += [f"{name}::{md5(data)}" for name, data in plain.items()]
        digest = openssl("dgst", "-md5", "-binary", data="".join(f"{line}\n" for line in lines).encode())
        if signature == "wrong":
            digest = bytes(reversed(digest))
        signed = base64.b64encode(self.rsa(digest)).decode() if signature else None
        manifest = self.manifest(form_id, version, instance_id, base64_key, list(sealed)[:-1], signed)
        return Encrypted(manifest, sealed, key)

    def manifest(
        self, form_id: str, version: str | None, instance_id: str | None, base64_key: str | None, media: list[str],
        signature: str | None = None, *, encrypted: str = ' encrypted="yes"', xml_file: str | None = "submission.xml.enc",
    ) -> bytes:
        """The manifest; parts given as None are left out."""
        numbered = f" version={quoteattr(version)}" if version else ""
        parts = [f"<base64EncryptedKey>{base64_key}</base64EncryptedKey>" if base64_key else ""]
        parts += [f"<encryptedXmlFile>{xml_file}</encryptedXmlFile>" if xml_file else ""]
        parts += [f"<media><file>{escape(name)}</file></media>" for name in media]
        parts += [f"<base64EncryptedElementSignature>{signature}</base64EncryptedElementSignature>" if signature else ""]
        meta = f"<orx:instanceID>{escape(instance_id)}</orx:instanceID>" if instance_id else ""
        return (
            f'<?xml version="1.0"?><data xmlns="{self.namespace}" xmlns:orx="http://openrosa.org/xforms"'
            f" id={quoteattr(form_id)}{numbered}{encrypted}>{''.join(parts)}<orx:meta>{meta}</orx:meta></data>"
        ).encode()

    def rsa(self, data: bytes) -> bytes:
        """RSA-OAEP with SHA-256 and this mask."""
        der = self.folder / f"public-{hashlib.sha256(self.public.encode()).hexdigest()[:16]}.der"
        der.write_bytes(base64.b64decode(self.public))
        options = [option.format(self.mask) for option in _OAEP]
        return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", str(der), *options, data=data)


def vector(instance_id: str, key: bytes, number: int) -> bytes:
    """The initialization vector of the file with that number: MD5 of instanceID and key, one byte more for each file."""
    seed = list(openssl("dgst", "-md5", "-binary", data=instance_id.encode() + key))
    for index in range(number + 1):
        seed[index % 16] = (seed[index % 16] + 1) & 0xFF
    return bytes(seed)


def aes(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-256-CFB over the data with PKCS#7 padding, which the command does not add for a stream mode."""
    missing = 16 - len(data) % 16
    return openssl("enc", "-aes-256-cfb", "-K", key.hex(), "-iv", iv.hex(), data=data + bytes([missing]) * missing)


def md5(data: bytes) -> str:
    """The MD5 in hexadecimal."""
    return openssl("dgst", "-md5", "-r", data=data).split()[0].decode()
