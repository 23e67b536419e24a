"""Read a form's XML (XForm, as pyxform or other tools make it) into a `FormDefinition`.

Tolerates the odd forms that exist (no meta, default namespaces, dots in names, untyped binds) and says plainly
what makes a form unusable. It must not evaluate expressions; `forms.xpath` does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from forms.controls import Control, read_controls
from forms.fields import (
    Action,
    Attachment,
    Choice,
    EntityBlock,
    Field,
    FormDefinition,
    Instance,
    Itemset,
    language_code,
    text_in,
)
from forms.formxml import action_of, attribute, children, plain, relative_path
from forms.itext import Itext, itext_labels, media_of, media_uri, read_itext
from forms.xmlsafe import XmlRefused, local_name, parse_xml

__all__ = [
    "Action",
    "Attachment",
    "Choice",
    "EntityBlock",
    "Field",
    "FormDefinition",
    "FormXmlError",
    "Instance",
    "Itemset",
    "language_code",
    "parse",
    "text_in",
]

XFORMS = "http://www.w3.org/2002/xforms"
MAX_DEPTH = 200
"""Deepest nesting of a form's XML; ODK's own tools draw about ten groups in groups."""


class FormXmlError(ValueError):
    """The XML is no usable form; the message says what is missing."""


def parse(xml: bytes) -> FormDefinition:
    """Read one form. Raises FormXmlError when it is no form; time and memory are linear in the form's size."""
    try:
        html = parse_xml(xml, max_depth=MAX_DEPTH)
    except XmlRefused as problem:
        raise FormXmlError(str(problem)) from problem
    model, body, title = _parts(html)
    root = _primary_root(model)
    itext = read_itext(model)
    binds = _binds(model, local_name(root))
    controls = read_controls(body, local_name(root), binds.by_id, itext)
    walk = _Walk(binds, controls.by_path, controls.repeats, itext)
    walk.descend([root], "", None)
    instances = _instances(model, itext)
    form_id = root.get("id")
    if not form_id:
        raise FormXmlError("The form has no id: the first node of its first instance needs an id attribute.")
    submission = next(children(model, "submission"), None)
    actions = (*_model_actions(model, local_name(root)), *controls.actions)
    return FormDefinition(
        form_id=form_id,
        version=_version(root),
        title=title or form_id,
        languages=itext.languages,
        default_language=itext.default,
        root=local_name(root),
        namespace=_namespace(root),
        namespaces={prefix or "": uri for prefix, uri in html.nsmap.items()},
        has_meta=any(local_name(child) == "meta" for child in root),
        public_key=submission.get("base64RsaPublicKey") if submission is not None else None,
        fields=_with_triggers(walk.fields, actions),
        attachments=_attachments(itext, instances, tuple(controls.files)),
        instances=instances,
        entity_blocks=_entity_blocks(walk, binds),
        entities_version=attribute(model, "entities-version"),
        actions=actions,
        attribute_calculates={
            path: bind["calculate"] for path, bind in binds.by_path.items() if "/@" in path and "calculate" in bind
        },
        template=etree.tostring(root, encoding="unicode"),
    )


@dataclass
class _Binds:
    by_path: dict[str, Mapping[str, str]] = field(default_factory=dict)
    by_id: dict[str, str] = field(default_factory=dict)


def _parts(html: etree._Element) -> tuple[etree._Element, etree._Element | None, str]:
    """Model, body and title of the document."""
    if local_name(html) != "html":
        raise FormXmlError(f"This is no form: its outermost element is <{local_name(html)}>, not <h:html>.")
    head = next(children(html, "head"), None)
    model = next(children(head, "model"), None) if head is not None else None
    if head is None or model is None:
        raise FormXmlError("This is no form: it has no <model> in its <head>.")
    title = next(children(head, "title"), None)
    return model, next(children(html, "body"), None), (title.text or "").strip() if title is not None else ""


def _primary_root(model: etree._Element) -> etree._Element:
    instance = next(children(model, "instance"), None)
    if instance is None or len(instance) == 0:
        raise FormXmlError("The form has no primary instance: its first <instance> is missing or empty.")
    return instance[0]


def _namespace(root: etree._Element) -> str | None:
    """The answers' own namespace; XForms' is only inherited from the document around them."""
    namespace = etree.QName(root).namespace
    return None if namespace == XFORMS else namespace


def _version(root: etree._Element) -> str | None:
    """`orx:version` wins over plain `version`; an empty one counts as none."""
    qualified = root.get("{http://openrosa.org/xforms}version")
    return qualified or root.get("version") or None


def _binds(model: etree._Element, root: str) -> _Binds:
    found = _Binds()
    for bind in children(model, "bind"):
        nodeset = bind.get("nodeset")
        if not nodeset:
            continue
        path = relative_path(nodeset, root)
        found.by_path[path] = {plain(str(key)): str(value) for key, value in bind.attrib.items()}
        if (bind_id := bind.get("id")) is not None:
            found.by_id[bind_id] = path
    return found


@dataclass
class _Walk:
    """One pass over the primary instance; repeats that occur several times (template, defaults) are merged."""

    binds: _Binds
    controls: Mapping[str, Control]
    repeats: Mapping[str, str | None]
    itext: Itext
    fields: list[Field] = field(default_factory=list)
    entities: list[tuple[str, str | None, etree._Element]] = field(default_factory=list)

    def descend(self, elements: list[etree._Element], path: str, repeat: str | None) -> None:
        named: dict[str, list[etree._Element]] = {}
        for element in elements:
            for child in element:
                named.setdefault(local_name(child), []).append(child)
        for name, same in named.items():
            child_path = f"{path}/{name}"
            self.fields.append(self._field(child_path, name, same, repeat))
            if name == "entity" and path.endswith("/meta"):
                self.entities.append((child_path, repeat, same[0]))
            self.descend(same, child_path, child_path if child_path in self.repeats else repeat)

    def _field(self, path: str, name: str, same: list[etree._Element], repeat: str | None) -> Field:
        bind = self.binds.by_path.get(path, {})
        control = self.controls.get(path, _NO_CONTROL)
        kind = self._type(path, bind, any(len(each) for each in same))
        default = next((each.text for each in same if each.text and not len(each)), "")
        return Field(
            path=path,
            name=name,
            type=kind,
            order=len(self.fields),
            binary=kind == "binary",
            select_multiple=control.select == "multiple",
            select=control.select,
            control=control.kind,
            labels=control.labels,
            hints=control.hints,
            required=_condition(bind.get("required"), "false()"),
            required_msgs=self._message(bind.get("requiredMsg")),
            relevant=_condition(bind.get("relevant"), "true()"),
            constraint=_condition(bind.get("constraint"), "true()"),
            constraint_msgs=self._message(bind.get("constraintMsg")),
            calculate=bind.get("calculate"),
            readonly=_condition(bind.get("readonly"), "false()"),
            preload=bind.get("preload"),
            preload_params=bind.get("preloadParams"),
            default=default or "",
            appearance=control.appearance,
            media_type=control.media_type,
            parameters={**control.parameters, **_media_parameters(bind)},
            itemset=control.itemset,
            choices=control.choices,
            repeat=repeat,
            repeat_count=self.repeats.get(path),
            save_to=bind.get("saveto"),
        )

    def _type(self, path: str, bind: Mapping[str, str], has_children: bool) -> str:
        if path in self.repeats:
            return "repeat"
        if has_children or path.endswith("/meta/entity"):
            return "structure"
        declared = bind.get("type", "")
        if declared:
            return declared.removeprefix("xsd:").removeprefix("xs:")
        # A group that the form gives no node inside is a leaf, as in ODK Central: an answer in it would have no other place.
        return "string" if bind else "unknown"

    def _message(self, message: str | None) -> dict[str, str]:
        return itext_labels(message, self.itext) if message else {}


_NO_CONTROL = Control(kind=None)


def _condition(expression: str | None, trivial: str) -> str | None:
    text = (expression or "").strip()
    return None if not text or text == trivial else text


def _media_parameters(bind: Mapping[str, str]) -> dict[str, str]:
    return {key: bind[key] for key in ("max-pixels", "quality", "incremental") if key in bind}


def _instances(model: etree._Element, itext: Itext) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    for element in list(children(model, "instance"))[1:]:
        key, src = element.get("id"), element.get("src")
        if not key:
            continue
        uri = media_uri(src) if src else None
        rows = tuple(_row(item, itext) for root in element for item in root if len(item))
        found[key] = Instance(key, src, uri[1] if uri else None, rows)
    return found


def _row(item: etree._Element, itext: Itext) -> dict[str, str]:
    """One inline list row; its labels stand under "label::LANGUAGE" so that they survive as plain text."""
    row = {local_name(child): child.text or "" for child in item}
    if "itextId" in row:
        row |= {f"label::{language}": text for language, text in itext.labels(row["itextId"]).items()}
    return row


def _attachments(itext: Itext, instances: Mapping[str, Instance], extra: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    found = {each.filename: each for each in media_of(itext)}
    for instance in instances.values():
        if instance.filename:
            found.setdefault(instance.filename, Attachment(instance.filename, "file"))
    for each in extra:
        found.setdefault(each.filename, each)
    return tuple(found.values())


def _entity_blocks(walk: _Walk, binds: _Binds) -> tuple[EntityBlock, ...]:
    """Each save_to belongs to the declaration in the nearest group or repeat around its question."""
    containers = {path.removesuffix("/meta/entity"): path for path, _repeat, _element in walk.entities}
    saved: dict[str, list[tuple[str, str]]] = {path: [] for path in containers.values()}
    for path, bind in binds.by_path.items():
        if "saveto" not in bind:
            continue
        container = path.rpartition("/")[0]
        while container and container not in containers:
            container = container.rpartition("/")[0]
        if container in containers:
            saved[containers[container]].append((path, bind["saveto"]))
    return tuple(
        EntityBlock(
            dataset=(attribute(element, "dataset") or "").strip(),
            path=path,
            container=path.removesuffix("/meta/entity"),
            repeat=repeat,
            create=attribute(element, "create") is not None,
            update=attribute(element, "update") is not None,
            save_to=tuple(saved[path]),
        )
        for path, repeat, element in walk.entities
    )


def _model_actions(model: etree._Element, root: str) -> Iterator[Action]:
    for element in model:
        if local_name(element) in {"setvalue", "setgeopoint"}:
            yield action_of(element, root, None, None)


def _with_triggers(fields: list[Field], actions: tuple[Action, ...]) -> tuple[Field, ...]:
    """Note on each field which questions, when changed, set it anew."""
    triggered: dict[str, list[Action]] = {}
    for action in actions:
        if action.trigger and "xforms-value-changed" in action.events and action.attribute is None:
            triggered.setdefault(action.target, []).append(action)
    return tuple(_triggered(each, triggered[each.path]) if each.path in triggered else each for each in fields)


def _triggered(each: Field, actions: list[Action]) -> Field:
    return replace(
        each,
        triggers=tuple(action.trigger for action in actions if action.trigger),
        trigger_calculate=actions[0].expression,
    )
