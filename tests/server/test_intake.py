"""What becomes of a report that a device sends: stored once, edited, quarantined or refused."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Assignment, Attachment, Blob, Event, Fact, Form, PendingFact, Submission, SubmissionSummary
from server.problems import Problem
from server.queries.summaries import summary as find_summary
from server.services import intake, report_events, summaries
from server.services.authentication import user_identity
from server.services.documents import xml_of
from server.services.identity import Identity
from tests.cast import Cast
from tests.devices import Phone, add_form, new_id, report


@pytest.fixture
def phone(app: Flask, session: Session, cast: Cast) -> Phone:
    """The phone of a patrol whose posts fill the form "patrol"."""
    add_form(session)
    return Phone(app.test_client(), cast.key_path(0))


def officer_of(session: Session, cast: Cast) -> Identity:
    from server.queries.accounts import user_by_actor

    found = user_by_actor(session, cast.hq_officer.actor_id)
    assert found is not None
    return user_identity(*found, how="bearer")


def stored(session: Session) -> list[Submission]:
    return list(session.scalars(select(Submission).where(Submission.disposition == "stored").order_by(Submission.fact_id)))


def held(session: Session) -> list[Submission]:
    return list(session.scalars(select(Submission).where(Submission.disposition == "quarantined").order_by(Submission.fact_id)))


def fold(session: Session) -> None:
    summaries.fold(session, session.scalars(select(Fact)).all())


def test_a_report_is_stored_byte_for_byte(phone: Phone, session: Session) -> None:
    xml = report(new_id(), settlement_new="Gbadé")

    answer = phone.send(xml)

    assert answer.status_code == 201
    assert [xml_of(row) for row in stored(session)] == [xml]


def test_a_stored_report_waits_in_the_queue_of_the_worker(phone: Phone, session: Session) -> None:
    phone.send(report(new_id()))

    assert [row.fact_id for row in session.scalars(select(PendingFact))] == [stored(session)[0].fact_id]


def test_the_answer_says_the_receipt_number(phone: Phone, session: Session) -> None:
    answer = phone.send(report(new_id()))

    assert stored(session)[0].receipt in answer.text
    assert not set(stored(session)[0].receipt) & set("0O1I")


def test_resend_after_a_lost_answer_is_stored_once(phone: Phone, session: Session) -> None:
    xml = report(new_id(), settlement_new="Gbadé")
    first = phone.send(xml, {"a.jpg": b"photo"})

    second = phone.send(xml, {"a.jpg": b"photo"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert len(stored(session)) == 1
    assert session.query(Attachment).count() == 1


def test_resend_gets_the_same_receipt(phone: Phone, session: Session) -> None:
    xml = report(new_id())
    first = phone.send(xml)

    second = phone.send(xml)

    assert first.headers["X-Fieldpost-Receipt"] == second.headers["X-Fieldpost-Receipt"]


def test_the_order_of_attributes_does_not_make_another_report(phone: Phone, session: Session) -> None:
    xml = report(new_id())
    phone.send(xml)

    phone.send(xml.replace(b'id="patrol" version="1"', b"version='1' id='patrol'"))

    assert len(stored(session)) == 1
    assert held(session) == []


def test_same_id_with_other_content_goes_to_quarantine(phone: Phone, session: Session) -> None:
    instance_id = new_id()
    phone.send(report(instance_id, settlement_new="Gbadé"))

    answer = phone.send(report(instance_id, settlement_new="Bozoum"))

    assert answer.status_code == 202
    assert [row.reason for row in held(session)] == ["same_id_other_content"]
    assert b"Gbad" in xml_of(stored(session)[0])


def test_resending_what_is_in_quarantine_adds_nothing(phone: Phone, session: Session) -> None:
    xml = report(new_id(), form_id="nowhere")
    first = phone.send(xml)

    second = phone.send(xml)

    assert (second.status_code, second.headers["X-Fieldpost-Receipt"]) == (202, first.headers["X-Fieldpost-Receipt"])
    assert len(held(session)) == 1


@pytest.mark.parametrize(
    ("xml", "reason", "strict"),
    [
        (report("uuid:1", form_id="nowhere"), "unknown_form", 404),
        (report("uuid:1", version="99"), "unknown_version", 404),
        (report("uuid:1", replaces="uuid:never-seen"), "unknown_deprecated", 404),
        (report("uuid:1", un_class="STRICTLY_CONFIDENTIAL"), "strictly_confidential", 202),
        (report("uuid:1", sensitivity="severe"), "severe_sensitivity", 202),
    ],
)
def test_what_cannot_be_processed_is_kept_in_quarantine(
    phone: Phone, session: Session, xml: bytes, reason: str, strict: int
) -> None:
    refused = phone.send(xml, query="?strict=1")
    answer = phone.send(xml)

    assert (refused.status_code, answer.status_code) == (strict, 202)
    assert [row.reason for row in held(session)] == [reason]


def test_strict_refusal_stores_nothing(phone: Phone, session: Session) -> None:
    phone.send(report("uuid:1", form_id="nowhere"), {"a.jpg": b"photo"}, query="?strict=1")

    assert session.query(Fact).count() == 0
    assert session.query(Blob).count() == 0


def test_a_closed_form_takes_reports_into_quarantine(phone: Phone, session: Session) -> None:
    session.query(Form).one().state = "closed"
    session.commit()

    answer = phone.send(report(new_id()))

    assert answer.status_code == 202
    assert held(session)[0].reason == "form_closed"


def test_a_closing_form_still_takes_reports(phone: Phone, session: Session) -> None:
    session.query(Form).one().state = "closing"
    session.commit()

    assert phone.send(report(new_id())).status_code == 201


def test_resend_of_a_stored_report_is_good_after_the_form_was_closed(phone: Phone, session: Session) -> None:
    xml = report(new_id())
    phone.send(xml)
    session.query(Form).one().state = "closed"
    session.commit()

    assert phone.send(xml).status_code == 201


def test_a_form_not_assigned_to_the_device_is_refused_and_nothing_kept(phone: Phone, session: Session) -> None:
    add_form(session, "returns", post_types=("team_site",))

    answer = phone.send(report(new_id(), form_id="returns"), {"a.jpg": b"photo"})

    assert answer.status_code == 403
    assert session.query(Fact).count() == 0
    assert session.query(Blob).count() == 0


def test_an_assignment_lets_a_device_fill_a_form_of_another_post_type(phone: Phone, session: Session, cast: Cast) -> None:
    version = add_form(session, "returns", post_types=())
    session.add(Assignment(actor_id=cast.device_actor_ids[0], role="app-user", project_id=1, form_id=version.form_id))
    session.commit()

    assert phone.send(report(new_id(), form_id="returns")).status_code == 201


def test_an_edit_becomes_the_next_version(phone: Phone, session: Session) -> None:
    first, second = new_id(), new_id()
    phone.send(report(first, settlement_new="Gbadé"))

    answer = phone.send(report(second, replaces=first, settlement_new="Gbade"))

    assert answer.status_code == 201
    assert [row.root_instance_id for row in stored(session)] == [first, first]


def test_resend_of_the_original_after_an_edit_changes_nothing(phone: Phone, session: Session) -> None:
    first = new_id()
    original = report(first, settlement_new="Gbadé")
    phone.send(original)
    phone.send(report(new_id(), replaces=first))

    answer = phone.send(original)

    assert answer.status_code == 201
    assert len(stored(session)) == 2


def test_an_edit_of_a_replaced_version_is_stale(phone: Phone, session: Session) -> None:
    first = new_id()
    phone.send(report(first))
    phone.send(report(new_id(), replaces=first))

    strict = phone.send(report("uuid:late", replaces=first), query="?strict=1")
    answer = phone.send(report("uuid:late", replaces=first))

    assert (strict.status_code, answer.status_code) == (409, 202)
    assert held(session)[0].reason == "stale_edit"


def test_an_edit_under_an_id_that_another_report_has_is_held(phone: Phone, session: Session) -> None:
    first, other = new_id(), new_id()
    phone.send(report(first))
    phone.send(report(other))

    answer = phone.send(report(other, replaces=first))

    assert answer.status_code == 202
    assert held(session)[0].reason == "edit_id_taken"


def test_an_edit_that_overtook_its_original_is_taken_up_when_it_arrives(phone: Phone, session: Session) -> None:
    first, second, third = new_id(), new_id(), new_id()
    phone.send(report(third, replaces=second, settlement_new="3"))
    phone.send(report(second, replaces=first, settlement_new="2"), {"b.jpg": b"b"})

    phone.send(report(first, settlement_new="1"))

    assert [row.instance_id for row in stored(session)] == [first, second, third]
    assert {row.root_instance_id for row in stored(session)} == {first}


def test_resend_of_a_taken_up_edit_is_a_known_report(phone: Phone, session: Session) -> None:
    first, edit = new_id(), report(new_id(), replaces="uuid:first")
    phone.send(edit)
    phone.send(report("uuid:first"))

    answer = phone.send(edit)

    assert (answer.status_code, len(stored(session)), bool(first)) == (201, 2, True)


def test_a_report_without_an_id_gets_the_same_one_each_time(phone: Phone, session: Session) -> None:
    xml = report(None, settlement_new="Gbadé")
    phone.send(xml)

    answer = phone.send(xml)

    assert answer.status_code == 201
    assert len(stored(session)) == 1
    assert stored(session)[0].instance_id.startswith("uuid:")


def test_files_may_come_in_later_posts(phone: Phone, session: Session) -> None:
    xml = report(new_id(), photo="a.jpg", photo2="b.jpg")
    phone.send(xml, {"a.jpg": b"a"}, incomplete=True)
    phone.send(xml, {"b.jpg": b"b"})

    fold(session)

    found = session.query(SubmissionSummary).one()
    assert (found.files_expected, found.files_present) == (2, 2)
    assert session.query(Attachment).count() == 2


def test_a_file_with_other_bytes_replaces_and_the_old_one_stays(phone: Phone, session: Session) -> None:
    xml = report(new_id(), photo="a.jpg")
    phone.send(xml, {"a.jpg": b"old"})

    phone.send(xml, {"a.jpg": b"new"})

    assert session.query(Attachment).count() == 2
    assert session.query(Blob).count() == 2


def test_a_surplus_file_is_kept_and_marked(phone: Phone, session: Session) -> None:
    phone.send(report(new_id(), photo="a.jpg"), {"a.jpg": b"a", "zzz.jpg": b"z"})

    assert {row.name: row.expected for row in session.query(Attachment)} == {"a.jpg": True, "zzz.jpg": False}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\temp\\x.jpg", "x.jpg"), ("a\x01b.jpg", "ab.jpg"), ("..", "file"),
     ("é" * 300 + ".jpg", "é" * 251 + ".jpg"), ("photo été.jpg", "photo été.jpg")],
)  # fmt: skip
def test_a_hostile_file_name_does_no_harm(phone: Phone, session: Session, sent: str, kept: str) -> None:
    answer = phone.send(report(new_id()), {sent: b"x"})

    assert answer.status_code == 201
    assert [row.name for row in session.query(Attachment)] == [kept]


def test_a_file_name_in_rfc_5987_arrives_right(phone: Phone, session: Session) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="xml_submission_file"\r\n\r\n' + report(new_id()) + b"\r\n--B\r\n"
        b"Content-Disposition: form-data; name=\"x\"; filename*=UTF-8''caf%C3%A9.jpg\r\n\r\nx\r\n--B--\r\n"
    )

    phone.post(body, "multipart/form-data; boundary=B")

    assert [row.name for row in session.query(Attachment)] == ["café.jpg"]


def test_a_deleted_report_is_not_brought_back_by_a_resend(phone: Phone, session: Session, cast: Cast) -> None:
    xml = report(new_id())
    phone.send(xml)
    fold(session)
    report_events.delete(session, officer_of(session, cast), session.query(SubmissionSummary).one())

    strict, answer = phone.send(xml, query="?strict=1"), phone.send(xml)

    assert (strict.status_code, answer.status_code) == (409, 202)
    assert held(session)[0].reason == "submission_deleted"


def test_accepting_a_resend_of_a_deleted_report_restores_it(phone: Phone, session: Session, cast: Cast) -> None:
    xml, officer = report("uuid:x"), officer_of(session, cast)
    phone.send(xml)
    fold(session)
    report_events.delete(session, officer, session.query(SubmissionSummary).one())
    phone.send(xml)

    intake.accept(session, held(session)[0].fact_id, officer)
    fold(session)

    assert session.query(SubmissionSummary).one().deleted_at is None
    assert len(stored(session)) == 1


def test_an_accepted_copy_becomes_a_report_of_its_own(phone: Phone, session: Session, cast: Cast) -> None:
    instance_id = new_id()
    phone.send(report(instance_id, settlement_new="Gbadé"))
    phone.send(report(instance_id, settlement_new="Bozoum"), {"a.jpg": b"a"})

    accepted = intake.accept(session, held(session)[0].fact_id, officer_of(session, cast))
    fold(session)

    assert accepted.root_instance_id != instance_id
    assert {row.place for row in session.query(SubmissionSummary)} == {"Gbadé", "Bozoum"}
    assert [row.name for row in session.query(Attachment).filter_by(submission_fact_id=accepted.fact_id)] == ["a.jpg"]


def test_an_accepted_copy_can_become_the_next_version(phone: Phone, session: Session, cast: Cast) -> None:
    instance_id = new_id()
    phone.send(report(instance_id, settlement_new="Gbadé"))
    phone.send(report(instance_id, settlement_new="Bozoum"))

    intake.accept(session, held(session)[0].fact_id, officer_of(session, cast), how="edit")
    fold(session)

    found = session.query(SubmissionSummary).one()
    assert (found.place, found.edits, found.root_instance_id) == ("Bozoum", 1, instance_id)


def test_an_accepted_report_keeps_the_time_it_first_arrived(phone: Phone, session: Session, cast: Cast) -> None:
    phone.send(report(new_id(), version="99"))
    first = session.get_one(Fact, held(session)[0].fact_id).received_at

    accepted = intake.accept(session, held(session)[0].fact_id, officer_of(session, cast))

    assert session.get_one(Fact, accepted.fact_id).received_at == first


def test_resend_of_an_accepted_report_is_a_known_report(phone: Phone, session: Session, cast: Cast) -> None:
    xml = report(new_id(), version="99")
    phone.send(xml)
    intake.accept(session, held(session)[0].fact_id, officer_of(session, cast))

    answer = phone.send(xml)

    assert answer.status_code == 201
    assert len(stored(session)) == 1


def test_a_decision_is_made_once(phone: Phone, session: Session, cast: Cast) -> None:
    phone.send(report(new_id(), version="99"))
    officer = officer_of(session, cast)
    intake.reject(session, held(session)[0].fact_id, officer, "test data")

    with pytest.raises(Problem) as refused:
        intake.accept(session, held(session)[0].fact_id, officer)

    assert refused.value.kind.name == "state_conflict"


def test_a_rejected_report_stays_out_when_it_is_sent_again(phone: Phone, session: Session, cast: Cast) -> None:
    xml = report(new_id(), version="2")
    phone.send(xml)
    intake.reject(session, held(session)[0].fact_id, officer_of(session, cast))
    add_form(session, version="2")

    answer = phone.send(xml)

    assert answer.status_code == 202
    assert stored(session) == []


def test_a_report_of_an_unknown_form_cannot_be_accepted_before_the_form_is_there(
    phone: Phone, session: Session, cast: Cast
) -> None:
    phone.send(report(new_id(), form_id="nowhere"))

    with pytest.raises(Problem) as refused:
        intake.accept(session, held(session)[0].fact_id, officer_of(session, cast))

    assert refused.value.kind.name == "state_conflict"
    assert session.query(Event).count() == 0


def test_resend_after_the_version_was_published_is_stored(phone: Phone, session: Session) -> None:
    xml = report(new_id(), version="2")
    phone.send(xml)
    add_form(session, version="2")

    answer = phone.send(xml)

    assert answer.status_code == 201
    assert len(stored(session)) == 1
    assert session.query(Event).one().payload["automatic"] is True


@pytest.mark.parametrize(
    ("xml", "status"),
    [
        (b"", 400), (b"not xml", 400), (b"<data/>", 400), (b'<data id="patrol">', 400), (b"\x00\x01", 400),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><data id="patrol">&a;</data>', 400),
        (b'<data id="patrol">' + b"<a>" * 2000 + b"</a>" * 2000 + b"</data>", 400),
        (b'<data id="' + b"x" * 300 + b'"/>', 400), (b'<data id="patrol" encrypted="yes"/>', 400),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(phone: Phone, session: Session, xml: bytes, status: int) -> None:
    answer = phone.send(xml)

    assert answer.status_code == status
    assert session.query(Fact).count() == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"), (b"", "multipart/form-data; boundary=B"), (b"x", "text/xml"), (b"x", ""),
        (b"--B\r\nContent-Disposition: form-data; name=\"xml_submission_file\"\r\n\r\n<data", "multipart/form-data; boundary=B"),
        (b"--B\r\nNonsense\r\n\r\nx\r\n--B--\r\n", "multipart/form-data; boundary=B"),
        (b"--B\r\nContent-Disposition: attachment\r\n\r\nx\r\n--B--\r\n", "multipart/form-data; boundary=B"),
        (b"--B\r\nContent-Disposition: form-data; name=\"\xff\xfe\"\r\n\r\nx\r\n--B--\r\n", "multipart/form-data; boundary=B"),
        (b"--B\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n", "multipart/form-data; boundary=B"),
    ],
)  # fmt: skip
def test_a_broken_multipart_is_refused_and_leaves_nothing(phone: Phone, app: Flask, body: bytes, content_type: str) -> None:
    answer = phone.post(body, content_type)

    assert answer.status_code == 400
    assert "OpenRosaResponse" in answer.text
    assert not list((app.config["SETTINGS"].data_dir / "blobs").glob("**/*.*"))


def test_nothing_stays_in_the_spool(phone: Phone, app: Flask) -> None:
    phone.send(report(new_id()), {"a.jpg": b"a"})
    phone.send(b"broken", {"b.jpg": b"b"})

    assert list((app.config["SETTINGS"].data_dir / "blobs" / "spool").iterdir()) == []


def test_two_parts_of_xml_are_refused(phone: Phone) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="xml_submission_file"\r\n\r\n<data id="patrol"/>\r\n'

    answer = phone.post(part + part + b"--B--\r\n", "multipart/form-data; boundary=B")

    assert answer.status_code == 400


def test_a_full_disk_is_told_and_nothing_is_stored(phone: Phone, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("server.services.blobs.os.fsync", full)

    answer = phone.send(report(new_id()), {"a.jpg": b"a"})

    assert answer.status_code == 507
    assert session.query(Fact).count() == 0


def test_a_review_then_an_edit_shows_as_edited(phone: Phone, session: Session, cast: Cast) -> None:
    first = new_id()
    phone.send(report(first))
    fold(session)
    report_events.review(session, officer_of(session, cast), session.query(SubmissionSummary).one(), "approved")
    fold(session)
    found = find_summary(session, 1, "patrol", first)
    assert found is not None
    assert found.review_state == "approved"

    phone.send(report(new_id(), replaces=first))
    fold(session)

    assert found.review_state == "edited"


def test_photos_of_the_replaced_version_carry_over(phone: Phone, session: Session) -> None:
    first = new_id()
    phone.send(report(first, photo="a.jpg"), {"a.jpg": b"a"})
    phone.send(report(new_id(), replaces=first, photo="a.jpg", photo2="b.jpg"), {"b.jpg": b"b"})

    fold(session)

    found = session.query(SubmissionSummary).one()
    assert (found.files_expected, found.files_present) == (2, 2)
