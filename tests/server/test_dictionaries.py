"""Reports are packed with what their form says anyway, and come back byte for byte."""

from __future__ import annotations

import zlib

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from forms.definition import parse
from server.models import FormVersion, Submission, XmlDictionary
from server.services import dictionaries, sealing
from server.services.documents import pack, unpack, xml_of
from tests.cast import Cast
from tests.devices import FORM_XML, Phone, add_form, new_id, report


@pytest.fixture
def version(session: Session, cast: Cast) -> FormVersion:
    """The form "patrol", published."""
    return add_form(session)


@pytest.fixture
def phone(app: Flask, version: FormVersion, cast: Cast) -> Phone:
    """A phone that fills it."""
    return Phone(app.test_client(), cast.key_path(0))


def rows(session: Session) -> list[Submission]:
    return list(session.scalars(select(Submission).order_by(Submission.fact_id)))


def forget() -> None:
    """As a process that has just started."""
    dictionaries._kept.clear()


def test_a_report_packed_with_a_dictionary_comes_back_byte_for_byte_in_another_process(phone: Phone, session: Session) -> None:
    dictionaries.make_missing(session)
    xml = report(new_id(), settlement_new="Gbadé")

    phone.send(xml)
    forget()

    [row] = rows(session)
    assert dictionaries.needed_by(row.xml, session) is not None
    assert xml_of(row) == xml


def test_a_dictionary_saves_at_least_a_third_of_a_report(phone: Phone, session: Session) -> None:
    xml = report(new_id(), settlement_new="Bria", sensitivity="low", urgent="no")
    phone.send(xml)
    dictionaries.make_missing(session)
    phone.send(report(new_id(), settlement_new="Bria", sensitivity="low", urgent="no"))

    plain, packed = rows(session)

    assert len(packed.xml) < len(plain.xml) * 2 / 3


def test_a_report_from_before_there_were_dictionaries_stays_readable(phone: Phone, session: Session) -> None:
    xml = report(new_id(), settlement_new="Bria")
    phone.send(xml)

    dictionaries.make_missing(session)
    forget()

    [row] = rows(session)
    assert dictionaries.needed_by(row.xml, session) is None
    assert xml_of(row) == xml


def test_a_dictionary_is_made_once_for_each_published_version(session: Session, version: FormVersion) -> None:
    dictionaries.make_missing(session)
    add_form(session, version="2")

    assert (dictionaries.make_missing(session), dictionaries.make_missing(session)) == (1, 0)
    assert len(session.scalars(select(XmlDictionary)).all()) == 2


def test_a_dictionary_holds_no_answer(phone: Phone, session: Session) -> None:
    phone.send(report(new_id(), settlement_new="Nyakuron"))

    dictionaries.make_missing(session)

    [made] = session.scalars(select(XmlDictionary.data))
    assert b"<settlement_new>" in made
    assert b"Nyakuron" not in made


def test_the_chain_holds_over_packed_reports(phone: Phone, session: Session) -> None:
    dictionaries.make_missing(session)
    phone.send(report(new_id(), settlement_new="Bria"))

    sealing.seal(session)

    assert list(sealing.verify(session)) == []


def test_a_dictionary_that_is_not_there_is_named(session: Session) -> None:
    packed = pack(b"<data/>", b"a dictionary that nobody stored")
    forget()

    with pytest.raises(dictionaries.UnknownDictionary, match=str(zlib.adler32(b"a dictionary that nobody stored"))):
        unpack(packed, session)


def test_two_dictionaries_never_share_a_number(session: Session, version: FormVersion) -> None:
    data = dictionaries.text_of(parse(version.xml))
    session.add(XmlDictionary(form_version_id=version.id + 1, number=zlib.adler32(data), data=b"something else"))
    session.commit()

    dictionaries.make_missing(session)

    made = session.get_one(XmlDictionary, version.id)
    assert (made.number != zlib.adler32(data), made.number) == (True, zlib.adler32(made.data))


@given(st.binary(max_size=3_000))
def test_whatever_is_packed_with_a_forms_dictionary_comes_back(data: bytes) -> None:
    dictionary = dictionaries.text_of(parse(FORM_XML.format(form_id="patrol", version="1", title="Patrol").encode()))

    assert dictionaries.unpack(dictionaries.pack(data, dictionary), dictionary) == data


def test_a_dictionary_of_a_long_form_leaves_zlib_half_its_window_for_the_report() -> None:
    fields = "".join(f"<question_{number}/>" for number in range(2_000))
    form = FORM_XML.format(form_id="long", version="1", title="Long").replace("<end/>", f"<end/>{fields}")

    assert len(dictionaries.text_of(parse(form.encode()))) <= dictionaries.MOST_BYTES
