"""/v1: the registers as entity lists: what merged away answers with the survivor, and sectors keep to themselves."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.models import Record
from server.queries import accounts
from server.services import folding, form_datasets, merging
from server.services.authentication import user_identity
from tests.cast import Cast

LIST = "/v1/projects/1/datasets/facilities"


@pytest.fixture
def facilities(session: Session, cast: Cast) -> None:
    """The register as `init` makes it."""
    register = merging.register_files()["facilities"]
    form_datasets.ensure_dataset(session, 1, "facilities", list(register.properties), register="facilities")
    session.commit()


def add(client: FlaskClient, cast: Cast, name: str, place: str) -> str:
    """A facility written through the API; returns its id."""
    register = merging.register_files()["facilities"]
    data = {register.label_property or "": name}
    if register.matching and register.matching.position:
        data[register.matching.position] = place
    answer = client.post(f"{LIST}/entities", json={"label": name, "data": data}, headers=cast.hq_officer.bearer)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return str(answer.get_json()["uuid"])


def observation_of(session: Session, record_id: str) -> str:
    """The observation behind a record."""
    return str(next(iter(session.get_one(Record, (record_id, 1, "facilities")).provenance.values()))["observation"])


def test_an_id_that_was_merged_away_answers_with_the_surviving_record(
    facilities: None, client: FlaskClient, cast: Cast, session: Session
) -> None:
    kept, lost = add(client, cast, "Clinic of Bria", "6.54 21.99 0 5"), add(client, cast, "Health post north", "6.60 21.90 0 5")
    found = accounts.user_by_actor(session, cast.hq_officer.actor_id)
    assert found is not None
    judged = merging.judge(
        session, user_identity(*found, how="bearer"), observation_of(session, kept), observation_of(session, lost), "same"
    )
    folding.fold_now(session, [judged])
    session.commit()
    head = cast.hq_officer.bearer
    answer = client.get(f"{LIST}/entities/{lost}", headers=head)

    assert (answer.get_json()["uuid"], answer.get_json()["mergedFrom"]) == (kept, lost)
    assert answer.headers["Content-Location"] == f"{LIST}/entities/{kept}"
    assert [row["uuid"] for row in client.get(f"{LIST}/entities", headers=head).get_json()] == [kept]
    changed = client.patch(f"{LIST}/entities/{lost}?force=true", json={"data": {}, "label": "Clinic of Bria 2"}, headers=head)
    assert changed.get_json()["uuid"] == kept


def test_records_of_a_sector_are_seen_by_its_officer_only(
    facilities: None, client: FlaskClient, cast: Cast, session: Session
) -> None:
    made = add(client, cast, "Clinic of Bria", "6.54 21.99 0 5")
    session.get_one(Record, (made, 1, "facilities")).sector_id = cast.sector_ids[0]
    session.commit()
    own, other = cast.officer.bearer, cast.other_sector.bearer

    assert [row["uuid"] for row in client.get(f"{LIST}/entities", headers=own).get_json()] == [made]
    assert client.get(f"{LIST}/entities", headers=other).get_json() == []
    assert client.get(f"{LIST}/entities/{made}/versions", headers=other).status_code == 404
    assert made not in client.get(f"{LIST}/entities.csv", headers=other).get_data(as_text=True)
    assert client.get(f"{LIST}.svc/Entities?$count=true", headers=other).get_json()["@odata.count"] == 0
    extended = {**other, "X-Extended-Metadata": "true"}
    assert client.get("/v1/projects/1/datasets", headers=extended).get_json()[0]["entities"] == 0
