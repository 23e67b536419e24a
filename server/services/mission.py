"""Sets the mission up: name, time zone, languages, sectors, units, posts, who fills which form, who owes which return.

Every function that changes something checks its input, writes an audit row and commits. Areas are in services.areas.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Area, FormDuty, Post, Project, ReturnPlan, Sector, Unit
from server.problems import Problem
from server.queries import forms as form_queries
from server.queries import merge_facts
from server.queries import mission as queries
from server.services import code_lists, entries, folding, form_datasets, return_history
from server.services.audits import audit, save
from server.services.identity import Identity
from server.services.journal import now
from sync.merge.positions import parse_position
from sync.periods import RHYTHMS
from sync.registers import load_registers
from sync.returns import DAYS

Row = TypeVar("Row")
LANGUAGES = ("en", "fr")
# Types of post of the questionnaires' users: patrol units, observers' team sites, CIMIC cells, liaison, headquarters.
POST_TYPES = ("patrol_unit", "team_site", "cimic_cell", "liaison", "headquarters")


@dataclass(frozen=True)
class Step:
    """One step of the set-up: its key, whether it is done, and numbers to show."""

    key: str
    done: bool
    count: int


@dataclass(frozen=True)
class SetupState:
    """How far the set-up is. `next` is the key of the first step that is not done, None when all are."""

    steps: tuple[Step, ...]
    finished: bool

    @property
    def next(self) -> str | None:
        return next((step.key for step in self.steps if not step.done), None)


@dataclass(frozen=True)
class Initialised:
    """What `initialise` made: nothing on the second run."""

    project_made: bool
    codes_added: int
    codes_changed: int
    registers_added: tuple[str, ...]
    server_id: str


def initialise(session: Session) -> Initialised:
    """Makes what every server needs, as often as it is called, and commits: project 1, code lists, register lists, id."""
    made = session.get(Project, 1) is None
    if made:
        session.add(Project(id=1, name="Mission", created_at=now()))
        session.flush()
    added, changed = code_lists.seed_code_lists(session)
    new = []
    for name, register in load_registers().items():
        if form_queries.dataset(session, 1, name) is None:
            new.append(name)
        form_datasets.ensure_dataset(
            session, 1, name, {key: rule.questions.keys() for key, rule in register.properties.items()}, register=name
        )
    identifier = queries.server_id(session)
    if made:
        audit(session, None, "project.create", "project/1", {"name": "Mission"})
    session.commit()
    return Initialised(made, added, changed, tuple(new), identifier)


def setup_state(session: Session) -> SetupState:
    """The steps in the order in which they are taken."""
    settings = queries.all_settings(session)
    people = queries.user_count(session)
    area_count = sum(queries.area_counts(session).values())
    counts = {
        "mission": 1 if settings.get("mission_name") else 0, "sectors": len(queries.sectors(session)), "areas": area_count,
        "units": len(queries.units(session)), "posts": len(queries.posts(session)),
        "forms": len({duty.xml_form_id for duty in queries.form_duties(session)}), "people": people,
        "devices": queries.device_count(session),
    }
    # The administrator who does the set-up is one person already; the step asks for somebody besides.
    done = {key: count > (1 if key == "people" else 0) for key, count in counts.items()}
    return SetupState(tuple(Step(key, done[key], counts[key]) for key in counts), bool(settings.get("setup_done")))


def finish_setup(session: Session, actor: Identity | None) -> None:
    """Marks the set-up as done and commits; its pages stay open for changes."""
    queries.put_setting(session, "setup_done", True)
    audit(session, actor, "mission.setup.finish")
    session.commit()


def set_mission(
    session: Session, actor: Identity | None, *, name: str, time_zone: str, languages: Iterable[str] = LANGUAGES,
    duty_phone: str | None = None,
) -> None:
    """Names the mission (and project 1), sets its time zone (IANA name) and languages, and commits."""
    name = entries.text("Mission name", name, 120)
    zone = _zone(time_zone).key
    spoken = [language for language in LANGUAGES if language in set(languages)]
    if not spoken:
        raise Problem("invalid_input", reason="Languages: choose English, French or both.", field="Languages")
    values = {
        "mission_name": name, "time_zone": zone, "languages": spoken,
        "duty_phone": entries.optional("Duty phone", duty_phone, 60),
    }
    for key, value in values.items():
        queries.put_setting(session, key, value)
    project = session.get(Project, 1)
    if project is not None:
        project.name, project.updated_at = name, now()
    audit(session, actor, "mission.update", details=values)
    session.commit()


def _zone(name: str) -> ZoneInfo:
    cleaned = entries.text("Time zone", name, 60)
    try:
        return ZoneInfo(cleaned)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        reason = "Time zone: choose one of the IANA list, such as Africa/Bangui."
        raise Problem("invalid_input", reason=reason, field="Time zone") from error


def time_zone(session: Session, settings: Settings) -> ZoneInfo:
    """Mission time: the set-up page's choice, else FIELDPOST_TIME_ZONE."""
    name = queries.setting(session, "time_zone")
    return ZoneInfo(name) if name else settings.time_zone


def put_sector(session: Session, actor: Identity | None, code: str, name: str, sector_id: int | None = None) -> Sector:
    """Adds a sector, or changes the one with that id, and commits. Raises uniqueness for a code in use."""
    code, name = entries.code("Sector code", code, 40), entries.text("Sector name", name)
    same = queries.sector_by_code(session, code)
    if same is not None and same.id != sector_id:
        raise Problem("uniqueness", fields="code", values=code)
    sector = _get(session, Sector, sector_id) if sector_id is not None else Sector(code=code, name=name)
    sector.code, sector.name = code, name
    session.add(sector)
    audit(session, actor, "sector.update" if sector_id else "sector.create", f"sector/{code}", {"name": name})
    save(session, code=code)
    return sector


def remove_sector(session: Session, actor: Identity | None, sector_id: int) -> None:
    """Removes a sector that nothing hangs on, and commits. Raises state_conflict when it is in use."""
    sector = _get(session, Sector, sector_id)
    use = queries.sector_use(session, sector_id)
    if use:
        raise Problem("state_conflict", reason=f"{use} areas, units, posts or accounts belong to the sector {sector.code}.")
    session.delete(sector)
    audit(session, actor, "sector.delete", f"sector/{sector.code}")
    session.commit()


def put_unit(
    session: Session, actor: Identity | None, code: str, name: str, sector_id: int | None = None,
    rotation_in: dt.date | str | None = None, rotation_out: dt.date | str | None = None, camp: str | None = None,
) -> Unit:
    """Adds or changes the unit of this code and commits. Rotation days are local days of the mission, both inclusive.

    camp: where it lives (degrees or grid reference); "" takes it away, None leaves it. What it reported is judged anew.
    """
    code, name = entries.code("Unit code", code), entries.text("Unit name", name)
    arrives, leaves = entries.day("Rotation in", rotation_in), entries.day("Rotation out", rotation_out)
    if arrives and leaves and leaves < arrives:
        raise Problem("invalid_input", reason="Rotation out: lies before rotation in.", field="Rotation out")
    _known_sector(session, sector_id)
    unit = session.get(Unit, code)
    action = "unit.update" if unit else "unit.create"
    if unit is None:
        unit = Unit(code=code, name=name)
        session.add(unit)
    else:
        before = {"rotation_in": unit.rotation_in, "rotation_out": unit.rotation_out}
        after = {"rotation_in": arrives, "rotation_out": leaves}
        return_history.note(session, actor, return_history.ROTATION, f"unit/{code}", before, after)
    unit.name, unit.sector_id, unit.rotation_in, unit.rotation_out = name, sector_id, arrives, leaves
    if camp is not None and (camp.strip() or None) != unit.camp:
        unit.camp = entries.text("Camp", camp, 80) if camp.strip() else None
        if unit.camp and parse_position(unit.camp) is None:
            raise Problem("invalid_input", reason="Camp: this is no position.", field="Camp")
        folding.fold_again(session, merge_facts.facts_of_unit(session, code))
    audit(session, actor, action, f"unit/{code}", {"name": name, "sector_id": sector_id, "camp": unit.camp})
    save(session, code=code)
    return unit


def put_post(
    session: Session, actor: Identity | None, *, code: str, name: str, type: str, unit_code: str | None = None,
    sector_id: int | None = None, duty_phone: str | None = None, post_id: int | None = None, area_code: str | None = None,
) -> Post:
    """Adds a post, or changes the one with that id, and commits. Without a sector it takes its unit's.

    area_code: the area whose records its devices get; None leaves it as it is, empty takes it away.
    """
    code, name, type = entries.code("Post code", code), entries.text("Post name", name), entries.code("Post type", type, 30)
    same = queries.post_by_code(session, code)
    if same is not None and same.id != post_id:
        raise Problem("uniqueness", fields="code", values=code)
    unit = session.get(Unit, unit_code) if unit_code else None
    if unit_code and unit is None:
        raise Problem("invalid_input", reason=f"Unit: there is no unit {unit_code}.", field="Unit")
    _known_sector(session, sector_id)
    post = _get(session, Post, post_id) if post_id is not None else Post(code=code, name=name, type=type)
    post.code, post.name, post.type, post.unit_code = code, name, type, unit_code or None
    post.sector_id = sector_id if sector_id is not None else (unit.sector_id if unit else None)
    post.duty_phone = entries.optional("Duty phone", duty_phone, 60)
    if area_code is not None:
        post.area_code = _known_area(session, area_code.strip())
    session.add(post)
    audit(session, actor, "post.update" if post_id else "post.create", f"post/{code}", {"type": type, "unit": unit_code})
    save(session, code=code)
    return post


def _known_area(session: Session, code: str) -> str | None:
    if code and session.get(Area, code) is None:
        raise Problem("invalid_input", reason=f"Area: there is no area {code}.", field="Area")
    return code or None


def close_post(session: Session, actor: Identity | None, post_id: int, closed: bool = True) -> Post:
    """Closes a post (its devices keep their reports but fill nothing any more) or opens it again, and commits."""
    post = _get(session, Post, post_id)
    before, post.closed_at = post.closed_at, now() if closed else None
    known = {"closed_at": before}, {"closed_at": post.closed_at}
    return_history.note(session, actor, return_history.POST, f"post/{post.id}", *known)
    audit(session, actor, "post.close" if closed else "post.reopen", f"post/{post.code}")
    session.commit()
    return post


def set_form_duties(
    session: Session, actor: Identity | None, xml_form_id: str, post_types: Iterable[str], project_id: int = 1
) -> None:
    """Lets exactly these types of post fill the form, and commits: one choice instead of one assignment per device."""
    wanted = sorted({entries.code("Post type", name, 30) for name in post_types})
    xml_form_id = entries.text("Form", xml_form_id, 249)
    queries.delete_form_duties(session, project_id, xml_form_id)
    session.add_all(FormDuty(project_id=project_id, xml_form_id=xml_form_id, post_type=name) for name in wanted)
    audit(session, actor, "form.duty.update", f"form/{xml_form_id}", {"post_types": wanted})
    save(session, form=xml_form_id)


def put_return_plan(
    session: Session, actor: Identity | None, xml_form_id: str, post_type: str, *, due_day: int | str | None = None,
    missing_day: int | str | None = None, freeze_day: int | str | None = None, starts_on: dt.date | str | None = None,
    rhythm: str = "monthly",
) -> ReturnPlan:  # fmt: skip
    """Posts of this type owe the form in this rhythm (daily, weekly, monthly), and commits.

    Days count after the period (for months: in the month after), due <= missing <= freeze; None takes the rhythm's usual
    days. A daily or weekly return can be due on the period's own last day (0).
    """
    kind = next((each for each in RHYTHMS if each == rhythm), None)
    if kind is None:
        raise Problem("invalid_input", reason="Rhythm: daily, weekly or monthly.", field="Rhythm")
    usual, least = DAYS[kind], 1 if kind == "monthly" else 0
    due = entries.whole("Due day", usual[0] if due_day is None else due_day, least, 28)
    missing = entries.whole("Missing day", usual[1] if missing_day is None else missing_day, least, 28)
    freeze = entries.whole("Freeze day", usual[2] if freeze_day is None else freeze_day, least, 28)
    if not due <= missing <= freeze:
        reason = "Due day: not after the missing day, and that not after the freeze day."
        raise Problem("invalid_input", reason=reason, field="Due day")
    form_id, owner = entries.text("Form", xml_form_id, 249), entries.code("Post type", post_type, 30)
    plan = queries.return_plan(session, form_id, owner, kind)
    if plan is None:
        plan = ReturnPlan(xml_form_id=form_id, post_type=owner, rhythm=kind)
        session.add(plan)
    plan.due_day, plan.missing_day, plan.freeze_day = due, missing, freeze
    plan.starts_on = entries.day("Starts on", starts_on)
    audit(session, actor, "return_plan.update", f"form/{form_id}", {"post_type": owner, "rhythm": kind, "due_day": due})
    session.commit()
    return plan


def remove_return_plan(session: Session, actor: Identity | None, plan_id: int) -> None:
    """Ends an owed return and commits; what was received stays."""
    plan = _get(session, ReturnPlan, plan_id)
    session.delete(plan)
    audit(session, actor, "return_plan.delete", f"form/{plan.xml_form_id}", {"post_type": plan.post_type})
    session.commit()


def _get(session: Session, model: type[Row], key: int | str) -> Row:
    found = session.get(model, key)
    if found is None:
        raise Problem("not_found")
    return found


def _known_sector(session: Session, sector_id: int | None) -> None:
    if sector_id is not None and session.get(Sector, sector_id) is None:
        raise Problem("invalid_input", reason="Sector: there is no such sector.", field="Sector")
