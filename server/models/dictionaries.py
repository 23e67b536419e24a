"""What stored reports are packed with."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Model


class XmlDictionary(Model):
    """What reports on one form version have in common (see services.dictionaries). Never changed, never deleted.

    number: Adler-32 of the data, by which packed XML names it. Versions alike share data and number.
    """

    __tablename__ = "xml_dictionaries"
    form_version_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, index=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
