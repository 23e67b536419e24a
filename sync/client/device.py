"""A whole device: pull forms and lists, fill, keep reports, send them. Each is safe to be killed in.

    device = Device(store, server_url)
    device.pull()
    device.enqueue(device.fill("cimic_patrol", answers, now), {"photo.jpg": path})
    device.send()
"""

from __future__ import annotations

import datetime as dt
import hashlib
import mimetypes
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from forms import definition as definitions
from forms.encryption import ENDING, Sealing, public_key
from forms.fields import FormDefinition
from forms.filling import Answer, fill
from forms.nodes import Lists
from forms.submission import ParsedSubmission, derived_instance_id, parse_submission
from sync.client import documents, files, lock
from sync.client.documents import ListedFile, ListedForm
from sync.client.http import CONNECT_SECONDS, READ_SECONDS, Connection
from sync.client.problems import DeviceProblem, ServerAway, UnknownForm
from sync.client.sending import FIRST_PAUSE, Report, Sender, Sent
from sync.client.store import Item, KeptFile, KeptForm, Store

_MANIFEST_READS = 4


class _OtherBytes(ServerAway):
    """A download was not what its hash announced."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What `pull` fetched: ids of new or changed forms, number of files downloaded, forms on the device now."""

    changed: tuple[str, ...]
    files: int
    forms: int


class Device:
    """One device over a folder. One object per thread; `clock` gives seconds since 1970."""

    def __init__(
        self, folder: Path, server_url: str | None = None, *, clock: Callable[[], float] = time.time,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self.store = Store(folder)
        self._timeouts = timeouts
        self._clock = clock
        if server_url is not None:
            self.store.put_setting("server_url", server_url.rstrip("/"))
        if self.store.setting("device_id") is None:
            self.store.put_setting("device_id", f"fieldpost:{secrets.token_urlsafe(12)}")
        self._definitions: dict[str, FormDefinition] = {}
        self._lists: dict[tuple[str, ...], Lists] = {}
        self._tables: dict[str, list[dict[str, str]]] = {}
        self._connection: Connection | None = None

    def close(self) -> None:
        """Closes files and connections."""
        if self._connection is not None:
            self._connection.close()
        self.store.close()

    @property
    def device_id(self) -> str:
        """The device's own mark, sent with every request."""
        return self.store.setting("device_id") or ""

    @property
    def connection(self) -> Connection:
        """The way to the server. Raises DeviceProblem when the device was never enrolled."""
        if self._connection is None:
            url = self.store.setting("server_url")
            if url is None:
                raise DeviceProblem("This device is not enrolled; give it a server URL or the text of its QR code first.")
            self._connection = Connection(url, self.device_id, self._clock, self._timeouts)
        return self._connection

    def pull(self) -> Pulled:
        """Brings forms and lists up to date; what has not changed is not downloaded. Raises ServerAway, ServerRefused.

        Forms that the server no longer offers are forgotten; reports of theirs in the outbox stay.
        """
        with lock.alone(self.store.folder / "pull.lock"):
            offered = documents.form_list(self._cached(f"{self.connection.server_url}/formList"))
            kept = {form.form_id: form for form in self.store.forms()}
            changed, fetched = [], 0
            for form in offered:
                got = self._bring(form, kept.get(form.form_id))
                if got is not None:
                    fetched += got
                    changed.append(form.form_id)
            self.store.keep_only_forms([form.form_id for form in offered])
            files.drop_others(self.store.downloads, self.store.downloads_in_use())
        return Pulled(tuple(changed), fetched, len(offered))

    def forms(self) -> list[KeptForm]:
        """The forms on the device."""
        return self.store.forms()

    def definition(self, form_id: str) -> FormDefinition:
        """A downloaded form. Raises UnknownForm."""
        form = next((each for each in self.store.forms() if each.form_id == form_id), None)
        if form is None:
            raise UnknownForm(f"This device has no form {form_id!r}; pull first, or ask whether it is assigned.")
        if form.md5 not in self._definitions:
            self._definitions[form.md5] = definitions.parse((self.store.downloads / form.md5).read_bytes())
        return self._definitions[form.md5]

    def lists(self, form_id: str) -> Lists:
        """The downloaded lists of a form, prepared for filling and checking."""
        definition = self.definition(form_id)
        named = {name: md5 for name, md5 in self.store.form_files(form_id).items() if name.lower().endswith(".csv")}
        key = (form_id, *named.values())
        if key not in self._lists:
            self._lists = {each: made for each, made in self._lists.items() if each[0] != form_id}
            self._lists[key] = Lists(definition, {name: self._table(md5) for name, md5 in named.items()})
        return self._lists[key]

    def rows(self, list_name: str) -> list[dict[str, str]]:
        """The rows of a downloaded list ("settlements.csv"), whichever form needs it; empty when there is none."""
        for form in self.store.forms():
            md5 = self.store.form_files(form.form_id).get(list_name)
            if md5 is not None:
                return self._table(md5)
        return []

    def fill(
        self, form_id: str, answers: Mapping[str, Answer], now: dt.datetime, *, instance_id: str | None = None,
        start: dt.datetime | None = None, rng: Random | None = None,
    ) -> bytes:
        """A report's XML as a phone makes it. Raises UnknownForm, FillingProblem (see `forms.filling.fill`)."""
        return fill(
            self.definition(form_id), answers, self.lists(form_id), now, device_id=self.device_id, instance_id=instance_id,
            start=start, end=now, rng=rng,
        )

    def enqueue(self, xml: bytes, attachments: Mapping[str, Path] | None = None) -> Item:
        """Takes a report with its files into the outbox; when it returns, a power cut loses nothing of it.

        On a form with a public key the outbox holds the report encrypted. The very same report again is the one that is
        there. Raises SubmissionXmlError or XmlRefused for what is no report, DeviceProblem for a file that cannot be read
        and for a report that must be encrypted and cannot be.
        """
        parsed = parse_submission(xml)
        instance_id = parsed.instance_id or derived_instance_id(parsed.canonical_hash)
        sealing = None if parsed.encrypted else self._sealing(parsed)
        if sealing is None:
            sent = xml
            kept = [self._keep(name, path) for name, path in (attachments or {}).items()]
        else:
            kept = [self._keep_encrypted(sealing, name, files.pieces(path)) for name, path in (attachments or {}).items()]
            kept.append(self._keep_encrypted(sealing, "submission.xml", [xml]))
            sent = sealing.manifest()
        item_id = self.store.put_report(
            instance_id, parsed.form_id, hashlib.sha256(xml).hexdigest(), sent, kept, self._clock()
        )
        item = self.store.item(item_id)
        if item is None:
            raise DeviceProblem("The report was removed from the outbox while it was being queued.")
        return item

    def send(
        self, patience: float = 0.0, settled: Report | None = None, *, sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None, first_pause: float = FIRST_PAUSE,
    ) -> Sent:
        """Sends what waits, trying again for `patience` seconds. Raises SenderBusy, ServerRefused (nothing was touched)."""
        with lock.alone(self.store.folder / "send.lock"):
            sender = Sender(self.store, self.connection, self._clock, sleep=sleep, random=random, first_pause=first_pause)
            sent = sender.run(patience, settled)
            files.drop_others(self.store.attachments, self.store.attachments_in_use())
        return sent

    def export(self, item: Item, folder: Path) -> Path:
        """Writes a report with its files into a folder of its own, to be carried elsewhere; returns that folder."""
        target = folder / item.instance_id.replace(":", "-").replace("/", "-")
        target.mkdir(parents=True, exist_ok=True)
        (target / "submission.xml").write_bytes(item.xml)
        for file in item.files:
            source = self.store.attachments / file.sha256
            if source.exists():
                with (target / Path(file.name).name).open("wb") as out:
                    out.writelines(files.pieces(source))
        return target

    def _keep(self, name: str, path: Path) -> KeptFile:
        try:
            digest, size = files.keep(self.store.attachments, files.pieces(path))
        except OSError as error:
            raise DeviceProblem(f"The file {path} cannot be read: {error.strerror}.") from error
        return KeptFile(name, digest, size, mimetypes.guess_type(name)[0] or "application/octet-stream", False)

    def _sealing(self, parsed: ParsedSubmission) -> Sealing | None:
        """What encrypts this report; None for a form without key, or one that this device does not have."""
        try:
            text = self.definition(parsed.form_id).public_key
        except UnknownForm:
            return None
        if not text:
            return None
        key = public_key(text)
        if key is None or parsed.instance_id is None:
            reason = "its form's public key cannot be read" if key is None else "it has no instanceID"
            raise DeviceProblem(f"The report must be encrypted and cannot be: {reason}.")
        return Sealing(key, parsed.form_id, parsed.version, parsed.instance_id)

    def _keep_encrypted(self, sealing: Sealing, name: str, pieces: Iterable[bytes]) -> KeptFile:
        try:
            digest, size = files.keep(self.store.attachments, sealing.encrypt(name, pieces))
        except OSError as error:
            raise DeviceProblem(f"The file {name} cannot be read: {error.strerror}.") from error
        return KeptFile(f"{name}{ENDING}", digest, size, "application/octet-stream", False)

    def _cached(self, url: str) -> bytes:
        """A document of the server, asked for with the ETag of the last time."""
        known = self.store.answer(url)
        response = self.connection.get(url, known[0] if known else None)
        if response.status_code == 304 and known:
            return known[1]
        etag = response.headers.get("ETag")
        if etag:
            self.store.put_answer(url, etag, response.content)
        return response.content

    def _bring(self, form: ListedForm, kept: KeptForm | None) -> int | None:
        """The form with its files as the server has them now; number of downloads, None when nothing had changed.

        A list may change between its manifest and its download, while reports arrive: then the manifest is read again.
        """
        for attempt in range(1, _MANIFEST_READS + 1):
            needed = documents.manifest(self._cached(form.manifest_url)) if form.manifest_url else []
            before = self.store.form_files(form.form_id)
            if kept == _kept(form) and before == {file.name: file.md5 for file in needed}:
                return None
            try:
                return self._download_form(form, needed)
            except _OtherBytes:
                if attempt == _MANIFEST_READS:
                    raise
        return None

    def _download_form(self, form: ListedForm, needed: list[ListedFile]) -> int:
        fetched = self._download(form.download_url, form.md5)
        for file in needed:
            fetched += self._download(file.download_url, file.md5)
        self.store.put_form(_kept(form), [(file.name, file.md5, file.is_entity_list) for file in needed])
        return fetched

    def _download(self, url: str, md5: str) -> int:
        """1 when the file was fetched, 0 when it is here. Raises ServerAway when the bytes are not what was announced."""
        if (self.store.downloads / md5).exists():
            return 0
        got, _size = files.keep(self.store.downloads, [self.connection.get(url).content], "md5")
        if got != md5:
            raise _OtherBytes(f"The download {url} is not what its hash announced; it may have changed just now, pull again.")
        return 1

    def _table(self, md5: str) -> list[dict[str, str]]:
        if md5 not in self._tables:
            if len(self._tables) > 50:
                self._tables.clear()
            self._tables[md5] = documents.table((self.store.downloads / md5).read_bytes())
        return self._tables[md5]


def _kept(form: ListedForm) -> KeptForm:
    return KeptForm(form.form_id, form.name, form.version, form.md5)
