"""What readers outside the CIMIC cell do not see of the mission's registers and reports, as conditions (rules C.2, C.8).

A register that is the cell's own to read leaves as releases only, and so do the reports that fill it; a record with states is
seen from the states on that its register names.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import ColumnElement, and_, or_

from server.models import Record, SubmissionSummary
from sync.registers import load_registers

# The mission's own project; lists of other projects have members by assignment.
MISSION = 1


@cache
def _of_the_cell() -> tuple[frozenset[str], frozenset[str]]:
    """The registers that are the cell's own, and the forms that fill them."""
    own = [register for register in load_registers().values() if register.of_the_cell]
    forms = {form for register in own for form in (*register.observed, *(row.form for row in register.rows))}
    return frozenset(register.name for register in own), frozenset(forms)


def of_records() -> ColumnElement[bool]:
    """The condition on records."""
    found: list[ColumnElement[bool]] = [Record.dataset.not_in(sorted(_of_the_cell()[0]))]
    for register in load_registers().values():
        table = register.states
        if table is not None and table.beyond_cell:
            shown = Record.data[table.property].as_string().in_(table.beyond_cell)
            found.append(or_(Record.dataset != register.name, shown))
    return or_(Record.project_id != MISSION, and_(*found))


def of_reports() -> ColumnElement[bool]:
    """The condition on reports."""
    return or_(SubmissionSummary.project_id != MISSION, SubmissionSummary.xml_form_id.not_in(sorted(_of_the_cell()[1])))
