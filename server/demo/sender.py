"""One lane of devices: fills the tasks of its phones with the lists they have then, and sends them through the door."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from forms.entities import operations
from forms.submission import parse_submission
from server.demo import photos
from server.demo.answers import answers
from server.demo.mission import Enrolled
from server.demo.plan import ZONE, Task
from server.demo.world import Facility, Settlement
from sync.client.device import Device

_PICTURE = {"patrol": "photo", "facility": "fac_photo"}
# What a report of this kind makes, and the list on which phones find it later.
_THINGS = {"patrol": "settlement", "facility": "facility"}
_LISTED = {"settlement": "settlements.csv", "facility": "facilities.csv"}


class DemoFailed(Exception):
    """A report of the demo did not arrive as it should; says which and what the server answered."""


@dataclass
class Memory:
    """Which entity each thing of the world became: "facility 7" -> UUID. Shared by all lanes, written once per thing."""

    ids: dict[str, str] = field(default_factory=dict)


class Lane:
    """Some of the mission's phones, one after the other in a thread of its own."""

    def __init__(self, folder: Path, base_url: str, seed: int, memory: Memory, done: Callable[[], None]) -> None:
        self._folder, self._base_url, self._seed, self._memory, self._done = folder, base_url, seed, memory, done
        self._devices: dict[int, Device] = {}
        self._now = dt.datetime.now(dt.UTC)

    def close(self) -> None:
        """Closes the devices."""
        for device in self._devices.values():
            device.close()

    def pull(self, enrolled: Enrolled, at: dt.datetime) -> None:
        """Brings the forms and lists of one phone up to date."""
        self._now = at
        self._device(enrolled).pull()

    def work(self, enrolled: Enrolled, tasks: list[Task]) -> None:
        """Fills and sends these tasks of one phone with the lists it pulled last. Raises DemoFailed."""
        device = self._device(enrolled)
        listed = {kind: {row["name"] for row in device.rows(name)} for kind, name in _LISTED.items()}
        known = {thing: id for thing, id in self._memory.ids.items() if id in listed.get(thing.partition(" ")[0], ())}
        for task in tasks:
            self._report(device, task, known)
            self._done()

    def _device(self, enrolled: Enrolled) -> Device:
        key = enrolled.phone.key
        if key not in self._devices:
            url = f"{self._base_url}/v1/key/{enrolled.token}/projects/1"
            self._devices[key] = Device(self._folder / f"phone{key}", url, clock=lambda: self._now.timestamp())
        return self._devices[key]

    def _report(self, device: Device, task: Task, known: dict[str, str]) -> None:
        random = Random(f"{self._seed} {task.number}")
        form_id, given = answers(task, known, random)
        pictures: dict[str, Path] = {}
        if task.photo:
            name = f"{task.observed:%Y%m%d}_{task.number:04d}.jpg"
            pictures[name] = self._folder / name
            pictures[name].write_bytes(photos.drawing(_caption(task), random))
            given[_PICTURE[task.kind]] = name
        finished = task.observed.astimezone(ZONE)
        xml = device.fill(
            form_id, given, finished, start=finished - dt.timedelta(minutes=random.randrange(6, 35)),
            instance_id=f"uuid:{uuid.UUID(int=random.getrandbits(128), version=4)}", rng=random,
        )
        self._remember(device, task, form_id, xml)
        self._now = task.sent
        for document in _faulty(xml, str(task.options.get("fault", ""))):
            device.enqueue(document, pictures)
        sent = device.send()
        if sent.refused or sent.waiting:
            last = device.store.items()[-1]
            raise DemoFailed(f"Report {task.number} ({form_id}) was not taken: {last.message or sent.trouble}")
        for path in pictures.values():
            path.unlink()

    def _remember(self, device: Device, task: Task, form_id: str, xml: bytes) -> None:
        kind = _THINGS.get(task.kind)
        if kind is None or task.options.get("fault"):
            return
        for operation in operations(parse_submission(xml), device.definition(form_id)):
            if operation.entity_id:
                self._memory.ids.setdefault(f"{kind} {task.subject.key}", operation.entity_id)


def _caption(task: Task) -> str:
    subject: Settlement | Facility = task.subject
    return f"{subject.name}  {task.observed:%Y-%m-%d}"


def _faulty(xml: bytes, fault: str) -> list[bytes]:
    """The report as it goes out, where something is wrong with it: with an old version, an unknown form, or changed on the way."""
    if fault == "old_version":
        return [re.sub(rb' version="[^"]*"', b' version="2026010101"', xml, count=1)]
    if fault == "unknown_form":
        return [xml.replace(b'id="cimic_patrol"', b'id="village_visit"', 1)]
    if fault == "changed_copy":
        return [xml, re.sub(rb"<market>[^<]*</market>", b"<market>closed</market>", xml)]
    return [xml]
