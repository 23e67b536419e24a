"""Which ways of logging in a request could use: what a 401 offers (RFC 7235), and where passwords may travel."""

from __future__ import annotations

from werkzeug.wrappers import Request

from server.config import Settings
from server.services import digest

_BEARER = 'Bearer realm="Fieldpost"'
_BASIC = 'Basic realm="Fieldpost", charset="UTF-8"'


def is_for_devices(request: Request) -> bool:
    """Whether the request goes to the devices' door, the only one that takes Digest."""
    return str(getattr(request, "endpoint", None) or "").startswith("openrosa.")


def challenges(request: Request, settings: Settings, *, stale: bool = False) -> list[str]:
    """The values of WWW-Authenticate: every scheme that is taken here. Basic over https only, no address excepted."""
    offered = [digest.challenge(settings, stale)] if settings.digest and is_for_devices(request) else []
    if request.is_secure:
        offered.append(_BASIC)
    return [*offered, _BEARER]
