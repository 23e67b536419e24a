"""Odd forms with one report each, and what every way out has to show of it. All of them written for these tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.conformance.samples import ORX

PICTURE = b"\x89PNG\r\n\x1a\n\x00not really a picture\xff"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Odd:
    """A form and a report on it.

    nodes: inside of the form's primary instance; questions: type by path below the root; repeats: paths; answers: inside of
    the report's root, "{id}" standing for its instanceID. rows: by OData table, values by path; cells: by the end of the CSV
    file's name, texts by column; geometry: what the GeoJSON shows; files: sent with the report; media: the form's own.
    """

    name: str
    nodes: str
    answers: str
    questions: Mapping[str, str] = field(default_factory=dict)
    repeats: Sequence[str] = ()
    form_id: str = ""
    root: str = ""
    itext: str = ""
    meta: str = "<orx:meta><orx:instanceID/></orx:meta>"
    says_id: bool = True
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    cells: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    geometry: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    media: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The form's id."""
        return self.form_id or self.name

    def form(self) -> str:
        """The XForm."""
        binds = "".join(f'<bind nodeset="/data/{path}" type="{kind}"/>' for path, kind in self.questions.items())
        return (
            '<?xml version="1.0"?><h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"'
            f' xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="{ORX}"><h:head><h:title>{escape(self.name)}</h:title><model>'
            f"{self.itext}<instance><data id={quoteattr(self.id)} version=\"1\"{self.root}>{self.nodes}{self.meta}</data>"
            f"</instance>{binds}</model></h:head><h:body>{self._body()}</h:body></h:html>"
        )

    def _body(self) -> str:
        asked = [
            f'<upload ref="/data/{path}" mediatype="image/*"><label>q</label></upload>' if kind == "binary"
            else f'<input ref="/data/{path}"><label>q</label></input>'
            for path, kind in self.questions.items() if not any(path.startswith(f"{repeat}/") for repeat in self.repeats)
        ]
        grouped = [f'<group><label>r</label><repeat nodeset="/data/{path}"/></group>' for path in self.repeats]
        return "".join([*asked, *grouped])

    def report(self, instance_id: str) -> bytes:
        """The report's XML, with a declaration, line breaks and spaces that must come back as they are."""
        told = f"<orx:meta><orx:instanceID>{instance_id}</orx:instanceID></orx:meta>" if self.says_id else ""
        start = f"<data xmlns:orx=\"{ORX}\"   id={quoteattr(self.id)} version='1'{self.root}>"
        return f"<?xml version='1.0' encoding='UTF-8' ?>\n{start}\n  {self.answers}{told}\n</data>\n".encode()


def _named(name: str, form_id: str, file: str) -> Odd:
    return Odd(
        name, "<q/>", "<q>found</q>", {"q": "string"}, form_id=form_id,
        rows={"Submissions": [{"q": "found"}]}, cells={file: [{"q": "found"}]},
    )


def _text(name: str, answer: str, value: str | None, cell: str) -> Odd:
    return Odd(
        name, "<q/>", f"<q>{answer}</q>", {"q": "string"}, rows={"Submissions": [{"q": value}]},
        cells={f"{name}.csv": [{"q": cell}]},
    )


MANY = range(1_000)
_NESTED = "<a><t/><b><t/><c><t/></c></b></a>"

ODD_FORMS: tuple[Odd, ...] = (
    _named("id with spaces", "water point 2024", "water point 2024.csv"),
    _named("id with slashes", "region/district/form", "regiondistrictform.csv"),
    _named("id with colons", "contact:person:create", "contactpersoncreate.csv"),
    _named("id with braces", "{patrol} [{x}]", "{patrol} [{x}].csv"),
    _named("id of signs", "ü#1 & 50% +?'x'", "ü#1 & 50% +'x'.csv"),
    Odd(
        "dots and accents", "<site.name/><été/><a-b/><a.b/><g.1><q.1/></g.1>",
        "<site.name>Bria</site.name><été>chaud</été><a-b>1</a-b><a.b>2</a.b><g.1><q.1>in</q.1></g.1>",
        {"site.name": "string", "été": "string", "a-b": "int", "a.b": "int", "g.1/q.1": "string"},
        rows={"Submissions": [{"site_name": "Bria", "__t_": "chaud", "a_b": 1, "a_b_2": 2, "g_1/q_1": "in"}]},
        cells={"dots and accents.csv": [{"site.name": "Bria", "été": "chaud", "a-b": "1", "a.b": "2", "g.1-q.1": "in"}]},
    ),
    Odd(
        "default namespace", "<q/>", "<q>found</q>", {"q": "string"}, root=' xmlns="http://example.org/forms/7"',
        rows={"Submissions": [{"q": "found"}]}, cells={"default namespace.csv": [{"q": "found"}]},
    ),
    Odd(
        "relative namespace", "<q/><place/>", "<q>found</q><place>4.5 18.25 370 3</place>", {"q": "string", "place": "geopoint"},
        root=' xmlns="1234"', rows={"Submissions": [{"q": "found"}]}, cells={"relative namespace.csv": [{"q": "found"}]},
        geometry={"type": "Point", "coordinates": [18.25, 4.5, 370]},
    ),
    Odd(
        "no numbers", "<i/><d/><e/><f/><s/>", "<i>NaN</i><d>NaN</d><e>Infinity</e><f>-Infinity</f><s>1.0E-5</s>",
        {"i": "int", "d": "decimal", "e": "decimal", "f": "decimal", "s": "decimal"},
        rows={"Submissions": [{"i": None, "d": None, "e": None, "f": None, "s": 0.00001}]},
        cells={"no numbers.csv": [{"i": "NaN", "d": "NaN", "e": "Infinity", "f": "-Infinity", "s": "1.0E-5"}]},
    ),
    Odd(
        "short zones", "<when/><at/><day/>",
        "<when>2024-02-29T10:11:12.000+03</when><at>10:11:12.000+03</at><day>2024-02-29</day>",
        {"when": "dateTime", "at": "time", "day": "date"},
        rows={"Submissions": [{"when": "2024-02-29T10:11:12.000+03:00", "at": "10:11:12.000+03", "day": "2024-02-29"}]},
        cells={"short zones.csv": [{"when": "2024-02-29T10:11:12.000+03", "at": "10:11:12.000+03", "day": "2024-02-29"}]},
    ),
    Odd(
        "one picture in two languages", "<q/>", "<q>found</q>", {"q": "string"},
        itext='<itext><translation lang="en" default="true()"><text id="q"><value form="image">jr://images/map.png</value>'
        '<value>Where?</value></text></translation><translation lang="fr"><text id="q">'
        '<value form="image">jr://images/map.png</value><value>Où ?</value></text></translation></itext>',
        rows={"Submissions": [{"q": "found"}]}, media={"map.png": PICTURE},
    ),
    Odd(
        "child named as its repeat", "<person><person/><age/></person>",
        "<person><person>Ali</person><age>4</age></person><person><person>Zoé</person><age>5</age></person>",
        {"person/person": "string", "person/age": "int"}, ["person"],
        rows={"Submissions": [{}], "Submissions.person": [{"person": "Ali", "age": 4}, {"person": "Zoé", "age": 5}]},
        cells={"-person.csv": [{"person": "Ali", "age": "4"}, {"person": "Zoé", "age": "5"}]},
    ),
    Odd(
        "repeats three deep", _NESTED,
        "<a><t>1</t><b><t>1.1</t><c><t>1.1.1</t></c><c><t>1.1.2</t></c></b><b><t>1.2</t></b></a>"
        "<a><t>2</t><b><t>2.1</t><c><t>2.1.1</t></c></b></a>",
        {"a/t": "string", "a/b/t": "string", "a/b/c/t": "string"}, ["a", "a/b", "a/b/c"],
        rows={
            "Submissions.a": [{"t": "1"}, {"t": "2"}], "Submissions.a.b": [{"t": "1.1"}, {"t": "1.2"}, {"t": "2.1"}],
            "Submissions.a.b.c": [{"t": "1.1.1"}, {"t": "1.1.2"}, {"t": "2.1.1"}],
        },
        cells={
            "-c.csv": [
                {"t": "1.1.1", "KEY": "{id}/a[1]/b[1]/c[1]", "PARENT_KEY": "{id}/a[1]/b[1]"},
                {"t": "1.1.2", "KEY": "{id}/a[1]/b[1]/c[2]", "PARENT_KEY": "{id}/a[1]/b[1]"},
                {"t": "2.1.1", "KEY": "{id}/a[2]/b[1]/c[1]", "PARENT_KEY": "{id}/a[2]/b[1]"},
            ],
        },
    ),
    Odd(
        "two repeats of one name", "<g><r><q/></r></g><h><r><q/></r></h>", "<g><r><q>g</q></r></g><h><r><q>h</q></r></h>",
        {"g/r/q": "string", "h/r/q": "string"}, ["g/r", "h/r"],
        rows={"Submissions.g.r": [{"q": "g"}], "Submissions.h.r": [{"q": "h"}]},
        cells={"-r~1.csv": [{"q": "g", "KEY": "{id}/g/r[1]"}], "-r~2.csv": [{"q": "h", "KEY": "{id}/h/r[1]"}]},
    ),
    Odd(
        "a thousand questions", "".join(f"<q{n}/>" for n in MANY), "".join(f"<q{n}>{n}</q{n}>" for n in MANY),
        {f"q{n}": "int" for n in MANY}, rows={"Submissions": [{f"q{n}": n for n in MANY}]},
        cells={"a thousand questions.csv": [{f"q{n}": str(n) for n in MANY}]},
    ),
    Odd(
        "nodes the form does not know", "<q/><g><a/></g>",
        "<new>1</new><q>found</q><g><z><a>no</a></z><a>yes</a></g><g2><a/></g2>",
        {"q": "string", "g/a": "string"}, rows={"Submissions": [{"q": "found", "g/a": "yes"}]},
        cells={"nodes the form does not know.csv": [{"q": "found", "g-a": "yes"}]},
    ),
    Odd(
        "no instanceID", "<q/>", "<q>found</q>", {"q": "string"}, says_id=False, rows={"Submissions": [{"q": "found"}]},
        cells={"no instanceID.csv": [{"q": "found"}]},
    ),
    Odd(
        "no meta", "<q/>", "<q>found</q>", {"q": "string"}, meta="", says_id=False, rows={"Submissions": [{"q": "found"}]},
        cells={"no meta.csv": [{"q": "found"}]},
    ),
    Odd(
        "lines and areas", "<way/><area/><r><p/></r>",
        "<way>4.5 18.25 0 0; -4.25 18.5 1.0E1 0;</way><area>1 2 0 0;3 4 0 0;5 6 0 0;1 2 0 0</area><r><p>9 8</p></r>",
        {"way": "geotrace", "area": "geoshape", "r/p": "geopoint"}, ["r"],
        rows={"Submissions.r": [{"p/coordinates": [8, 9]}]},
        cells={"lines and areas.csv": [{"way": "4.5 18.25 0 0; -4.25 18.5 1.0E1 0;"}], "-r.csv": [{"p-Latitude": "9"}]},
        geometry={"type": "LineString", "coordinates": [[18.25, 4.5, 0], [18.5, -4.25, 10]]},
    ),
    Odd(
        "odd file names", "<photo/><other/>", "<photo>été 1.jpg</photo><other>a&amp;b;c.png</other>",
        {"photo": "binary", "other": "binary"}, rows={"Submissions": [{"photo": "été 1.jpg", "other": "a&b;c.png"}]},
        files={"été 1.jpg": PICTURE, "a&b;c.png": b"\x00\x01"},
    ),
    _text("formula", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
    _text("formula after a tab", "&#9;=1+1", "\t=1+1", "'\t=1+1"),
    _text("formula with a plus", "+1+1", "+1+1", "'+1+1"),
    _text("formula with an at", "@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"),
    _text("number with a minus", "-3.5", "-3.5", "-3.5"),
    _text("sql", "'; DROP TABLE submissions; --", "'; DROP TABLE submissions; --", "'; DROP TABLE submissions; --"),
    _text("template", "{{7*7}}${7*7}%s{0}&lt;%= 7 %>", "{{7*7}}${7*7}%s{0}<%= 7 %>", "{{7*7}}${7*7}%s{0}<%= 7 %>"),
    _text("markup", "&lt;script>alert(1)&lt;/script>", "<script>alert(1)</script>", "<script>alert(1)</script>"),
    _text("character data", "<![CDATA[a<b]]>&amp;<!-- no -->c", "a<b&c", "a<b&c"),
    _text("beyond the plane", "&#128512;\u202eabc", "\U0001f600\u202eabc", "\U0001f600\u202eabc"),
    _text("several lines", "one,\n\"two\"", 'one,\n"two"', 'one,\n"two"'),
)
