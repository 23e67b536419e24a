"""The partners' door: only what was released.

One row per route: "METHOD /rule": who of the cast may. Written from rule C.8, not from the code: when the code
disagrees, think about which of the two is wrong.
"""

from __future__ import annotations

from tests.permissions.roles import READERS_OF_RELEASES, Who

ROUTES: dict[str, Who] = {
    "GET /partner": READERS_OF_RELEASES,
    "GET /partner/registers.json": READERS_OF_RELEASES,
    "GET /partner/registers/<dataset>": READERS_OF_RELEASES,
    "GET /partner/registers/<dataset>.<any(csv, geojson, gpkg):kind>": READERS_OF_RELEASES,
    "GET /partner/registers/<dataset>/withdrawn.json": READERS_OF_RELEASES,
}
