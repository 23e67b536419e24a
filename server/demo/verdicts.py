"""What the officers of the demo have decided already: some pairs, one return waived, reviews, the first releases."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from server.demo.mission import Made
from server.demo.plan import ZONE, Span
from server.queries import records
from server.services import releases, returns, review
from server.services.journal import now

JUDGED = 12


def decide(session: Session, made: Made, span: Span) -> None:
    """Answers a dozen questions, waives a return and releases health facilities and routes to NGOs. Commits."""
    _answer_pairs(session, made)
    _waive(session, made, span)
    for dataset, filters in (("facilities", records.Filters(equal=(("fac_group", "health"),))), ("routes", records.Filters())):
        _release(session, made, dataset, filters)


def _answer_pairs(session: Session, made: Made) -> None:
    """The surest proposals are the same thing; a school and a college on one plot are not."""
    for _number in range(JUDGED):
        asked = review.current(session, made.hq, None, "pair")
        if asked is None:
            return
        alike = asked.features.get("likeness", 0) >= 0.9 and "type_same" in asked.features.get("levels", ())
        review.answer(session, made.hq, asked.id, "same" if alike else "different", "Known to the team site." if alike else "")


def _waive(session: Session, made: Made, span: Span) -> None:
    """The team site opened in the middle of the first month and owed no return for it."""
    earlier = span.months[0]
    for board in returns.boards(session, made.hq, ZONE, earlier):
        for row in board.rows:
            if row.post.code == "MILOBS TS-KABO" and board.xml_form_id == "monthly_return":
                returns.waive(session, made.hq, ZONE, board.xml_form_id, row.post.id, earlier, "Team site opened on the 20th.")


def _release(session: Session, made: Made, dataset: str, filters: records.Filters) -> None:
    until = now() + dt.timedelta(days=releases.USUAL_DAYS)
    shown = releases.bulk(session, made.hq, dataset, filters, "ngo")
    expected = len(shown.now) + len(shown.proposed)
    if expected:
        releases.put_forward_many(session, made.hq, dataset, filters, "ngo", until, expected)
