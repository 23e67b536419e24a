"""Names: spellings of one name meet in three languages, generic words drop, kinds and numbers are read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.merge.faces import LONGEST, named
from sync.merge.names import analyse, equal_core, fold, skeleton, sound, variants


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Centre de Santé de Gbadé", "CS Gbade"),
        ("C.S. Gbadé", "GBADE Health Centre"),
        ("Kigwo P.H.C.U", "PHCU Kigwo"),
        ("Ecole Primaire N° 2 de Boua", "E.P. Boua II"),
        ("Hôpital Al Salam", "El Salam Hospital"),
        ("St. Mary Clinic", "ST MARY  CLINIC"),
        ("N'Djamena", "Ndjamena"),
    ],
)
def test_one_name_in_two_spellings_has_one_core(a: str, b: str) -> None:
    assert equal_core(analyse(a, "facilities"), analyse(b, "facilities"))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Boua Primary School No 1", "Boua Primary School No 2"),
        ("Gbadé Nord", "Gbadé Sud"),
        ("Boua Boys Primary School", "Boua Girls Primary School"),
        ("CS Gbadé", "CS Gbado"),
    ],
)
def test_near_twins_keep_different_cores(a: str, b: str) -> None:
    assert not equal_core(analyse(a, "facilities"), analyse(b, "facilities"))


@pytest.mark.parametrize(
    ("a", "b"),
    [("Bossangoa", "Bosangwa"), ("Ouadi", "Wadi"), ("Djebel", "Jebel"), ("Chari", "Shari"), ("Kaga Bandoro", "Qaga Bandoro")],
)
def test_french_and_english_spellings_sound_alike(a: str, b: str) -> None:
    assert skeleton(sound(fold(a).replace(" ", ""))) == skeleton(sound(fold(b).replace(" ", "")))


def test_arabic_script_is_written_in_latin_letters() -> None:
    assert fold("مستشفى الفاشر").isascii()


def test_a_name_says_what_kind_of_thing_it_is() -> None:
    assert analyse("Lycée de Boua", "facilities").kinds == {"secondary"}


def test_an_ambiguous_abbreviation_keeps_both_kinds() -> None:
    assert analyse("PS Boua", "facilities").kinds == {"health_post", "primary"}


def test_a_name_of_generic_words_only_keeps_them() -> None:
    assert analyse("Health Centre", "facilities").core == ("health", "centre")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Norwegian Refugee Council (NRC)", {"Norwegian Refugee Council", "NRC"}),
        ("NRC - Norwegian Refugee Council", {"Norwegian Refugee Council", "NRC"}),
        ("Peace Network (PN) - Goma", {"Peace Network Goma", "PN Goma"}),
    ],
)
def test_an_acronym_beside_the_full_name_is_a_name_of_its_own_and_keeps_the_branch(text: str, names: set[str]) -> None:
    assert names <= set(variants(text, branches=True))


def test_words_of_several_languages_stand_under_one_heading() -> None:
    both = ("Réseau des Femmes pour la Paix", "Network of Women for Peace")
    french, english = (analyse(text, "organisations") for text in both)

    assert french.core == english.core


@pytest.mark.parametrize("text", ["Yeichd", "Yei CHD", "CHD Yei"])
def test_a_word_for_the_kind_is_found_even_when_written_onto_the_name(text: str) -> None:
    assert analyse(text, "facilities").core == ("yei",)


def test_brackets_and_slashes_hold_other_names() -> None:
    assert variants("Gbadé (Village Neuf)")[1] == "Gbadé"
    assert "Kui" in variants("Jamming / Kui")


@given(st.text(max_size=60))
@example("𝐀")
def test_any_text_can_be_folded_twice_without_change(text: str) -> None:
    folded = fold(text)

    assert folded.isascii()
    assert fold(folded).replace(" ", "") == folded.replace(" ", "")


@given(st.text(max_size=60))
def test_any_text_can_be_analysed(text: str) -> None:
    name = analyse(text, "facilities")

    assert all(name.sounds)
    assert name == analyse(text, "facilities")


@pytest.mark.parametrize("name", ["x" * 8_000_000, "Clinic Saint " * 600_000, "A/" * 4_000_000, "É" * 4_000_000])
def test_a_name_of_8_mb_is_compared_by_its_beginning(name: str) -> None:
    assert named([name], "facilities") == named([name[:LONGEST]], "facilities")


def test_real_names_are_compared_whole() -> None:
    name = "Centre de santé intégré communautaire Notre-Dame de la Paix du quartier Saint-Sauveur de Bouca, annexe nord"

    assert len(name) < LONGEST
    assert named([name], "facilities")[0].text == name
