"""One report by hand for each of the fourteen questionnaires, as somebody in Ouham would have filled it in November 2026.

Answers by question name; a repeat is a list of its instances. Known things are those of `tests.forms.test_filling_laws.MISSION`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from forms.values import Point
from tests.forms.sample_forms import NOW
from tests.forms.test_filling_laws import _uuid

TODAY = date(2026, 11, 9)
SOON = NOW.date() + timedelta(days=20)
HEAD = {"reporting_unit": "BANBATT-3", "reporter_role": "patrol", "report_date": TODAY}
TAIL = {"un_class": "UNCLASSIFIED", "sensitivity": "low", "release_to": ["unct", "ngo"], "remarks": "Two hours by car."}
PLACE = {"adm1": "CF1", "adm2": "CF11", "settlement": _uuid(107)}
NEW_PLACE = {"adm1": "CF1", "adm2": "CF11", "settlement_new": "Bodoukpa-Carrefour"}
HERE = Point(6.4901, 17.4520, 430.0, 6.0)

BY_HAND: dict[str, dict[str, Any]] = {
    "cimic_patrol": {
        **HEAD, **PLACE, "gps": HERE, "visit_purpose": "routine", "sources": ["observed", "ki_leader"], "ki_women": 4,
        "consent_share": "yes", "pop_total": 2400, "hh_total": 410, "pop_source": "ki_leader", "pop_groups": ["HST", "IDP"],
        "idp_ind": 320, "move_dir": "arrival", "move_ind": 60, "move_cause": "conflict", "health_func": "partial",
        "school_func": "full", "water_func": "partial", "water_min": 45, "market": "limited", "network": ["voice"],
        "max_vehicle": "4", "need1": "water", "need2": "health", "severity": "3", "urgent": "yes",
        "urgent_text": "Pump broken since 1 November, women walk to the river.", "agencies_seen": "Two vehicles of an NGO",
        "attitude": "welcoming", "promises": "Come back with the water NGO by the end of the month", **TAIL,
    },
    "key_infrastructure": {
        **HEAD, **PLACE, "gps": HERE, "fac_group": "health", "fac_type": "health_centre", "fac_name": "Centre de Santé de Gbadé",
        "fac_altname": "CS Gbade", "ownership": "public", "functionality": "partial", "func_reason": ["supplies", "staff"],
        "damage": "1", "last_ok": date(2026, 8, 1), "served": 9000, "power": ["solar"], "fac_vehicle": "4",
        "fac_source": "ki_health", "h_beds": 12, "h_nurses": 3, "h_services": ["opd", "delivery", "vaccination"],
        "h_opd_week": 140, "h_stockout": "yes", "h_coldchain": "no", "h_water": "yes", **TAIL,
    },
    "route_status": {
        **HEAD, "route": _uuid(3), "driven": "yes", "passability": "restricted", "max_vehicle": "4", "km_bad": 12, "hours": 3.5,
        "surface": "earth", "obstacle": [
            {"o_type": "mud", "o_gps": HERE, "o_vehicle": "4", "o_wait": 30},
            {"o_type": "bridge_limit", "o_gps": Point(6.52, 17.5, 0.0, 8.0), "o_load": 8, "o_bypass": "Ford 200 m upstream"},
        ], "weather": ["rain"], "rain_days": 3, "outlook": "worse", **TAIL,
    },
    "who_what_where": {
        **HEAD, "reporter_role": "agency", "org_name": "Eau et Santé pour Tous", "org_acronym": "EST", "org_type": "441",
        "org_share": "yes", "poc_function": "Field coordinator", "poc_phone": "+236 70 11 22 33",
        "poc_email": "field@example.org", "period_start": date(2026, 10, 1), "activity": [
            {"sector": "HEA", "activity_title": "Mobile clinic", "status": "ongoing", "a_adm1": "CF1", "a_adm2": "CF11",
             "a_settlement": _uuid(107), "a_start": date(2026, 9, 1), "a_end": date(2027, 2, 28), "a_groups": ["HST", "IDP"],
             "a_targeted": 3000, "a_reached": 1100},
            {"sector": "FSC", "activity_title": "Seed distribution", "status": "planned", "a_adm1": "CF1", "a_adm2": "CF11"},
        ], "esc_freq": "monthly", "esc_vehicles": 3, "esc_cargo": ["medical"], "esc_routes": "Bossangoa - Markounda", **TAIL,
    },
    "request_assistance": {
        **HEAD, "reporter_role": "agency", **PLACE, "r_org": _uuid(9), "r_type": "437", "r_function": "Logistics officer",
        "r_phone": "+236 75 00 11 22", "family": "ms_security", "req_type": "escort_convoy", "purpose": "Food to Markounda",
        "r_sector": "FSC", "beneficiaries": 4200, "from_dt": datetime(2026, 11, 20, 6, tzinfo=NOW.tzinfo),
        "to_dt": datetime(2026, 11, 22, 18, tzinfo=NOW.tzinfo), "flexible": "yes", "r_priority": "2", "m_from": "Bossangoa",
        "m_to": "Markounda", "m_route": "RN1", "m_vehicles": 8, "m_pax": 16, "m_cargo": ["food"], "m_tonnes": 42.5, "m_dg": "no",
        "p1_decision": "yes", "p2_lastresort": "yes", "p2_alternatives": "Two commercial carriers refused, letter attached",
        "p3_civilian": "yes", "p4_conduct": "yes", "p5_direct": "no", "p6_multilateral": "yes", "armed": "yes",
        "hc_cleared": "no", "exit": "Own convoy once the road is open to trucks", **TAIL,
    },
    "capability_return": {
        **HEAD, "reporter_role": "cimic", "res": [
            {"res_type": "truck", "res_total": 12, "res_avail": 9, "res_civ": 4, "readiness": "ready24", "notice_h": 24,
             "willing": "case", "restrict": ["day"], "range_km": 150, "capacity": "8 t each", "serves": ["ground_trans"]},
            {"asset_ref": _uuid(6), "res_type": "ambulance", "res_total": 2, "res_avail": 2, "res_civ": 1, "readiness": "ready",
             "willing": "yes"},
        ], "esc_week": 3, "esc_vehicles": 12, "esc_notice": 72, "esc_limits": "Not at night", "rotation_out": SOON, **TAIL,
    },
    "eo_hazard": {
        **HEAD, **PLACE, "gps": HERE, "bearing": 40, "dist_m": 150, "hz_class": "spot", "eo_type": ["unknown"], "eo_count": 1,
        "hz_source": "ki_youth", "hz_seen": date(2026, 11, 8), "hz_marked": "yes", "hz_marking": "Red cloth on a stick",
        "hz_landmark": "Mango tree behind the primary school, 200 m north", "hz_near": ["education"], "hz_people": 300,
        "hz_priority": "1", "accident": "no", "ma_told": "yes", "ma_ref": "MA-2026-118", **TAIL,
    },
    "security_incident": {
        **HEAD, **NEW_PLACE, "gps": HERE, "inc_date": date(2026, 11, 8), "inc_group": "armed", "inc_type": "ambush",
        "affects": ["ngo"], "confidence": "medium", "inc_source": "ki_leader", "what": "Traders' truck stopped and looted",
        "dead": 0, "injured": 2, "displaced": 15, "aid_hit": "no", "route": _uuid(3), "advice": "Avoid until 17 November",
        "valid_until": SOON, "from_mil": "yes", "orig_ok": "no", "ongoing": "no", **TAIL, "sensitivity": "high",
    },
    "key_leader": {
        **HEAD, "reporter_role": "engagement", **PLACE, "leader_type": "mayor", "function": "Maire de Gbadé", "c_consent": "yes",
        "c_name": "A. Person", "c_sex": "f", "c_phone": "+236 70 44 55 66", "c_phone2": "+236 72 44 55 66",
        "c_email": "mairie@example.org", "c_lang": ["fr", "sg"], "c_state": "active", "c_since": date(2025, 3, 1),
        "c_area": "Gbadé and four villages", "last_met": TODAY, "best_way": "Town hall, mornings", "c_issues": ["water"],
        "c_agree": "List of broken pumps by the next visit", "c_next": SOON, **TAIL,
    },
    "liaison_note": {
        **HEAD, "reporter_role": "lo", **PLACE, "m_type": "cmcoord", "m_start": datetime(2026, 11, 9, 9, tzinfo=NOW.tzinfo),
        "m_minutes": 90, "m_place": "OCHA sub-office", "m_host": _uuid(9), "m_orgs": [_uuid(9)], "m_contacts": [_uuid(1)],
        "m_n": 14, "m_n_f": 5, "m_sectors": ["HEA", "FSC"], "m_agenda": "Access to Markounda", "m_points": "Bridge limit 8 t",
        "m_civ": "Agencies wait for the bridge", "m_mil": "Engineers assess on 12 November", "m_sec_given": "yes",
        "m_release": "REL-2026-0042", "m_rfa": "no", "m_issues": ["water"], "act": [
            {"a_what": "Assess the bridge", "a_who": "BANBATT-3", "a_due": SOON, "a_state": "open"},
            {"a_what": "Share the list of pumps", "a_who": "OCHA", "a_due": SOON, "a_state": "open"},
        ], "m_next": SOON, **TAIL,
    },
    "monthly_return": {
        **HEAD, "reporter_role": "unmo", "report_date": date(2026, 11, 3), "year": 2026, "month": "10", "nil_return": "no",
        "correction": "no", "n_patrols": 22, "n_visits": 31, "n_meetings": 6, "n_req_in": 3, "n_req_done": 2, "n_escorts": 2,
        "n_qip": 1, "season": "rainy", "seasonal": ["malaria", "road_cut"], "tr_food": "worse", "tr_water": "same",
        "tr_health": "worse", "tr_school": "better", "tr_move": "same", "tr_sec": "same", "tr_access": "worse",
        "top_needs": ["water", "health", "food"], "acceptance": "neutral", "summary": "Rain cut two roads; no drugs.",
        "place": [
            {"p_adm2": "CF11", "p_settlement": _uuid(107), "p_idp": 320, "p_need": "water", "p_sev": "3", "p_change": "60 came"},
            {"p_adm2": "CF11", "p_settlement": _uuid(108), "p_idp": 40, "p_need": "health", "p_sev": "2"},
        ], "plan": "Joint visit to the pumps", "expected": ["escort_convoy"], "handover": "Mayor expects the water NGO", **TAIL,
    },
    "qip": {
        **HEAD, "reporter_role": "cimic", **PLACE, "action": "new", "title": "Repair of three pumps", "q_cat": "water",
        "q_objective": "Water within 500 m for 2,400 people", "q_activities": "Rods, seals, training of the committee",
        "q_fac": _uuid(1000), "q_benef": 2400, "q_benef_f": 1250, "ip_type": "ngo_nat", "ip_name": "Eau et Santé pour Tous",
        "q_cost": 18500, "q_local": 1500, "q_weeks": 8, "q_nodup": "yes", "q_auth": "yes", "q_land": "yes",
        "q_recurrent": "yes", "q_donoharm": "yes", **TAIL,
    },
    "supplier": {
        **HEAD, "reporter_role": "cimic", **PLACE, "s_name": "Garage de l'Ouham", "s_cat": ["transport", "fuel"],
        "s_reg": "RC-2019-44", "s_vendor": "no", "s_contact": "Owner", "s_phone": "+236 77 10 20 30", "s_address": "Market road",
        "s_lang": ["fr"], "s_state": "candidate", "s_items": "Three trucks of 10 t", "s_currency": "XAF", "s_lead": 3,
        "s_staff": 9, "s_vehicle": "yes", "s_max": 12000, **TAIL,
    },
    "after_action": {
        **HEAD, "reporter_role": "cimic", "request": _uuid(4), "exec_unit": "BANBATT-3",
        "act_start": datetime(2026, 11, 5, 6, tzinfo=NOW.tzinfo), "act_end": datetime(2026, 11, 6, 17, tzinfo=NOW.tzinfo),
        "as_planned": "no", "why_not": "Four hours lost at the broken bridge", "result": "partly", "o_people": 4200,
        "o_tonnes": 38.5, "o_vehicles": 8, "o_mil_veh": 4, "o_mil_pers": 22, "o_hours": 35, "o_incident": "no",
        "k_civilian": "no", "k_control": "yes", "k_perception": "unknown", "k_again": "yes", "r_request": "4", "r_plan": "3",
        "keep": "Daily call with the agency", "change": "Recce of bridges the day before", "for_next": "Bridge limit 8 t", **TAIL,
    },
}  # fmt: skip
