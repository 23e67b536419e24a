"""Which column of a list holds which field of a register: the fields there are, and a suggestion from the headings.

Headings are compared folded (case, accents, punctuation) in English and French, with the words that agencies use. Must not
read cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sync.merge.names import fold
from sync.registers import Register

Kind = Literal[
    "text", "integer", "decimal", "date", "code", "codes", "area", "lat", "lon", "position", "accuracy", "key", "known"
]

# Fields that are of the row and not of the thing. A property cannot begin with "_".
KEY, KNOWN, DATE, LAT, LON, POSITION, ACCURACY = "_key", "_known", "_date", "_lat", "_lon", "_position", "_accuracy"

# Words of headings, folded; from tables of health ministries, OCHA, WHO, OSM and healthsites.io [own gathering].
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    KEY: (
        "id", "code", "source id", "facility id", "facility code", "uid", "uuid", "ref", "reference", "identifiant",
        "code etablissement", "code structure", "osm id", "numero", "no", "matricule", "dhis2 id", "objectid",
    ),
    KNOWN: ("fieldpost id", "record id", "entity id", "name uid", "__id", "identifiant fieldpost"),
    DATE: (
        "date", "observed", "last update", "last updated", "updated", "date de mise a jour", "mise a jour", "date de visite",
        "visit date", "survey date", "date enquete", "date de collecte",
    ),
    LAT: ("lat", "latitude", "y", "lat dd", "gps lat", "gps latitude", "coord y", "point y", "latitude n", "lat wgs84"),
    LON: (
        "lon", "long", "lng", "longitude", "x", "long dd", "lon dd", "gps lon", "gps long", "gps longitude", "coord x",
        "point x", "longitude e",
    ),
    POSITION: (
        "geometry", "gps", "position", "coordinates", "coordonnees", "coordonnees gps", "location", "mgrs", "grid", "geopoint",
        "wkt", "geom", "carroyage",
    ),
    ACCURACY: ("accuracy", "gps accuracy", "precision", "gps acc m", "precision gps", "hdop m"),
}  # fmt: skip
_NAMES: Final = (
    "name", "nom", "facility", "facility name", "nom de la structure", "nom etablissement", "nom de l etablissement", "structure",
    "formation sanitaire", "etablissement", "school name", "nom ecole", "site", "site name", "nom du site", "village", "localite",
    "settlement", "settlement name", "organisation", "organization", "organisation name", "nom organisation", "place name",
    "official name", "nom officiel", "hf name", "health facility", "libelle", "designation",
)  # fmt: skip
_ALIASES: Final = (
    "other names", "other name", "alias", "alternate name", "alternative name", "alt name", "autre nom", "autres noms",
    "local name", "nom local", "old name", "ancien nom", "aka",
)  # fmt: skip
_FIRST_AREAS: Final = ("region", "state", "province")
_SECOND_AREAS: Final = ("district", "county", "prefecture", "sous prefecture", "territoire", "pcode", "p code", "comte")
_BY_TAIL: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("type", "facility type", "category", "categorie", "type de structure", "type etablissement", "niveau", "hf type",
             "type d etablissement", "org type", "feature class"),
    "group": ("kind", "group", "genre", "groupe", "sector", "secteur d activite"),
    "phone": ("phone", "telephone", "tel", "contact phone", "phone number", "numero de telephone", "mobile"),
    "functionality": (
        "functionality", "functional", "status", "operational status", "etat", "fonctionnalite", "fonctionnel", "statut",
    ),
    "ownership": (
        "ownership", "owner type", "gestion", "statut juridique", "managing authority", "gere par", "propriete", "operator type",
    ),
    "acronym": ("acronym", "acronyme", "sigle", "abbreviation", "abreviation", "short name"),
    "served": ("population", "population served", "population desservie", "catchment", "catchment population"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a column can hold. `labels` by language; `list` names the code list of a code."""

    name: str
    kind: Kind
    labels: Mapping[str, str]
    needed: bool = False
    list: str | None = None

    def label(self, language: str) -> str:
        """Its name in the language, English when there is none."""
        return self.labels.get(language) or self.labels["en"]


def fields(register: Register) -> list[Field]:
    """What a list can say of a register's things: its properties, and what belongs to the row."""
    kinds: dict[str, Kind] = {
        "text": "text", "integer": "integer", "decimal": "decimal", "date": "date", "datetime": "date", "select_one": "code",
        "select_multiple": "codes", "area": "area",
    }  # fmt: skip
    found = [
        Field(prop.name, kinds[prop.type], prop.labels, prop.name == register.label_property, prop.code_list)
        for prop in register.properties.values()
        if prop.type in kinds
    ]
    if _position_property(register) is not None:
        found += [
            Field(LAT, "lat", {"en": "Latitude", "fr": "Latitude"}),
            Field(LON, "lon", {"en": "Longitude", "fr": "Longitude"}),
            Field(POSITION, "position", {
                "en": "Position in one column (degrees, MGRS)", "fr": "Position en une colonne (degrés, MGRS)",
            }),
            Field(ACCURACY, "accuracy", {"en": "Accuracy of the position (m)", "fr": "Précision de la position (m)"}),
        ]
    return [
        *found,
        Field(DATE, "date", {"en": "Date of the row", "fr": "Date de la ligne"}),
        Field(KEY, "key", {"en": "The list's own code of the row", "fr": "Code de la ligne dans la liste"}),
        Field(KNOWN, "known", {"en": "Our record's id", "fr": "Identifiant de notre fiche"}),
    ]


def _position_property(register: Register) -> str | None:
    return next((prop.name for prop in register.properties.values() if prop.type == "geopoint"), None)


def position_property(register: Register) -> str | None:
    """The property that holds the register's position, or None."""
    return _position_property(register)


def _folded(text: str) -> str:
    return " ".join(fold(text.replace("_", " ").replace("-", " ").replace("'", " ").replace("’", " ")).split())


def _words_for(field: Field, register: Register) -> list[str]:
    """Folded headings that mean this field, the best first."""
    own = [field.name, *field.labels.values()]
    prop = register.properties.get(field.name)
    own += [prop.export] if prop is not None and prop.export else []
    matching = register.matching
    if field.needed:
        own += _NAMES
    elif matching is not None and field.name in matching.aliases:
        own += _ALIASES
    own += _WORDS.get(field.name, ())
    for tail, words in _BY_TAIL.items():
        if field.name == tail or field.name.endswith("_" + tail):
            own += words
    if field.kind == "area":
        level = "".join(letter for letter in field.name if letter.isdigit())[:1]
        forms = (
            "adm{} pcode", "admin{} pcode", "admin {} pcode", "admin{}", "adm{}", "adm{} code", "adm{} name", "adm{} en",
            "adm{} fr",
        )
        own += [form.format(level) for form in forms]
        own += _FIRST_AREAS if level == "1" else _SECOND_AREAS
    return list(dict.fromkeys(_folded(word) for word in own))


def suggest(headings: Sequence[str], register: Register) -> dict[str, int]:
    """field -> column number (from 0) for what the headings make plain; each column is used once, the best fit first.

    A heading fits when it is one of the field's words; failing that, when it begins with one of at least four letters
    ("Latitude (WGS84)"), or holds a needed field's.
    """
    folded = [_folded(heading) for heading in headings]
    fits: list[tuple[int, int, int, str, int]] = []
    for order, field in enumerate(fields(register)):
        words = _words_for(field, register)
        for column, heading in enumerate(folded):
            if not heading:
                continue
            if heading in words:
                fits.append((0, words.index(heading), order, field.name, column))
            elif any(len(word) >= 4 and heading.startswith(word + " ") for word in words):
                fits.append((1, 0, order, field.name, column))
            elif field.needed and any(word in heading.split() for word in ("name", "nom")):
                fits.append((2, 0, order, field.name, column))
    found: dict[str, int] = {}
    for _rank, _place, _order, name, column in sorted(fits):
        if name not in found and column not in found.values():
            found[name] = column
    if LAT in found and LON in found:
        found.pop(POSITION, None)
    return found
