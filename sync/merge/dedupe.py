"""Reports that may be one and the same: typed twice, two returns for a month, two teams at one incident.

Each form has a rule (keys that must agree, a window in days, a distance, who supersedes). It only points out; a report is
never dropped and never counted twice by anything here. Things are deduplicated elsewhere (blocking to clustering).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from sync.merge.faces import distance_m
from sync.merge.facts import Position

Relation = Literal["supersedes", "alike"]


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """When two reports of a form are of one event. `keys` are questions that must agree and not be empty.

    `days` is the window of observation; `distance_m` counts when both have a position. `supersedes`: the later received
    one takes the place of the earlier (a corrected return), else an officer is asked.
    """

    keys: tuple[str, ...]
    days: float
    distance_m: float | None = None
    supersedes: bool = False


# Rule C.10: returns supersede by unit and month, incidents and hazards are never joined without an officer.
RULES: Mapping[str, DuplicateRule] = {
    "monthly_return": DuplicateRule(("reporting_unit", "period"), 400, supersedes=True),
    "cimic_patrol": DuplicateRule(("reporting_unit", "settlement"), 0),
    "key_infrastructure": DuplicateRule(("reporting_unit", "facility"), 0),
    "security_incident": DuplicateRule(("inc_group",), 1, 5_000),
    "eo_hazard": DuplicateRule(("eo_type",), 90, 100),
}


@dataclass(frozen=True, slots=True)
class ReportFace:
    """What is compared of a report: answers by question, when it was observed, where, and its receipt order."""

    id: str
    form_id: str
    answers: Mapping[str, str]
    observed_at: dt.datetime
    clock: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two reports of one event; `later` was received after `earlier`."""

    earlier: str
    later: str
    relation: Relation


def duplicates(reports: Sequence[ReportFace], rules: Mapping[str, DuplicateRule] = RULES) -> list[Duplicate]:
    """Every pair of reports that the rules of their form call one event, in the order of their ids."""
    groups: dict[tuple[str, ...], list[ReportFace]] = defaultdict(list)
    for report in reports:
        rule = rules.get(report.form_id)
        if rule is not None and all(report.answers.get(key) for key in rule.keys):
            groups[(report.form_id, *(report.answers[key] for key in rule.keys))].append(report)
    found = []
    for key, group in sorted(groups.items()):
        rule = rules[key[0]]
        for a, b in combinations(sorted(group, key=lambda r: (r.clock, r.id)), 2):
            if _close(a, b, rule):
                found.append(Duplicate(a.id, b.id, "supersedes" if rule.supersedes else "alike"))
    return found


def _close(a: ReportFace, b: ReportFace, rule: DuplicateRule) -> bool:
    days = abs((a.observed_at.date() - b.observed_at.date()).days)
    if days > rule.days:
        return False
    if rule.distance_m is None or a.position is None or b.position is None:
        return rule.distance_m is None
    return distance_m(a.position, b.position) <= rule.distance_m
