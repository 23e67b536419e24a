"""How a phone comes to trust this server: a page that also opens over plain http, and the certificate to install."""

from __future__ import annotations

import segno
from flask import Response, current_app, render_template, request
from markupsafe import Markup

from server.config import Settings
from server.field.app_files import hardened
from server.gate import public
from server.services.devices import device_base_url


@public
def page() -> Response:
    """The steps, and the address of this page as a QR code."""
    return _page(200)


@public
def certificate() -> Response:
    """The authority's certificate, DER. Without one the page says so, status 404."""
    # Loaded when a device first asks: cryptography's certificates are megabytes in each idle web process.
    from cryptography.hazmat.primitives.serialization import Encoding

    from server.services import local_ca

    authority = local_ca.ca_certificate(_settings().data_dir)
    if authority is None:
        return _page(404)
    answer = Response(authority.public_bytes(Encoding.DER), mimetype="application/x-x509-ca-cert")
    answer.headers["Content-Disposition"] = 'attachment; filename="fieldpost-ca.crt"'
    answer.headers["Cache-Control"] = "no-store"
    return hardened(answer)


def _page(status: int) -> Response:
    settings = _settings()
    from server.services import local_ca

    authority = local_ca.ca_certificate(settings.data_dir)
    # On the laptop itself the page is open under a name that no phone can follow.
    own = f"{device_base_url(settings, request.url_root)}/field/trust"
    # Made by segno from the address; it holds paths only, no text of anybody.
    picture = segno.make_qr(own, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    text = render_template(
        "field_trust.html", own=own, qr=Markup(picture), secure=_secure(settings),  # noqa: S704
        fingerprint=local_ca.fingerprint(authority) if authority else None,
    )  # fmt: skip
    answer = hardened(Response(text, status=status, mimetype="text/html"))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _secure(settings: Settings) -> str | None:
    """The field app over https, under the name by which this request came; None where https is not served."""
    if not settings.tls_port:
        return None
    host = request.host
    # A port follows the last colon, unless that is inside an IPv6 address.
    bare = host.rsplit(":", 1)[0] if host.rfind(":") > host.rfind("]") else host
    return f"https://{bare}:{settings.tls_port}/field/"


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
