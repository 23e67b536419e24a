"""The field app's files: open, for the page is read before a device is enrolled and holds nothing of the mission.

One row per route: "METHOD /rule": who of the cast may. Written from rule C.8, not from the code: when the code
disagrees, think about which of the two is wrong.
"""

from __future__ import annotations

from tests.permissions.roles import ANYBODY, Who

ROUTES: dict[str, Who] = {
    "GET /field": ANYBODY,
    "GET /field/": ANYBODY,
    "GET /field/trust": ANYBODY,
    "GET /field/ca.crt": ANYBODY,
    "GET /field/<path:name>": ANYBODY,
}
