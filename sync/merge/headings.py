"""What the columns of a table for `fieldpost link` may be called beside their own names, in English and French. Reads no cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# For each column the headings that also mean it, the best first; written small, with single spaces.
_ALSO: Final[dict[str, tuple[str, ...]]] = {
    "record_id": ("record id", "recordid", "row id", "rowid", "id", "uuid", "uid", "identifiant", "objectid", "fid"),
    "name": (
        "name", "nom", "facility name", "official name", "name en", "name fr", "nom officiel", "nom de la structure",
        "health facility", "facility", "site name", "place name", "settlement name", "organisation name", "organization name",
        "organisation", "organization", "settlement", "village", "localite", "localité", "label", "structure",
        "etablissement", "établissement",
    ),
    "type": (
        "facility type", "type de structure", "category", "categorie", "catégorie", "kind", "class", "feature class",
        "org type",
    ),
    "adm1": ("admin1", "admin 1", "adm1 name", "adm1 en", "adm1 fr", "region", "région", "province", "state", "governorate"),
    "adm2": (
        "admin2", "admin 2", "adm2 name", "adm2 en", "adm2 fr", "district", "county", "prefecture", "préfecture", "department",
        "departement",
    ),
    "adm3": (
        "admin3", "admin 3", "adm3 name", "adm3 en", "adm3 fr", "commune", "payam", "ward", "sub county", "subcounty",
        "sous prefecture",
    ),
    "lat": ("latitude", "gps latitude", "gps lat", "lat dd", "y"),
    "lon": ("lng", "long", "longitude", "gps longitude", "gps lon", "gps long", "lon dd", "long dd", "x"),
    "gps_acc_m": ("gps acc m", "gps accuracy", "accuracy", "accuracy m", "precision", "précision", "precision gps"),
    "phone": ("telephone", "téléphone", "tel", "phone number", "contact phone", "mobile"),
    "code": ("facility code", "source code", "national code", "code officiel", "code structure"),
    "date": (
        "observed", "observed at", "observed on", "report date", "visit date", "date de visite", "date du rapport",
        "last updated",
    ),
    "team": ("unit", "unite", "unité", "patrol", "observer", "equipe", "équipe", "enumerator"),
}  # fmt: skip
_SEPARATORS = re.compile(r"[\s_\-.:#]+")


def plain(heading: str) -> str:
    """A heading written small, with single spaces for whatever parts its words."""
    return _SEPARATORS.sub(" ", heading.strip().lower()).strip()


def columns_of(headings: Sequence[str]) -> list[str]:
    """For each heading the column it is, or itself (small) when it is none. A column's own name comes before any other for it."""
    found = [heading.strip().lower() for heading in headings]
    written = [plain(heading) for heading in headings]
    for column, others in _ALSO.items():
        if column in found:
            continue
        place = next((written.index(other) for other in (plain(column), *others) if other in written), None)
        if place is not None and found[place] not in _ALSO:
            found[place] = column
    return found
