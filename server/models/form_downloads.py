"""Which device fetched which version of a form."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model
from server.models.columns import UtcDateTime


class FormDownload(Model):
    """A device (its actor) fetched a published version; at: when it did so first. Not a fact: it says what phones hold,
    and is forgotten when another phone takes over the device's place."""

    __tablename__ = "form_downloads"
    actor_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    form_version_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
