"""Names and numbers of persons: only where the person agreed, and gone once that is taken back (rule C.9)."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from forms.entities import operations
from forms.submission import parse_submission
from sync.merge.engine import Engine
from sync.merge.facts import Lapse, Observation, Pin
from sync.merge.golden import survive
from sync.merge.memory import MemoryStore
from sync.merge.observations import Answers, ReportContext, observations
from sync.registers import RegisterError, load_registers
from sync.registers.loader import BUILTIN_DIR, parse_register
from tests.forms.sample_forms import library_form
from tests.sync.reports import START, clock, entity_id, observation, report
from tests.sync.test_rows import NOW, filled

CONTACTS = load_registers()["contacts"]
PERSON = {"function": "Maire", "c_name": "A. Person", "c_phone": "+236 70 00 00 00", "c_email": "a@example.org"}


def met(*, hours: float = 1, **said: str) -> Observation:
    return observation("mayor", hours=hours, register="contacts", said=said)


def values(*said: Observation, pins: tuple[Pin, ...] = ()) -> set[str]:
    return set(survive(said, CONTACTS, pins).values)


def leader(consent: bytes) -> set[str]:
    """What is stated of a leader by a report with name and number and that answer on consent, whatever the form would allow."""
    form = library_form("key_leader")
    xml, _rows = filled(form, {
        "reporting_unit": "BANBATT-3", "reporter_role": "lo", "report_date": NOW.date(), "adm1": "CF01", "adm2": "CF0101",
        "leader_type": "mayor", "function": "Maire", "c_state": "in_office", "c_consent": "yes", "c_name": "A. Person",
        "c_phone": "+23670000000",
    })  # fmt: skip
    submission = parse_submission(xml.replace(b"<c_consent>yes<", b"<c_consent>" + consent + b"<"))
    context = ReportContext("key_leader", "1:key_leader:uuid:1", "uuid:1", ("c", "uuid:1"), "c", NOW)
    given = Answers.of(submission, form)
    (contact,) = observations(operations(submission, form), given, context, load_registers()).observations
    return set(contact.statements)


def test_a_name_stands_where_the_person_agreed() -> None:
    assert {"function", "c_name", "c_phone", "c_email"} <= values(met(**PERSON, c_consent="yes"))


def test_without_an_answer_on_consent_only_the_function_stands() -> None:
    assert values(met(**PERSON)) == {"function"}


def test_consent_that_is_taken_back_takes_the_name_with_it() -> None:
    assert values(met(**PERSON, c_consent="yes"), met(hours=900, c_consent="no")) == {"function", "c_consent"}


def test_consent_in_one_report_holds_for_what_a_later_one_adds() -> None:
    assert "c_phone2" in values(met(**PERSON, c_consent="yes"), met(hours=2, c_phone2="+236 75 00 00 00"))


def test_an_officers_pin_needs_consent_as_well() -> None:
    pin = Pin(
        id="p", clock=clock(5), at=START, authority=1, actor="officer", reason="known", register="contacts",
        entity_id=entity_id("mayor"), property="c_name", value="B. Person", until=None,
    )  # fmt: skip

    assert values(met(function="Maire"), pins=(pin,)) == {"function"}


def test_what_a_report_says_of_a_person_who_did_not_agree_is_no_statement() -> None:
    assert leader(b"no") & {"function", "c_consent", "c_name", "c_phone"} == {"function", "c_consent"}


def test_the_same_report_with_consent_states_name_and_number() -> None:
    assert leader(b"yes") >= {"function", "c_consent", "c_name", "c_phone"}


def test_the_label_that_goes_to_devices_is_the_function_alone() -> None:
    store = MemoryStore()
    told = observation("mayor", hours=1, register="contacts", label="Maire - A. Person", said={**PERSON, "c_consent": "yes"})
    Engine(store, load_registers()).fold([report(told)])

    assert [record.label for record in store.records.values()] == ["Maire"]


@pytest.mark.parametrize("named", ["nothing_of_the_kind", "c_name"])
def test_consent_has_to_name_a_property_that_says_yes_or_no(named: str) -> None:
    text = (BUILTIN_DIR / "contacts.toml").read_text(encoding="utf-8")

    with pytest.raises(RegisterError, match="'consent' names a property"):
        parse_register(text.replace('consent = "c_consent"', f'consent = "{named}"'))


def lapse(hours: float, since: float) -> Lapse:
    """Told `hours` after the start: nobody has spoken of the mayor since then."""
    return Lapse(
        id=f"lapse-{hours}", clock=clock(hours), at=START + dt.timedelta(hours=hours), register="contacts",
        entity_id=entity_id("mayor"), since=START + dt.timedelta(hours=since),
    )  # fmt: skip


YEAR = 366 * 24.0


def test_whom_nobody_confirmed_for_a_year_is_reduced_to_the_function() -> None:
    said = (met(**PERSON, c_consent="yes"),)

    assert set(survive(said, CONTACTS, lapses=(lapse(YEAR, since=1),)).values) == {"function"}


def test_a_later_report_of_the_person_brings_the_name_back() -> None:
    said = (met(**PERSON, c_consent="yes"), met(hours=YEAR + 5, function="Maire"))

    assert {"c_consent", "c_name", "c_phone"} <= set(survive(said, CONTACTS, lapses=(lapse(YEAR, since=1),)).values)


def test_an_officer_who_writes_the_name_anew_confirms_the_person() -> None:
    pin = Pin(
        id="p", clock=clock(YEAR + 5), at=START + dt.timedelta(hours=YEAR + 5), authority=1, actor="officer", reason="met",
        register="contacts", entity_id=entity_id("mayor"), property="c_name", value="A. Person", until=None,
    )  # fmt: skip
    said = (met(**PERSON, c_consent="yes"),)

    assert "c_name" in survive(said, CONTACTS, (pin,), lapses=(lapse(YEAR, since=1),)).values


def test_a_lapse_makes_the_same_record_in_any_order_of_arrival() -> None:
    again = observation(
        "mayor", hours=2, register="contacts", action="update", base_version=1, said={"c_phone2": "+236 75 00 00 00"}
    )
    facts = [report(met(**PERSON, c_consent="yes")), lapse(YEAR, since=1), report(again)]
    seen = []
    for order in itertools.permutations(facts):
        store = MemoryStore()
        engine = Engine(store, load_registers())
        for fact in order:
            engine.fold([fact])
        seen.append([(set(record.data), record.version) for record in store.records.values()])

    assert all(one == [({"function", "c_consent", "c_name", "c_phone", "c_email", "c_phone2"}, 3)] for one in seen)
