"""Whose word counts that a request came over https, from where and for which host."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from server.config import SettingRefused, load_settings
from server.proxies import TrustedProxy

SAID = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "reports.example.org"}


def scheme_seen(networks: tuple[str, ...], peer: str) -> str:
    """The scheme that the application sees of a request from that address which claims https."""
    seen: list[str] = []

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(environ["wsgi.url_scheme"])
        start_response("200 OK", [])
        return [b""]

    environ = EnvironBuilder(headers=SAID, environ_base={"REMOTE_ADDR": peer}).get_environ()
    run_wsgi_app(TrustedProxy(app, networks), environ)
    return seen[0]


@pytest.mark.parametrize(("networks", "peer", "scheme"), [
    (("127.0.0.1/32",), "127.0.0.1", "https"), (("127.0.0.1/32",), "127.0.0.2", "http"), (("10.0.0.0/8",), "10.1.2.3", "https"),
    (("10.0.0.0/8",), "::ffff:10.1.2.3", "https"), (("10.0.0.0/8",), "11.0.0.1", "http"), (("::1/128",), "::1", "https"),
    (("0.0.0.0/0", "::/0"), "203.0.113.1", "https"), (("0.0.0.0/0", "::/0"), "", "http"), (("127.0.0.1/32",), "unix:", "http"),
])
def test_the_named_proxy_is_believed_and_nobody_else(networks: tuple[str, ...], peer: str, scheme: str) -> None:
    assert scheme_seen(networks, peer) == scheme


@pytest.mark.parametrize(("said", "networks"), [
    ("false", ()), ("", ()), ("true", ("0.0.0.0/0", "::/0")), ("127.0.0.1", ("127.0.0.1/32",)),
    ("10.0.0.5, 192.168.0.0/16,::1", ("10.0.0.5/32", "192.168.0.0/16", "::1/128")),
])
def test_the_setting_names_addresses_and_networks(tmp_path: Path, said: str, networks: tuple[str, ...]) -> None:
    settings = load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_TRUSTED_PROXY": said})

    assert settings.trusted_proxy == networks


@pytest.mark.parametrize("said", ["proxy.example.org", "perhaps", "300.1.1.1", "10.0.0.0/99"])
def test_a_setting_that_names_no_address_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(SettingRefused, match="TRUSTED_PROXY"):
        load_settings({"FIELDPOST_DATA_DIR": str(tmp_path), "FIELDPOST_TRUSTED_PROXY": said})
