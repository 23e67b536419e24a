"""Forms and reports of the conformance tests, written as text so that nothing of the server makes what the server reads."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

ORX = "http://openrosa.org/xforms"
ENTITIES = "http://www.opendatakit.org/xforms/entities"
LIST_TYPES = {".csv": "jr://file-csv/", ".xml": "jr://file/", ".geojson": "jr://file/"}


def new_uuid() -> str:
    """A fresh UUID, without any scheme."""
    return str(uuid.uuid4())


def new_id() -> str:
    """A fresh instanceID."""
    return f"uuid:{new_uuid()}"


def form_xml(
    form_id: str = "patrol", version: str | None = "1", *, title: str | None = "Patrol report",
    questions: Mapping[str, str] | None = None, files: Sequence[str] = (), creates: str = "", submission: str = "",
    meta: bool = True,
) -> str:
    """An XForm. questions: name to type ("binary" is a photo); files: names of expected lists and media; creates: the
    entity list to which `name` is saved as label and every other question as property; submission: the `<submission>` tag.
    """
    asked = dict(questions or {"name": "string", "place": "geopoint", "photo": "binary"})
    numbered = "" if version is None else f" version={quoteattr(version)}"
    nodes = "".join(f"<{name}/>" for name in asked)
    entity = f'<entity dataset="{creates}" create="1" id=""><label/></entity>' if creates else ""
    block = f"<orx:meta><orx:instanceID/>{entity}</orx:meta>" if meta else ""
    head = "" if title is None else f"<h:title>{escape(title)}</h:title>"
    return (
        f'<?xml version="1.0"?><h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"'
        f' xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="{ORX}" xmlns:entities="{ENTITIES}"><h:head>{head}'
        f'<model{" entities:entities-version=" + quoteattr("2024.1.0") if creates else ""}>'
        f"<instance><data id={quoteattr(form_id)}{numbered}>{nodes}{block}</data></instance>"
        f"{_secondary(files)}{_binds(asked, creates, meta)}{submission}</model></h:head>"
        f"<h:body>{_controls(asked)}</h:body></h:html>"
    )


def _secondary(files: Sequence[str]) -> str:
    found = []
    for number, name in enumerate(files):
        kind = LIST_TYPES.get("." + name.rpartition(".")[2], "jr://images/")
        found.append(f"<instance id={quoteattr(f'list{number}')} src={quoteattr(kind + name)}/>")
    return "".join(found)


def _binds(asked: Mapping[str, str], creates: str, meta: bool) -> str:
    binds = []
    for name, kind in asked.items():
        saved = f' entities:saveto="{name}"' if creates and name != "name" else ""
        binds.append(f'<bind nodeset="/data/{name}" type="{kind}"{saved}/>')
    if meta:
        binds.append('<bind nodeset="/data/orx:meta/orx:instanceID" type="string" readonly="true()" jr:preload="uid"/>')
    if creates:
        binds.append('<bind nodeset="/data/orx:meta/entity/@id" type="string"/>')
        binds.append('<bind nodeset="/data/orx:meta/entity/label" calculate="/data/name" type="string"/>')
    return "".join(binds)


def _controls(asked: Mapping[str, str]) -> str:
    return "".join(
        f'<upload ref="/data/{name}" mediatype="image/*"><label>{name}</label></upload>' if kind == "binary"
        else f'<input ref="/data/{name}"><label>{name}</label></input>'
        for name, kind in asked.items()
    )


def report_xml(
    instance_id: str | None, form_id: str = "patrol", version: str | None = "1", *, replaces: str = "", entity: str = "",
    **answers: str,
) -> bytes:
    """A report on such a form. replaces: the instanceID that it edits; entity: an `<entity>` element for the meta block."""
    numbered = "" if version is None else f" version={quoteattr(version)}"
    said = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in answers.items())
    ids = f"<orx:instanceID>{escape(instance_id)}</orx:instanceID>" if instance_id else ""
    ids += f"<orx:deprecatedID>{escape(replaces)}</orx:deprecatedID>" if replaces else ""
    return (
        f'<?xml version="1.0"?><data xmlns:orx="{ORX}" id={quoteattr(form_id)}{numbered}>{said}'
        f"<orx:meta>{ids}{entity}</orx:meta></data>"
    ).encode()


def entity_xml(dataset: str, entity_id: str, label: str | None, *, create: str = "1", **attributes: str) -> str:
    """The `<entity>` element of a report. Further attributes by name: update, baseVersion, trunkVersion, branchId."""
    told = {"create": create, **attributes}
    said = "".join(f" {name}={quoteattr(value)}" for name, value in told.items() if value)
    named = "" if label is None else f"<label>{escape(label)}</label>"
    return f'<entity xmlns="{ENTITIES}" dataset="{dataset}" id="{entity_id}"{said}>{named}</entity>'
