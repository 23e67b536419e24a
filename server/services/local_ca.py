"""A small certificate authority of this server, for https on a network without a domain.

Browsers keep and encrypt reports over https only, and no public authority certifies a private address. So the server makes
an authority of its own once, and people install its certificate on their devices. Whoever reads its key can pretend to be
any server to those devices; therefore it is bound by name constraints to private addresses and local names (RFC 5280,
4.2.1.10), and the key lies in the data directory, mode 0600.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.services.addresses import interface_addresses

CA_LIFE = dt.timedelta(days=3650)
# Apple and Chromium refuse a server's certificate that lives longer than 398 days.
LEAF_LIFE = dt.timedelta(days=397)
RENEWED_BEFORE = dt.timedelta(days=30)
# A phone without network has a clock that lags.
BACKDATED = dt.timedelta(days=1)
_PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Files:
    """Where a data directory keeps them; any may be absent."""

    folder: Path

    @classmethod
    def of(cls, data_dir: Path) -> Files:
        """The files under DATA_DIR/tls."""
        return cls(data_dir / "tls")

    @property
    def ca_key(self) -> Path:
        """The authority's private key, mode 0600."""
        return self.folder / "ca.key"

    @property
    def ca(self) -> Path:
        """The authority's certificate, PEM; devices install it."""
        return self.folder / "ca.crt"

    @property
    def key(self) -> Path:
        """The server's private key, mode 0600."""
        return self.folder / "server.key"

    @property
    def certificate(self) -> Path:
        """The server's certificate, PEM."""
        return self.folder / "server.crt"


def ensure(data_dir: Path, extra: Iterable[str] = (), at: dt.datetime | None = None) -> Files:
    """The files, made where they are missing, the server's renewed when it ends within 30 days or is for other names.

    Raises ValueError for an extra name that no certificate can hold.
    """
    at = at or dt.datetime.now(dt.UTC)
    files = Files.of(data_dir)
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    extra = tuple(extra)
    if not (files.ca_key.exists() and files.ca.exists()):
        _make_ca(files, extra, at)
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    names = _general(each for each in names_of_this_machine(extra) if _may_certify(authority, each))
    if not _serves(files, names, at):
        _make_leaf(files, names, at)
    return files


def ca_certificate(data_dir: Path) -> x509.Certificate | None:
    """The authority's certificate; None where there is none."""
    return _read(Files.of(data_dir).ca)


def left_out(data_dir: Path, extra: Iterable[str] = ()) -> list[str]:
    """Names that came after the authority was made and that it may not certify: one of them would spoil the whole certificate."""
    authority = ca_certificate(data_dir)
    return [] if authority is None else [each for each in names_of_this_machine(extra) if not _may_certify(authority, each)]


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in pairs, as devices show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def names_of_this_machine(extra: Iterable[str] = ()) -> list[str]:
    """Every name and address under which a browser may ask for this server, each once."""
    host = socket.gethostname()
    short = host.split(".", 1)[0]
    found = ["localhost", "127.0.0.1", "::1", host, f"{short}.local", *interface_addresses(), *extra]
    return list(dict.fromkeys(each.lower() for each in found if each))


def _address(name: str) -> _Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _general(names: Iterable[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in names:
        address = _address(name)
        made.append(x509.DNSName(name) if address is None else x509.IPAddress(address))
    return made


def _permitted(extra: Iterable[str]) -> list[x509.GeneralName]:
    """What the authority may certify: private networks, local names, this machine's, and what the setting names."""
    networks = [ipaddress.ip_network(each) for each in _PRIVATE]
    names = ["localhost", "local"]
    for name in names_of_this_machine(extra):
        address = _address(name)
        if address is None:
            names.append(name)
        elif not any(address in network for network in networks):
            networks.append(ipaddress.ip_network(address))
    return [*map(x509.DNSName, dict.fromkeys(names)), *map(x509.IPAddress, networks)]


def _may_certify(authority: x509.Certificate, name: str) -> bool:
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    address = _address(name)
    if address is not None:
        networks = [ipaddress.ip_network(str(each.value)) for each in limits if isinstance(each, x509.IPAddress)]
        return any(address in network for network in networks)
    return any(isinstance(each, x509.DNSName) and f".{name}".endswith(f".{each.value}") for each in limits)


def _make_ca(files: Files, extra: tuple[str, ...], at: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    # The name tells two servers apart in a phone's list.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Fieldpost {socket.gethostname()} {at:%Y-%m-%d}"[:64])])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(at - BACKDATED).not_valid_after(at + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(extra), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # An older server certificate is of another authority.
    files.certificate.unlink(missing_ok=True)
    _write(files.ca_key, _key_text(key), 0o600)
    _write(files.ca, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_leaf(files: Files, names: list[x509.GeneralName], at: dt.datetime) -> None:
    signer = cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(files.ca_key.read_bytes(), None))
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(at - BACKDATED + LEAF_LIFE, authority.not_valid_after_utc)
    made = (
        x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fieldpost")]))
        .issuer_name(authority.subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(at - BACKDATED).not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(files.key, _key_text(key), 0o600)
    _write(files.certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _serves(files: Files, names: list[x509.GeneralName], at: dt.datetime) -> bool:
    """Whether the server's certificate is there, of this key, long enough and for exactly these names."""
    held = _read(files.certificate)
    if held is None or not files.key.exists() or held.not_valid_after_utc - at < RENEWED_BEFORE:
        return False
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    if key.public_key() != held.public_key():
        return False
    return set(held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == set(names)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )


def _read(path: Path) -> x509.Certificate | None:
    return x509.load_pem_x509_certificate(path.read_bytes()) if path.is_file() else None


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others in between."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    beside.replace(path)
