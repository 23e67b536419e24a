"""How a request travels: which ways of logging in it could use (RFC 7235), and whether others could read it on its way."""

from __future__ import annotations

import ipaddress

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


def in_clear(scheme: str, address: str | None) -> bool:
    """Whether a request came over plain http from another machine. address None: over a socket of this one."""
    if scheme == "https" or not address:
        return False
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return not (mapped or found).is_loopback
