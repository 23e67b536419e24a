"""Health and numbers: open, for they tell nothing of the content.

One row per route: "METHOD /rule": who of the cast may. Written from rule C.8, not from the code: when the code
disagrees, think about which of the two is wrong.
"""

from __future__ import annotations

from tests.permissions.roles import ANYBODY, Who

ROUTES: dict[str, Who] = {
    "GET /health": ANYBODY,
    "GET /metrics": ANYBODY,
}
