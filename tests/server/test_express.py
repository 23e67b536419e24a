"""The express way of intake: what is plainly ordinary is stored, several in one transaction; all else is left to the long way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from forms.submission import parse_submission
from server.engines import engine_options, prepare_engine
from server.models import AppUser, Fact, PendingFact, Submission
from server.services import dictionaries
from server.services.authentication import token_hash
from server.services.documents import pack, xml_of
from server.services.express import Counter, Parcel
from server.services.journal import now
from tests.cast import Cast, make_cast
from tests.devices import add_form, new_id, report
from tests.processes import ServerMaker


class Desk:
    """A counter over a database of its own, with a device that called a moment ago."""

    def __init__(self, url: str, cast: Cast) -> None:
        self.engine = create_engine(url, **engine_options(url))
        prepare_engine(self.engine)
        self.counter, self.cast = Counter(self.engine), cast

    def parcel(self, xml: bytes, device: int = 0) -> Parcel:
        """A report as the door hands it in."""
        parsed = parse_submission(xml)
        return Parcel(
            token_sha256=token_hash(self.cast.device_tokens[device]), project_id=1, parsed=parsed,
            instance_id=str(parsed.instance_id), packed=pack(xml), xml_sha256=hashlib.sha256(xml).hexdigest(),
            device_id="phone", user_agent=None,
        )

    def stored(self) -> list[Submission]:
        """Every submission there is."""
        with Session(self.engine, expire_on_commit=False) as session:
            return list(session.scalars(select(Submission).order_by(Submission.fact_id)))


@pytest.fixture
def desk(make_server: ServerMaker) -> Iterator[Desk]:
    """A desk on each of the databases."""
    server = make_server()
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
        for device in session.scalars(select(AppUser)):
            device.last_seen_at = now()
        session.commit()
    made = Desk(server.settings.database_url, cast)
    yield made
    made.counter.close()
    made.engine.dispose()


def test_an_ordinary_report_is_stored_byte_for_byte_and_queued(desk: Desk) -> None:
    xml = report(new_id(), settlement_new="Bria")

    stored = desk.counter.hand_in(desk.parcel(xml))

    [row] = desk.stored()
    with Session(desk.engine) as session:
        fact = session.get_one(Fact, row.fact_id)
        assert (fact.kind, fact.actor_id, fact.received_at <= now()) == ("submission", desk.cast.device_actor_ids[0], True)
        assert session.get(PendingFact, row.fact_id) is not None
    assert stored is not None
    assert (row.receipt, row.disposition, xml_of(row)) == (stored.receipt, "stored", xml)


def test_many_at_once_are_each_stored_once(desk: Desk) -> None:
    parcels = [desk.parcel(report(new_id(), settlement_new=f"Place {number}")) for number in range(40)]
    threads = [threading.Thread(target=desk.counter.hand_in, args=(parcel,)) for parcel in parcels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(row.instance_id for row in desk.stored()) == sorted(parcel.instance_id for parcel in parcels)
    assert all(parcel.stored for parcel in parcels)


def test_a_known_report_goes_the_long_way(desk: Desk) -> None:
    xml = report(new_id(), settlement_new="Bria")
    desk.counter.hand_in(desk.parcel(xml))

    assert desk.counter.hand_in(desk.parcel(xml)) is None
    assert len(desk.stored()) == 1


@pytest.mark.parametrize(("form_id", "version", "device"), [("none such", "1", 0), ("patrol", "2", 0), ("patrol", "1", 1)])
def test_what_the_device_may_not_send_goes_the_long_way(desk: Desk, form_id: str, version: str, device: int) -> None:
    parcel = desk.parcel(report(new_id(), form_id=form_id, version=version), device)

    assert desk.counter.hand_in(parcel) is None
    assert not desk.counter.would_take(parcel)
    assert desk.stored() == []


def test_a_batch_that_fails_stores_nothing_and_the_next_one_is_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("server.services.express.new_receipt", lambda: None)
        failed = desk.counter.hand_in(desk.parcel(report(new_id())))

    stored = desk.counter.hand_in(desk.parcel(report(new_id())))

    assert (failed, stored is not None, len(desk.stored())) == (None, True, 1)


def test_a_report_is_packed_with_the_dictionary_that_its_form_has(desk: Desk) -> None:
    with Session(desk.engine) as session:
        dictionaries.make_missing(session)
    first, second = report(new_id(), settlement_new="Bria"), report(new_id(), settlement_new="Bangui")

    for xml in (first, second):
        parcel = desk.parcel(xml)
        parcel.packed = desk.counter.pack(1, parcel.parsed, xml)
        desk.counter.hand_in(parcel)

    with Session(desk.engine) as session:
        rows = session.scalars(select(Submission).order_by(Submission.fact_id)).all()
        assert [dictionaries.needed_by(row.xml, session) is not None for row in rows] == [False, True]
        assert [xml_of(row) for row in rows] == [first, second]
