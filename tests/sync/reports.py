"""Short ways to say what a patrol reported, for the tests of merging."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from sync.merge.facts import Judgement, Observation, Report, Retraction, Statement, Verdict, derived_id

START = dt.datetime(2026, 11, 1, 8, 0, tzinfo=dt.UTC)


def entity_id(name: str) -> str:
    """A version 4 UUID that depends on the name only."""
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_URL, name).bytes, version=4))


def clock(hours: float, server: str = "s1") -> str:
    """A hybrid clock as the server writes it, `hours` after the start."""
    moment = START + dt.timedelta(hours=hours)
    return f"{int(moment.timestamp() * 1000):013d}-00000-{server}"


def observation(
    thing: str,
    *,
    hours: float,
    observed: float | None = None,
    register: str = "facilities",
    action: str = "create",
    seen: bool | None = True,
    source: str | None = None,
    label: str | None = None,
    said: Mapping[str, str] | None = None,
    **more: Any,
) -> Observation:
    """What one report, received `hours` after the start, says of the entity called `thing`."""
    values = dict(said or {})
    source = source or f"uuid:{thing}-{hours}"
    statements = {name: Statement(text, seen) for name, text in values.items() if text}
    return Observation(
        id=derived_id(source, "/meta/entity", register, entity_id(thing)),
        register=register,
        entity_id=entity_id(thing),
        action=action,  # type: ignore[arg-type]
        clock=clock(hours),
        observed_at=START + dt.timedelta(hours=hours if observed is None else observed),
        received_at=START + dt.timedelta(hours=hours),
        label=label or values.get("fac_name") or values.get("settlement_name") or thing,
        data=values,
        statements=statements,
        seen=seen,
        source=source,
        **more,
    )


def report(*observations: Observation, version: str | None = None) -> Report:
    """The report that holds these observations of one source."""
    source = observations[0].source or ""
    return Report(source, (version or observations[0].clock, source), observations)


def clinic(
    thing: str, name: str, place: str, *, hours: float, functionality: str = "full", **more: Any
) -> Observation:
    """A health centre called `name` at `place` ("lat lon")."""
    said = {
        "fac_name": name,
        "fac_group": "health",
        "fac_type": "health_centre",
        "functionality": functionality,
        "geometry": place,
    }
    return observation(thing, hours=hours, said=said, **more)


def judge(
    a: Observation, b: Observation, verdict: Verdict, *, hours: float, authority: int = 1, name: str = "",
    actor: str = "officer",
) -> Judgement:  # fmt: skip
    """An officer's word on two observations."""
    event_id = derived_id("judge", a.id, b.id, verdict, str(hours), name, *([actor] if actor != "officer" else []))
    at = START + dt.timedelta(hours=hours)
    return Judgement(event_id, clock(hours), at, authority, actor, a=a.id, b=b.id, verdict=verdict)


def retract(event_id: str, *, hours: float, authority: int = 1) -> Retraction:
    """Taking an event back."""
    at = START + dt.timedelta(hours=hours)
    return Retraction(
        derived_id("retract", event_id, str(hours)), clock(hours), at, authority, "officer", target=event_id
    )
