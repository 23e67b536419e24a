"""What a device may be enrolled with."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from forms.openrosa import collect_settings, qr_payload
from sync.client.enrolment import server_url
from sync.client.problems import EnrolmentRefused

URL = "http://192.168.1.10:8080/v1/key/abc/projects/1"


def _code(value: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


@pytest.mark.parametrize("text", [URL, f"  {URL}/\n", qr_payload(collect_settings(URL, "Mission"))])
def test_a_server_url_or_a_settings_code_enrols(text: str) -> None:
    assert server_url(text) == URL


@pytest.mark.parametrize("text", [
    "", "hello", "http://", "http://:80/x", "http://a b/", "http://host:notaport/", "ftp://host/x", "A" * 100_000,
    _code({"general": {}, "admin": {}}), _code({"general": [], "admin": {}}), _code({"general": {"server_url": 7}, "admin": {}}),
    _code({"general": {"server_url": "file:///etc/passwd"}, "admin": {}}), _code([1]),
])  # fmt: skip
def test_anything_else_is_refused_with_advice(text: str) -> None:
    with pytest.raises(EnrolmentRefused, match="server URL"):
        server_url(text)
