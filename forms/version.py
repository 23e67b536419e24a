"""Writes another version into a form's XML, as publishing with `?version=` asks for."""

from lxml import etree

from forms.definition import FormXmlError
from forms.formxml import children
from forms.xmlsafe import parse_xml

_ORX = "{http://openrosa.org/xforms}version"


def with_version(xml: bytes, version: str) -> bytes:
    """The form with that version on its primary instance; everything else keeps its meaning, the key its bytes.

    Raises FormXmlError when the XML is no form.
    """
    html = parse_xml(xml)
    model = next(html.iter("{http://www.w3.org/2002/xforms}model"), None)
    instance = next(children(model, "instance"), None) if model is not None else None
    if instance is None or len(instance) == 0:
        raise FormXmlError("The form has no primary instance: its first <instance> is missing or empty.")
    root = instance[0]
    if root.get(_ORX) is not None:
        root.set(_ORX, version)
    else:
        root.set("version", version)
    return etree.tostring(html, xml_declaration=True, encoding="utf-8")
