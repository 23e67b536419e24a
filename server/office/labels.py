"""Words, in the reader's language, for codes that pages show: states, channels, alarms, reasons of quarantine, posts."""

from __future__ import annotations

from flask_babel import gettext as _

Choices = list[tuple[str, str]]


def review_states() -> Choices:
    """Review states in the order of work; "new" stands for none."""
    return [
        ("new", _("New")),
        ("approved", _("Approved")),
        ("hasIssues", _("Has issues")),
        ("rejected", _("Rejected")),
        ("edited", _("Edited since review")),
    ]


REVIEW_MARKS = {"new": "info", "approved": "ok", "hasIssues": "warn", "rejected": "bad", "edited": "info"}


def channels() -> Choices:
    """How a report came."""
    return [
        ("openrosa", _("ODK Collect")),
        ("field", _("Field app")),
        ("radio", _("Radio")),
        ("paper", _("Paper")),
        ("rest", _("API")),
        ("import", _("Import")),
    ]


def marks() -> Choices:
    """Marks of reports that the inbox can be narrowed to."""
    return [
        ("findings", _("Has findings")),
        ("incomplete", _("Files missing")),
        ("alarm", _("Alarm")),
        ("clock", _("Clock doubtful")),
        ("edited", _("Edited")),
        ("clear", _("Came unencrypted over the air")),
        ("deleted", _("Deleted")),
    ]


def alarms() -> dict[str, str]:
    """What an alarm is about."""
    return {"life": _("Life in danger"), "mine": _("Mine or explosive ordnance")}


def quarantine_reasons() -> dict[str, tuple[str, str]]:
    """reason code -> (what happened, what to do)."""
    return {
        "same_id_other_content": (
            _("Same report number, other content"),
            _(
                "A report with this ID is there already and says something else. "
                "Compare both; accept it as a correction or as a report of its own."
            ),
        ),
        "edit_id_taken": (
            _("Correction with an ID in use"),
            _("The correction uses the ID of another report. Compare both before you accept it."),
        ),
        "unknown_form": (
            _("Unknown questionnaire"),
            _("No questionnaire of this name is published here. Publish it, then accept the report."),
        ),
        "unknown_version": (
            _("Unknown version of the questionnaire"),
            _(
                "The phone holds a version that was never published here. "
                "Publish it, or accept the report under the present version."
            ),
        ),
        "form_closed": (
            _("Questionnaire closed"),
            _("It was filled in for a questionnaire that is closed. Accept it if it still counts."),
        ),
        "unknown_deprecated": (
            _("Correction of an unknown report"),
            _("The report that it corrects has not arrived. It is taken up by itself when that one comes."),
        ),
        "stale_edit": (
            _("Correction of an older version"),
            _("The report was corrected by somebody else in between. Compare before you accept it."),
        ),
        "submission_deleted": (
            _("Report was deleted here"),
            _("It was sent again after an officer deleted it. Accepting brings the report back."),
        ),
        "strictly_confidential": (
            _("Marked strictly confidential"),
            _(
                "Such information does not belong into this system. "
                "Hand it to the right channel and reject it; it is purged after 7 days."
            ),
        ),
        "severe_sensitivity": (
            _("Sensitivity severe"),
            _(
                "Such information must not be collected here (identities of victims, evacuation plans). "
                "Refer it and reject the report."
            ),
        ),
    }


def quarantine_reason(code: str | None) -> tuple[str, str]:
    """What happened and what to do, for any code."""
    return quarantine_reasons().get(code or "", (code or _("Unknown reason"), _("Compare and decide.")))


def post_types() -> dict[str, str]:
    """Kinds of post."""
    return {
        "patrol_unit": _("Patrol unit"),
        "team_site": _("Observers' team site"),
        "cimic_cell": _("CIMIC cell"),
        "liaison": _("Liaison office"),
        "headquarters": _("Headquarters"),
    }


def rhythms() -> dict[str, str]:
    """How often a return is owed."""
    return {"daily": _("Daily"), "weekly": _("Weekly"), "monthly": _("Monthly")}


def links() -> dict[str, str]:
    """Kinds of link, which decide how much a device sends at once."""
    return {"lan": _("Cable or local network"), "default": _("Mobile phone network"), "satellite": _("Satellite or worse")}


def label(choices: Choices | dict[str, str], code: str | None) -> str:
    """The label of one code; the code itself when nobody named it."""
    found = dict(choices).get(code or "")
    return found or code or "–"
