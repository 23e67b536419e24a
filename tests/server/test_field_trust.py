"""The page that tells how to trust this server, and the certificate that it hands out."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography import x509
from flask import Flask

from server.services import devices, local_ca


def test_without_an_authority_the_download_says_so(app: Flask) -> None:
    answer = app.test_client().get("/field/ca.crt")

    assert answer.status_code == 404
    assert "fieldpost serve --tls" in answer.text


def test_the_certificate_is_handed_out_to_anybody(app: Flask) -> None:
    local_ca.ensure(app.config["SETTINGS"].data_dir)

    answer = app.test_client().get("/field/ca.crt")

    assert answer.mimetype == "application/x-x509-ca-cert"
    assert x509.load_der_x509_certificate(answer.data) == local_ca.ca_certificate(app.config["SETTINGS"].data_dir)


def test_the_page_shows_the_fingerprint(app: Flask) -> None:
    data_dir = app.config["SETTINGS"].data_dir
    local_ca.ensure(data_dir)
    authority = local_ca.ca_certificate(data_dir)
    assert authority is not None

    text = app.test_client().get("/field/trust").text

    assert local_ca.fingerprint(authority) in text.replace("<wbr>", "")


def test_the_page_leads_to_https_under_the_name_of_the_request(app: Flask) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], tls_port=8443)

    text = app.test_client().get("/field/trust", headers={"Host": "192.168.1.10:8080"}).text

    assert 'href="https://192.168.1.10:8443/field/"' in text


def test_the_page_leads_to_https_by_an_ipv6_address(app: Flask) -> None:
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], tls_port=8443)

    assert "https://[fd00::1]:8443/field/" in app.test_client().get("/field/trust", headers={"Host": "[fd00::1]:8080"}).text


def test_without_https_the_page_leads_nowhere(app: Flask) -> None:
    assert "https://localhost" not in app.test_client().get("/field/trust").text


def test_the_page_speaks_french(app: Flask) -> None:
    assert "Faire confiance à ce serveur" in app.test_client().get("/field/trust?lang=fr").text


def test_the_page_has_no_style_that_its_own_header_forbids(app: Flask) -> None:
    answer = app.test_client().get("/field/trust")

    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in answer.text


def test_on_the_laptop_itself_the_code_holds_the_address_that_phones_find(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "lan_address", lambda: "192.168.7.2")
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], listen="0.0.0.0", base_url="")

    assert "http://192.168.7.2/field/trust" in app.test_client().get("/field/trust").text
