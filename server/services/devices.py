"""Devices of posts (ODK's app users): make, show the QR code again, re-issue, revoke, and when they were last seen.

A token is shown to whoever may manage devices and is stored only as hash and sealed; it never goes into logs or audits.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import segno
from sqlalchemy.orm import Session

from forms import openrosa
from server.config import Settings
from server.models import Actor, AppUser, Post
from server.problems import Problem
from server.queries import devices as queries
from server.queries import form_downloads
from server.queries import forms as form_queries
from server.queries import mission as mission_queries
from server.services import authentication, device_cards, entries, tokens
from server.services.addresses import is_local, lan_address
from server.services.audits import audit
from server.services.identity import Identity
from server.services.journal import now

_ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never bound to
_LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}  # noqa: S104


@dataclass(frozen=True)
class FieldLink:
    """How a browser is enrolled: the link, its QR as SVG text, whether browsers let the app work at that address."""

    link: str
    svg: str
    works: bool


@dataclass(frozen=True)
class QrCard:
    """What a device needs to start: the server URL for typing, the settings as JSON object, the QR as SVG text."""

    server_url: str
    settings: dict[str, Any]
    payload: str
    svg: str

    @property
    def unsafe(self) -> bool:
        """Whether reports travel in clear unless their form is encrypted."""
        return not self.server_url.startswith("https://")

    @property
    def only_here(self) -> bool:
        """Whether the address is this machine's own, so that no phone can reach it."""
        host = urlsplit(self.server_url).hostname or ""
        return host in _LOOPBACK or host.startswith("127.")

    @property
    def beyond_lan(self) -> bool:
        """Whether that is so on an address that is no local network's, where it must not be."""
        return self.unsafe and not is_local(urlsplit(self.server_url).hostname or "")


def create_device(
    session: Session, settings: Settings, actor: Identity | None, *, name: str, post_id: int | None = None, project_id: int = 1,
) -> tuple[queries.Device, str]:
    """Makes a device of a post and commits; returns it with its token. Raises not_found for an unknown project or post."""
    name = entries.text("Name of the device", name)
    project = form_queries.project(session, project_id)
    post = session.get(Post, post_id) if post_id is not None else None
    if project is None or (post_id is not None and (post is None or post.closed_at is not None)):
        raise Problem("not_found")
    person = Actor(type="field_key", display_name=name, created_at=now())
    session.add(person)
    session.flush()
    token = authentication.new_token()
    app_user = AppUser(
        actor_id=person.id, project_id=project_id, post_id=post_id, created_by=actor.actor_id if actor else None,
        token_sha256=authentication.token_hash(token), token_sealed=tokens.seal(settings.secret_key, token),
    )
    session.add(app_user)
    audit(session, actor, "field_key.create", f"actor/{person.id}", {"name": name, "post": post.code if post else None})
    session.commit()
    return queries.Device(app_user, person, post, actor.name if actor else None), token


def create_devices(session: Session, settings: Settings, actor: Identity | None, post_ids: list[int]) -> list[queries.Device]:
    """One more device for each of these posts, named after the post and numbered, as the set-up page makes them."""
    made = []
    for post_id in post_ids:
        post = session.get(Post, post_id)
        if post is None:
            raise Problem("not_found")
        number = len(queries.devices(session, 1, post_id)) + 1
        device, _token = create_device(session, settings, actor, name=f"{post.name} {number}", post_id=post_id)
        made.append(device)
    return made


def revoke(session: Session, actor: Identity | None, actor_id: int) -> None:
    """Shuts a device out for good and commits; what it sent stays. A second time changes nothing."""
    device = _device(session, actor_id)
    if device.app_user.revoked_at is not None:
        return
    device.app_user.revoked_at = device.actor.updated_at = now()
    # The hash stays: a revoked key is answered as a known one that has no rights.
    device.app_user.token_sealed = None
    audit(session, actor, "field_key.session.end", f"actor/{actor_id}")
    session.commit()


def reissue(session: Session, settings: Settings, actor: Identity | None, actor_id: int) -> str:
    """A new token for a device (lost phone, revoked by mistake), the old one ends at once; commits and returns the token."""
    device = _device(session, actor_id)
    token = authentication.new_token()
    device.app_user.token_sha256 = authentication.token_hash(token)
    device.app_user.token_sealed = tokens.seal(settings.secret_key, token)
    device.app_user.revoked_at = None
    device.actor.updated_at = now()
    # Whoever scans the new code may hold another phone, which has fetched nothing yet.
    form_downloads.forget(session, actor_id)
    audit(session, actor, "field_key.session.create", f"actor/{actor_id}")
    session.commit()
    return token


def rename(session: Session, actor: Identity | None, actor_id: int, name: str, post_id: int | None) -> None:
    """Renames a device or hands it to another post, and commits."""
    device = _device(session, actor_id)
    if post_id is not None and session.get(Post, post_id) is None:
        raise Problem("not_found")
    device.actor.display_name = entries.text("Name of the device", name)
    device.app_user.post_id, device.actor.updated_at = post_id, now()
    audit(session, actor, "field_key.update", f"actor/{actor_id}", {"name": device.actor.display_name, "post_id": post_id})
    session.commit()


def delete(session: Session, actor: Identity | None, actor_id: int) -> None:
    """Takes a device off the lists (ODK's DELETE of an app user), revoking it, and commits."""
    device = _device(session, actor_id)
    device.actor.deleted_at = now()
    device.app_user.revoked_at = device.app_user.revoked_at or now()
    device.app_user.token_sealed = None
    audit(session, actor, "field_key.delete", f"actor/{actor_id}")
    session.commit()


def token_of(settings: Settings, app_user: AppUser) -> str | None:
    """The device's token, or None when it is revoked or the server's secret key has changed since."""
    return None if app_user.revoked_at is not None else tokens.unseal(settings.secret_key, app_user.token_sealed)


def qr_card(session: Session, settings: Settings, device: queries.Device, request_root: str) -> QrCard:
    """The QR code with which ODK Collect sets itself up. `request_root` is the address the officer's browser uses.

    Raises state_conflict for a revoked device, and for one whose token the present secret key cannot open.
    """
    token = token_of(settings, device.app_user)
    if token is None:
        reason = "the device is revoked" if device.app_user.revoked_at else "the server's secret key changed since"
        raise Problem("state_conflict", reason=f"{reason}; issue a new code for it.")
    url = server_url(settings, token, device.app_user.project_id, request_root)
    project = form_queries.project(session, device.app_user.project_id)
    languages = mission_queries.setting(session, "languages") or ["en"]
    collect = openrosa.collect_settings(
        url, project.name if project else "Fieldpost", language=languages[0] if len(languages) == 1 else None,
        username=device.actor.display_name,
    )
    payload = openrosa.qr_payload(collect)
    # Level L, as Collect's own codes: the payload is long, and a denser code is harder to scan from a page.
    picture = segno.make_qr(payload, error="l", boost_error=False)
    return QrCard(url, collect, payload, picture.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True))


def field_link(settings: Settings, device: queries.Device, request_root: str) -> FieldLink:
    """The link, and its QR code, with which the field app in a browser sets itself up; the key lies in the fragment, which no
    server log sees. Raises state_conflict as `qr_card`.
    """
    token = token_of(settings, device.app_user)
    if token is None:
        raise Problem("state_conflict", reason="the device's key cannot be shown; issue a new code for it.")
    root = _secure_root(device_base_url(settings, request_root))
    said = json.dumps({"server": f"/v1/key/{token}/projects/{device.app_user.project_id}"}).encode()
    link = f"{root}/field/#enrol={base64.urlsafe_b64encode(said).decode().rstrip('=')}"
    picture = segno.make_qr(link, error="l", boost_error=False)
    svg = picture.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    # Browsers encrypt and work offline over https only, and on the machine itself.
    host = urlsplit(root).hostname or ""
    return FieldLink(link, svg, root.startswith("https://") or host in _LOOPBACK or host.startswith("127."))


def _secure_root(root: str) -> str:
    """The https twin of the server's address where `fieldpost serve --tls` runs it."""
    port, parts = os.environ.get("FIELDPOST_TLS_PORT", ""), urlsplit(root)
    if not port.isdigit() or parts.scheme == "https":
        return root
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"https://{host}:{port}"


def printed_card(session: Session, settings: Settings, device: queries.Device, request_root: str) -> device_cards.Card:
    """What the device's printable card says. Raises as `qr_card`."""
    shown = qr_card(session, settings, device, request_root)
    phone = (device.post.duty_phone if device.post else None) or mission_queries.setting(session, "duty_phone") or ""
    return device_cards.Card(
        mission=str(mission_queries.setting(session, "mission_name") or "Fieldpost"), call_sign=device.actor.display_name,
        post=device.post.name if device.post else "", duty_phone=str(phone), payload=shown.payload, unsafe=shown.unsafe,
        issued=now().strftime("%Y-%m-%d"),
    )


def server_url(settings: Settings, token: str, project_id: int, request_root: str) -> str:
    """The server URL of a device: base address, key, project."""
    return f"{device_base_url(settings, request_root)}/v1/key/{token}/projects/{project_id}"


def device_base_url(settings: Settings, request_root: str) -> str:
    """The address under which a phone finds this server, without a slash at the end.

    FIELDPOST_BASE_URL when set. Else the address of the request; when that is loopback while the server listens on all
    addresses (HOST=0.0.0.0), this machine's address on the local network, because a phone cannot follow loopback.
    """
    if settings.base_url:
        return settings.base_url.rstrip("/")
    parts = urlsplit(request_root)
    if settings.listen in _ANYWHERE and (parts.hostname or "") in _LOOPBACK:
        found = lan_address()
        if found:
            return f"{parts.scheme}://{found}" + (f":{parts.port}" if parts.port else "")
    return f"{parts.scheme}://{parts.netloc}"


def _device(session: Session, actor_id: int) -> queries.Device:
    found = queries.device(session, actor_id)
    if found is None:
        raise Problem("not_found")
    return found
