"""The server's own small authority: what it makes, when it makes it anew, and what it may certify."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509

from server.config import SettingRefused, load_settings
from server.services import local_ca

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)


def leaf(files: local_ca.Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def dns_names(certificate: x509.Certificate) -> list[str]:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def test_private_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    files = local_ca.ensure(tmp_path, at=NOW)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.ca_key, files.key)} == {0o600}


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    files = local_ca.ensure(tmp_path, at=NOW)
    before = {path: path.read_bytes() for path in files.folder.iterdir()}
    local_ca.ensure(tmp_path, at=NOW + dt.timedelta(days=300))
    assert {path: path.read_bytes() for path in files.folder.iterdir()} == before


def test_a_certificate_that_ends_within_thirty_days_is_made_anew_by_the_same_authority(tmp_path: Path) -> None:
    files = local_ca.ensure(tmp_path, at=NOW)
    before, authority = leaf(files), files.ca.read_bytes()
    local_ca.ensure(tmp_path, at=NOW + dt.timedelta(days=367))
    assert leaf(files).serial_number != before.serial_number
    assert files.ca.read_bytes() == authority


def test_a_certificate_lives_at_most_397_days(tmp_path: Path) -> None:
    made = leaf(local_ca.ensure(tmp_path, at=NOW))
    assert made.not_valid_after_utc - made.not_valid_before_utc <= dt.timedelta(days=397)


def test_a_further_local_name_makes_the_certificate_anew(tmp_path: Path) -> None:
    local_ca.ensure(tmp_path, at=NOW)
    assert "post.local" in dns_names(leaf(local_ca.ensure(tmp_path, ("post.local",), NOW)))


def test_the_certificate_bears_the_names_of_this_machine(tmp_path: Path) -> None:
    names = dns_names(leaf(local_ca.ensure(tmp_path, at=NOW)))
    assert "localhost" in names
    assert any(each.endswith(".local") for each in names)


def test_a_name_that_came_after_the_authority_is_left_out_and_told(tmp_path: Path) -> None:
    local_ca.ensure(tmp_path, at=NOW)
    files = local_ca.ensure(tmp_path, ("cimic.example.org",), NOW)
    assert "cimic.example.org" not in dns_names(leaf(files))
    assert local_ca.left_out(tmp_path, ("cimic.example.org",)) == ["cimic.example.org"]


def test_a_name_that_the_authority_was_made_with_is_certified(tmp_path: Path) -> None:
    assert "cimic.example.org" in dns_names(leaf(local_ca.ensure(tmp_path, ("cimic.example.org",), NOW)))


def test_the_authority_may_certify_no_public_site(tmp_path: Path) -> None:
    files = local_ca.ensure(tmp_path, at=NOW)
    limits = x509.load_pem_x509_certificate(files.ca.read_bytes()).extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.permitted_subtrees


def test_the_fingerprint_is_in_pairs(tmp_path: Path) -> None:
    local_ca.ensure(tmp_path, at=NOW)
    authority = local_ca.ca_certificate(tmp_path)
    assert authority is not None
    assert len(local_ca.fingerprint(authority).split(":")) == 32


def test_without_files_there_is_no_authority(tmp_path: Path) -> None:
    assert local_ca.ca_certificate(tmp_path) is None


def test_a_name_that_no_certificate_can_hold_is_refused_as_a_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="TLS_NAMES"):
        load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_TLS_NAMES": "post one"})
