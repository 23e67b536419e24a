"""A few real reports for the tests of officers' pages: a patrol questionnaire, filled by the form's own rules, with photos."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

from flask import Flask
from PIL import Image
from sqlalchemy.orm import Session

from forms.definition import parse
from forms.filling import fill
from server.models import FormAttachment, FormDuty
from server.services import folding, intake
from server.services.blobs import BlobStore
from server.services.identity import APP_USER_VERBS, Identity
from server.services.uploads import Upload
from tests.cast import Cast
from tests.server.patrols import form_xml, publish

VISIT: dict[str, Any] = {
    "reporting_unit": "BANBATT-3",
    "reporter_role": "patrol",
    "report_date": dt.date(2026, 11, 3),
    "adm1": "CF32",
    "adm2": "CF321",
    "settlement_new": "Gbadé",
    "gps": "6.4901 17.4520 410 5",
    "visit_purpose": "cimic",
    "sources": ["ki_leader", "observed"],
    "consent_share": "yes",
    "pop_total": 2400,
    "pop_source": "ki_leader",
    "move_dir": "none",
    "max_vehicle": "3",
    "need1": "water",
    "severity": "3",
    "urgent": "no",
}  # fmt: skip


def publish_patrol(session: Session) -> None:
    """Publishes the patrol questionnaire and gives it to both kinds of post of the cast."""
    version = publish(session, "cimic_patrol")
    for file in parse(version.xml).attachments:
        session.add(FormAttachment(form_version_id=version.id, name=file.filename, type=file.type))
    for kind in ("patrol_unit", "team_site"):
        session.add(FormDuty(project_id=1, xml_form_id="cimic_patrol", post_type=kind))
    session.commit()


def visit(changed: Mapping[str, Any] | None = None, **ids: str) -> bytes:
    """The XML of a patrol report; `changed` are answers that differ from an ordinary visit."""
    definition = parse(form_xml("cimic_patrol"))
    answers = {**VISIT, **(changed or {})}
    known = {name: value for name, value in answers.items() if definition.find(name)}
    instant = dt.datetime(2026, 11, 3, 9, 30, tzinfo=dt.UTC)
    return fill(definition, known, {}, instant, device_id="collect:secret-device", username="capt.unknown", **ids)


def device(cast: Cast, number: int = 0) -> Identity:
    """The phone of a post of the cast."""
    return Identity(
        actor_id=cast.device_actor_ids[number],
        name=f"Phone {number}",
        type="field_key",
        role="app_user",
        how="key",
        verbs=APP_USER_VERBS,
        post_id=cast.post_ids[number],
        project_id=1,
    )


def send(
    app: Flask, session: Session, cast: Cast, xml: bytes, files: Mapping[str, bytes] | None = None, number: int = 0
) -> intake.Receipt:
    """Sends a report from a post's phone and folds it in."""
    store = BlobStore(app.config["SETTINGS"])
    with Upload(xml) as upload:
        for name, data in (files or {}).items():
            upload.add(store, name, data, "image/jpeg")
        sender = intake.Sender(device(cast, number), device_id="collect:secret-device", user_agent="Collect/2026.1")
        receipt = intake.receive(session, upload, project_id=1, sender=sender)
    assert not folding.drain(session).failing
    return receipt


def photo(width: int = 640, height: int = 480, *, position: bool = True, colour: str = "olive") -> bytes:
    """A JPEG as phones make them, with a GPS position and an orientation in its EXIF."""
    image = Image.new("RGB", (width, height), colour)
    exif = Image.Exif()
    exif[0x0112] = 6
    if position:
        exif.get_ifd(0x8825).update({1: "N", 2: (6.0, 29.0, 24.0), 3: "E", 4: (17.0, 27.0, 7.0)})
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()
