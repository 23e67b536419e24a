"""One lane of devices: fills the tasks of its phones with the lists they have then, and sends them through the door."""

from __future__ import annotations

import datetime as dt
import itertools
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
from sync.client.store import REFUSED, WAITING

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
        self._known: dict[int, dict[str, str]] = {}
        self._now = dt.datetime.now(dt.UTC)

    def close(self) -> None:
        """Closes the devices."""
        for device in self._devices.values():
            device.close()

    def pull(self, enrolled: Enrolled, at: dt.datetime) -> None:
        """Brings the forms and lists of one phone up to date, and notes which things of the world are on its lists."""
        device = self._device(enrolled)
        self._now = at
        device.pull()
        listed = {kind: {row["name"] for row in device.rows(name)} for kind, name in _LISTED.items()}
        self._known[enrolled.phone.key] = {
            thing: entity for thing, entity in self._memory.ids.items() if entity in listed.get(thing.partition(" ")[0], ())
        }

    def work(self, enrolled: Enrolled, tasks: list[Task]) -> None:
        """Fills and sends these tasks of one phone with the lists it pulled last. Raises DemoFailed."""
        device = self._device(enrolled)
        known = self._known[enrolled.phone.key]
        for sent, burst in itertools.groupby(tasks, key=lambda task: task.sent):
            pictures = [path for task in burst for path in self._fill(device, task, known)]
            self._now = sent
            self._send(device)
            for path in pictures:
                path.unlink()

    def _device(self, enrolled: Enrolled) -> Device:
        key = enrolled.phone.key
        if key not in self._devices:
            url = f"{self._base_url}/v1/key/{enrolled.token}/projects/1"
            self._devices[key] = Device(self._folder / f"phone{key}", url, clock=self._clock)
        return self._devices[key]

    def _clock(self) -> float:
        return self._now.timestamp()

    def _fill(self, device: Device, task: Task, known: dict[str, str]) -> list[Path]:
        """Fills one report and puts it into the outbox; returns the pictures drawn for it."""
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
            form_id,
            given,
            finished,
            start=finished - dt.timedelta(minutes=random.randrange(6, 35)),
            instance_id=f"uuid:{uuid.UUID(int=random.getrandbits(128), version=4)}",
            rng=random,
        )
        self._remember(device, task, form_id, xml)
        for document in _faulty(xml, str(task.options.get("fault", ""))):
            device.enqueue(document, pictures)
        self._done()
        return list(pictures.values())

    def _send(self, device: Device) -> None:
        sent = device.send()
        if sent.refused or sent.waiting:
            stuck = next(item for item in device.store.items() if item.state in {REFUSED, WAITING})
            raise DemoFailed(f"A report of {stuck.form_id} was not taken: {stuck.message or sent.trouble}")

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
    """The report as it goes out when something is wrong: an old version, an unknown form, or changed on the way."""
    if fault == "old_version":
        return [re.sub(rb' version="[^"]*"', b' version="2026010101"', xml, count=1)]
    if fault == "unknown_form":
        return [xml.replace(b'id="cimic_patrol"', b'id="village_visit"', 1)]
    if fault == "changed_copy":
        return [xml, re.sub(rb"<market>[^<]*</market>", b"<market>closed</market>", xml)]
    return [xml]
