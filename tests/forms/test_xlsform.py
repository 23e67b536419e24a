"""From a file to a form: every kind of file, hostile ones, and conversion in a child process with limits."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

import forms
from forms import xlsform
from forms.findings import Finding
from forms.xlsform import FormRefused, ValidatorMissing, convert, convert_in_child, odk_validate

LIBRARY = Path(forms.__file__).parent / "library"
DATA = Path(__file__).parent / "data"
MD = """| survey |
| | type | name | label |
| | integer | people | People |
| settings |
| | form_title | form_id | version |
| | Count | count | 3 |
"""
CSV = 'survey\n,type,name,label\n,integer,people,People\nsettings\n,form_title,form_id,version\n,Count,count,3\n'


def workbook(*rows: tuple[str | None, ...], settings: bool = True) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "survey"
    for row in (("type", "name", "label", "relevant"), *rows):
        page.append(row)
    if settings:
        page = book.create_sheet("settings")
        page.append(("form_title", "form_id", "version"))
        page.append(("Count", "count", 3))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def with_sheet_xml(data: bytes, xml: bytes) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, xml if part.filename.endswith("sheet1.xml") else old.read(part))
    return result.getvalue()


def refusal(data: bytes, filename: str) -> Finding:
    with pytest.raises(FormRefused) as refused:
        convert(data, filename)
    return refused.value.findings[0]


SOUND = workbook(("integer", "people", "People"))


@pytest.mark.parametrize(
    ("data", "filename"), [(SOUND, "a.xlsx"), (MD.encode(), "a.md"), (CSV.encode(), "a.csv"), (SOUND, "misnamed.xls")]
)
def test_same_form_comes_out_of_each_kind_of_file(data: bytes, filename: str) -> None:
    form = convert(data, filename)

    assert (form.form_id, form.version, form.title, form.findings) == ("count", "3", "Count", ())


def test_old_excel_file_is_read() -> None:
    form = convert((DATA / "old_file.xls").read_bytes(), "old_file.xls")

    assert (form.form_id, form.version, form.title) == ("old_file", "2026112201", "Old file")


def test_ready_xform_passes_through_byte_for_byte() -> None:
    xml = convert(MD.encode(), "a.md").xml

    form = convert(xml, "count.xml")

    assert (form.xml, form.form_id, form.version, form.title) == (xml, "count", "3", "Count")


def test_form_id_falls_back_when_settings_give_none() -> None:
    data = workbook(("integer", "people", "People"), settings=False)

    assert convert(data, "a.xlsx", "from_outside").form_id == "from_outside"
    assert refusal(data, "a.xlsx").code == "missing-form-id"


XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:orx="http://openrosa.org/xforms" xmlns:entities="http://www.opendatakit.org/xforms/entities">
<h:head><h:title>T</h:title><model {model}><instance><data {id}><a/>{meta}</data></instance>
<bind nodeset="/data/a" type="string" {bind}/></model></h:head>
<h:body><input ref="{ref}"><label>A</label></input></h:body></h:html>"""
META = "<orx:meta><orx:instanceID/></orx:meta>"


def xform(**changes: str) -> bytes:
    parts = {"model": "", "id": 'id="t" version="1"', "meta": META, "bind": "", "ref": "/data/a"}
    return XFORM.format(**{**parts, **changes}).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": 'version="1"'}, "missing-form-id"),
        ({"id": f'id="{"x" * 250}"'}, "bad-form-id"),
        ({"bind": 'relevant="/data/gone = 1"'}, "missing-node"),
        ({"bind": 'constraint="unheard(.)"'}, "unknown-function"),
        ({"bind": "calculate=\"instance('gone')/root/item\""}, "missing-instance"),
        ({"bind": 'calculate="(1"'}, "brackets"),
        ({"ref": "/data/gone"}, "missing-node"),
        ({"model": 'entities:entities-version="2030.1.0"'}, "entities-version"),
        ({"model": 'entities:entities-version="new"'}, "entities-version"),
    ],
)
def test_faulty_xform_is_refused_with_its_reason(change: dict[str, str], code: str) -> None:
    assert refusal(xform(**change), "form.xml").code == code


def test_xform_without_metadata_is_accepted_with_a_warning() -> None:
    form = convert(xform(meta=""), "form.xml")

    assert [(f.level, f.code) for f in form.findings] == [("warning", "missing-meta")]


def test_openrosa_version_wins_over_the_plain_one() -> None:
    form = convert(xform(id='id="t" version="1" orx:version="2"'), "form.xml")

    assert form.version == "2"


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
ENDLESS_ROWS = b"<worksheet><sheetData>" + b"<row><c><v>1</v></c></row>" * 500_000 + b"</sheetData></worksheet>"


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"", "a.xlsx", "unknown-file"),
        (b"hello", "a.xlsx", "unknown-file"),
        (b"%PDF-1.7", "a.pdf", "unknown-file"),
        (b"PK\x03\x04 cut off", "a.xlsx", "unreadable"),
        (SOUND[:2000], "a.xlsx", "unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 3000, "a.xls", "unreadable"),
        (b"\xff\xfeh\0e\0", "a.csv", "encoding"),
        (b"hello", "a.md", "unreadable"),
        (b"x" * (10 * 1024 * 1024 + 1), "a.md", "file-too-large"),
        (SOUND, "a.xlsm", "macros"),
        (with_part(SOUND, "xl/vbaProject.bin", b"code"), "a.xlsx", "macros"),
        (with_part(SOUND, "xl/externalLinks/externalLink1.xml", b"<x/>"), "a.xlsx", "external-links"),
        (with_part(SOUND, "xl/embeddings/oleObject1.bin", b"x"), "a.xlsx", "external-links"),
        (with_part(SOUND, "xl/media/zeros.bin", b"\0" * 70_000_000), "a.xlsx", "file-too-large"),
        (with_sheet_xml(SOUND, BOMB), "a.xlsx", "hostile-xml"),
        (with_sheet_xml(SOUND, ENDLESS_ROWS), "a.xlsx", "too-many-rows"),
        (b"<x", "a.xml", "bad-xml"),
        (BOMB, "a.xml", "bad-xml"),
        (b"<x/>", "a.xml", "not-an-xform"),
    ],
)
def test_hostile_or_broken_file_is_refused_with_a_finding(data: bytes, filename: str, code: str) -> None:
    finding = refusal(data, filename)

    assert (finding.level, finding.code) == ("error", code)
    assert finding.advice


def test_password_protected_workbook_is_named_as_such() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 500

    assert refusal(data, "a.xlsx").code == "protected"


def test_macros_in_an_old_excel_file_are_refused() -> None:
    data = (DATA / "old_file.xls").read_bytes() + "_VBA_PROJECT".encode("utf-16-le")

    assert refusal(data, "old_file.xls").code == "macros"


def test_too_many_questions_are_refused() -> None:
    rows = "".join(f"| | note | n{n} | N |\n" for n in range(5_001))

    assert refusal(f"| survey |\n| | type | name | label |\n{rows}".encode(), "a.md").code == "too-many-rows"


def test_cell_longer_than_a_spreadsheet_allows_is_refused_with_its_place() -> None:
    finding = refusal(MD.replace("People |", "${" * 200_000 + " |").encode(), "a.md")

    assert (finding.code, finding.sheet, finding.row, finding.column) == ("cell-too-long", "survey", 2, "label")


def test_groups_nested_without_end_are_refused_at_the_row_that_goes_too_far() -> None:
    groups = [f"| | begin_group | g{n} | G |" for n in range(2_000)] + ["| | end_group | | |"] * 2_000
    lines = ["| survey |", "| | type | name | label |", *groups, MD[MD.index("| settings |") :]]

    finding = refusal("\n".join(lines).encode(), "a.md")

    assert (finding.code, finding.sheet, finding.row) == ("too-deep", "survey", 52)


@pytest.mark.parametrize("crash", ["java.lang.OutOfMemoryError: Java heap space", "java.lang.StackOverflowError"])
def test_form_that_exhausts_odk_validate_is_a_finding(monkeypatch: pytest.MonkeyPatch, crash: str) -> None:
    ended = subprocess.CompletedProcess([], 1, b"", f'Exception in thread "main" {crash}\n\tat x.Y(Y.java:1)'.encode())
    monkeypatch.setattr("forms.formcheck.validator.subprocess.run", lambda *_, **__: ended)

    (finding,) = odk_validate(b"<x/>")

    assert (finding.level, finding.code) == ("error", "validate-memory")


def test_fault_in_a_spreadsheet_has_the_row_the_officer_sees() -> None:
    data = workbook(("integer", "people", "People"), (None, None, None), ("text", "why", "Why", "${peple} > 3"))

    finding = refusal(data, "a.xlsx")

    assert (finding.sheet, finding.row, finding.column) == ("survey", 4, "relevant")
    assert finding.advice == "Did you mean people?"


def test_crash_inside_the_converter_becomes_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(**_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("forms.conversion.pyxform_convert", crash)

    assert refusal(MD.encode(), "a.md").code == "pyxform-failed"


def test_fault_only_the_converter_knows_keeps_its_row() -> None:
    text = MD.replace("label |\n", "label | parameters |\n", 1)
    text = text.replace("| integer | people | People |", "| image | p | P | max-pixels=x |")

    finding = refusal(text.encode(), "a.md")

    assert (finding.code, finding.sheet, finding.row) == ("pyxform", "survey", 2)


def test_odk_validate_names_the_row_of_a_circle() -> None:
    rows = "| | calculate | b | | ${c} + 1 |\n| | calculate | c | | ${b} + 1 |\n"
    text = MD.replace("| label |", "| label | calculation |", 1).replace("| settings |", f"{rows}| settings |")

    with pytest.raises(FormRefused) as refused:
        convert(text.encode(), "a.md", validate=True)

    (finding,) = refused.value.findings
    assert (finding.code, finding.sheet, finding.row) == ("odk-validate", "survey", 3)
    assert "Cycle" in finding.message


def test_odk_validate_passes_a_sound_form() -> None:
    assert odk_validate(convert(MD.encode(), "a.md").xml) == ()


def test_odk_validate_that_takes_too_long_is_a_finding() -> None:
    (finding,) = odk_validate(convert(MD.encode(), "a.md").xml, timeout_s=0.01)

    assert (finding.level, finding.code) == ("error", "validate-timeout")


def test_missing_java_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forms.formcheck.validator.shutil.which", lambda _: None)

    with pytest.raises(ValidatorMissing, match="Install a Java runtime"):
        odk_validate(b"<x/>")


def test_child_converts_and_validates_like_the_parent() -> None:
    path = LIBRARY / "cimic_patrol.xlsx"

    form = convert_in_child(path.read_bytes(), path.name, validate=True)

    assert form == convert(path.read_bytes(), path.name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_child_hands_an_xform_on_byte_for_byte_in_any_encoding(encoding: str) -> None:
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>' if encoding == "latin-1" else ""
    data = (head + xform().decode().replace("<h:title>T", "<h:title>\u00e9t\u00e9")).encode(encoding)

    form = convert_in_child(data, "form.xml")

    assert (form.xml, form.title) == (data, "\u00e9t\u00e9")


@pytest.mark.parametrize(
    "data",
    [
        xform().replace(b' xmlns="http://www.w3.org/2002/xforms"', b""),
        xform().replace(b"http://www.w3.org/1999/xhtml", b"http://www.w3.org/2002/xforms"),
        xform(bind='calculate="floor(1)"'), xform(bind='relevant="/data/gone = 1"'), xform(ref="/data/gone"),
    ],
)
def test_what_other_tools_publish_is_published_leniently(data: bytes) -> None:
    assert convert(data, "form.xml", lenient=True).form_id == "t"


def test_child_reports_every_finding() -> None:
    text = MD.replace("integer | people", "intger | peo ple")

    with pytest.raises(FormRefused) as refused:
        convert_in_child(text.encode(), "a.md")

    assert {finding.column for finding in refused.value.findings} == {"type", "name"}


@pytest.mark.parametrize("name", ["--help", "a\nb.md", "../../x.md", "", "x" * 500 + ".md", "é.md"])
def test_odd_file_name_does_not_lead_the_child_astray(name: str) -> None:
    form = convert_in_child(convert(MD.encode(), "a.md").xml, name, fallback_form_id="--limited")

    assert form.form_id == "count"


def child_that(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the child do ``code`` where it would convert, under limits like those it sets itself."""
    program = f"from forms import xlsform\nxlsform.CPU_SECONDS = 1\nxlsform._limit_self()\n{code}"
    really = xlsform._run
    monkeypatch.setattr(xlsform, "_run", lambda _, wall: really([sys.executable, "-c", program], wall))


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("bytearray(900_000_000)", "conversion-broke-off"),
        ("import os; os.abort()", "conversion-broke-off"),
        ("while True: pass", "too-much-time"),
    ],
)
def test_child_that_takes_too_much_becomes_a_finding(monkeypatch: pytest.MonkeyPatch, code: str, finding: str) -> None:
    child_that(monkeypatch, code)

    with pytest.raises(FormRefused) as refused:
        convert_in_child(b"x", "a.md")

    assert refused.value.findings[0].code == finding


def test_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsform, "WALL_SECONDS", 0.5)
    child_that(monkeypatch, "import threading; threading.Event().wait()")

    with pytest.raises(FormRefused) as refused:
        convert_in_child(b"x", "a.md")

    assert refused.value.findings[0].code == "too-much-time"


def test_memory_error_inside_the_child_is_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("forms.conversion.read_workbook", greedy)

    code = xlsform.main([str(LIBRARY / "cimic_patrol.xlsx")])

    assert (code, json.loads(capsys.readouterr().out)["findings"][0]["code"]) == (10, "too-much-memory")


def test_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDPOST_SECRET_KEY", "s3cret")

    assert "s3cret" not in xlsform._child_environment().values()


def test_command_line_prints_the_form_as_json(tmp_path: Path) -> None:
    source = tmp_path / "count.md"
    source.write_text(MD)

    done = subprocess.run(
        [sys.executable, "-m", "forms.xlsform", str(source)], capture_output=True, check=True, cwd=LIBRARY.parent.parent
    )

    answer = json.loads(done.stdout)
    assert (answer["form_id"], answer["version"], answer["findings"]) == ("count", "3", [])


def test_command_line_says_that_a_file_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = xlsform.main([str(tmp_path / "gone.md")])

    assert (code, json.loads(capsys.readouterr().out)["findings"][0]["code"]) == (10, "unreadable")


def test_importing_the_door_does_not_load_the_converter() -> None:
    check = "import sys, forms.xlsform; sys.exit(any(m in sys.modules for m in ('pyxform', 'openpyxl', 'xlrd')))"

    done = subprocess.run([sys.executable, "-c", check], check=False, cwd=LIBRARY.parent.parent)

    assert done.returncode == 0
