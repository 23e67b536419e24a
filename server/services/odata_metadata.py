"""Service documents and metadata (EDMX, OData 4.0) of forms and entity lists, in ODK Central's namespaces. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lxml import etree

from server.services.odata_layout import ROOT, Layout, Node
from server.services.odata_values import EDM_TYPES, identifier

EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
EDM = "http://docs.oasis-open.org/odata/ns/edm"
_CAPABILITY = "Org.OData.Capabilities.V1."
_SUBMISSION_SYSTEM = {
    "submissionDate": "Edm.DateTimeOffset", "updatedAt": "Edm.DateTimeOffset", "deletedAt": "Edm.DateTimeOffset",
    "submitterId": "Edm.String", "submitterName": "Edm.String", "attachmentsPresent": "Edm.Int64",
    "attachmentsExpected": "Edm.Int64", "status": "org.opendatakit.submission.Status",
    "reviewState": "org.opendatakit.submission.ReviewState", "deviceId": "Edm.String", "edits": "Edm.Int64",
    "formVersion": "Edm.String",
}
_ENTITY_SYSTEM = {
    "createdAt": "Edm.DateTimeOffset", "creatorId": "Edm.String", "creatorName": "Edm.String", "updates": "Edm.Int64",
    "updatedAt": "Edm.DateTimeOffset", "deletedAt": "Edm.DateTimeOffset", "version": "Edm.Int64", "conflict": "Edm.String",
}


def service_document(service_url: str, tables: Iterable[str]) -> dict[str, Any]:
    """The list of tables of a service; `service_url` is absolute and ends in ".svc"."""
    return {
        "@odata.context": f"{service_url}/$metadata",
        "value": [{"name": table, "kind": "EntitySet", "url": table} for table in tables],
    }


def form_metadata(xml_form_id: str, layout: Layout) -> bytes:
    """EDMX of a form: an entity type per table, a complex type per group, navigation properties for repeats."""
    document, services = _document()
    system = _schema(services, "org.opendatakit.submission")
    _complex(system, "metadata", _SUBMISSION_SYSTEM)
    _enumeration(system, "Status", ("notDecrypted", "missingEncryptedFormData", "signatureBad"))
    _enumeration(system, "ReviewState", ("hasIssues", "edited", "rejected", "approved"))
    namespace = f"org.opendatakit.user.{identifier(xml_form_id)}"
    schema = _schema(services, namespace)
    groups = _type_names(layout)
    for table, way in layout.tables.items():
        node = way[-1] if way else layout.root
        entity = _entity_type(schema, table)
        if not way:
            _property(entity, "__system", "org.opendatakit.submission.metadata")
        else:
            parents = [each for position, each in enumerate(way) if any(later.kind == "repeat" for later in way[position + 1 :])]
            while parents and parents[-1].kind != "repeat":
                parents.pop()
            _property(entity, "__" + "-".join([ROOT, *(each.name for each in parents)]) + "-id", "Edm.String")
        _properties(entity, node, namespace, _dotted(way), groups)
    for dotted, group in _groups(layout.root, ""):
        complex_type = etree.SubElement(schema, f"{{{EDM}}}ComplexType", Name=groups[dotted])
        _properties(complex_type, group, namespace, dotted, groups)
    container = etree.SubElement(schema, f"{{{EDM}}}EntityContainer", Name=identifier(xml_form_id))
    for table, way in layout.tables.items():
        names = [child.name for child in (way[-1] if way else layout.root).children if child.kind != "repeat"]
        _entity_set(container, namespace, table, names)
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def dataset_metadata(name: str, properties: Iterable[str]) -> bytes:
    """EDMX of an entity list: one table `Entities` whose properties are all text."""
    document, services = _document()
    _complex(_schema(services, "org.opendatakit.entity"), "metadata", _ENTITY_SYSTEM)
    namespace = f"org.opendatakit.user.{identifier(name)}"
    schema = _schema(services, namespace)
    entity = _entity_type(schema, "Entities")
    _property(entity, "__system", "org.opendatakit.entity.metadata")
    _property(entity, "label", "Edm.String")
    names = [identifier(each) for each in properties]
    for each in names:
        _property(entity, each, "Edm.String")
    container = etree.SubElement(schema, f"{{{EDM}}}EntityContainer", Name=identifier(name))
    _entity_set(container, namespace, "Entities", ["label", *names])
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def _document() -> tuple[etree._Element, etree._Element]:
    document = etree.Element(f"{{{EDMX}}}Edmx", {"Version": "4.0"}, nsmap={"edmx": EDMX})
    return document, etree.SubElement(document, f"{{{EDMX}}}DataServices")


def _schema(services: etree._Element, namespace: str) -> etree._Element:
    return etree.SubElement(services, f"{{{EDM}}}Schema", {"Namespace": namespace}, nsmap={None: EDM})  # type: ignore[dict-item]


def _property(owner: etree._Element, name: str, kind: str) -> None:
    attributes = {"Name": name, "Type": kind}
    if name == "__id":
        attributes["Nullable"] = "false"
    if kind == "Edm.Decimal":
        # Without it OData 4.0 means no digits after the point.
        attributes["Scale"] = "variable"
    etree.SubElement(owner, f"{{{EDM}}}Property", attributes)


def _complex(schema: etree._Element, name: str, properties: dict[str, str]) -> None:
    owner = etree.SubElement(schema, f"{{{EDM}}}ComplexType", {"Name": name})
    for each, kind in properties.items():
        _property(owner, each, kind)


def _enumeration(schema: etree._Element, name: str, members: Iterable[str]) -> None:
    owner = etree.SubElement(schema, f"{{{EDM}}}EnumType", {"Name": name})
    for member in members:
        etree.SubElement(owner, f"{{{EDM}}}Member", {"Name": member})


def _entity_type(schema: etree._Element, name: str) -> etree._Element:
    entity = etree.SubElement(schema, f"{{{EDM}}}EntityType", {"Name": name})
    key = etree.SubElement(entity, f"{{{EDM}}}Key")
    etree.SubElement(key, f"{{{EDM}}}PropertyRef", {"Name": "__id"})
    _property(entity, "__id", "Edm.String")
    return entity


def _type_names(layout: Layout) -> dict[str, str]:
    """Names of the groups' types by their paths; a group may be called as a table is."""
    found: dict[str, str] = {}
    taken = set(layout.tables)
    for dotted, _group in _groups(layout.root, ""):
        name = dotted
        while name in taken:
            name += "_"
        taken.add(name)
        found[dotted] = name
    return found


def _properties(owner: etree._Element, node: Node, namespace: str, dotted: str, groups: Mapping[str, str]) -> None:
    for child in node.children:
        name = f"{dotted}.{child.name}" if dotted else child.name
        if child.kind == "repeat":
            attributes = {"Name": child.name, "Type": f"Collection({namespace}.{child.table})"}
            etree.SubElement(owner, f"{{{EDM}}}NavigationProperty", attributes)
        elif child.kind == "structure":
            _property(owner, child.name, f"{namespace}.{groups[name]}")
        else:
            _property(owner, child.name, EDM_TYPES.get(child.field.type if child.field else "", "Edm.String"))


def _dotted(way: tuple[Node, ...]) -> str:
    return ".".join(node.name for node in way)


def _groups(node: Node, dotted: str) -> Iterable[tuple[str, Node]]:
    for child in node.children:
        name = f"{dotted}.{child.name}" if dotted else child.name
        if child.kind == "structure":
            yield name, child
        if child.kind in {"structure", "repeat"}:
            yield from _groups(child, name)


def _entity_set(container: etree._Element, namespace: str, table: str, properties: Iterable[str]) -> None:
    """Says what can be asked of a table: counting and sorting yes, filtering only by id and system fields."""
    owner = etree.SubElement(container, f"{{{EDM}}}EntitySet", {"Name": table, "EntityType": f"{namespace}.{table}"})
    level = {"Term": f"{_CAPABILITY}ConformanceLevel", "EnumMember": f"{_CAPABILITY}ConformanceLevelType/Minimal"}
    etree.SubElement(owner, f"{{{EDM}}}Annotation", level)
    etree.SubElement(owner, f"{{{EDM}}}Annotation", {"Term": f"{_CAPABILITY}BatchSupported", "Bool": "false"})
    _restriction(owner, "CountRestrictions", {"Countable": "true"})
    record = _restriction(owner, "FilterRestrictions", {"Filterable": "true", "RequiresFilter": "false"})
    value = etree.SubElement(record, f"{{{EDM}}}PropertyValue", {"Property": "NonFilterableProperties"})
    collection = etree.SubElement(value, f"{{{EDM}}}Collection")
    for name in properties:
        etree.SubElement(collection, f"{{{EDM}}}PropertyPath").text = name
    _restriction(owner, "SortRestrictions", {"Sortable": "true"})
    _restriction(owner, "ExpandRestrictions", {"Expandable": "true"})


def _restriction(owner: etree._Element, term: str, values: dict[str, str]) -> etree._Element:
    annotation = etree.SubElement(owner, f"{{{EDM}}}Annotation", {"Term": _CAPABILITY + term})
    record = etree.SubElement(annotation, f"{{{EDM}}}Record")
    for name, value in values.items():
        etree.SubElement(record, f"{{{EDM}}}PropertyValue", {"Property": name, "Bool": value})
    return record
