"""Reports that may be one and the same: typed twice, two returns for a month, two teams at one incident.

Each form has a rule in duplicates.toml (keys that must agree, a window in days, a distance, likeness, who supersedes). It only
points out; a report is never dropped and never counted twice by anything here. Things are deduplicated elsewhere (blocking
to clustering).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Literal

from sync.merge.faces import LONGEST, distance_m
from sync.merge.facts import Position
from sync.merge.names import fold

Relation = Literal["supersedes", "alike"]
Verdict = Literal["same", "different"]
DEFAULT = "default"
# What a device fills in by itself says nothing of the event.
UNCOUNTED = frozenset(
    {"start", "end", "today", "deviceid", "username", "phonenumber", "email", "audit", "instanceID", "instanceName"}
)


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """When two reports of a form are of one event. `keys` are questions that must agree and not be empty.

    `days` is the window of observation; with `distance_m` both need a position; `likeness` is the least share of answers that
    agree. `supersedes`: the later received one takes the place of the earlier (a corrected return), else an officer is asked.
    """

    keys: tuple[str, ...]
    days: float
    distance_m: float | None = None
    supersedes: bool = False
    likeness: float = 0.0

    def values(self, answers: Mapping[str, str]) -> tuple[str, ...] | None:
        """The answers to the keys; None when one is missing."""
        found = tuple(next((answers[name] for name in key.split("|") if answers.get(name)), "") for key in self.keys)
        return found if all(found) else None


@lru_cache
def shipped_rules() -> Mapping[str, DuplicateRule]:
    """The rules of duplicates.toml by form id, `default` among them."""
    text = resources.files("sync.merge").joinpath("duplicates.toml").read_text(encoding="utf-8")
    return {
        form: DuplicateRule(
            tuple(table["keys"]), float(table["days"]), table.get("distance_m"), bool(table.get("supersedes", False)),
            float(table.get("likeness", 0.0)),
        )
        for form, table in tomllib.loads(text).items()
    }  # fmt: skip


def rule_of(form_id: str, rules: Mapping[str, DuplicateRule]) -> DuplicateRule | None:
    """The rule of a form, or that of all others."""
    return rules.get(form_id) or rules.get(DEFAULT)


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
    """Two reports of one event; `later` was received after `earlier`. Likeness is the share of answers that agree, 0 to 1."""

    earlier: str
    later: str
    relation: Relation
    likeness: float = 0.0


def duplicates(
    reports: Iterable[ReportFace], rules: Mapping[str, DuplicateRule] | None = None, fresh: Collection[str] | None = None
) -> list[Duplicate]:
    """Every pair of reports that the rules of their form call one event, in the order of their receipt.

    `fresh`: only pairs in which one of these takes part.
    """
    rules = shipped_rules() if rules is None else rules
    groups: dict[tuple[str, ...], list[ReportFace]] = defaultdict(list)
    for report in reports:
        rule = rule_of(report.form_id, rules)
        values = rule.values(report.answers) if rule is not None else None
        if values is not None:
            groups[(report.form_id, *values)].append(report)
    found = []
    for key, group in sorted(groups.items()):
        rule = rule_of(key[0], rules)
        for a, b in combinations(sorted(group, key=lambda r: (r.clock, r.id)), 2):
            if rule is None or (fresh is not None and a.id not in fresh and b.id not in fresh) or not _close(a, b, rule):
                continue
            share = likeness(a.answers, b.answers)
            if share >= rule.likeness:
                found.append(Duplicate(a.id, b.id, "supersedes" if rule.supersedes else "alike", share))
    return found


def _close(a: ReportFace, b: ReportFace, rule: DuplicateRule) -> bool:
    days = abs((a.observed_at.date() - b.observed_at.date()).days)
    if days > rule.days:
        return False
    if rule.distance_m is None or a.position is None or b.position is None:
        return rule.distance_m is None
    return distance_m(a.position, b.position) <= rule.distance_m


def likeness(a: Mapping[str, str], b: Mapping[str, str]) -> float:
    """The share of questions answered in either report that both answer alike (case and accents apart); 0 to 1."""
    asked = sorted({name for name in (*a, *b) if name not in UNCOUNTED and (a.get(name) or b.get(name))})
    if not asked:
        return 0.0
    return round(sum(_beginning(a, name) == _beginning(b, name) for name in asked) / len(asked), 4)


def _beginning(answers: Mapping[str, str], name: str) -> str:
    """What is compared of an answer: of a long one the first LONGEST characters."""
    return fold(answers.get(name, "")[:LONGEST])


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with what an officer said of it (None: nothing yet)."""

    earlier: str
    later: str
    relation: Relation
    verdict: Verdict | None = None

    @property
    def repeats(self) -> bool:
        """Whether the two are one for counting: an officer said so, or the form supersedes and nobody said otherwise."""
        return self.verdict == "same" or (self.verdict is None and self.relation == "supersedes")

    @property
    def open(self) -> bool:
        """Whether an officer is asked."""
        return self.verdict is None and self.relation == "alike"


def count(reports: Collection[str], pairs: Iterable[Judged]) -> tuple[int, int]:
    """How many events these reports tell of, (at least, at most): open pairs count as one below, as two above (rule C.10)."""
    known = [pair for pair in pairs if pair.earlier in reports and pair.later in reports]
    certain = [(pair.earlier, pair.later) for pair in known if pair.repeats]
    possible = certain + [(pair.earlier, pair.later) for pair in known if pair.open]
    return _groups(reports, possible), _groups(reports, certain)


def _groups(reports: Collection[str], edges: Sequence[tuple[str, str]]) -> int:
    """The number of connected groups."""
    above = {report: report for report in reports}

    def top(report: str) -> str:
        while above[report] != report:
            above[report] = above[above[report]]
            report = above[report]
        return report

    for a, b in edges:
        above[top(a)] = top(b)
    return sum(top(report) == report for report in above)
