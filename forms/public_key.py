"""Writes a public key into a form's XML, so that phones encrypt what is filled in, or takes it out again."""

from typing import Final

from lxml import etree

from forms.definition import FormXmlError
from forms.formxml import children
from forms.xmlsafe import parse_xml

_XFORMS: Final = "http://www.w3.org/2002/xforms"
_ATTRIBUTE: Final = "base64RsaPublicKey"


def with_public_key(xml: bytes, key: str | None) -> bytes:
    """The form whose `<submission>` carries exactly this key; None takes it out. Everything else keeps its meaning.

    Raises FormXmlError when the XML is no form.
    """
    html = parse_xml(xml, keep_blank_text=True)
    model = next(html.iter(f"{{{_XFORMS}}}model"), None)
    if model is None:
        raise FormXmlError("The form has no model.")
    submission = next(children(model, "submission"), None)
    if submission is None:
        submission = etree.SubElement(model, f"{{{_XFORMS}}}submission")
    if key is not None:
        submission.set(_ATTRIBUTE, key)
    else:
        submission.attrib.pop(_ATTRIBUTE, "")
        if not submission.attrib and len(submission) == 0:
            model.remove(submission)
    return etree.tostring(html, xml_declaration=True, encoding="utf-8")
