"""What people of the demo mission write into each form. Pure: a task, random numbers and the phone's lists in, answers out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from random import Random

from forms.filling import Answer
from forms.values import Point
from server.demo import names, texts
from server.demo.plan import ZONE, Task
from server.demo.world import DISTRICTS, REGION, District, Facility, Road, Settlement, moved

Known = Mapping[str, str]
"""Ids on the phone's lists, by what the demo calls the thing: "settlement 12", "facility 7"."""

# Purposes of a visit and where a team's information comes from, by the reporter's role.
_ASKED = {"patrol": "ki_leader", "unmo": "ki_official", "cimic": "ki_health", "lo": "agency"}


def answers(task: Task, known: Known, random: Random) -> tuple[str, dict[str, Answer]]:
    """The form and the answers of a task."""
    form_id, make = _MAKERS[task.kind]
    return form_id, {**_report(task), **make(task, known, random)}


def _report(task: Task) -> dict[str, Answer]:
    return {
        "reporting_unit": task.phone.unit,
        "reporter_role": task.phone.role,
        "report_date": task.observed.astimezone(ZONE).date(),
    }


def _place(settlement: Settlement, known: Known, at: tuple[float, float], random: Random) -> dict[str, Answer]:
    """The LOC block: chosen from the list or typed as heard; a position, a grid where the GPS failed, now and then nothing."""
    found: dict[str, Answer] = {"adm1": REGION[0], "adm2": settlement.district.code}
    known_id = known.get(f"settlement {settlement.key}")
    if known_id:
        found["settlement"] = known_id
    else:
        found["settlement_new"] = settlement.name
    return {**found, **_position(at, random)}


def _position(at: tuple[float, float], random: Random) -> dict[str, Answer]:
    chance = random.random()
    if chance < 0.03:
        return {}
    if chance < 0.09:
        import mgrs  # loads PROJ-like tables; only the demo's sender needs it

        return {"mgrs": str(mgrs.MGRS().toMGRS(*at, MGRSPrecision=4))}
    accuracy = round(random.choice((4, 5, 5, 6, 8, 12, 20)) + random.random(), 1)
    lat, lon = moved(*at, accuracy / 2, random)
    return {"gps": Point(round(lat, 6), round(lon, 6), round(random.uniform(390, 480), 1), accuracy)}


def _patrol(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    settlement: Settlement = task.subject
    listed = known if task.options.get("known") else {}
    population = int(settlement.population * random.uniform(0.9, 1.15) // 10 * 10)
    needs = random.sample(("water", "health", "medicine", "education", "food", "road", "latrine", "seeds", "shelter"), 3)
    moves = random.choices(("none", "arrival", "return", "departure"), (0.7, 0.12, 0.12, 0.06))[0]
    found: dict[str, Answer] = {
        **_place(settlement, listed, (settlement.lat, settlement.lon), random),
        "visit_purpose": random.choice(("cimic", "routine", "routine", "joint", "followup")),
        "sources": ["observed", _ASKED[task.phone.role]],
        "ki_women": random.randrange(0, 9),
        "consent_share": "yes" if random.random() < 0.9 else "no",
        "move_dir": moves,
        "max_vehicle": random.choice("344455"),
        "market": random.choice(("normal", "limited", "none", "none")),
        "health_func": random.choice(("full", "partial", "none")),
        "school_func": random.choice(("full", "partial", "none")),
        "water_func": random.choice(("full", "partial")),
        "water_min": random.choice((10, 20, 30, 45, 60)),
        "network": random.choice((["none"], ["voice"], ["voice", "data"])),
        "need1": needs[0],
        "need2": needs[1],
        "need3": needs[2],
        "severity": random.choice("22334"),
        "urgent": "no",
        "attitude": random.choice(("welcoming", "welcoming", "neutral", "reserved")),
    }
    # An empty number must not wipe an older one: many visits leave it out.
    if not task.options.get("known") or random.random() < 0.5:
        found |= {"pop_total": population, "hh_total": max(1, population // 6), "pop_source": _ASKED[task.phone.role]}
    if moves != "none":
        found |= {"move_ind": random.randrange(2, 40) * 10, "move_cause": random.choice(("conflict", "security_back", "flood"))}
    if random.random() < 0.3:
        found["remarks"] = random.choice(texts.REMARKS)
    if "alarm" in task.options:
        found |= {"urgent": "yes", "urgent_text": texts.ALARMS[task.options["alarm"]], "severity": "5"}
    if task.options.get("fault") == "confidential":
        found["un_class"] = "STRICTLY_CONFIDENTIAL"
    return found


def _facility(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    facility: Facility = task.subject
    again, is_known = task.options.get("again"), task.options.get("known")
    # People agree on a position only roughly; another unit stands at another corner of the plot.
    at = moved(facility.lat, facility.lon, 45 if again else 4, random)
    found: dict[str, Answer] = {**_place(facility.settlement, known, at, random), "fac_group": facility.group}
    listed = known.get(f"facility {facility.key}") if is_known else None
    if listed:
        found["facility"] = listed
    else:
        name = names.as_somebody_else_writes(facility.name, random) if again else facility.name
        found |= {"fac_type": facility.type, "fac_name": name, "ownership": facility.ownership}
    state = random.choices(("full", "partial", "none", "seasonal"), (0.5, 0.34, 0.13, 0.03))[0]
    found |= {
        "functionality": state,
        "damage": random.choice("000001112"),
        "fac_source": random.choices(("observed", "ki_health"), (0.88, 0.12))[0],
        "power": random.choice((["none"], ["none"], ["solar"], ["generator", "solar"])),
        "fac_vehicle": random.choice("3445"),
    }
    if state != "full":
        found["func_reason"] = random.sample(("staff", "supplies", "equipment", "damage", "funds"), random.choice((1, 2)))
    if random.random() < 0.7:
        found["served"] = facility.served
    details = _DETAILS.get(facility.group)
    return {**found, **(details(random) if details else {})}


def _health(random: Random) -> dict[str, Answer]:
    return {
        "h_beds": random.randrange(0, 25),
        "h_doctors": random.choice((0, 0, 0, 1)),
        "h_nurses": random.randrange(0, 6),
        "h_services": random.sample(("opd", "delivery", "vaccination", "malaria", "nutrition"), 3),
        "h_opd_week": random.randrange(10, 260),
        "h_stockout": random.choice(("yes", "no", "unknown")),
        "h_coldchain": random.choice(("yes", "no")),
        "h_water": random.choice(("yes", "no")),
    }


def _school(random: Random) -> dict[str, Answer]:
    return {
        "s_boys": random.randrange(30, 240),
        "s_girls": random.randrange(20, 220),
        "s_teachers": random.randrange(1, 7),
        "s_rooms": random.randrange(2, 9),
        "s_use": [random.choices(("teaching", "empty", "shelter"), (0.85, 0.1, 0.05))[0]],
        "s_latrines": random.choice(("yes", "no")),
    }


def _water(random: Random) -> dict[str, Answer]:
    return {
        "w_taps": random.randrange(0, 4),
        "w_wait": random.choice((5, 15, 30, 60)),
        "w_quality": random.choice(("clear", "doubtful", "tested_ok")),
        "w_months_dry": random.choice((0, 0, 1, 2)),
        "w_committee": random.choice(("yes", "no")),
        "w_fee": random.choice(("yes", "no")),
    }


def _crossing(random: Random) -> dict[str, Answer]:
    return {
        "t_length": random.randrange(6, 60),
        "t_width": 4,
        "t_load": random.choice((3, 10, 20)),
        "t_state": random.choice(("open", "restricted")),
    }


def _road(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    road: Road = task.subject
    state = str(task.options.get("state") or random.choices(("open", "restricted", "closed"), (0.55, 0.35, 0.1))[0])
    day = task.observed.astimezone(ZONE).date()
    found: dict[str, Answer] = {
        "route": road.id,
        "driven": "yes" if state == "open" else "no",
        "passability": state,
        "max_vehicle": {"open": "5", "restricted": "3", "closed": "0"}[state],
        "hours": round(random.uniform(2, 7), 1),
        "surface": random.choice(("gravel", "earth")),
        "weather": [random.choice(("dry", "rain"))],
        "rain_days": random.randrange(0, 6),
    }
    if state == "closed":
        found["closed_until"] = day + dt.timedelta(days=10)
    if state != "open":
        at = moved((road.start.lat + road.end.lat) / 2, (road.start.lon + road.end.lon) / 2, 2000, random)
        found["obstacle"] = [
            {
                "o_type": random.choice(("flood", "mud", "bridge_limit", "culvert")),
                "o_gps": Point(*at, None, 8.0),
                "o_vehicle": "3",
            }
        ]
    return found


def _incident(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    district = _district_of(task, random)
    group, kind, what = texts.INCIDENTS[task.number % len(texts.INCIDENTS)]
    at = moved(district.lat, district.lon, 6000, random)
    day = task.observed.astimezone(ZONE).date()
    return {
        "adm1": REGION[0],
        "adm2": district.code,
        "settlement_new": district.name,
        **_position(at, random),
        "inc_date": day,
        "inc_group": group,
        "inc_type": kind,
        "confidence": random.choice(("high", "medium", "low")),
        "inc_source": "ki_leader",
        "what": what,
        "dead": 0,
        "injured": random.choice((0, 0, 1, 2)),
        "inc_route": random.choice(("open", "restricted")),
        "valid_until": day + dt.timedelta(days=7),
        "from_mil": "no",
        "ongoing": "no",
    }


def _hazard(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    district = _district_of(task, random)
    return {
        "adm1": REGION[0],
        "adm2": district.code,
        "settlement_new": district.name,
        "gps": Point(*moved(district.lat, district.lon, 5000, random), None, 6.0),
        "bearing": random.randrange(360),
        "dist_m": random.choice((20, 50, 150)),
        "hz_class": "spot",
        "eo_type": [random.choice(("uxo", "unknown", "saa"))],
        "eo_count": random.choice((1, 1, 2)),
        "hz_source": "ki_leader",
        "hz_marked": "no",
        "hz_landmark": random.choice(texts.LANDMARKS),
        "hz_people": random.choice((20, 80, 200)),
        "hz_priority": random.choice("12"),
        "accident": "no",
        "ma_told": random.choice(("yes", "no")),
    }


def _organisation(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    name, acronym, kind, sector = texts.ORGANISATIONS[task.subject]
    district = _district_of(task, random)
    first = task.observed.astimezone(ZONE).date().replace(day=1)
    activity = {
        "sector": sector,
        "activity_title": texts.ACTIVITIES[sector],
        "status": "ongoing",
        "a_adm1": REGION[0],
        "a_adm2": district.code,
        "a_targeted": random.randrange(5, 60) * 100,
    }
    return {
        "org_name": name,
        "org_acronym": acronym,
        "org_type": kind,
        "org_share": "yes",
        "poc_function": "Coordonnateur de terrain",
        "period_start": first,
        "activity": [activity],
        "esc_freq": "none",
    }


def _request(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    name, _acronym, kind, _sector = texts.ORGANISATIONS[task.subject]
    district = _district_of(task, random)
    start = (task.observed + dt.timedelta(days=random.randrange(4, 12))).replace(hour=8, minute=0)
    return {
        "adm1": REGION[0],
        "adm2": district.code,
        "settlement_new": district.name,
        "r_org_new": name,
        "r_type": kind,
        "r_function": "Logisticien",
        "r_phone": "+236 70 00 00 00",
        "family": "info",
        "req_type": "sec_brief",
        "purpose": texts.PURPOSES[task.number % len(texts.PURPOSES)],
        "beneficiaries": random.randrange(5, 40) * 50,
        "from_dt": start,
        "to_dt": start + dt.timedelta(hours=9),
        "flexible": "yes",
        "r_priority": random.choice("23"),
    }


def _return(task: Task, known: Known, random: Random) -> dict[str, Answer]:
    month = task.subject
    nil = bool(task.options.get("nil"))
    found: dict[str, Answer] = {
        "year": month.year,
        "month": f"{month.month:02d}",
        "nil_return": "yes" if nil else "no",
        "correction": "yes" if task.options.get("correction") else "no",
    }
    if nil:
        return found
    trends = ("tr_food", "tr_water", "tr_health", "tr_school", "tr_move", "tr_sec", "tr_access")
    return {
        **found,
        "n_patrols": random.randrange(8, 30),
        "n_visits": random.randrange(15, 60),
        "n_meetings": random.randrange(3, 15),
        "n_req_in": random.randrange(0, 5),
        "n_escorts": random.randrange(0, 8),
        "season": "rainy" if month.month < 11 else "transition",
        "seasonal": random.sample(("malaria", "road_cut", "lean", "flood"), 2),
        **{name: random.choice(("better", "same", "worse")) for name in trends},
        "top_needs": random.sample(("water", "health", "education", "road"), 3),
        "acceptance": random.choice(("welcoming", "neutral")),
        "summary": random.choice(texts.SUMMARIES),
        "plan": random.choice(texts.PLANS),
        "handover": random.choice(texts.HANDOVERS),
    }


def _district_of(task: Task, random: Random) -> District:
    return random.choice([district for district in DISTRICTS if task.phone.sector in {district.sector, ""}])


_DETAILS: dict[str, Callable[[Random], dict[str, Answer]]] = {
    "health": _health,
    "education": _school,
    "water": _water,
    "transport": _crossing,
}
_MAKERS: dict[str, tuple[str, Callable[[Task, Known, Random], dict[str, Answer]]]] = {
    "patrol": ("cimic_patrol", _patrol),
    "facility": ("key_infrastructure", _facility),
    "return": ("monthly_return", _return),
    "road": ("route_status", _road),
    "incident": ("security_incident", _incident),
    "hazard": ("eo_hazard", _hazard),
    "organisation": ("who_what_where", _organisation),
    "request": ("request_assistance", _request),
}
