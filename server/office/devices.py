"""Devices of posts: make, QR card on screen and on paper, re-issue, revoke, when last seen."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from server.extensions import db
from server.gate import allow, identity
from server.office import labels
from server.office.layout import back_to
from server.problems import Problem
from server.queries import devices as queries
from server.queries import mission as mission_queries
from server.services import device_cards, device_contents, devices, route_classes, sealed_import
from server.services.identity import Verb
from server.services.journal import now

QUIET = dt.timedelta(days=14)
MAX_CARDS = 200
blueprint = Blueprint("devices", __name__)


def _session() -> Session:
    return db.session()


@blueprint.get("/devices")
@allow(Verb.DEVICE_MANAGE)
def index() -> str:
    """All devices by post, with what each was last heard of."""
    session = _session()
    found = queries.devices(session, 1)
    return render_template(
        "devices.html",
        devices=found,
        posts=mission_queries.posts(session),
        labels=labels,
        quiet_before=now() - QUIET,
        active=[each for each in found if each.app_user.revoked_at is None],
    )


@blueprint.post("/devices")
@allow(Verb.DEVICE_MANAGE)
def create() -> Response:
    """One device for a post, or one for each chosen post; then its card."""
    session, settings, who = _session(), current_app.config["SETTINGS"], identity()
    post_ids = request.form.getlist("post", type=int)
    if not post_ids:
        raise Problem("invalid_input", reason=_("Choose at least one post."))
    name = request.form.get("name", "").strip()
    if len(post_ids) == 1 and name:
        device, _token = devices.create_device(session, settings, who, name=name, post_id=post_ids[0])
        return back_to("devices.card", actor_id=device.actor.id)
    made = devices.create_devices(session, settings, who, post_ids[:MAX_CARDS])
    if len(made) == 1:
        return back_to("devices.card", actor_id=made[0].actor.id)
    return back_to("devices.cards", id=",".join(str(device.actor.id) for device in made))


def _device(actor_id: int) -> queries.Device:
    found = queries.device(_session(), actor_id)
    if found is None:
        raise Problem("not_found")
    return found


@blueprint.get("/devices/<int:actor_id>")
@allow(Verb.DEVICE_MANAGE)
def card(actor_id: int) -> Response:
    """One device with its QR code. The page holds a key, so nothing may keep it."""
    device = _device(actor_id)
    shown = _cards([device])
    return _secret(render_template(
        "device.html", device=device, card=shown[0][1] if shown else None, svg=_svg, posts=mission_queries.posts(_session()),
        contents=device_contents.contents(_session(), device), labels=labels, field=_field_link(device),
    ))


@blueprint.get("/devices/cards")
@allow(Verb.DEVICE_MANAGE)
def cards() -> Response:
    """Cards on screen: the devices in ?id=1,2,3, or all that are active."""
    return _secret(render_template("device_cards.html", cards=_cards(_wanted()), svg=_svg, ids=request.args.get("id", "")))


@blueprint.get("/devices/cards.pdf")
@allow(Verb.DEVICE_MANAGE)
def cards_pdf() -> Response:
    """The same cards to print, one A6 page each. Raises Problem not_found when there is none."""
    found = [each for each in _wanted() if devices.token_of(current_app.config["SETTINGS"], each.app_user)]
    if not found:
        raise Problem("not_found")
    return _pdf(found, "device-cards.pdf")


@blueprint.get("/devices/<int:actor_id>/card.pdf")
@allow(Verb.DEVICE_MANAGE)
def card_pdf(actor_id: int) -> Response:
    """The device's card to print. Raises Problem state_conflict for one that is shut out."""
    return _pdf([_device(actor_id)], f"device-card-{actor_id}.pdf")


def _wanted() -> list[queries.Device]:
    wanted = {int(text) for text in request.args.get("id", "").split(",") if text.isdigit() and len(text) < 10}
    found = queries.devices(_session(), 1, revoked=False)
    return [each for each in found if not wanted or each.actor.id in wanted][:MAX_CARDS]


def _pdf(found: list[queries.Device], name: str) -> Response:
    settings = current_app.config["SETTINGS"]
    printed = [devices.printed_card(_session(), settings, each, request.host_url) for each in found]
    answer = _secret(device_cards.cards_pdf(printed))
    answer.headers["Content-Type"] = "application/pdf"
    answer.headers.set("Content-Disposition", "inline", filename=name)
    return answer


def _cards(found: list[queries.Device]) -> list[tuple[queries.Device, devices.QrCard]]:
    """Devices whose key this server can still open, with their cards."""
    session, settings = _session(), current_app.config["SETTINGS"]
    open_ones = [each for each in found if devices.token_of(settings, each.app_user)]
    return [(each, devices.qr_card(session, settings, each, request.host_url)) for each in open_ones]


def _field_link(device: queries.Device) -> devices.FieldLink | None:
    settings = current_app.config["SETTINGS"]
    return devices.field_link(settings, device, request.host_url) if devices.token_of(settings, device.app_user) else None


def _svg(card: devices.QrCard | devices.FieldLink) -> Markup:
    # Made by segno from the payload; it holds paths only, no text of anybody.
    return Markup(card.svg)  # noqa: S704


def _secret(page: str | bytes) -> Response:
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store, private"
    return answer


@blueprint.post("/devices/sealed")
@allow(Verb.DEVICE_MANAGE)
def take_sealed() -> Response:
    """Takes in the file that a phone's field app wrote instead of sending, and says what was in it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Problem("missing_multipart_field", field="file")
    brought = sealed_import.take_in(_session(), current_app.config["SETTINGS"], file.stream, identity())
    flash(
        _(
            "%(new)s new reports (%(held)s in quarantine), %(known)s known already, %(files)s files.",
            new=brought.new, held=brought.quarantined, known=brought.known, files=brought.files,
        ),
        "ok",
    )
    if brought.strangers:
        text = _("%(count)s reports are of a phone that this server does not know; they count for you.", count=brought.strangers)
        flash(text, "warn")
    if brought.unreadable:
        numbers = ", ".join(f"{number}: {reason}" for number, reason in brought.unreadable)
        flash(_("What could not be read: %(numbers)s", numbers=numbers), "bad")
    if brought.cut:
        flash(_("The file ends in the middle: it was not copied whole. Copy it again and take it in once more."), "bad")
    return back_to("devices.index")


@blueprint.post("/devices/<int:actor_id>/rename")
@allow(Verb.DEVICE_MANAGE)
def rename(actor_id: int) -> Response:
    """Another name or post."""
    devices.rename(_session(), identity(), actor_id, request.form.get("name", ""), request.form.get("post", type=int))
    flash(_("Changed."), "ok")
    return back_to("devices.card", actor_id=actor_id)


@blueprint.post("/devices/<int:actor_id>/link")
@allow(Verb.DEVICE_MANAGE)
def put_link(actor_id: int) -> Response:
    """The kind of link the device has, which decides how much it sends at once."""
    route_classes.put_device(_session(), identity(), actor_id, request.form.get("link"))
    flash(_("Changed."), "ok")
    return back_to("devices.card", actor_id=actor_id)


@blueprint.post("/devices/<int:actor_id>/revoke")
@allow(Verb.DEVICE_MANAGE)
def revoke(actor_id: int) -> Response:
    """Shuts a lost phone out."""
    devices.revoke(_session(), identity(), actor_id)
    flash(_("The device is shut out. What it sent stays; below is what was on it."), "ok")
    return back_to("devices.card", actor_id=actor_id)


@blueprint.post("/devices/<int:actor_id>/reissue")
@allow(Verb.DEVICE_MANAGE)
def reissue(actor_id: int) -> Response:
    """A new code; the old one ends at once."""
    devices.reissue(_session(), current_app.config["SETTINGS"], identity(), actor_id)
    flash(_("This is a new code. The old one is dead."), "ok")
    return back_to("devices.card", actor_id=actor_id)
