"""Checks of an XForm's XML, ready-made or converted: identity, metadata, and what its expressions point at.

ODK Validate accepts a constraint with an unknown function or with a path that leads nowhere; a phone does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from forms.findings import Finding, FormRefused, Place, error, warning
from forms.formcheck import expressions
from forms.formcheck.file_names import file_findings
from forms.formcheck.xform_entities import entity_findings
from forms.xmlsafe import XmlRefused, local_name, parse_xml

XF: Final = "{http://www.w3.org/2002/xforms}"
OPENROSA: Final = "{http://openrosa.org/xforms}"
MAX_ID: Final = 249
MAX_FINDINGS: Final = 200
_EXPRESSIONS: Final = ("relevant", "constraint", "calculate", "required", "readonly")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a form is called. ``version`` is "" when absent; ``title`` falls back to the id."""

    form_id: str
    version: str
    title: str


def read_xform(xml: bytes) -> tuple[Identity, tuple[Finding, ...]]:
    """Return the form's identity and every finding. Raises FormRefused when there is no form to speak of.

    Elements are known by their local names: forms in odd namespaces exist, and other tools read them.
    """
    try:
        root = parse_xml(xml)
    except XmlRefused as problem:
        raise FormRefused([error("bad-xml", str(problem), "Upload the XForm as the form designer wrote it.")]) from problem
    model = root.find("{*}head/{*}model")
    primary = _primary(model)
    if local_name(root) != "html" or model is None or primary is None:
        message = "The XML is no XForm: it has no model with a primary instance."
        raise FormRefused([error("not-an-xform", message, "Upload an XForm or an XLSForm.")])
    form_id = primary.get("id") or ""
    version = primary.get(f"{OPENROSA}version") or primary.get("version") or ""
    title = (root.findtext("{*}head/{*}title") or "").strip()
    findings = (*_identity_findings(form_id, version, primary, model), *_first(_model_findings(root, model, primary)))
    return Identity(form_id, version, title or form_id), tuple(dict.fromkeys(findings))


def _first(found: Iterator[Finding]) -> Iterator[Finding]:
    """The first findings, and word that there are more: looking for the others would take as long as there are many."""
    yield from itertools.islice(found, MAX_FINDINGS)
    if (more := next(found, None)) is not None:
        yield replace(more, message=f"There is more to find than these {MAX_FINDINGS}.", column=None)


def _primary(model: etree._Element | None) -> etree._Element | None:
    instance = model.find("{*}instance") if model is not None else None
    return instance[0] if instance is not None and len(instance) else None


def _identity_findings(
    form_id: str, version: str, primary: etree._Element, model: etree._Element
) -> Iterator[Finding]:
    if not form_id:
        message = "The form's primary instance has no id."
        yield error("missing-form-id", message, "Give the form an id.", Place("settings", None, "form_id"))
    if max(len(form_id), len(version)) > MAX_ID:
        message = f"The form's id or version has more than {MAX_ID} characters."
        yield error("bad-form-id", message, "Shorten it.", Place("settings", None, "form_id"))
    names = {local_name(node) for node in primary.iter()}
    if "meta" not in names or "instanceID" not in names:
        message = "The form has no meta block with an instanceID; a report sent twice is told apart by its content only."
        yield warning("missing-meta", message, "Convert it again with a current form designer.")
    yield from entity_findings(model, primary)


def _model_findings(root: etree._Element, model: etree._Element, primary: etree._Element) -> Iterator[Finding]:
    yield from file_findings(root)
    known = frozenset(_paths(primary, ""))
    instances = frozenset(str(i.get("id")) for i in model.iterfind("{*}instance") if i.get("id"))
    for bind in model.iterfind("{*}bind"):
        nodeset = (bind.get("nodeset") or bind.get("ref") or "").strip()
        if not nodeset:
            advice = "Upload the XForm as the form designer wrote it."
            yield warning("bind-without-node", "A bind does not say which node it is about.", advice)
        elif nodeset.split("/@")[0] not in known:
            message = f"A bind points at {nodeset}, which is no node of the form."
            yield error("missing-node", message, expressions.did_you_mean(nodeset, known), Place(None, None, nodeset))
        for column in _EXPRESSIONS:
            if bind.get(column):
                yield from _expression_findings(str(bind.get(column)), nodeset, column, known, instances)
    body = root.find("{*}body")
    for node in body.iter() if body is not None else ():
        ref = (node.get("ref") or "").strip()
        if node.tag.startswith(XF) and ref.startswith("/") and ref not in known:
            message = f"The questions point at {ref}, which is no node of the form."
            yield error("missing-node", message, expressions.did_you_mean(ref, known), Place(None, None, ref))


def _expression_findings(
    text: str, nodeset: str, column: str, known: frozenset[str], instances: frozenset[str]
) -> Iterator[Finding]:
    problems = list(expressions.syntax_problems(text))
    if not problems:
        problems += expressions.path_problems(text, known, nodeset)
    for name in expressions.instances(text):
        if name not in instances:
            message = f"The form has no list called {name}."
            problems.append(expressions.Problem("missing-instance", message, "Add the list to the form."))
    for problem in problems:
        message = f"{nodeset}, {column}: {problem.message}"
        yield error(problem.code, message, problem.advice, Place(None, None, nodeset))


def _paths(node: etree._Element, parent: str) -> Iterator[str]:
    """Yield the path of every node, with the prefixes it is written with and without, as designers write both."""
    stack = [(node, parent, parent)]
    while stack:
        element, above, written = stack.pop()
        name = local_name(element)
        path, full = f"{above}/{name}", f"{written}/{element.prefix}:{name}" if element.prefix else f"{written}/{name}"
        yield path
        if element.prefix:
            yield f"{above}/{element.prefix}:{name}"
        yield full
        stack.extend((child, path, full) for child in element)
