"""Mails the reminders of returns, where a mail server is configured: to the people of the post, on the last to the sector too.

The worker's duty. A mail that was sent is a fact; if the server ends between the two, the mail goes out a second time.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from server import logs
from server.config import Settings
from server.queries import accounts as queries
from server.services import mail, mission, reminders, returns
from server.services.identity import ROLES, Identity
from server.services.journal import now
from server.services.returns import Board, Row
from sync.reminders import STEPS, Reminder

# One mail can take as long as mail.TIMEOUT_SECONDS, and nothing is folded meanwhile.
AT_ONCE = 3
_SUBJECT = "Fieldpost: {title} {period}, {post}: reminder / rappel {number}/{of}"
_TEXT = """\
{post} owes the return "{title}" for {period}.
Last day: {due}, 23:59 mission time. Nothing has come.

Send the return, or a nil return when there is nothing to report. Sent already? Tell your CIMIC cell the day and the receipt
number: the report may be on its way.

{link}

--

{post} doit le rapport « {title} » pour {period}.
Dernier jour : {due}, 23 h 59, heure de la mission. Rien n'est arrivé.

Envoyez le rapport, ou un rapport néant s'il n'y a rien à signaler. Déjà envoyé ? Dites le jour et le numéro de reçu à votre
cellule CIMIC : le rapport est peut-être en chemin.

{link}
"""


class ReminderMail:
    """Sends the reminders that are in force and were not mailed; remembers what failed for as long as the process lives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pauses = mail.Pauses()

    def send(self, session: Session) -> int:
        """Mails at most `AT_ONCE` reminders of the periods that are owed now, and commits each; how many went out.

        A post without a person who has an account gets none; its reminder stands on the board.
        """
        if not self._settings.mail_url:
            return 0
        return sum(self._sent(session, *each) for each in self._waiting(session)[:AT_ONCE])

    def _waiting(self, session: Session) -> list[tuple[Board, Row, Reminder, list[str]]]:
        """The reminders to be mailed now, each with the e-mails of the post's people."""
        zone, instant = mission.time_zone(session, self._settings), now()
        boards = returns.reminding_boards(session, _everybody(), zone)
        given = reminders.told(session, boards)
        found = []
        for board in boards:
            for row, each in board.reminders:
                key = returns.subject(board.xml_form_id, row.post.code, board.month)
                mailed = any(one.how == reminders.MAIL and one.number >= each.number for one in given.get(key, ()))
                if not mailed and self._pauses.may_try(f"{key}/{each.number}", instant):
                    found.append((board, row, each))
        people = queries.people_of_posts(session, [row.post.id for _board, row, _each in found], instant)
        return [(board, row, each, people[row.post.id]) for board, row, each in found if row.post.id in people]

    def _sent(self, session: Session, board: Board, row: Row, each: Reminder, to: list[str]) -> bool:
        instant = now()
        copies = queries.officers_of_sector(session, row.sector.id, instant) if each.to_sector and row.sector else []
        copy = [one for one in copies if one not in to]
        said = {
            "post": row.post.name, "title": board.title, "period": str(board.month), "due": each.due.isoformat(),
            "number": each.number, "of": len(STEPS), "link": f"{self._settings.base_url.rstrip('/')}/returns/{board.month}",
        }  # fmt: skip
        key = f"{returns.subject(board.xml_form_id, row.post.code, board.month)}/{each.number}"
        # SQLite's one writer is not kept while the mail server is talked to.
        session.rollback()
        try:
            refused = mail.send(self._settings, to, " ".join(_SUBJECT.format(**said).split()), _TEXT.format(**said), copy)
        except OSError as error:
            attempts = self._pauses.failed(key, instant)
            logs.warning("a reminder could not be mailed", kind=type(error).__name__, attempts=attempts)
            return False
        if refused:
            logs.warning("the mail server refused some of those a reminder was for", refused=refused)
        self._pauses.sent(key)
        reminders.note(session, board, row, each, reminders.MAIL, None)
        session.commit()
        return True


def _everybody() -> Identity:
    """The server itself, which sees the posts of all sectors; it acts for nobody."""
    return Identity(actor_id=0, name="", type="system", role="hq_officer", how="system", verbs=ROLES["hq_officer"])
