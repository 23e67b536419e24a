"""Believes X-Forwarded-For/-Proto/-Host of the proxy that FIELDPOST_TRUSTED_PROXY names, and of nobody else.

https decides whether a password may be taken; so who may say that a request came over https is no small matter.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxy:
    """WSGI middleware. networks: CIDR texts; every address in them may forward."""

    def __init__(self, app: WSGIApplication, networks: tuple[str, ...]) -> None:
        self.plain = app
        self.forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self.networks = [ipaddress.ip_network(each) for each in networks]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serves the request as the proxy's client sent it, or as it came."""
        served = self.forwarded if self._trusts(environ.get("REMOTE_ADDR", "")) else self.plain
        return served(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any(each in network for network in self.networks for each in (address, mapped) if each is not None)
