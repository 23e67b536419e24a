"""What is on a device: forms, lists and the reports it sent. Asked when one is lost, so computed for a revoked one too."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.queries import device_contents as queries
from server.queries import device_forms, forms
from server.queries.device_contents import Sent
from server.queries.devices import Device
from server.services import form_media
from server.services.identity import APP_USER_VERBS, Identity


@dataclass(frozen=True, slots=True)
class HeldForm:
    """A form that the device may fill. encrypted: its reports leave the phone encrypted."""

    xml_form_id: str
    title: str
    version: str
    encrypted: bool


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A list or file of its forms. rows: entries of a list, None for any other file; size in bytes; entities: a register."""

    name: str
    rows: int | None
    size: int
    entities: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a device was given and what it sent, copies of which a phone keeps."""

    forms: list[HeldForm]
    files: list[HeldFile]
    sent: list[Sent]


def contents(session: Session, device: Device) -> Contents:
    """What the device may have on it now, were it to fetch everything it is allowed."""
    who, project_id = device_identity(device), device.app_user.project_id
    listed = device_forms.open_forms(session, project_id, forms.fillable_form_ids(session, project_id, who))
    encrypted = queries.encrypted_versions(session, [form.version_id for form in listed])
    held = [
        HeldForm(form.xml_form_id, form.title or form.xml_form_id, form.version, form.version_id in encrypted) for form in listed
    ]
    files: dict[str, HeldFile] = {}
    for form in listed:
        if form.expects_files:
            for file in form_media.form_media(session, project_id, form.version_id, who):
                rows = None if file.content is None else max(file.content.data.count(b"\n") - 1, 0)
                files[file.name] = HeldFile(file.name, rows, file.size, file.dataset is not None)
    return Contents(held, sorted(files.values(), key=lambda file: file.name), queries.sent(session, device.actor.id))


def device_identity(device: Device) -> Identity:
    """The device as it asks for its lists."""
    return Identity(
        actor_id=device.actor.id, name=device.actor.display_name, type="field_key", role="app_user", how="system",
        verbs=APP_USER_VERBS, post_id=device.app_user.post_id, project_id=device.app_user.project_id,
    )
