"""The logs of how forms were filled (audit.csv of each report) as one table, as ODK Central exports them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from sqlalchemy.orm import Session

from forms import client_audit
from server.exports.csv_file import neutral
from server.queries import submission_lists as lists
from server.queries.submission_lists import Wanted
from server.services.blobs import BlobStore


def file_name(xml_form_id: str) -> str:
    """The table's name in the zip."""
    return f"{xml_form_id} - audit.csv"


def table(session: Session, store: BlobStore, found: Wanted) -> Iterator[bytes]:
    """The logs of these submissions as CSV, one piece per report; nothing at all when none of them has a log."""
    logs = lists.files_named(session, found, client_audit.FILE_NAME)
    for number, (instance_id, sha256) in enumerate(logs):
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        if number == 0:
            writer.writerow(("instance ID", *client_audit.COLUMNS))
        for row in client_audit.rows(store.read(sha256)):
            writer.writerow((instance_id, *map(neutral, row)))
        yield buffer.getvalue().encode()
