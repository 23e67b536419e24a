"""The door of OpenRefine: the CIMIC cell's records, with a header or a key in the address, never with a cookie.

One row per route: "METHOD /rule": who of the cast may. Written from rule C.8, not from the code: when the code
disagrees, think about which of the two is wrong.
"""

from __future__ import annotations

from tests.permissions.roles import CELL, Who

ROUTES: dict[str, Who] = {
    "GET /reconcile/<access>/<name>": CELL,
    "POST /reconcile/<access>/<name>": CELL,
    "GET /reconcile/<access>/<name>/preview": CELL,
    "GET /reconcile/<access>/<name>/properties": CELL,
    "GET /reconcile/<access>/<name>/suggest/<any(entity, property, type):kind>": CELL,
}
