"""The lists that devices choose from: entity lists as CSV (name, label, __version, properties) and the mission's own lists.

A device gets the records of its post's sector and those whose sector is unknown (else the patrol would report them
anew). A post may have an area of its own: of a register that states areas its devices get what lies in it, or where nobody
said. The mission setting device_lists = "mission" gives every device the whole list. A list may be limited further to
the entities of one's own making, or by rules (services.access). Bytes depend on content alone.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from server.models import Dataset
from server.queries import entity_lists as queries
from server.queries import forms as form_queries
from server.queries import mission
from server.queries.entity_lists import Audience
from server.queries.summaries import posts
from server.services import access
from server.services.identity import Identity, Verb
from server.services.journal import now
from sync.registers import Register, load_registers

CONTENT_TYPE = "text/csv; charset=utf-8"
MISSION_LISTS: dict[str, tuple[str, ...]] = {
    "adm1.csv": ("name", "label", "cod_version"),
    "adm2.csv": ("name", "label", "adm1_pcode", "cod_version"),
    "units.csv": ("name", "label", "sector", "rotation_out"),
}
CODE_COLUMNS = ("name", "label", "label_fr", "parent")
# A phone can be lost: numbers and mail addresses of people stay on the server (rule C.8).
_PERSONAL = re.compile(r"(^|_)(phone|tel|telephone|mobile|msisdn|whatsapp|e?mail)\d*($|_)", re.IGNORECASE)
_CONTACT_LISTS = frozenset({"contacts", "key_leaders", "leaders"})
_MAX_CACHED = 32
_MAX_CACHED_BYTES = 64_000_000


@dataclass
class ListFile:
    """A list as served: bytes, MD5 in hexadecimal, and the gzip form made once."""

    data: bytes
    md5: str = field(init=False)
    _gzipped: bytes | None = None

    def __post_init__(self) -> None:
        self.md5 = hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    @property
    def gzipped(self) -> bytes:
        """The bytes compressed, the same each time."""
        if self._gzipped is None:
            self._gzipped = gzip.compress(self.data, 6, mtime=0)
        return self._gzipped


class _Lists:
    """Lists as they were made, by what they hold and by their hash; bounded in number and bytes, the oldest go first."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], ListFile]] = OrderedDict()
        self._lock = threading.Lock()

    def newest(self, key: tuple[Any, ...], stamp: tuple[Any, ...]) -> ListFile | None:
        """The list of that actor if nothing changed since it was made."""
        with self._lock:
            for (kept_key, md5), (kept_stamp, file) in reversed(self._files.items()):
                if kept_key == key and kept_stamp == stamp:
                    self._files.move_to_end((kept_key, md5))
                    return file
        return None

    def announced(self, key: tuple[Any, ...], md5: str) -> ListFile | None:
        """The list of that actor which has this hash, though records may have changed since."""
        with self._lock:
            found = self._files.get((key, md5))
        return found[1] if found else None

    def keep(self, key: tuple[Any, ...], stamp: tuple[Any, ...], file: ListFile) -> None:
        """Remembers a list; what it held before stays for those who were told of its hash."""
        with self._lock:
            self._files[(key, file.md5)] = (stamp, file)
            self._files.move_to_end((key, file.md5))
            while len(self._files) > _MAX_CACHED or (
                len(self._files) > 1 and sum(len(file.data) for _, file in self._files.values()) > _MAX_CACHED_BYTES
            ):
                self._files.popitem(last=False)


_lists = _Lists()


def dataset_csv(session: Session, dataset: Dataset, identity: Identity | None, md5: str | None = None) -> ListFile:
    """The entity list as this actor may have it; made anew only after a record changed.

    md5: the hash that a manifest announced. While that list is still at hand it is served, so that a phone which reads
    the manifest and then the file gets the bytes that it was told of although a report arrived in between.
    """
    audience = _audience(session, dataset, identity)
    properties = _served(dataset, [row.name for row in form_queries.properties(session, dataset.id)])
    key = (str(session.get_bind().engine.url), dataset.id, dataset.name, audience, *properties)
    kept = _lists.announced(key, md5) if md5 else None
    if kept is not None:
        return kept
    stamp = queries.stamp(session, dataset.project_id, dataset.name, audience)
    kept = _lists.newest(key, stamp)
    if kept is not None:
        return kept
    made = ListFile(_csv(
        ("name", "label", "__version", *properties),
        _lines(queries.rows(session, dataset.project_id, dataset.name, audience), properties),
    ))
    _lists.keep(key, stamp, made)
    return made


def list_csv(session: Session, name: str) -> ListFile | None:
    """A list of the mission: areas and units (adm1.csv, adm2.csv, units.csv; header only while it is empty), or a code list by
    its name (sector.csv); else None."""
    if name not in MISSION_LISTS:
        return _codes_csv(session, name)
    lines: Sequence[Sequence[str]]
    if name == "units.csv":
        lines = queries.units(session)
    elif name == "adm1.csv":
        lines = [(code, label, version) for code, label, _parent, version in queries.areas(session, 1, now().date())]
    else:
        lines = queries.areas(session, 2, now().date())
    return ListFile(_csv(MISSION_LISTS[name], lines))


def _codes_csv(session: Session, name: str) -> ListFile | None:
    """A code list with the mission's own codes and without those that have ended; None when no list is called that."""
    if not name.endswith(".csv"):
        return None
    found = mission.offered_codes(session, name.removesuffix(".csv"), now().date())
    lines = [(one.code, one.label_en, one.label_fr or one.label_en, one.parent_code or "") for one in found]
    return ListFile(_csv(CODE_COLUMNS, lines)) if lines else None


def has_rows(file: ListFile) -> bool:
    """Whether a list holds more than its header."""
    return file.data.count(b"\n") > 1


def may_ask(session: Session, dataset: Dataset, identity: Identity) -> bool:
    """Whether somebody may ask about a list: staff who read lists, and whoever may fill a form that is served it."""
    if identity.may(Verb.DATASET_READ):
        return True
    serving = queries.serving_forms(session, dataset.project_id, dataset.name)
    return bool(serving & form_queries.fillable_form_ids(session, dataset.project_id, identity))


def gone(
    session: Session, dataset: Dataset, identity: Identity | None, ids: Iterable[str] | None
) -> list[tuple[str, bool]]:
    """For each id that the server knows: whether the device should drop it (deleted, merged away, not or no longer its).

    Ids that are not known yet are left out: the device's own report of them may still be on its way. None asks about the
    whole list.
    """
    wanted = queries.all_entities(session, dataset.project_id, dataset.name) if ids is None else list(dict.fromkeys(ids))
    known = queries.known_entities(session, dataset.project_id, dataset.name, wanted)
    served = queries.visible_records(session, dataset.project_id, dataset.name, _audience(session, dataset, identity), known)
    return [(each, each not in served) for each in wanted if each in known]


def _audience(session: Session, dataset: Dataset, identity: Identity | None) -> Audience:
    """What limits this actor's copy of the list."""
    limits = access.of(session, dataset, identity)
    areas = _areas_of(session, dataset, identity)
    return Audience(None if areas else sector_of(session, identity), areas, limits.owner_id, limits.pairs)


def _areas_of(session: Session, dataset: Dataset, identity: Identity | None) -> tuple[str, tuple[str, ...]] | None:
    """The property of the list that names an area, and the codes in the post's own area; None where either is missing."""
    if identity is None or identity.type != "field_key" or mission.setting(session, "device_lists", "sector") == "mission":
        return None
    post = posts(session, [identity.post_id]).get(identity.post_id) if identity.post_id is not None else None
    register = _registers().get(dataset.register or "")
    named = [name for name, each in register.properties.items() if each.type == "area"] if register else []
    if post is None or post.area_code is None or not named:
        return None
    return named[0], queries.area_and_below(session, post.area_code)


def sector_of(session: Session, identity: Identity | None) -> int | None:
    """The sector whose records this actor gets as a list; None for all of them."""
    if identity is None or mission.setting(session, "device_lists", "sector") == "mission":
        return None
    if identity.type == "field_key":
        post = posts(session, [identity.post_id]).get(identity.post_id) if identity.post_id is not None else None
        return post.sector_id if post else None
    return identity.scope.sector_id


@lru_cache(maxsize=1)
def _registers() -> dict[str, Register]:
    return load_registers()


def _served(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """The properties that devices get: what the register file lets out, and of registers and contact lists no personal ones."""
    register = _registers().get(dataset.register or "")
    if register is None and dataset.name not in _CONTACT_LISTS:
        return list(names)
    closed = {name for name, each in register.properties.items() if not each.on_devices} if register else set()
    return [name for name in names if name not in closed and not _PERSONAL.search(name)]


def _lines(rows: Iterable[tuple[str, str, int, dict[str, Any]]], properties: Sequence[str]) -> list[list[str]]:
    """One line per record, by label as people read it, then id: the order in which a phone shows the choices."""
    lines = [
        [record_id, label or record_id, str(version), *(_text(data.get(name)) for name in properties)]
        for record_id, label, version, data in rows
    ]
    lines.sort(key=lambda line: (line[1].casefold(), line[0]))
    return lines


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _csv(header: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return buffer.getvalue().encode()
