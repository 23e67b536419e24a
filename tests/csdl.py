"""Whether an OData metadata document is what the OASIS committee's schemas and prose ask for (CSDL XML 4.01, read as 4.0)."""

from __future__ import annotations

import re
from functools import cache

from lxml import etree

from tests.processes import REPOSITORY

SCHEMAS = REPOSITORY / "web" / "office" / "node_modules" / "odata-csdl" / "schemas"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,127}|__Submissions(-\w+)*-id")
# ODK Central calls tables "Submissions.team" and their parents "__Submissions-id", which the schema's pattern for names does
# not know. Reports made for Central ask for these very names, and Power BI, Excel and Tableau take them.
_CENTRALS_NAMES = re.compile(
    r"attribute 'Name': \[facet 'pattern'\] The value '(\w+(\.\w+)+|__Submissions(-\w+)*-id)' is not accepted"
)


@cache
def _schema() -> etree.XMLSchema:
    # Two files, one importing the other by its name beside it.
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "edmx.xsd"), etree.XMLParser(no_network=True)))


def faults(document: bytes) -> list[str]:
    """What is wrong with a metadata document; nothing if it is valid."""
    root = etree.fromstring(document)
    found = [] if _schema().validate(root) else [each.message for each in _schema().error_log]
    found = [message for message in found if not _CENTRALS_NAMES.search(message)]
    return [*found, *_undeclared(root), *_names(root), *_paths(root)]


def _undeclared(root: etree._Element) -> list[str]:
    """Types that are used and not declared, and entity sets of no entity type."""
    declared = {
        f"{schema.get('Namespace')}.{each.get('Name')}" for schema in root.iter(f"{EDM}Schema") for each in schema
    }
    used = [each.get("Type", "") for each in root.iter(f"{EDM}Property", f"{EDM}NavigationProperty")]
    used += [each.get("EntityType", "") for each in root.iter(f"{EDM}EntitySet")]
    plain = {re.sub(r"^Collection\((.*)\)$", r"\1", name) for name in used}
    return [f"{name} is not declared" for name in sorted(plain) if not name.startswith("Edm.") and name not in declared]


def _names(root: etree._Element) -> list[str]:
    """Names that are no identifiers, or that a type or schema has twice."""
    found = []
    for owner in root.iter(f"{EDM}EntityType", f"{EDM}ComplexType", f"{EDM}EnumType", f"{EDM}Schema", f"{EDM}EntityContainer"):
        names = [each.get("Name", "") for each in owner if each.get("Name")]
        found += [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    for each in root.iter(f"{EDM}Property", f"{EDM}NavigationProperty", f"{EDM}Member", f"{EDM}EntityContainer"):
        if not _IDENTIFIER.fullmatch(each.get("Name", "")):
            found.append(f"{each.get('Name')} is no identifier")
    return found


def _paths(root: etree._Element) -> list[str]:
    """Keys and annotations that name a property which their type does not have."""
    types = {
        f"{schema.get('Namespace')}.{each.get('Name')}": {child.get("Name") for child in each if child.get("Name")}
        for schema in root.iter(f"{EDM}Schema") for each in schema.iter(f"{EDM}EntityType")
    }
    found = [
        f"{ref.get('Name')} is no property of {each.get('Name')}"
        for each in root.iter(f"{EDM}EntityType") for ref in each.iter(f"{EDM}PropertyRef")
        if ref.get("Name") not in {child.get("Name") for child in each}
    ]
    for entity_set in root.iter(f"{EDM}EntitySet"):
        known = types.get(entity_set.get("EntityType", ""), set())
        found += [
            f"{path.text} is no property of {entity_set.get('Name')}" for path in entity_set.iter(f"{EDM}PropertyPath")
            if path.text not in known
        ]
    return found
