"""What stands in the navigation, for whom, and where each role starts. Labels are translated when the page is made."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for
from flask_babel import gettext, lazy_gettext

from server.services.identity import Identity, Verb


@dataclass(frozen=True)
class Item:
    """One entry: it shows when the actor has one of the verbs, none of `unless`, and the page exists.

    `count` names a badge of the pulse; `in_bar` puts it into the bar of phones as well.
    """

    endpoint: str
    label: str
    icon: str
    verbs: tuple[Verb, ...]
    count: str = ""
    in_bar: bool = False
    unless: tuple[Verb, ...] = ()


@dataclass(frozen=True)
class Entry:
    """An item as the template draws it."""

    url: str
    label: str
    icon: str
    count: str
    current: bool
    in_bar: bool


SECTIONS: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        lazy_gettext("Work"),
        (
            Item("inbox.reports", lazy_gettext("Reports"), "inbox", (Verb.SUBMISSION_READ,), in_bar=True),
            Item("duty.board", lazy_gettext("Duty officer"), "bell", (Verb.DUTY_READ,), count="alarms", in_bar=True),
            Item("review.queue", lazy_gettext("Review"), "scales", (Verb.RECORD_JUDGE,), count="review", in_bar=True),
            Item("quarantine.waiting", lazy_gettext("Quarantine"), "shield", (Verb.QUARANTINE_DECIDE,), count="quarantine"),
            Item("held.waiting", lazy_gettext("Held updates"), "link", (Verb.RECORD_JUDGE,)),
            Item("doubles.waiting", lazy_gettext("Doubled reports"), "paper", (Verb.SUBMISSION_REVIEW,)),
            Item("entry.choose", lazy_gettext("Enter a report"), "pen", (Verb.SUBMISSION_CREATE,)),
        ),
    ),
    (
        lazy_gettext("Picture"),
        (
            Item("registers.index", lazy_gettext("Registers"), "book", (Verb.RECORD_READ,), in_bar=True),
            Item("imports.index", lazy_gettext("Partners' lists"), "upload", (Verb.RECORD_WRITE,)),
            Item("returns.board", lazy_gettext("Returns"), "calendar", (Verb.RETURN_READ,)),
            Item("releases.index", lazy_gettext("Releases"), "share", (Verb.RELEASE_PROPOSE, Verb.RELEASE_DECIDE)),
            Item("partner.index", lazy_gettext("Released data"), "share", (Verb.RELEASE_READ,), unless=(Verb.RELEASE_PROPOSE,)),
        ),
    ),
    (
        lazy_gettext("Mission"),
        (
            Item("forms.index", lazy_gettext("Questionnaires"), "form", (Verb.FORM_PUBLISH, Verb.SUBMISSION_READ)),
            Item("keys.index", lazy_gettext("Keys"), "key", (Verb.FORM_PUBLISH, Verb.SUBMISSION_REVIEW)),
            Item("devices.index", lazy_gettext("Devices"), "phone", (Verb.DEVICE_MANAGE,)),
            Item("organisation.index", lazy_gettext("Units and posts"), "flag", (Verb.MISSION_MANAGE,)),
            Item("people.index", lazy_gettext("People"), "people", (Verb.USER_MANAGE,)),
            Item("setup.overview", lazy_gettext("Set-up"), "tools", (Verb.MISSION_MANAGE,)),
            Item("audit.log", lazy_gettext("Audit log"), "log", (Verb.AUDIT_READ,)),
        ),
    ),
)

HOME = ("inbox.reports", "partner.index", "registers.index", "entry.choose", "audit.log", "account.own")


def sections(who: Identity | None) -> list[tuple[str, list[Entry]]]:
    """The navigation of this actor: titled groups of entries, empty groups left out."""
    if who is None:
        return []
    drawn = [(str(title), [_entry(item) for item in items if _shows(item, who)]) for title, items in SECTIONS]
    return [(title, entries) for title, entries in drawn if entries]


def _shows(item: Item, who: Identity) -> bool:
    return item.endpoint in current_app.view_functions and who.may(*item.verbs) and not who.may(*item.unless)


def _entry(item: Item) -> Entry:
    current = (request.endpoint or "").split(".")[0] == item.endpoint.split(".")[0]
    return Entry(url_for(item.endpoint), str(item.label), item.icon, item.count, current, item.in_bar)


def home(who: Identity) -> str:
    """Address of the first page that this actor may open."""
    by_endpoint = {item.endpoint: item for _title, items in SECTIONS for item in items}
    for endpoint in HOME:
        item = by_endpoint.get(endpoint)
        if endpoint in current_app.view_functions and (item is None or who.may(*item.verbs)):
            return url_for(endpoint)
    return url_for("account.own")


def role_label(role: str) -> str:
    """A role in the reader's language."""
    labels: dict[str, str] = {
        "admin": gettext("Administrator"),
        "hq_officer": gettext("HQ CIMIC officer"),
        "officer": gettext("CIMIC officer"),
        "approver": gettext("Approver (operations)"),
        "observer": gettext("Military observer"),
        "collector": gettext("Collector"),
        "partner": gettext("Partner"),
        "auditor": gettext("Auditor"),
        "app_user": gettext("Device"),
    }
    return labels.get(role, role)
