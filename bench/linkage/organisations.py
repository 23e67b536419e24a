"""Made-up organisations: full names in two languages, acronyms, branches of one stem, tables that each write them in their way."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.linkage.noise import Row
from bench.linkage.tongues import SYLLABLES
from bench.linkage.worlds import word

Words = tuple[str, str]
# (English, French) of the parts that names of agencies are made of.
FORMS: tuple[Words, ...] = (
    ("Association", "Association"), ("Foundation", "Fondation"), ("Organisation", "Organisation"), ("Committee", "Comité"), ("Network", "Réseau"),
    ("Council", "Conseil"), ("Union", "Union"), ("Agency", "Agence"), ("Action", "Action"), ("Initiative", "Initiative"), ("Society", "Société"),
    ("Centre", "Centre"), ("Federation", "Fédération"), ("Alliance", "Alliance"), ("Movement", "Mouvement"), ("Group", "Groupe"), ("Platform", "Plateforme"),
    ("Institute", "Institut"), ("Commission", "Commission"), ("Fund", "Fonds"), ("Programme", "Programme"), ("Collective", "Collectif"), ("Support", "Appui"),
)  # fmt: skip
TOPICS: tuple[Words, ...] = (
    ("Health", "Santé"), ("Education", "Éducation"), ("Water", "Eau"), ("Development", "Développement"), ("Relief", "Secours"), ("Women", "Femmes"),
    ("Youth", "Jeunes"), ("Children", "Enfants"), ("Peace", "Paix"), ("Agriculture", "Agriculture"), ("Refugees", "Réfugiés"), ("Solidarity", "Solidarité"),
    ("Rural Development", "Développement Rural"), ("Human Rights", "Droits de l'Homme"), ("Justice", "Justice"), ("Environment", "Environnement"),
    ("Food Security", "Sécurité Alimentaire"), ("Nutrition", "Nutrition"), ("Community Development", "Développement Communautaire"), ("Orphans", "Orphelins"),
    ("Democracy", "Démocratie"), ("Livestock", "Élevage"), ("Emergency Aid", "Aide d'Urgence"), ("Widows", "Veuves"), ("Disabled People", "Personnes Handicapées"),
    ("Hygiene and Sanitation", "Hygiène et Assainissement"), ("Good Governance", "Bonne Gouvernance"), ("Culture", "Culture"), ("Hope", "Espoir"), ("Mothers", "Mères"),
    ("Reconciliation", "Réconciliation"), ("Displaced People", "Personnes Déplacées"), ("Malaria Control", "Lutte contre le Paludisme"), ("Vaccination", "Vaccination"),
)  # fmt: skip
OFFICES: tuple[Words, ...] = (
    ("Ministry of {}", "Ministère de la {}"), ("Directorate of {}", "Direction de la {}"), ("National Agency for {}", "Agence Nationale de {}"),
    ("Department of {}", "Département de {}"), ("Regional Office of {}", "Direction Régionale de {}"),
)  # fmt: skip
MIDDLES: tuple[Words, ...] = (("for", "pour"), ("of", "de"), ("for the", "pour la"), ("of the", "des"))
COUNTRIES: tuple[Words, ...] = (
    ("Norwegian", "Norvégien"), ("Danish", "Danois"), ("French", "Français"), ("German", "Allemand"), ("Swiss", "Suisse"), ("Swedish", "Suédois"), ("Italian", "Italien"),
    ("American", "Américain"), ("Qatar", "Qatar"), ("Turkish", "Turc"), ("Islamic", "Islamique"), ("Catholic", "Catholique"), ("International", "International"),
    ("African", "Africain"), ("European", "Européen"), ("National", "National"), ("Christian", "Chrétien"), ("Arab", "Arabe"), ("World", "Mondial"), ("Global", "Global"),
)  # fmt: skip
BRANCHES = ("Mali", "Chad", "Niger", "Sudan", "Somalia", "Yemen", "Kenya", "Uganda", "France", "Canada", "USA", "UK", "Germany", "Congo", "International", "Cameroon", "Haiti", "Nepal")
TYPES = ("437", "441", "447", "504", "435")
TYPE_TEXTS = (
    {}, {"437": "International NGO", "441": "National NGO", "447": "United Nations", "504": "Local NGO", "435": "Government"},
    {"437": "INGO", "441": "NNGO", "447": "UN", "504": "NNGO", "435": "Gov"}, {"437": "ONG internationale", "441": "ONG nationale", "447": "Nations Unies", "504": "ONG locale", "435": "Gouvernement"},
)  # fmt: skip
SMALL = frozenset({"for", "of", "the", "and", "pour", "de", "la", "des", "le", "les", "du", "et", "contre", "d'urgence", "l'homme"})


@dataclass(frozen=True)
class Organisation:
    """One organisation: its names in English and French as words, its acronym in use, and the place of a branch."""

    id: str
    english: tuple[str, ...]
    french: tuple[str, ...]
    acronym: str
    other_acronym: str
    place: str | None
    type: str
    home: str


@dataclass(frozen=True)
class Table:
    """How one table writes organisations; rates are probabilities."""

    share: float
    french: float
    acronym: float
    with_acronym: float
    shorten: float
    typo: float
    drop_place: float
    upper: float
    copies: tuple[int, ...]
    type_share: float
    types: int
    legal: float
    area: float


def rows_of(seed: int, size: int) -> tuple[list[Row], dict[str, str]]:
    """Rows of several tables about made-up organisations, and the organisation behind each row."""
    reference, reports, truth = tables_of(seed, size)
    return reference + reports, truth


def tables_of(seed: int, size: int) -> tuple[list[Row], list[Row], dict[str, str]]:
    """The first table, the rows of one to four others, and the organisation behind each row."""
    rng = random.Random(seed * 104_729 + 5)
    things = _organisations(rng, size)
    reference: list[Row] = []
    reports: list[Row] = []
    truth: dict[str, str] = {}
    for number in range(rng.choice((2, 3, 3, 4, 5))):
        table = _table(rng, first=number == 0)
        for thing in things:
            if rng.random() >= table.share:
                continue
            for _ in range(rng.choice(table.copies)):
                row = {"record_id": f"{'reference' if number == 0 else 'table' + str(number)}-{len(truth):05d}", "name": _name(rng, table, thing),
                       "type": TYPE_TEXTS[table.types].get(thing.type, thing.type) if rng.random() < table.type_share else "",
                       "adm1": thing.home if rng.random() < table.area else ""}  # fmt: skip
                truth[row["record_id"]] = thing.id
                (reports if number else reference).append(row)
    return reference, reports, truth


def _table(rng: random.Random, *, first: bool) -> Table:
    u = rng.uniform
    return Table(
        share=u(0.4, 0.8), french=rng.choice((0.0, 0.05, u(0, 0.6), 1.0)), acronym=0.03 if first else rng.choice((0.03, u(0, 0.3), u(0.2, 0.6))),
        with_acronym=u(0, 0.6), shorten=u(0, 0.1) if first else u(0, 0.25), typo=u(0, 0.05) if first else u(0, 0.25), drop_place=u(0, 0.03) if first else u(0, 0.12),
        upper=rng.choice((0.0, 0.0, u(0, 0.5))), copies=(1,) if first or rng.random() < 0.5 else (1, 1, 2, 3),
        type_share=rng.choice((0.0, 1.0, u(0.3, 1))), types=rng.randrange(len(TYPE_TEXTS)), legal=u(0, 0.2), area=rng.choice((0.0, 0.0, u(0.3, 1))),
    )  # fmt: skip


def _organisations(rng: random.Random, size: int) -> list[Organisation]:
    out: list[Organisation] = []
    sounds = [tuple(sorted(set(SYLLABLES[name].split()))) for name in sorted(SYLLABLES)]
    towns = [word(rng, sounds[rng.randrange(len(sounds))]) for _ in range(14)]
    # Some words have no place in any table of words: each language has its own.
    private = [(word(rng, sounds[0]), word(rng, sounds[1])) for _ in range(8)]
    while len(out) < size // 2:
        english, french = _words(rng, sounds, private)
        if tuple(english) in {thing.english for thing in out}:
            continue
        stop = rng.random() < 0.15
        acronym, other = (_initials(words, keep=stop) for words in (english, french))
        kind = rng.choice(TYPES)
        branches = rng.choices(((None,), (None, "x"), ("x", "x"), (None, "x", "x", "x")), (7, 1.2, 1, 0.6))[0]
        places = rng.sample(BRANCHES if rng.random() < 0.5 else towns, 4)
        for number, branch in enumerate(branches):
            out.append(Organisation(f"G{len(out)}", tuple(english), tuple(french), acronym, other if rng.random() < 0.5 else acronym,
                                    places[number] if branch else None, kind, rng.choice(towns)))  # fmt: skip
    return out


def _words(rng: random.Random, sounds: list[tuple[str, ...]], private: list[Words]) -> tuple[list[str], list[str]]:
    """A name in English and in French, as words."""
    form, middle = rng.choice(FORMS), rng.choice(MIDDLES)
    topics = rng.sample((*TOPICS, *private), rng.choice((1, 1, 2, 2, 3)))
    style = rng.random()
    if style < 0.12:
        office = rng.choice(OFFICES)
        pair = tuple(office[side].format(topics[0][side]) for side in (0, 1))
        return pair[0].split(), pair[1].split()
    if style < 0.34:
        country = rng.choice(COUNTRIES)
        english = [country[0], topics[0][0], form[0]]
        return english, [form[1], country[1], middle[1], topics[0][1]]
    stem = [word(rng, sounds[rng.randrange(len(sounds))])] if rng.random() < 0.45 else []
    if style < 0.48 and stem:
        # A name of its own that no language changes.
        own = stem + ([word(rng, sounds[rng.randrange(len(sounds))])] if rng.random() < 0.5 else []) + ([form[0]] if rng.random() < 0.5 else [])
        return own, own
    english = [form[0], middle[0], *" and ".join(topic[0] for topic in topics).split()]
    french = [form[1], middle[1], *" et ".join(topic[1] for topic in topics).split()]
    if stem and rng.random() < 0.5:
        return [*stem, *english], [*french, "de", *stem]
    tail = ["in", *stem] if stem else []
    if rng.random() < 0.5:
        # Most local names exist in one language only.
        one = [*english, *tail] if rng.random() < 0.4 else [*french, *(["de", *stem] if stem else [])]
        return one, one
    return [*english, *tail], [*french, *(["de", *stem] if stem else [])]


def _initials(words: list[str], *, keep: bool) -> str:
    return "".join(text[0] for text in words if keep or text.lower() not in SMALL).upper()[:8]


def _name(rng: random.Random, table: Table, thing: Organisation) -> str:
    french = rng.random() < table.french
    words = list(thing.french if french else thing.english)
    acronym = thing.other_acronym if french else thing.acronym
    if rng.random() < table.shorten and len(words) > 2:
        words = words[: rng.randint(2, len(words) - 1)] if rng.random() < 0.6 else [text for text in words if rng.random() < 0.75] or words
    while len(words) > 1 and words[-1].lower() in SMALL:
        words.pop()
    full = " ".join(words)
    if rng.random() < table.typo and len(full) > 6:
        at = rng.randrange(1, len(full) - 1)
        full = rng.choice((full[:at] + full[at + 1 :], full[:at] + full[at] + full[at:], full[:at] + full[at + 1] + full[at] + full[at + 2 :]))
    style = rng.random()
    if len(acronym) < 3:
        text = full
    elif style < table.acronym:
        text = acronym
    elif style < table.acronym + (1 - table.acronym) * table.with_acronym:
        text = rng.choice((f"{full} ({acronym})", f"{full} ({acronym})", f"{acronym} - {full}", f"{full} - {acronym}", f"{acronym} ({full})"))
    else:
        text = full
    if thing.place and rng.random() >= table.drop_place:
        text = rng.choice((f"{text} {thing.place}", f"{text} {thing.place}", f"{text} - {thing.place}", f"{text} ({thing.place})"))
    if rng.random() < table.legal:
        text = rng.choice((f"{text} NGO", f"ONG {text}", f"{text} asbl", f"{text}."))
    return text.upper() if rng.random() < table.upper else text
