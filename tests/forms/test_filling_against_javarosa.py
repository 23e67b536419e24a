"""Our filling against JavaRosa, the engine inside ODK Collect: the same form, the same answers, the same report.

JavaRosa lies in ODK Validate's jar. Needs a Java development kit, as the program beside this test is compiled on the
fly. Answers are put into the form as defaults and lists as inline ones, so that no device is needed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
import pyxform
from lxml import etree
from pyxform.xls2xform import convert

from forms.definition import FormDefinition, parse
from forms.filling import fill
from forms.submission import ParsedSubmission, parse_submission, walk
from forms.xmlsafe import local_name, parse_xml
from tests.forms.sample_forms import LIBRARY, NOW
from tests.forms.test_filling_laws import LIBRARY_FORMS, MISSION, _answered, mission

pytestmark = pytest.mark.soak

XFORMS = "{http://www.w3.org/2002/xforms}"
JAVAROSA = "{http://openrosa.org/javarosa}"
JAR = Path(pyxform.__file__).parent / "validators/odk_validate/bin/ODK_Validate.jar"
PROGRAM = Path(__file__).parent / "javarosa/Fill.java"
CHANCE = {"start", "end", "today", "instanceID", "new_id"}
"""Differ by nature: times and ids. An id that a form saves is compared by whether it is there."""


def _prepared(form_id: str, seed: int) -> bytes:
    """A form whose defaults are the answers of one report and whose lists are inline."""
    definition, lists = mission(form_id)
    answers = _answered(definition, lists, Random(seed))
    sub = parse_submission(fill(definition, answers, lists, NOW, rng=Random(seed)))
    html, primary = without_a_device(convert((LIBRARY / f"{form_id}.xlsx").read_bytes(), file_type=".xlsx").xform)
    _answer(primary, sub, definition)
    return etree.tostring(html)


def without_a_device(xform: str) -> tuple[etree._Element, etree._Element]:
    """A form and its primary instance: lists inline, and nothing in it that would overwrite answers given as defaults."""
    html = parse_xml(xform.encode())
    model = next(html.iter(f"{XFORMS}model"))
    for instance in model.findall(f"{XFORMS}instance"):
        _inline(instance)
    for element in [*model.iter(f"{XFORMS}setvalue")]:
        model.remove(element)  # dynamic defaults would overwrite the answers
    for bind in model.iter(f"{XFORMS}bind"):
        if bind.get(f"{JAVAROSA}preload") == "property":
            del bind.attrib[f"{JAVAROSA}preload"]  # there is no device
    return html, model.findall(f"{XFORMS}instance")[0][0]


def _inline(instance: etree._Element) -> None:
    if instance.attrib.pop("src", None) is None:
        return
    root = etree.SubElement(instance, f"{XFORMS}root")
    for row in MISSION.get(str(instance.get("id")), []):
        item = etree.SubElement(root, f"{XFORMS}item")
        for column, text in row.items():
            etree.SubElement(item, f"{XFORMS}{column}").text = text


def _answer(primary: etree._Element, sub: ParsedSubmission, definition: FormDefinition) -> None:
    for field, indices, text in walk(sub, definition):
        if text and not indices and field.calculate is None and field.preload is None and "/meta/" not in field.path:
            _find(primary, field.path).text = text.strip()
    for path in definition.repeats:
        parent = _find(primary, path.rpartition("/")[0])
        for child in [*parent]:
            if local_name(child) == path.rpartition("/")[2] and f"{JAVAROSA}template" not in child.attrib:
                parent.remove(child)


def _find(element: etree._Element, path: str) -> etree._Element:
    for step in path.split("/")[1:]:
        element = next(child for child in element if local_name(child) == step)
    return element


def _flat(root: etree._Element, path: str = "") -> dict[str, str]:
    """Every leaf and attribute with its text; dates that JavaRosa writes as midnights are cut to the day."""
    found = {f"{path}/@{etree.QName(str(key)).localname}": str(text) for key, text in root.attrib.items()}
    if len(root) == 0:
        found[path] = (root.text or "").replace("T00:00:00.000Z", "")
    for child in root:
        name = local_name(child)
        if name not in CHANCE:
            found |= _flat(child, f"{path}/{name}")
    if "/meta/entity/@id" in found and found.get("/meta/entity/@create") == "1":
        found["/meta/entity/@id"] = "new"
    return found


def test_shipped_forms_are_filled_as_odk_collects_engine_fills_them(tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java, "This test needs java (a development kit) on the PATH."
    forms = {}
    for form_id in LIBRARY_FORMS:
        for seed in range(2):
            file = tmp_path / f"{form_id}_{seed}.xml"
            file.write_bytes(_prepared(form_id, seed))
            forms[str(file)] = parse(file.read_bytes())

    run = subprocess.run([java, "-cp", str(JAR), str(PROGRAM), *forms], capture_output=True, text=True, timeout=120, check=True)

    theirs = [line.partition("\t")[2] for line in run.stdout.splitlines() if line.startswith("FILLED")]
    ours = [fill(definition, {}, {}, NOW, rng=Random(1)) for definition in forms.values()]
    assert len(theirs) == len(ours)
    for name, their, our in zip(forms, theirs, ours, strict=True):
        assert _flat(parse_xml(our)) == _flat(parse_xml(their.encode())), name
