"""Small forms that the tests of definitions, submissions, checking and filling share."""
# ruff: noqa: E501 - a form written as a table is as wide as the table

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pyxform.xls2xform import convert

import forms
from forms.definition import FormDefinition, parse

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
LIBRARY = Path(forms.__file__).parent / "library"
UUID_1 = "c7cd9ac3-c1a2-4c9e-9d85-1b8a7d1bb111"
UUID_2 = "c7cd9ac3-c1a2-4c9e-9d85-1b8a7d1bb112"

CLINIC = """
| survey | | | | | | | | | | | | | |
| | type | name | label::English (en) | label::French (fr) | required | relevant | constraint | constraint_message::English (en) | constraint_message::French (fr) | calculation | trigger | default | choice_filter | save_to |
| | start | start | | | | | | | | | | | | |
| | today | today | | | | | | | | | | | | |
| | deviceid | deviceid | | | | | | | | | | | | |
| | calculate | new_id | | | | | | | | once(uuid()) | | | | |
| | begin_group | g | Place | Lieu | | | | | | | | | | |
| | select_one_from_file clinics.csv | clinic | Known clinic | Clinique connue | | | | | | | | | | |
| | select_one kind | kind | Kind | Genre | yes | | | | | | | | | clinics#kind |
| | select_one type | type | Type | Type | | | | | | | | | k=${kind} | |
| | text | name | Name | Nom | yes | | | | | instance('clinics')/root/item[name=${clinic}]/label | ${clinic} | | | clinics#title |
| | integer | beds | Beds | Lits | | ${kind} = 'health' | . >= 0 and . <= 500 | Beds of ${name}: 0 to 500 | Lits de ${name} : 0 à 500 | | | | | clinics#beds |
| | calculate | twice | | | | | | | | ${beds} * 2 | | | | |
| | end_group | | | | | | | | | | | | | |
| | date | seen | Seen on | Vu le | yes | | . <= today() | | | | | today() | | |
| | select_multiple needs | needs | Needs | Besoins | | | not(selected(., 'none') and count-selected(.) > 1) | | | | | | | |
| | geopoint | gps | Position | Position | | | | | | | | | | |
| | image | photo | Photo | Photo | | | | | | | | | | |
| | begin_repeat | visitor | Visitor | Visiteur | | | | | | | | | | |
| | text | who | Who | Qui | yes | | | | | | | | | people#full |
| | integer | age | Age | Âge | | | . > 0 | | | | | | | |
| | calculate | line | | | | | | | | concat(position(..), '-', ${who}) | | | | |
| | end_repeat | | | | | | | | | | | | | |
| choices | | | | |
| | list_name | name | label::English (en) | label::French (fr) | k |
| | kind | health | Health | Santé | |
| | kind | school | School | École | |
| | type | hospital | Hospital | Hôpital | health |
| | type | primary | Primary | Primaire | school |
| | needs | water | Water | Eau | |
| | needs | food | Food | Nourriture | |
| | needs | none | None | Aucun | |
| settings | | | | |
| | form_title | form_id | version | default_language | instance_name |
| | Clinics | clinic_form | 7 | English (en) | concat(${name}, ' ', ${seen}) |
| entities | | | | | |
| | list_name | label | entity_id | create_if | update_if |
| | clinics | ${name} | coalesce(${clinic}, ${new_id}) | ${clinic} = '' | ${clinic} != '' |
| | people | ${who} | | | |
"""

CLINICS = [
    {"name": UUID_1, "label": "Old clinic", "__version": "4"},
    {"name": UUID_2, "label": "Other clinic", "__version": "1"},
]
LISTS = {"clinics": CLINICS}
ANSWERS = {
    "kind": "health",
    "type": "hospital",
    "name": "Clinic A",
    "beds": 12,
    "visitor": [{"who": "Ada", "age": 30}, {"who": "Ben"}],
}


@cache
def form(markdown: str) -> FormDefinition:
    """A definition from a form written as a table."""
    return parse(convert(markdown, file_type=".md").xform.encode())


@cache
def library_form(form_id: str) -> FormDefinition:
    """A definition of the shipped library."""
    data = (LIBRARY / f"{form_id}.xlsx").read_bytes()
    return parse(convert(data, file_type=".xlsx").xform.encode())


def clinic_form() -> FormDefinition:
    """The form most tests use: groups, cascade, trigger, repeat, two entity lists."""
    return form(CLINIC)


def xform(instance: str, binds: str = "", body: str = "", model: str = "") -> bytes:
    """An XForm by hand, for forms that pyxform would not make."""
    return (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"'
        ' xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms">'
        f"<h:head><h:title>Odd</h:title><model>{model}<instance>{instance}</instance>{binds}</model></h:head>"
        f"<h:body>{body}</h:body></h:html>"
    ).encode()
