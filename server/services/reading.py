"""What a report says that every form has in common: when, where, who, how urgent, how sensitive. Pure; reads no database.

Questions are found by the names that the mission's forms share, so a form that lacks one simply says nothing there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from forms.fields import FormDefinition
from forms.nodes import Lists
from forms.submission import ParsedSubmission, expected_files, walk
from forms.validation import validate
from forms.values import read_datetime
from sync.merge.observations import SENSITIVITY_QUESTION, UNIT_QUESTION, Answers, observed_time
from sync.merge.positions import parse_position
from sync.periods import parse_period

MAX_FINDINGS = 200
# A report on explosive ordnance is an alarm by its form, whatever its answers.
_MINE_FORMS = ("eo_",)
_PLACES = ("settlement_new", "settlement_new_calc")
_AREAS = ("adm3", "adm2", "adm1")


@dataclass(frozen=True, slots=True)
class Said:
    """The common answers of one version of a report. Times UTC; area_codes deepest first; lat/lon WGS 84 degrees."""

    observed_at: dt.datetime
    clock_flagged: bool
    device_end_at: dt.datetime | None
    unit: str | None
    area_codes: tuple[str, ...]
    place: str | None
    settlement_id: str | None
    lat: float | None
    lon: float | None
    alarm: str | None
    alarm_text: str | None
    period: str | None
    nil_return: bool
    sensitivity: str | None
    un_class: str | None
    files: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]


def read(
    parsed: ParsedSubmission | None, definition: FormDefinition | None, received_at: dt.datetime, zone: dt.tzinfo
) -> Said:
    """Reads a report. An encrypted or purged one, or one without a form, says nothing but when it was received."""
    if parsed is None or definition is None or parsed.encrypted:
        files = tuple(expected_files(parsed, definition)) if parsed is not None and definition is not None else ()
        return Said(
            received_at, False, None, None, (), None, None, None, None, None, None, None, False, None, None, files, (),
        )
    answers = Answers.of(parsed, definition)
    observed_at, flagged = observed_time(answers, None, received_at, zone)
    lat, lon = _position(parsed, definition, answers)
    alarm, alarm_text = _alarm(parsed.form_id, answers)
    end = read_datetime(answers.text("end"), zone)
    return Said(
        observed_at=observed_at, clock_flagged=flagged, device_end_at=end.astimezone(dt.UTC) if end else None,
        unit=_short(answers.text(UNIT_QUESTION), 100), area_codes=tuple(code for name in _AREAS if (code := answers.text(name))),
        place=_short(next((text for name in _PLACES if (text := answers.text(name))), None), 255),
        settlement_id=answers.text("settlement"), lat=lat, lon=lon, alarm=alarm, alarm_text=alarm_text,
        period=_period(answers), nil_return=answers.text("nil_return") == "yes",
        sensitivity=_short(answers.text(SENSITIVITY_QUESTION), 20), un_class=_short(answers.text("un_class"), 30),
        files=tuple(expected_files(parsed, definition)), findings=_findings(parsed, definition, received_at, zone),
    )


def _short(text: str | None, limit: int) -> str | None:
    return text[:limit] if text else None


def _position(parsed: ParsedSubmission, definition: FormDefinition, answers: Answers) -> tuple[float | None, float | None]:
    """The first GPS position in form order, else the grid reference typed in."""
    points = (text for field, _indices, text in walk(parsed, definition) if field.type == "geopoint" and text)
    for text in (*points, answers.text("mgrs")):
        found = parse_position(text) if text else None
        if found is not None:
            return found.lat, found.lon
    return None, None


def _alarm(form_id: str, answers: Answers) -> tuple[str | None, str | None]:
    if answers.text("urgent") == "yes":
        return "life", answers.text("urgent_text")
    if form_id.startswith(_MINE_FORMS):
        return "mine", answers.text("hz_label")
    return None, None


def _period(answers: Answers) -> str | None:
    """The period a return speaks of: YYYY-MM from year and month, else the month, week (YYYY-Www) or day in `period`."""
    year, month = answers.text("year") or "", answers.text("month") or ""
    if not (year.isascii() and year.isdigit() and month.isascii() and month.isdigit()):
        period = answers.text("period") or ""
        if "W" in period or period.count("-") > 1:
            return _shorter(period)
        year, _, month = period.partition("-")
    try:
        return dt.date(int(year), int(month), 1).strftime("%Y-%m")
    except ValueError:
        return None


def _shorter(text: str) -> str | None:
    try:
        return str(parse_period(text))
    except ValueError:
        return None


def _findings(
    parsed: ParsedSubmission, definition: FormDefinition, received_at: dt.datetime, zone: dt.tzinfo
) -> tuple[dict[str, Any], ...]:
    """Findings against the form and its own lists. Lists that change (registers, units) are left out: what a phone had
    then is not known now, and the same report must give the same findings whenever it is read."""
    found = validate(parsed, definition, _own_lists(definition), received_at.astimezone(zone))
    return tuple(
        {"path": each.path, "indices": list(each.indices), "code": each.code, "value": each.value, "message": dict(each.message)}
        for each in found[:MAX_FINDINGS]
    )


_lists: dict[int, tuple[FormDefinition, Lists]] = {}


def _own_lists(definition: FormDefinition) -> Lists:
    """Prepared lists of the definition object; kept as long as the process keeps few definitions."""
    kept = _lists.get(id(definition))
    if kept is None or kept[0] is not definition:
        if len(_lists) >= 64:
            _lists.clear()
        kept = _lists[id(definition)] = (definition, Lists(definition, {}))
    return kept[1]

