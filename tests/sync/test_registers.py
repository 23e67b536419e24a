"""Register files: the shipped ones load, and a faulty one is refused with every fault named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.registers import BUILTIN_DIR, RegisterError, load_registers, parse_register, plain_register
from sync.registers.reading import OF_EVERY_REPORT, questions_read, unread
from tests.forms.sample_forms import clinic_form, library_form

LIBRARY = Path(__file__).resolve().parents[2] / "forms" / "library"
FACILITIES = (BUILTIN_DIR / "facilities.toml").read_text(encoding="utf-8")


def test_shipped_registers_load_in_the_order_of_their_names() -> None:
    names = list(load_registers())

    assert names == [
        *("actions", "activities", "assets", "contacts", "facilities", "hazards", "incidents", "meetings", "monthly_returns"),
        *("needs", "obstacles", "organisations", "population", "projects", "requests", "reviews", "routes", "settlements"),
        *("suppliers", "support_demand", "visits"),
    ]


def test_every_property_has_labels_in_both_languages_and_says_who_may_see_it() -> None:
    for register in load_registers().values():
        for prop in register.properties.values():
            assert prop.labels["en"]
            assert prop.labels["fr"]
            assert prop.audiences


def test_a_new_register_is_one_file(tmp_path: Path) -> None:
    text = FACILITIES.replace('name = "facilities"', 'name = "wells"')
    (tmp_path / "wells.toml").write_text(text, encoding="utf-8")

    assert load_registers(tmp_path)["wells"].matching is not None


# The known thing that a report is about: its id goes into the entity.
CHOSEN = {"facility", "contact", "supplier", "route"}


@pytest.mark.parametrize("form_id", sorted(path.stem for path in LIBRARY.glob("*.xlsx")))
def test_every_question_of_the_shipped_forms_is_read_by_a_register(form_id: str) -> None:
    asked = {
        field.name for field in library_form(form_id).fields
        if field.control is not None and field.control != "upload" and not field.is_structure and field.readonly is None
        and field.type not in ("binary", "barcode") and not field.binary
    }  # fmt: skip

    assert len(asked) > 15
    assert asked - questions_read(form_id, load_registers()) - OF_EVERY_REPORT - CHOSEN == set()
    assert unread(library_form(form_id), load_registers()) == []


def test_a_question_that_nothing_reads_is_named_and_one_that_steers_the_form_is_not() -> None:
    assert unread(clinic_form(), load_registers()) == ["type", "needs", "age"]


def test_what_an_entities_sheet_saves_is_read_without_any_register_file() -> None:
    form = library_form("key_infrastructure")
    saved = {path.rpartition("/")[2] for block in form.entity_blocks for path, _property in block.save_to}
    asked = {field.name for field in form.fields if field.control is not None}

    assert saved & asked
    assert not saved & set(unread(form, {}))
    assert set(unread(form, {})) & asked - saved


@pytest.mark.parametrize("name", sorted(load_registers()))
def test_every_question_that_a_register_reads_is_asked(name: str) -> None:
    register = load_registers()[name]
    missing = [
        (form_id, question)
        for prop in register.properties.values() for form_id, texts in prop.questions.items() for text in texts
        for question in text.split("|") if question[0] not in "@=" and library_form(form_id).find(question) is None
    ]

    assert missing == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "facilities"', 'name = "facilities.x"', "not a possible list name"),
        ('label_property = "fac_name"', 'label_property = "nothing"', "label_property 'nothing' is not a property"),
        ('rule = "service"', 'rule = "newest"', "'newest' is not one of latest, service, place, all"),
        ('order = ["full"', 'order_of = ["full"', "'order_of' is not a setting"),
        ('sensitivity = "moderate"', 'sensitivity = "secret"', "'secret' is not one of low, moderate, high, severe"),
        ('type = "geopoint"', 'type = "text"', "rule 'place' is for geopoints"),
        ('list = "fac_type"', "", "a select needs 'list'"),
        ('"authority", "public"]', '"everybody"]', "'everybody' is not one of"),
        ("review_from = 0.50", "review_from = 0.95", "0 < review_from < link_from <= 1 does not hold"),
        ('position = "geometry"', 'position = "place"', "'place' is not a property of this register"),
        ('names = ["fac_name"]', "names = []", "'names' needs at least one property"),
        ("told_days = 30", 'told_days = "30"', "'told_days' must be a number"),
        ('labels = { en = "Name", fr = "Nom" }', 'labels = { en = "Name" }', "'labels' lacks fr"),
        ("distance_m = 30\n", "", "'distance_m' is missing"),
    ],
)
def test_each_fault_is_named(old: str, new: str, fault: str) -> None:
    assert old in FACILITIES

    with pytest.raises(RegisterError) as refused:
        parse_register(FACILITIES.replace(old, new, 1), "facilities.toml")

    assert fault in str(refused.value)


def test_all_faults_of_a_file_come_at_once() -> None:
    text = FACILITIES.replace('rule = "service"', 'rule = "newest"').replace("told_days = 30", 'told_days = "x"')

    with pytest.raises(RegisterError) as refused:
        parse_register(text)

    assert len(refused.value.faults) == 2


def test_a_file_that_is_no_toml_is_refused() -> None:
    with pytest.raises(RegisterError, match="not TOML"):
        parse_register("name = ", "broken.toml")


def test_one_register_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(FACILITIES, encoding="utf-8")

    with pytest.raises(RegisterError, match="defined twice"):
        load_registers(tmp_path)


def test_a_list_without_a_file_is_plain() -> None:
    assert plain_register("anything").plain
