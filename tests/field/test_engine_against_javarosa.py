"""The field app's engine against JavaRosa, the engine inside ODK Collect and ODK Validate: same form, same answers, same report.

What the field app's engine finished is put into the form as defaults, all but what the form calculates; JavaRosa then decides
by itself what is relevant and what is calculated. JavaRosa lies in ODK Validate's jar; the program that drives it is compiled on
the fly, which needs a Java development kit.
"""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

from lxml import etree
from playwright.sync_api import Page

from forms.definition import FormDefinition, parse
from forms.xmlsafe import local_name, parse_xml
from tests.field.test_engine_library import engine, filled, flat, xform
from tests.forms.test_filling_against_javarosa import JAR, JAVAROSA, PROGRAM, without_a_device
from tests.forms.test_filling_laws import LIBRARY_FORMS

__all__ = ["engine"]

TEMPLATE = f"{JAVAROSA}template"


def with_answers(form_id: str, said: etree._Element) -> bytes:
    """The form with these answers as defaults."""
    html, primary = without_a_device(xform(form_id))
    _put(primary, said, "", parse(xform(form_id).encode()))
    return etree.tostring(html)


def _put(into: etree._Element, said: etree._Element, path: str, definition: FormDefinition) -> None:
    """Puts what `said` holds into the form's own instance, an entry of a repeat for each that was made."""
    told: dict[str, list[etree._Element]] = {}
    for child in said:
        told.setdefault(local_name(child), []).append(child)
    for name in dict.fromkeys(local_name(child) for child in into):
        where = f"{path}/{name}"
        field = definition.by_path.get(where)
        places = [child for child in into if local_name(child) == name and TEMPLATE not in child.attrib]
        if field is not None and field.type == "repeat":
            places = _entries(into, name, len(told.get(name, [])))
        for place, one in zip(places, told.get(name, []), strict=False):
            if len(place):
                _put(place, one, where, definition)
            elif field is not None and field.calculate is None and field.preload is None and not where.startswith("/meta/"):
                place.text = one.text


def _entries(into: etree._Element, name: str, count: int) -> list[etree._Element]:
    """Makes as many empty entries of a repeat as there are to be; the template stays for JavaRosa."""
    here = [child for child in into if local_name(child) == name]
    blank, at = copy.deepcopy(here[0]), into.index(here[-1])
    blank.attrib.pop(TEMPLATE, None)
    made = [copy.deepcopy(blank) for _ in range(count)]
    for each in reversed(made):
        into.insert(at + 1, each)
    for old in here:
        if TEMPLATE not in old.attrib:
            into.remove(old)
    return made


def test_the_questionnaires_say_the_same_in_both_engines(engine: Page, tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java, "This test needs java (a development kit) on the PATH."
    ours, files = [], []
    for form_id in LIBRARY_FORMS:
        ours.append(parse_xml(filled(engine, form_id)))
        files.append(tmp_path / f"{form_id}.xml")
        files[-1].write_bytes(with_answers(form_id, ours[-1]))

    run = subprocess.run([java, "-cp", str(JAR), str(PROGRAM), *map(str, files)], capture_output=True, text=True, timeout=120,
                         check=False)  # fmt: skip

    theirs = [line.partition("\t")[2] for line in run.stdout.splitlines() if line.startswith("FILLED")]
    assert len(theirs) == len(LIBRARY_FORMS), run.stderr[-2000:]
    for form_id, our, their in zip(LIBRARY_FORMS, ours, theirs, strict=True):
        # JavaRosa writes a date as its midnight.
        assert flat(form_id, parse_xml(their.replace("T00:00:00.000Z", "").encode())) == flat(form_id, our), form_id
