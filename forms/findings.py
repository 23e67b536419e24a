"""What a form check says: findings with a place and advice, and the errors that carry them.

Light on purpose: the web process imports this without loading pyxform or a spreadsheet reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or doubt. ``row`` is the spreadsheet's own number (the header is row 1); None where unknown."""

    level: Level
    sheet: str | None
    row: int | None
    column: str | None
    code: str
    message: str
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """Build a finding from ``as_dict``. Raises ValueError for an unknown level."""
        if values["level"] not in get_args(Level):
            raise ValueError(f"Unknown level of a finding: {values['level']!r}.")
        return cls(**{name: values[name] for name in cls.__slots__})

    @property
    def place(self) -> str:
        """Where to look, in words: ``survey, row 5, column name``; empty when nothing is known."""
        parts = [self.sheet or ""]
        parts.append(f"row {self.row}" if self.row is not None else "")
        parts.append(f"column {self.column}" if self.column else "")
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{self.level}: {place}{self.message} {self.advice}"


@dataclass(frozen=True, slots=True)
class Converted:
    """A form ready to publish. ``findings`` holds warnings only; ``version`` is "" when the form has none."""

    xml: bytes
    form_id: str
    version: str
    title: str
    findings: tuple[Finding, ...]


class FormRefused(Exception):
    """The file cannot become a form. ``findings`` says everything that was found, errors first."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(findings, key=lambda finding: finding.level))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class ValidatorMissing(Exception):
    """ODK Validate cannot run here, because Java or its jar file is not installed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding points: sheet, the spreadsheet's row number, canonical column."""

    sheet: str | None = None
    row: int | None = None
    column: str | None = None


NOWHERE = Place()


def error(code: str, message: str, advice: str, at: Place = NOWHERE) -> Finding:
    """Build a finding that refuses the form."""
    return Finding("error", at.sheet, at.row, at.column, code, message, advice)


def warning(code: str, message: str, advice: str, at: Place = NOWHERE) -> Finding:
    """Build a finding that is shown but does not hold the form back."""
    return Finding("warning", at.sheet, at.row, at.column, code, message, advice)
