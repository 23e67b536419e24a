"""A partner's list becomes things of the register, and can be taken back as one."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Area, Event, ImportBatch, ImportRow, Observation, Record, ReviewTask
from server.problems import Problem
from server.queries import importing as queries
from server.services import folding, importing, merging
from server.services.importing_work import Importer
from tests.cast import Cast
from tests.server.lists import HEAD, known_clinics, merged, previewed, staged, who

LIST = f"""{HEAD},Code
Clinic of Bria,Health centre / clinic,6.5421,21.9863,A1
Dispensaire Ippy,Health post / dispensary,6.2501,21.2101,A2
,Hospital,6.1,21.1,A3
Hopital Bambari,Hospital,5.7601,20.6701,A4
"""


@pytest.fixture
def settings(app: Flask) -> Settings:
    found: Settings = app.config["SETTINGS"]
    return found


def outcomes(session: Session, batch: ImportBatch) -> dict[str | None, str | None]:
    return {row.label: row.outcome for row in session.scalars(select(ImportRow).where(ImportRow.batch_id == batch.id))}


def picture(session: Session) -> list[tuple[Any, ...]]:
    """Everything that the records and questions are, for comparing."""
    records = session.execute(select(Record.id, Record.label, Record.version, Record.digest).order_by(Record.id)).all()
    tasks = session.execute(select(ReviewTask.id, ReviewTask.score).order_by(ReviewTask.id)).all()
    return [tuple(row) for row in (*records, *tasks)]


def problem_of(work: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Problem) as refused:
        work(*arguments, **named)
    return refused.value.kind.name


def test_columns_are_suggested_from_the_headings(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)

    batch = staged(session, settings, who(session, cast), LIST)

    assert (batch.state, batch.total) == ("columns", 4)
    assert batch.mapping == {"fac_name": 0, "fac_type": 1, "_lat": 2, "_lon": 3, "_key": 4}


def test_the_preview_says_what_would_be_new_joined_and_asked(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864),
                  ("Dispensaire d'Ippy", "health_post", 6.2509, 21.2101))  # fmt: skip

    batch = previewed(session, settings, who(session, cast), LIST)

    assert batch.state == "preview"
    assert outcomes(session, batch) == {
        "Clinic of Bria": "join", "Dispensaire Ippy": "ask", None: "fault", "Hopital Bambari": "new",
    }  # fmt: skip


def test_the_preview_changes_no_record_and_states_no_fact(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864))
    before = picture(session), session.scalar(select(func.count()).select_from(Event))

    previewed(session, settings, who(session, cast), LIST)

    assert (picture(session), session.scalar(select(func.count()).select_from(Event))) == before


def test_the_merge_does_what_the_preview_said(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864),
                  ("Dispensaire d'Ippy", "health_post", 6.2509, 21.2101))  # fmt: skip

    merged(session, settings, who(session, cast), LIST)

    counts = {r.label: r.entity_count for r in session.scalars(select(Record))}
    assert counts == {"Clinic of Bria": 2, "Dispensaire d'Ippy": 1, "Dispensaire Ippy": 1, "Hopital Bambari": 1}
    assert session.scalar(select(func.count()).select_from(ReviewTask).where(ReviewTask.kind == "pair")) == 1


def test_every_value_names_the_list_it_came_from(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)

    batch = merged(session, settings, who(session, cast), LIST)

    record = session.scalars(select(Record).where(Record.label == "Hopital Bambari")).one()
    origin = record.provenance["fac_type"]
    assert (origin["unit"], origin["role"], origin["seen"]) == ("Partner list 2026", "agency", False)
    assert origin["source"] == f"list:{batch.id}:5"
    assert record.data["fac_group"] == "health"


def test_a_list_is_taken_back_as_one(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864),
                  ("Dispensaire d'Ippy", "health_post", 6.2509, 21.2101))  # fmt: skip
    before = picture(session)
    officer = who(session, cast)
    batch = merged(session, settings, officer, LIST)

    importing.undo(session, officer, batch, "wrong year")
    folding.drain(session)

    assert batch.state == "undone"
    assert [row[:2] for row in picture(session)] == [row[:2] for row in before]
    assert session.scalar(select(func.count()).select_from(Observation).where(Observation.source.startswith("list:"))) == 0


@pytest.mark.parametrize("undone", [False, True])
def test_a_rebuild_gives_the_same_as_what_was_there(
    session: Session, cast: Cast, settings: Settings, undone: bool
) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864))
    officer = who(session, cast)
    batch = merged(session, settings, officer, LIST)
    if undone:
        importing.undo(session, officer, batch, "wrong year")
        folding.drain(session)
    before = picture(session)

    folding.rebuild(session)

    assert picture(session) == before


def test_taking_the_undo_back_brings_the_list_again(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    batch = merged(session, settings, officer, LIST)
    before = picture(session)
    fact = importing.undo(session, officer, batch, "mistaken")
    folding.drain(session)

    again = merging.retract(session, officer, fact.uuid, "it was right")
    folding.fold_now(session, [again])
    session.commit()
    folding.drain(session)

    assert picture(session) == before


def test_a_list_that_comes_again_speaks_of_the_same_things(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    merged(session, settings, officer, LIST)

    batch = previewed(session, settings, officer, LIST.replace("Hopital Bambari", "Hopital regional de Bambari"))

    assert queries.counts(session, batch.id) == {"join": 3, "fault": 1}


def test_the_newer_list_updates_without_conflict(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    merged(session, settings, officer, LIST)

    merged(session, settings, officer, LIST.replace("Hopital Bambari", "Hopital regional de Bambari"), listed_on="2026-02-15")

    record = session.scalars(select(Record).where(Record.label == "Hopital regional de Bambari")).one()
    assert (record.conflict, record.observation_count) == (None, 2)


def test_undoing_the_first_list_leaves_what_the_second_said(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    first = merged(session, settings, officer, LIST)
    merged(session, settings, officer, LIST.replace("Hopital Bambari", "Hopital regional de Bambari"))

    importing.undo(session, officer, first, "superseded")
    folding.drain(session)

    assert {r.label for r in session.scalars(select(Record))} == {
        "Clinic of Bria", "Dispensaire Ippy", "Hopital regional de Bambari",
    }  # fmt: skip


def test_a_row_that_names_our_record_is_that_record(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864))
    text = "Name,Record id,Population\nQuite another name,00000000-0000-4000-8000-000000000001,500\n"

    merged(session, settings, who(session, cast), text)

    record = session.scalars(select(Record)).one()
    assert (record.entity_count, record.data["served"]) == (2, "500")


def test_seen_beats_what_a_list_tells(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast, ("Clinic of Bria", "health_centre", 6.5421, 21.9864))

    merged(session, settings, who(session, cast), f"{HEAD}\nClinic of Bria,health_centre,6.5421,21.9864\n")

    record = session.scalars(select(Record)).one()
    assert record.data["geometry"].startswith("6.5421 21.9864")


def test_a_shift_of_the_whole_list_is_found_and_mended_when_an_officer_says_so(
    session: Session, cast: Cast, settings: Settings
) -> None:
    names = ["Alpha", "Bravo", "Delta", "Echo", "Foxtrot", "Golf"]
    clinics = [(f"Clinique {name}", "health_centre", 6 + i / 10, 21 + (i * i % 7) / 10) for i, name in enumerate(names)]
    known_clinics(session, cast, *clinics)
    rows = [f"{name},{kind},{lat + 0.05:.5f},{lon:.5f}" for name, kind, lat, lon in clinics]
    officer = who(session, cast)
    batch = previewed(session, settings, officer, "\n".join([HEAD, *rows]))
    [shift] = batch.offsets["shifts"]
    assert (shift["area"], shift["agree"], round(shift["dlat"], 4)) == ("", 6, -0.05)
    assert problem_of(importing.merge, session, officer, batch) == "state_conflict"

    importing.set_shifts(session, officer, batch, [""])
    Importer(settings).drain(session)

    assert queries.counts(session, batch.id) == {"join": 6}


def test_an_officer_may_leave_positions_as_they_are(session: Session, cast: Cast, settings: Settings) -> None:
    names = ["Alpha", "Bravo", "Delta", "Echo", "Foxtrot", "Golf"]
    clinics = [(f"Clinique {name}", "health_centre", 6 + i / 10, 21 + (i * i % 7) / 10) for i, name in enumerate(names)]
    known_clinics(session, cast, *clinics)
    rows = [f"{name},{kind},{lat + 0.05:.5f},{lon:.5f}" for name, kind, lat, lon in clinics]
    officer = who(session, cast)
    batch = previewed(session, settings, officer, "\n".join([HEAD, *rows]))

    importing.set_shifts(session, officer, batch, [])
    Importer(settings).drain(session)
    importing.merge(session, officer, batch)

    assert batch.state == "merging"


def test_positions_that_are_changed_round_are_noticed(session: Session, cast: Cast, settings: Settings) -> None:
    clinics = [(f"Clinique {i}", "health_centre", 6 + i / 10, 21 + i / 10) for i in range(4)]
    known_clinics(session, cast, *clinics)
    rows = [f"Other {i},health_centre,{lon:.5f},{lat:.5f}" for i, (_n, _t, lat, lon) in enumerate(clinics)]

    batch = previewed(session, settings, who(session, cast), "\n".join([HEAD, *rows]))

    assert batch.offsets["swapped"]


def test_an_officer_sees_the_lists_of_his_sector_only(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    batch = staged(session, settings, who(session, cast, "officer"), LIST)

    assert problem_of(importing.one, session, who(session, cast, "other_sector"), batch.id) == "not_found"
    assert importing.one(session, who(session, cast), batch.id) is batch


def test_an_officer_takes_in_no_rows_of_another_sector(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    session.add(Area(code="CF1", level=2, name="Westland", sector_id=cast.sector_ids[1]))
    session.add(Area(code="CF2", level=2, name="Eastland", sector_id=cast.sector_ids[0]))
    session.commit()

    batch = previewed(session, settings, who(session, cast, "officer"), "Name,District\nOne,Westland\nTwo,CF2\n")

    assert outcomes(session, batch) == {"One": "fault", "Two": "new"}


def test_a_lower_officer_does_not_undo_what_headquarters_merged(
    session: Session, cast: Cast, settings: Settings
) -> None:
    known_clinics(session, cast)
    batch = merged(session, settings, who(session, cast), LIST)

    assert problem_of(importing.undo, session, who(session, cast, "officer"), batch, "no") == "not_allowed"


def test_a_worker_that_dies_in_the_merge_writes_no_row_twice(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    text = "Name,Type\n" + "".join(f"Clinic {i},health_centre\n" for i in range(600))
    batch = previewed(session, settings, officer, text)
    importing.merge(session, officer, batch)
    Importer(settings).work(session, 0.0)

    Importer(settings).drain(session)

    rows = [r["row"] for e in session.scalars(select(Event).where(Event.type == "IMPORT_ROWS")) for r in e.payload["rows"]]
    assert sorted(rows) == list(range(2, 602))


def test_a_discarded_list_leaves_nothing(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    batch = previewed(session, settings, officer, LIST)

    importing.discard(session, officer, settings, batch)

    assert session.scalar(select(func.count()).select_from(ImportRow)) == 0
    assert session.scalar(select(func.count()).select_from(ImportBatch)) == 0


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_a_list_that_nobody_merges_goes_after_a_month(
    session: Session, cast: Cast, settings: Settings, days: int, left: int
) -> None:
    batch = previewed(session, settings, who(session, cast), LIST)

    gone = importing.discard_forgotten(session, settings, batch.updated_at + dt.timedelta(days=days))

    assert gone == 1 - left
    assert session.scalar(select(func.count()).select_from(ImportBatch)) == left


def test_a_merged_list_never_goes_by_itself(session: Session, cast: Cast, settings: Settings) -> None:
    officer = who(session, cast)
    batch = previewed(session, settings, officer, LIST)
    importing.merge(session, officer, batch)

    assert importing.discard_forgotten(session, settings, batch.updated_at + dt.timedelta(days=400)) == 0


def test_without_a_name_column_nothing_is_checked(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    batch = staged(session, settings, officer, "Latitude,Longitude\n6,21\n")

    assert problem_of(importing.set_columns, session, officer, batch, batch.mapping, {}) == "list_column"


def test_unknown_codes_are_named_and_can_be_mapped(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    batch = staged(session, settings, officer, "Name,Type\nOne,FOSA\nTwo,Hospital\n")
    rules = importing.register("facilities")
    assert importing.unknown_values(batch, rules, importing.known_texts(session, rules)) == {"fac_type": ["FOSA"]}

    importing.set_columns(session, officer, batch, batch.mapping, {"fac_type": {"FOSA": "health_post"}})
    Importer(settings).drain(session)

    row = session.scalars(select(ImportRow).where(ImportRow.label == "One")).one()
    assert (row.values or {})["fac_type"] == "health_post"


def test_a_code_that_stands_twice_keeps_its_first_row(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)

    batch = previewed(session, settings, who(session, cast), "Name,Code\nOne,A\nTwo,B\nThree,A\n")

    assert outcomes(session, batch) == {"One": "new", "Two": "new", "Three": "fault"}
    [fault] = session.scalars(select(ImportRow).where(ImportRow.label == "Three")).one().faults or []
    assert (fault["code"], fault["expected"], fault["column"]) == ("cell_repeated", "2", 1)


def test_a_second_worker_leaves_a_list_alone_that_another_reads(session: Session, cast: Cast, settings: Settings) -> None:
    known_clinics(session, cast)
    officer = who(session, cast)
    text = "Name\n" + "".join(f"Clinic {i}\n" for i in range(2_500))
    batch = importing.begin(
        session, officer, settings, dataset="facilities", name="L", owner="O", listed_on="2026-01-01", sensitivity="low",
        filename="l.csv", file=io.BytesIO(text.encode()),
    )  # fmt: skip
    one, other = Importer(settings), Importer(settings)
    one.work(session, 0.0)

    other.work(session, 0.0)
    one.drain(session)

    assert (batch.state, batch.total, queries.count(session, batch.id)) == ("columns", 2_500, 2_500)
