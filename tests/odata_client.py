"""What a reader of OData such as Power Query asks for, request by request, and how it takes the answers apart.

Written from the published behaviour of Power Query and ODK Central's service: Basic on every request, first without; the
service document, the metadata, then each table in pages by its next links.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
from lxml import etree

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
# What Excel and Power BI send; JSON is named first, and Atom and XML after it.
ACCEPT_DATA = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)
ACCEPT_METADATA = "application/xml;q=1.0,application/json;odata.metadata=minimal;q=0.7"
HEAD = {
    "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)", "OData-MaxVersion": "4.0",
    "MaxDataServiceVersion": "3.0", "Accept-Encoding": "gzip, deflate", "X-Forwarded-Proto": "https",
}


@dataclass
class PowerQuery:
    """One data source: the address of a service, and the name and password that the user typed."""

    service: str
    login: tuple[str, str]

    def get(self, address: str, accept: str = ACCEPT_DATA, status: int = 200, login: bool = True) -> requests.Response:
        """One request; a relative address is taken from the service's. The proxy that ends https is played here."""
        whole = urljoin(f"{self.service}/", address).replace("https://", "http://", 1)
        answer = requests.get(
            whole, auth=self.login if login else None, headers={**HEAD, "Accept": accept},
            timeout=60,
        )
        assert answer.status_code == status, f"{address}: {answer.status_code} {answer.text[:500]}"
        return answer

    def tables(self) -> dict[str, str]:
        """Names and absolute addresses of the tables."""
        answer = self.get(self.service)
        assert answer.headers["Content-Type"].startswith("application/json")
        assert "odata.metadata=minimal" in answer.headers["Content-Type"]
        assert answer.headers["OData-Version"] == "4.0"
        body = answer.json()
        context = body["@odata.context"]
        assert all(entry["kind"] == "EntitySet" for entry in body["value"])
        return {entry["name"]: urljoin(context, entry["url"]) for entry in body["value"]}

    def metadata(self) -> bytes:
        """The metadata document."""
        answer = self.get("$metadata", ACCEPT_METADATA)
        assert answer.headers["Content-Type"].startswith("application/xml")
        return answer.content

    def rows(self, address: str) -> list[dict[str, Any]]:
        """All rows of a table, following its next links."""
        found: list[dict[str, Any]] = []
        following: str | None = address
        while following:
            assert following.startswith(("http://", "https://")), "a next link must be absolute"
            body = self.get(following).json()
            assert "$metadata#" in body["@odata.context"]
            found += body["value"]
            following = body.get("@odata.nextLink")
        return found


def types(metadata: bytes) -> dict[str, dict[str, str]]:
    """Properties by name with their types, of each entity and complex type by its full name."""
    root = etree.fromstring(metadata)
    return {
        f"{schema.get('Namespace')}.{each.get('Name')}": {
            child.get("Name", ""): child.get("Type", "") for child in each if child.get("Name")
        }
        for schema in root.iter(f"{EDM}Schema") for each in schema.iter(f"{EDM}EntityType", f"{EDM}ComplexType")
    }


def entity_types(metadata: bytes) -> dict[str, str]:
    """The full name of each table's type."""
    root = etree.fromstring(metadata)
    return {each.get("Name", ""): each.get("EntityType", "") for each in root.iter(f"{EDM}EntitySet")}


def misfits(row: dict[str, Any], kind: str, known: dict[str, dict[str, str]]) -> Iterator[str]:
    """What of a row the metadata does not say, or says otherwise."""
    declared = known[kind]
    for name, value in row.items():
        if "@odata." in name:
            continue
        wanted = declared.get(name)
        if wanted is None:
            yield f"{name} is not declared in {kind}"
        elif isinstance(value, dict) and wanted in known:
            yield from misfits(value, wanted, known)
        elif value is not None and not _fits(value, wanted):
            yield f"{name} is no {wanted}: {value!r}"


def _fits(value: Any, wanted: str) -> bool:
    if wanted == "Edm.Int64":
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == "Edm.Decimal":
        return isinstance(value, int | float)
    if wanted == "Edm.Date":
        return re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)) is not None
    if wanted == "Edm.DateTimeOffset":
        return dt.datetime.fromisoformat(value).tzinfo is not None
    if wanted.startswith("Edm.Geography"):
        return isinstance(value, dict) and wanted == f"Edm.Geography{value['type']}"
    return isinstance(value, str)
