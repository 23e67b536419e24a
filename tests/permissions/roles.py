"""Names for groups of the cast, used by the tables of who may what. See rule C.8 of the domain for the reasons.

officer and other_sector have the same rights over different sectors; what each sees of a list is a matter of scope and
is tested with the list. device is a phone with a key; nobody is not logged in.
"""

from __future__ import annotations

Who = frozenset[str]

ADMIN: Who = frozenset({"admin"})
STAFF: Who = ADMIN | {"hq_officer"}
OFFICERS: Who = frozenset({"hq_officer", "officer", "other_sector"})
CELL: Who = STAFF | OFFICERS
# Who fills questionnaires: the cell, observers, collectors, and devices of posts.
FILLERS: Who = CELL | {"observer", "collector", "device"}
READERS_OF_RECORDS: Who = CELL | {"approver"}
READERS_OF_RETURNS: Who = CELL | {"approver", "observer"}
READERS_OF_RELEASES: Who = CELL | {"approver", "partner"}
PEOPLE: Who = CELL | {"observer", "collector", "approver", "partner", "auditor"}
PROJECT_MEMBERS: Who = CELL | {"observer", "collector"}
AUDITORS: Who = ADMIN | {"auditor"}
ONLY_DEVICES: Who = frozenset({"device"})
ANYBODY: Who = PEOPLE | {"device", "nobody"}
EVERYBODY_OF_THE_CAST = tuple(sorted(ANYBODY))
