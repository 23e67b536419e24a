"""Patrol reports for the server's tests of merging: the shipped questionnaires, filled by name and taken in for real."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from lxml import etree
from sqlalchemy import select
from sqlalchemy.orm import Session

from forms.definition import parse
from forms.xlsform import convert
from server.models import Form, FormVersion
from server.services import intake
from server.services.identity import ROLES, Identity
from server.services.journal import now
from server.services.uploads import Upload

LIBRARY = Path(__file__).resolve().parents[2] / "forms" / "library"


@lru_cache
def form_xml(form_id: str) -> bytes:
    """The XForm of a questionnaire of the library."""
    return convert((LIBRARY / f"{form_id}.xlsx").read_bytes(), f"{form_id}.xlsx").xml


def publish(session: Session, form_id: str) -> FormVersion:
    """The questionnaire as a published form of project 1."""
    xml = form_xml(form_id)
    definition = parse(xml)
    form = Form(project_id=1, xml_form_id=form_id, created_at=now())
    session.add(form)
    session.flush()
    version = FormVersion(
        form_id=form.id,
        version=definition.version or "",
        title=form_id,
        xml=xml,
        md5="0" * 32,
        sha256=uuid.uuid4().hex * 2,
        definition=definition.to_json(),
        findings=[],
        created_at=now(),
        published_at=now(),
    )
    session.add(version)
    session.flush()
    form.current_version_id = version.id
    session.commit()
    return version


def filled(
    form_id: str,
    answers: Mapping[str, str],
    entity: Mapping[str, str],
    label: str | None = None,
    instance_id: str | None = None,
    deprecated_id: str | None = None,
) -> bytes:
    """The XML of a report: answers by question name, the attributes of its entity, and its ids."""
    tree = etree.fromstring(form_xml(form_id))
    instance = next(node for node in tree.iter() if isinstance(node.tag, str) and etree.QName(node).localname == "instance")
    root = copy.deepcopy(instance[0])
    for node in root.iter():
        name = etree.QName(node).localname
        if name in answers:
            node.text = answers[name]
        if name == "instanceID":
            node.text = instance_id or f"uuid:{uuid.uuid4()}"
            if deprecated_id:
                etree.SubElement(node.getparent(), node.tag.replace("instanceID", "deprecatedID")).text = deprecated_id
        if name == "entity":
            for key in ("create", "update", "baseVersion", "trunkVersion", "branchId", "id"):
                node.attrib.pop(key, None)
            node.attrib.update(entity)
            for child in node:
                child.text = label
    return etree.tostring(root)


def send(session: Session, xml: bytes, actor_id: int) -> intake.Receipt:
    """Sends a report the way every door does."""
    identity = Identity(actor_id=actor_id, name="HQ Officer", type="user", role="hq_officer", how="bearer",
                        verbs=ROLES["hq_officer"])  # fmt: skip
    with Upload(xml) as upload:
        return intake.receive(session, upload, project_id=1, sender=intake.Sender(identity))


def clinic(
    name: str,
    place: str,
    *,
    entity_id: str,
    unit: str = "BANBATT-3",
    day: str = "2026-11-03",
    functionality: str = "full",
    source: str = "observed",
    update: int | None = None,
    **ids: str,
) -> bytes:
    """A report about a health centre; `update` is the base version when it is a known one."""
    answers = {
        "reporting_unit": unit,
        "reporter_role": "patrol",
        "report_date": day,
        "adm1": "CF32",
        "adm2": "CF321",
        "fac_group": "health",
        "fac_type": "health_centre",
        "fac_name": name,
        "fac_adm2": "CF321",
        "fac_source": source,
        "ownership": "public",
        "functionality": functionality,
        "gps": place,
        "fac_geo": place,
    }
    entity = {"dataset": "facilities", "id": entity_id}
    entity |= {"update": "1", "baseVersion": str(update)} if update else {"create": "1"}
    return filled("key_infrastructure", answers, entity, f"{name} (Health centre)", **ids)


def only_form(session: Session, form_id: str) -> Form:
    """The form of that id."""
    return session.scalars(select(Form).where(Form.xml_form_id == form_id)).one()
