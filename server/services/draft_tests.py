"""Trying a draft on a phone: the QR code that sets ODK Collect up for this one draft, as ODK Central's does."""

from __future__ import annotations

from urllib.parse import quote

import segno

from forms import openrosa
from server.config import Settings
from server.models import Form, FormVersion
from server.services.devices import QrCard, device_base_url


def qr_card(settings: Settings, form: Form, draft: FormVersion, request_root: str) -> QrCard | None:
    """The code for testing the draft; None when the form has no draft. `request_root`: the officer's own address.

    The address holds the draft's token, which opens this draft alone and ends with it. Reports sent there are tests: they
    count nowhere.
    """
    if form.draft_token is None or form.draft_version_id != draft.id:
        return None
    base = device_base_url(settings, request_root)
    url = f"{base}/v1/test/{form.draft_token}/projects/{form.project_id}/forms/{quote(form.xml_form_id, safe='')}/draft"
    # A project of its own in the app, so that nobody takes the test for the real thing.
    collect = openrosa.collect_settings(url, f"[Draft] {draft.title}", icon="📝")
    payload = openrosa.qr_payload(collect)
    picture = segno.make_qr(payload, error="l", boost_error=False)
    svg = picture.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    return QrCard(url, collect, payload, svg)
