"""Hostile XML is refused quickly, with little memory, and never with anything but XmlRefused."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.submission import SubmissionXmlError, XmlRefused, parse_submission
from forms.xmlsafe import parse_xml

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE data [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (n + 1, n, n, n, n) for n in range(97, 121))
    + b']><data id="x">&y;</data>'
)
EXTERNAL = b'<!DOCTYPE data [<!ENTITY f SYSTEM "file:///etc/passwd">]><data id="x">&f;</data>'

HOSTILE = {
    "billion laughs": LAUGHS,
    "external entity": EXTERNAL,
    "external subset": b'<!DOCTYPE data SYSTEM "http://example.org/x.dtd"><data id="x"/>',
    "behind a comment": b"<!-- x --><?pi y?>\n" + EXTERNAL,
    "behind a byte order mark": b"\xef\xbb\xbf" + EXTERNAL,
    "in UTF-16": EXTERNAL.decode().encode("utf-16"),
    "in UTF-16 without mark": EXTERNAL.decode().encode("utf-16-le"),
    "in UTF-32": EXTERNAL.decode().encode("utf-32"),
    "in UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE data+AD4-<data id="x"/>',
    "nested 200,000 deep": b'<data id="x">' + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</data>",
    "nested 1,500 deep": b'<data id="x">' + b"<a>" * 1_500 + b"</a>" * 1_500 + b"</data>",
    "200,000 open tags": b'<data id="x">' + b"<a>" * 200_000,
    "50 MB of text": b'<data id="x">' + b"x" * 50_000_000 + b"</data>",
    "20 MB in one answer": b'<data id="x">' + b"x" * 20_000_000 + b"</data>",
    "5 million tags": b'<data id="x">' + b"<a/>" * 5_000_000 + b"</data>",
    "unknown entity": b'<data id="x">&nbsp;</data>',
    "cut off": b'<data id="x"><a>',
    "not XML": b"PK\x03\x04 zip",
    "nothing": b"",
    "a control character": b'<data id="x">\x00</data>',
    "bad UTF-8": b'<data id="x">\xff\xfe\xfd</data>',
    "half UTF-16": b"\xff\xfe<\x00d",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_within_a_second(name: str) -> None:
    start = time.perf_counter()

    with pytest.raises(XmlRefused):
        parse_submission(HOSTILE[name])

    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("name", ["billion laughs", "nested 200,000 deep", "20 MB in one answer", "5 million tags"])
def test_refusing_takes_little_python_memory(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(XmlRefused):
            parse_submission(HOSTILE[name])
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


def test_a_doctype_inside_an_answer_is_ordinary_text() -> None:
    sub = parse_submission(b'<data id="x"><a><![CDATA[<!DOCTYPE html>]]></a></data>')

    assert sub.root[0].text == "<!DOCTYPE html>"


def test_a_thousand_levels_are_still_read() -> None:
    sub = parse_submission(b'<data id="x">' + b"<a>" * 999 + b"</a>" * 999 + b"</data>")

    assert len(sub.canonical_hash) == 64


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "iso-8859-1", "windows-1252"])
def test_ordinary_encodings_are_read(encoding: str) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?><data id="x"><a>Bé</a></data>'.encode(encoding)

    assert parse_xml(xml)[0].text == "Bé"


FRAGMENTS = [
    b"<data id='x'>",
    b"</data>",
    b"<a>",
    b"</a>",
    b"<meta>",
    b"</meta>",
    b"<instanceID>",
    b"</instanceID>",
    b"&lt;",
    b"&#0;",
]
pieces = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=6), max_size=12).map(b"".join)


@settings(deadline=None)
@given(pieces)
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes) -> None:
    try:
        outcome = parse_submission(data).form_id
    except (XmlRefused, SubmissionXmlError) as refusal:
        outcome = str(refusal)

    assert outcome
