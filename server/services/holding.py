"""Which reports may not stay among ordinary ones: a marking or an answer that sends them to another channel (rules C.1, A.1)."""

from __future__ import annotations

from forms.submission import ParsedSubmission

# The question, the answer that means it, and the reason under which quarantine knows it.
_HELD_ANSWERS = {("un_class", "STRICTLY_CONFIDENTIAL"): "strictly_confidential", ("sensitivity", "severe"): "severe_sensitivity"}


def reason_to_hold(parsed: ParsedSubmission) -> str | None:
    """Why this report must not be processed; None for ordinary ones."""
    for (question, answer), reason in _HELD_ANSWERS.items():
        for element in parsed.root.iter(question, f"{{*}}{question}"):
            if (element.text or "").strip() == answer:
                return reason
    return None
