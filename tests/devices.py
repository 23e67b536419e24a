"""A small form, reports on it and a phone that sends them: what tests of the devices' door need."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from forms.definition import parse
from server.models import Form, FormAttachment, FormDuty, FormVersion
from server.services.journal import now

HEADERS = {"X-OpenRosa-Version": "1.0"}
FORM_XML = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms"><h:head><h:title>{title}</h:title><model>
<instance><data id="{form_id}" version="{version}"><end/><report_date/><reporting_unit/><settlement_new/><gps/><photo/><photo2/>
<urgent/><urgent_text/><un_class/><sensitivity/><year/><month/><nil_return/>
<orx:meta><orx:instanceID/></orx:meta></data></instance>
<bind nodeset="/data/end" type="dateTime" jr:preload="timestamp" jr:preloadParams="end"/>
<bind nodeset="/data/report_date" type="date"/><bind nodeset="/data/reporting_unit" type="string"/>
<bind nodeset="/data/settlement_new" type="string" required="true()"/><bind nodeset="/data/gps" type="geopoint"/>
<bind nodeset="/data/photo" type="binary"/><bind nodeset="/data/photo2" type="binary"/>
<bind nodeset="/data/urgent" type="string"/><bind nodeset="/data/urgent_text" type="string"/>
<bind nodeset="/data/un_class" type="string"/><bind nodeset="/data/sensitivity" type="string"/>
<bind nodeset="/data/year" type="int"/><bind nodeset="/data/month" type="string"/><bind nodeset="/data/nil_return" type="string"/>
<bind nodeset="/data/orx:meta/orx:instanceID" type="string" readonly="true()" jr:preload="uid"/>
</model></h:head><h:body><input ref="/data/report_date"><label>Date</label></input>
<input ref="/data/settlement_new"><label>Settlement</label></input>
<upload ref="/data/photo" mediatype="image/*"><label>Photo</label></upload>
<upload ref="/data/photo2" mediatype="image/*"><label>Photo</label></upload></h:body></h:html>"""


def add_form(
    session: Session, form_id: str = "patrol", version: str = "1", *, post_types: tuple[str, ...] = ("patrol_unit",),
    title: str = "Patrol report", files: tuple[str, ...] = (), state: str = "open",
) -> FormVersion:
    """A published version of a small form; its second call for a form publishes one more version. Commits."""
    xml = FORM_XML.format(form_id=escape(form_id, {'"': "&quot;"}), version=version, title=escape(title)).encode()
    form = session.query(Form).filter_by(project_id=1, xml_form_id=form_id).one_or_none()
    if form is None:
        form = Form(project_id=1, xml_form_id=form_id, state=state, created_at=now())
        session.add(form)
        session.add_all(FormDuty(project_id=1, xml_form_id=form_id, post_type=each) for each in post_types)
        session.flush()
    row = FormVersion(
        form_id=form.id, version=version, title=title, xml=xml, md5=hashlib.md5(xml, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(xml).hexdigest(), definition=parse(xml).to_json(), findings=[], created_at=now(),
        published_at=now(),
    )
    session.add(row)
    session.flush()
    session.add_all(FormAttachment(form_version_id=row.id, name=name, type="file") for name in files)
    form.current_version_id = row.id
    session.commit()
    return row


def report(
    instance_id: str | None = None, *, form_id: str = "patrol", version: str = "1", replaces: str | None = None, **answers: str
) -> bytes:
    """A report's XML; answers are questions of the small form in its order."""
    said = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in answers.items())
    ids = f"<orx:instanceID>{escape(instance_id)}</orx:instanceID>" if instance_id else ""
    ids += f"<orx:deprecatedID>{escape(replaces)}</orx:deprecatedID>" if replaces else ""
    form = escape(form_id, {'"': "&quot;"})
    return (
        f'<?xml version="1.0"?><data xmlns:orx="http://openrosa.org/xforms" id="{form}" version="{version}">'
        f"{said}<orx:meta>{ids}</orx:meta></data>"
    ).encode()


def new_id() -> str:
    """A fresh instanceID."""
    return f"uuid:{uuid.uuid4()}"


def multipart(xml: bytes | None, files: dict[str, bytes] | None = None, incomplete: bool = False) -> tuple[bytes, str]:
    """A POST body as ODK Collect makes it, and its content type."""
    boundary = "----fieldpost"
    parts = []
    if xml is not None:
        parts.append(_part("xml_submission_file", "submission.xml", "text/xml", xml))
    parts += [_part(name, name, "image/jpeg", content) for name, content in (files or {}).items()]
    if incomplete:
        parts.append(b'Content-Disposition: form-data; name="*isIncomplete*"\r\n\r\nyes')
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def _part(name: str, filename: str, content_type: str, content: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {content_type}\r\n\r\n'
    return head.encode() + content


@dataclass
class Phone:
    """A device that talks to the app under test; `path` is its server URL's path."""

    client: FlaskClient
    path: str
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))

    def get(self, path: str, **options: Any) -> TestResponse:
        """GET below the server URL."""
        return self.client.get(self.path + path, headers={**self.headers, **options.pop("headers", {})}, **options)

    def send(
        self, xml: bytes | None, files: dict[str, bytes] | None = None, *, query: str = "", incomplete: bool = False
    ) -> TestResponse:
        """POSTs a report."""
        body, content_type = multipart(xml, files, incomplete)
        return self.post(body, content_type, query)

    def post(self, body: bytes, content_type: str, query: str = "") -> TestResponse:
        """POSTs any body to /submission."""
        headers = {**self.headers, "Content-Type": content_type}
        return self.client.post(f"{self.path}/submission{query}", data=body, headers=headers)


def days_ago(days: float) -> dt.datetime:
    """An instant in the past."""
    return now() - dt.timedelta(days=days)
