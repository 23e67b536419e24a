"""The mission as it is organised: settings, sectors, areas, units, posts, code lists, who fills and who owes which form."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, Date, Float, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import Json, UtcDateTime


class MissionSetting(Model):
    """One setting made on the set-up page or by `init`: mission_name, time_zone, languages, server_id, setup_done, ..."""

    __tablename__ = "mission_settings"
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)


class Sector(Model):
    """A sector of the mission: the limit of what an officer sees."""

    __tablename__ = "sectors"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(255))


class Area(Model):
    """An administrative area. code is the p-code, a string (leading zeros count), unique within one cod_version.

    valid_to: a newer boundary set has the code no more since that day; old records keep it, nothing new is offered it.
    """

    __tablename__ = "areas"
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    level: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    parent_code: Mapped[str | None] = mapped_column(String(40), index=True)
    sector_id: Mapped[int | None] = mapped_column(ForeignKey("sectors.id"))
    cod_version: Mapped[str] = mapped_column(String(40), default="")
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)


class AreaVersion(Model):
    """What a p-code meant in one boundary set; `areas` holds what it means now.

    boundary: a GeoJSON MultiPolygon as text, WGS 84 degrees, six decimals; west to north: its box. Null where no file drew one.
    """

    __tablename__ = "area_versions"
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    cod_version: Mapped[str] = mapped_column(String(40), primary_key=True)
    level: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    parent_code: Mapped[str | None] = mapped_column(String(40))
    valid_from: Mapped[dt.date | None] = mapped_column(Date)
    boundary: Mapped[str | None] = mapped_column(Text, deferred=True)
    boundary_sha256: Mapped[str | None] = mapped_column(String(64))
    west: Mapped[float | None] = mapped_column(Float)
    south: Mapped[float | None] = mapped_column(Float)
    east: Mapped[float | None] = mapped_column(Float)
    north: Mapped[float | None] = mapped_column(Float)


class Unit(Model):
    """A battalion or team site that rotates. code is what `reporting_unit` holds on the questionnaires.

    camp: where it lives, as degrees or grid reference; what it reads there is no position of a thing elsewhere.
    """

    __tablename__ = "units"
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    sector_id: Mapped[int | None] = mapped_column(ForeignKey("sectors.id"))
    rotation_in: Mapped[dt.date | None] = mapped_column(Date)
    rotation_out: Mapped[dt.date | None] = mapped_column(Date)
    camp: Mapped[str | None] = mapped_column(String(80))


class Post(Model):
    """An office that owns duties and devices; people rotate through it. type: patrol_unit | team_site | cimic_cell | ...

    route_class: lan | default | satellite, the kind of link its devices have; null: nobody said. area_code: the area whose
    records its devices get as lists; null: those of its sector.
    """

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(30))
    unit_code: Mapped[str | None] = mapped_column(ForeignKey("units.code"))
    sector_id: Mapped[int | None] = mapped_column(ForeignKey("sectors.id"))
    area_code: Mapped[str | None] = mapped_column(String(40))
    duty_phone: Mapped[str | None] = mapped_column(String(60))
    route_class: Mapped[str | None] = mapped_column(String(10))
    closed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class FormDuty(Model):
    """Posts of this type fill this form: a device of such a post may use it without a single assignment."""

    __tablename__ = "form_duties"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    xml_form_id: Mapped[str] = mapped_column(String(249))
    post_type: Mapped[str] = mapped_column(String(30))
    __table_args__ = (UniqueConstraint("project_id", "xml_form_id", "post_type"),)


class ReturnPlan(Model):
    """Posts of this type owe this form in this rhythm: daily, weekly, monthly. Days count after the period, in mission time."""

    __tablename__ = "return_plans"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    xml_form_id: Mapped[str] = mapped_column(String(249))
    post_type: Mapped[str] = mapped_column(String(30))
    rhythm: Mapped[str] = mapped_column(String(10), default="monthly")
    due_day: Mapped[int] = mapped_column(Integer, default=5)
    missing_day: Mapped[int] = mapped_column(Integer, default=10)
    freeze_day: Mapped[int] = mapped_column(Integer, default=15)
    starts_on: Mapped[dt.date | None] = mapped_column(Date)


class CodeItem(Model):
    """One code of a code list. Codes are stable, labels change; a retired one has valid_to; the mission's own begin with x-."""

    __tablename__ = "code_items"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    list_name: Mapped[str] = mapped_column(String(60))
    code: Mapped[str] = mapped_column(String(60))
    label_en: Mapped[str] = mapped_column(Text)
    label_fr: Mapped[str] = mapped_column(Text)
    parent_code: Mapped[str | None] = mapped_column(String(60))
    external_code: Mapped[str | None] = mapped_column(String(120))
    sort: Mapped[int] = mapped_column(Integer, default=0)
    valid_from: Mapped[dt.date | None] = mapped_column(Date)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)
    mission_own: Mapped[bool] = mapped_column(Boolean, default=False)
    __table_args__ = (UniqueConstraint("list_name", "code"),)
