"""Several phones, or one impatient one, send the same report at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests
from sqlalchemy import func, select

from server.models import Attachment, Submission
from tests.cast import make_cast
from tests.devices import HEADERS, add_form, multipart, new_id, report
from tests.processes import ServerMaker

AT_ONCE = 20


def send_at_once(url: str, reports: list[bytes], files: dict[str, bytes]) -> list[requests.Response]:
    """Sends all reports at the same time."""

    def send(xml: bytes) -> requests.Response:
        body, content_type = multipart(xml, files)
        return requests.post(f"{url}/submission", data=body, headers={**HEADERS, "Content-Type": content_type}, timeout=120)

    with ThreadPoolExecutor(len(reports)) as pool:
        return list(pool.map(send, reports))


def test_reports_sent_at_the_same_moment_meet_in_one_row(make_server: ServerMaker) -> None:
    server = make_server(processes=2, threads=16, worker=False)
    with server.session() as session:
        cast = make_cast(session)
        add_form(session)
    url = server.start().base_url + cast.key_path(0)
    original = report("uuid:original", settlement_new="Gbadé")

    same = send_at_once(url, [original] * AT_ONCE, {"a.jpg": b"photo"})
    edits = send_at_once(url, [report(new_id(), replaces="uuid:original") for _ in range(AT_ONCE)], {})

    assert [answer.status_code for answer in same] == [201] * AT_ONCE
    assert len({answer.headers["X-Fieldpost-Receipt"] for answer in same}) == 1
    assert sorted(answer.status_code for answer in edits) == [201] + [202] * (AT_ONCE - 1)
    with server.session() as session:
        counted = session.execute(select(Submission.disposition, func.count()).group_by(Submission.disposition))
        assert {row[0]: row[1] for row in counted} == {"stored": 2, "quarantined": AT_ONCE - 1}
        assert session.scalar(select(func.count()).select_from(Attachment)) == 1
        assert session.scalar(select(func.count(func.distinct(Attachment.blob_sha256)))) == 1
