"""Decrypting what ODK Collect encrypts; the vectors are made by the openssl command."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from forms import encryption
from forms.encryption import Manifest, ManifestIncomplete, Undecryptable, read_manifest
from forms.public_key import with_public_key
from forms.submission import parse_submission
from tests.encrypting import COLLECT, SUBMISSIONS, Encrypted, Encryptor, KeyPair, openssl, vector

FORM = "patrol / ü"
INSTANCE = "uuid:5b9cf8d1-106f-4004-844f-c072d76762ed"
XML = f'<data id="{FORM}"><name>Été</name><meta><instanceID>{INSTANCE}</instanceID></meta></data>'.encode()
PHOTOS = {f"photo {number}.jpg": bytes([number]) * (number * 7) for number in range(20)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def pair(folder: Path) -> KeyPair:
    return KeyPair.make(folder)


@pytest.fixture(scope="module")
def private(pair: KeyPair) -> RSAPrivateKey:
    return private_key(pair)


def private_key(pair: KeyPair) -> RSAPrivateKey:
    found = load_pem_private_key(pair.private.read_bytes(), None)
    assert isinstance(found, RSAPrivateKey)
    return found


def manifest_of(sent: Encrypted) -> Manifest:
    return read_manifest(parse_submission(sent.manifest))


def opened(private: RSAPrivateKey, sent: Encrypted) -> dict[str, bytes]:
    manifest = manifest_of(sent)
    key = encryption.open_key(private, manifest)
    return {
        name: b"".join(encryption.decrypt(key, encryption.vector(manifest.instance_id, key, number), [sent.files[name]]))
        for number, name in enumerate(manifest.files)
    }


def checked(private: RSAPrivateKey, sent: Encrypted) -> str:
    digests = {name: hashlib.md5(data).hexdigest() for name, data in opened(private, sent).items()}
    return encryption.check_signature(private, manifest_of(sent), digests)


@pytest.mark.parametrize("namespace", [SUBMISSIONS, COLLECT])
def test_a_report_with_more_files_than_the_vector_has_bytes_is_decrypted(
    pair: KeyPair, private: RSAPrivateKey, folder: Path, namespace: str
) -> None:
    sent = Encryptor(pair.public, folder, namespace).encrypt(FORM, "3", INSTANCE, XML, PHOTOS)

    assert opened(private, sent) == {f"{name}.enc": data for name, data in PHOTOS.items()} | {"submission.xml.enc": XML}


def test_a_mask_with_sha1_is_understood_as_well(pair: KeyPair, private: RSAPrivateKey, folder: Path) -> None:
    sent = Encryptor(pair.public, folder, mask="sha1").encrypt(FORM, "3", INSTANCE, XML)

    assert opened(private, sent) == {"submission.xml.enc": XML}


@pytest.mark.parametrize("version", ["3", None])
def test_a_right_signature_is_good_with_and_without_version(
    pair: KeyPair, private: RSAPrivateKey, folder: Path, version: str | None
) -> None:
    sent = Encryptor(pair.public, folder).encrypt(FORM, version, INSTANCE, XML, {"a.jpg": b"1"})

    assert checked(private, sent) == "good"


def test_a_wrong_signature_is_bad(pair: KeyPair, private: RSAPrivateKey, folder: Path) -> None:
    sent = Encryptor(pair.public, folder).encrypt(FORM, "3", INSTANCE, XML, signature="wrong")

    assert checked(private, sent) == "bad"


def test_a_signature_that_is_no_base64_is_bad(pair: KeyPair, private: RSAPrivateKey, folder: Path) -> None:
    sent = Encryptor(pair.public, folder).encrypt(FORM, "3", INSTANCE, XML, signature=None)
    signature = b"<base64EncryptedElementSignature>no</base64EncryptedElementSignature>"
    manifest = sent.manifest.replace(b"<orx:meta>", signature + b"<orx:meta>")

    assert checked(private, Encrypted(manifest, sent.files, sent.key)) == "bad"


def test_a_missing_signature_is_none(pair: KeyPair, private: RSAPrivateKey, folder: Path) -> None:
    sent = Encryptor(pair.public, folder).encrypt(FORM, "3", INSTANCE, XML, signature=None)

    assert checked(private, sent) == "none"


def test_another_key_opens_nothing(pair: KeyPair, folder: Path) -> None:
    sent = Encryptor(pair.public, folder).encrypt(FORM, "3", INSTANCE, XML)
    other = private_key(KeyPair.make(folder))

    with pytest.raises(Undecryptable):
        encryption.open_key(other, manifest_of(sent))


@pytest.mark.parametrize("damaged", [b"", b"short", b"\0" * 32])
def test_a_damaged_file_is_refused(damaged: bytes) -> None:
    with pytest.raises(Undecryptable):
        list(encryption.decrypt(b"k" * 32, b"i" * 16, [damaged]))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 4096])
def test_a_file_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    data, key, iv = bytes(range(256)) * 16, b"k" * 32, b"i" * 16
    padded = data[:size] + bytes([16 - size % 16]) * (16 - size % 16)
    sealed = openssl("enc", "-aes-256-cfb", "-K", key.hex(), "-iv", iv.hex(), data=padded)

    for step in (1, 5, 16, 100_000):
        pieces = [sealed[start : start + step] for start in range(0, len(sealed), step)]
        assert b"".join(encryption.decrypt(key, iv, pieces)) == data[:size]


@pytest.mark.parametrize(
    ("left_out", "field"),
    [
        ('<base64EncryptedKey>k</base64EncryptedKey>', "base64EncryptedKey"),
        ('<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>', "encryptedXmlFile"),
        (f"<instanceID>{INSTANCE}</instanceID>", "instanceID"),
        ("<file>a.jpg.enc</file>", "media/file"),
    ],
)
def test_a_manifest_without_a_required_part_is_incomplete(left_out: str, field: str) -> None:
    whole = (
        '<data id="x" encrypted="yes"><base64EncryptedKey>k</base64EncryptedKey><media><file>a.jpg.enc</file></media>'
        '<encryptedXmlFile>submission.xml.enc</encryptedXmlFile>'
        f"<meta><instanceID>{INSTANCE}</instanceID></meta></data>"
    )

    assert read_manifest(parse_submission(whole.encode())).files == ("a.jpg.enc", "submission.xml.enc")
    with pytest.raises(ManifestIncomplete, match=field):
        read_manifest(parse_submission(whole.replace(left_out, "").encode()))


def test_the_public_key_is_written_byte_for_byte_and_taken_out_again(pair: KeyPair) -> None:
    form = b'<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head><model/></h:head></h:html>'

    encrypted = with_public_key(form, pair.public)

    assert f'<submission base64RsaPublicKey="{pair.public}"/></model>'.encode() in encrypted
    assert b"submission" not in with_public_key(encrypted, None)


@pytest.mark.parametrize("text", ["", "key", "AB+/==", "é" * 40])
def test_a_public_key_that_phones_cannot_read_is_told_apart(text: str, pair: KeyPair) -> None:
    assert encryption.public_key(text) is None
    assert encryption.public_key(pair.public) is not None


def test_what_our_own_device_encrypts_is_decrypted_with_a_good_signature(pair: KeyPair, private: RSAPrivateKey) -> None:
    public = encryption.public_key(pair.public)
    assert public is not None
    sealing = encryption.Sealing(public, FORM, "3", INSTANCE)
    plain = {**PHOTOS, "submission.xml": XML}
    files = {f"{name}.enc": b"".join(sealing.encrypt(name, [data[:5], data[5:]])) for name, data in plain.items()}
    sent = Encrypted(sealing.manifest(), files, b"")

    assert opened(private, sent) == {f"{name}.enc": data for name, data in plain.items()}
    assert checked(private, sent) == "good"


def test_what_our_own_device_encrypts_is_decrypted_by_openssl(pair: KeyPair, tmp_path: Path) -> None:
    public = encryption.public_key(pair.public)
    assert public is not None
    sealing = encryption.Sealing(public, FORM, None, INSTANCE)
    sealed = b"".join(sealing.encrypt("submission.xml", [XML]))
    manifest = read_manifest(parse_submission(sealing.manifest()))
    (tmp_path / "key.bin").write_bytes(base64.b64decode(manifest.encrypted_key))

    oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"]
    key = openssl("pkeyutl", "-decrypt", "-inkey", str(pair.private), "-in", str(tmp_path / "key.bin"), *oaep)
    iv = vector(INSTANCE, key, 0)
    padded = openssl("enc", "-d", "-aes-256-cfb", "-K", key.hex(), "-iv", iv.hex(), data=sealed)

    assert padded[: -padded[-1]] == XML
