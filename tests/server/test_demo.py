"""The demo mission: the same for the same seed, answers that its own forms accept, and a small one sent for real."""

from __future__ import annotations

import datetime as dt
import stat
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cli import demo as command
from server.demo import mission
from server.demo.photos import drawing
from server.demo.plan import Planner, Span, Task
from server.demo.run import run
from server.demo.world import SETTLEMENTS, make_world
from server.models import Attachment, Fact, PendingFact, Post, Record, Submission, SubmissionSummary, User
from server.services import mission as services
from tests.flow.missions import new_mission
from tests.processes import ServerMaker

UNTIL = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)


def plan(seed: int, size: int = SETTLEMENTS, until: dt.datetime = UNTIL) -> list[Task]:
    """The tasks of a demo."""
    random = Random(seed)
    return Planner(make_world(random, size), mission.phones(), Span.ending(until), random).tasks()


def test_one_seed_makes_one_mission() -> None:
    assert plan(7, 20) == plan(7, 20)


def test_another_seed_makes_another_mission() -> None:
    assert plan(7, 20) != plan(8, 20)


def test_the_mission_has_the_promised_size() -> None:
    tasks = plan(2026)

    assert 1_450 <= len(tasks) <= 1_600
    assert len({task.subject.key for task in tasks if task.kind == "facility"}) == 900
    assert len({task.subject.key for task in tasks if task.kind == "patrol"}) == 300
    assert 130 <= sum(task.photo for task in tasks) <= 170


@pytest.mark.parametrize("until", [UNTIL, UNTIL.replace(day=1), UNTIL.replace(month=1, day=31), UNTIL.replace(month=3, day=3)])
def test_nothing_happens_before_it_is_seen_or_after_the_end(until: dt.datetime) -> None:
    assert all(task.observed <= task.sent <= until for task in plan(3, 20, until))


def test_photos_are_drawn_the_same_for_the_same_numbers_and_stay_small() -> None:
    first, second = drawing("Pont de Kara", Random(1)), drawing("Pont de Kara", Random(1))

    assert first == second
    assert len(first) < 60_000


def test_a_small_demo_is_sent_through_the_door_and_folded(
    make_server: ServerMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server(worker=False)
    new_mission(server, tmp_path, monkeypatch, empty=True)
    steps: Counter[str] = Counter()

    outcome = run(server.settings, 5, UNTIL, lambda what, _done, _of: steps.update([what]), size=6)

    with server.session() as session:
        counted = session.execute(select(Submission.disposition, func.count()).group_by(Submission.disposition))
        stored = {row[0]: row[1] for row in counted}
        assert stored == {"stored": outcome.reports - 3, "quarantined": 4}
        assert session.scalar(select(func.count()).select_from(Attachment)) == outcome.photos
        assert session.scalar(select(func.count()).select_from(PendingFact)) == 0
        assert session.scalar(select(func.count()).select_from(Record).where(Record.dataset == "settlements")) == 6
        assert session.scalar(select(func.min(Fact.received_at)).where(Fact.kind == "submission")) < UNTIL - dt.timedelta(days=30)
        wrong = [(row.xml_form_id, row.findings) for row in session.scalars(select(SubmissionSummary)) if row.findings]
        assert wrong == []


def test_the_observer_of_the_demo_reports_for_the_team_site(app: Flask, session: Session) -> None:
    services.initialise(session)
    made = mission.set_up(session, app.config["SETTINGS"], Span.ending(UNTIL))
    (login,) = [each for each in made.logins if each.role == "observer"]

    user = session.scalars(select(User).where(User.email == login.email)).one()

    assert user.post_id is not None
    assert session.get_one(Post, user.post_id).code == "MILOBS TS-BOSSANGOA"


def test_the_command_leaves_a_server_with_reports_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDPOST_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("server.demo.run.is_empty", lambda _session: False)

    quiet = CliRunner().invoke(command.demo, ["--if-empty"])
    refused = CliRunner().invoke(command.demo, [])

    assert (quiet.exit_code, refused.exit_code) == (0, 1)
    assert "empty one" in refused.output


def test_log_ins_are_written_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "demo-logins.txt"
    path.write_text("old")
    path.chmod(0o644)

    command._write_private(path, "new")

    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
