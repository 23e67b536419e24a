"""People and phones that know the server from outside only: a browser that fills the pages' own forms, OpenRosa by hand.

Nothing here uses the project's client or its services, so that a mistake that server and client share shows.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from lxml import etree, html

XFORMS = "{http://www.w3.org/2002/xforms}"
LISTED = "{http://openrosa.org/xforms/xformsList}"
MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
ANSWER = "{http://openrosa.org/http/response}"
# Seconds for one answer on a busy machine.
PATIENCE = 60


@dataclass
class Browser:
    """A browser without scripts: pages, the forms on them with their hidden fields, cookies."""

    base_url: str
    http: requests.Session = field(default_factory=requests.Session)

    def look(self, path: str) -> requests.Response:
        """GETs a page, whatever the status."""
        return self.http.get(urljoin(self.base_url, path), timeout=PATIENCE)

    def open(self, path: str) -> html.HtmlElement:
        """GETs a page that must be there."""
        answer = self.look(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return html.fromstring(answer.text, base_url=answer.url)

    def submit(
        self, path: str, action: str, values: dict[str, Any] | None = None, files: dict[str, Any] | None = None,
        **pressed: str | None,
    ) -> html.HtmlElement:
        """Fills in the form of that action (the last of them: the one that adds) and sends it.

        `pressed` picks the form whose hidden field has that value (None: that lacks it), as one button of several does.
        Fields that the form does not have are a fault of the page.
        """
        page = self.open(path)
        forms = [form for form in page.forms if (form.get("action") or "").partition("?")[0] == action]
        forms = [form for form in forms if all(dict(form.form_values()).get(name) == text for name, text in pressed.items())]
        assert forms, (path, action, [form.get("action") for form in page.forms])
        form = forms[-1]
        assert set(values or {}) | set(files or {}) <= {one.name for one in form.inputs if one.name}, (action, values)
        kept = {name: text for name, text in form.form_values() if name not in (values or {})}
        answer = self.http.post(
            urljoin(page.base_url, form.get("action")), data=kept | (values or {}), files=files, timeout=PATIENCE
        )
        assert answer.status_code == 200, (action, answer.status_code, answer.text)
        return html.fromstring(answer.text, base_url=answer.url)

    def log_in(self, email: str, password: str) -> html.HtmlElement:
        """Through the log-in page; lands on the first page of the role."""
        page = self.submit("/login", "/login", {"email": email, "password": password})
        assert not page.base_url.endswith("/login"), page.text_content()
        return page


@dataclass
class HandPhone:
    """A phone that speaks OpenRosa with plain `requests`; `url` is the server URL of its QR card."""

    url: str
    form: bytes = b""

    def get(self, url: str) -> requests.Response:
        """A request as any OpenRosa client makes it."""
        answer = requests.get(url, headers={"X-OpenRosa-Version": "1.0"}, timeout=PATIENCE)
        assert answer.status_code == 200, (url, answer.status_code, answer.text)
        assert answer.headers["X-OpenRosa-Version"] == "1.0"
        return answer

    def pull(self, form_id: str) -> dict[str, bytes]:
        """Form list, form and every file of its manifest, each checked against its announced hash; returns the files."""
        listed = etree.fromstring(self.get(f"{self.url}/formList").content)
        forms = {one.findtext(f"{LISTED}formID"): one for one in listed}
        found = forms[form_id]
        self.form = self._checked(found, LISTED)
        manifest = etree.fromstring(self.get(str(found.findtext(f"{LISTED}manifestUrl"))).content)
        return {str(one.findtext(f"{MANIFEST}filename")): self._checked(one, MANIFEST) for one in manifest}

    def _checked(self, entry: etree._Element, space: str) -> bytes:
        data = self.get(str(entry.findtext(f"{space}downloadUrl"))).content
        assert f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}" == entry.findtext(f"{space}hash")
        return data

    def fill(self, answers: dict[str, str], label: str, entity_id: str | None = None) -> bytes:
        """The form's empty instance with these answers and one new entity, as a phone would leave it."""
        instance = etree.fromstring(self.form).find(f".//{XFORMS}instance")
        assert instance is not None
        root = copy.deepcopy(instance[0])
        names = {etree.QName(node).localname: node for node in root.iter()}
        for name, text in {**answers, "instanceID": f"uuid:{uuid.uuid4()}"}.items():
            names[name].text = text
        entity = names["entity"]
        dataset = entity.attrib["dataset"]
        entity.attrib.clear()
        entity.attrib.update({"dataset": dataset, "create": "1", "id": entity_id or str(uuid.uuid4())})
        entity[0].text = label
        return etree.tostring(root)

    def send(self, xml: bytes, photos: dict[str, bytes] | None = None) -> tuple[int, str]:
        """HEAD for the address, then POST; returns status and the message for the person."""
        headers = {"X-OpenRosa-Version": "1.0"}
        asked = requests.head(f"{self.url}/submission", headers=headers, timeout=PATIENCE)
        assert asked.status_code == 204, asked.status_code
        assert int(asked.headers["X-OpenRosa-Accept-Content-Length"]) > len(xml)
        parts = [("xml_submission_file", ("submission.xml", xml, "text/xml"))]
        parts += [(name, (name, data, "image/jpeg")) for name, data in (photos or {}).items()]
        where = urljoin(f"{self.url}/submission", asked.headers.get("Location", ""))
        answer = requests.post(where, headers=headers, files=parts, timeout=PATIENCE)
        return answer.status_code, etree.fromstring(answer.content).findtext(f"{ANSWER}message") or ""
