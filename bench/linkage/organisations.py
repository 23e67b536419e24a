"""Made-up organisations: full names in two languages, acronyms, branches of one stem."""

from __future__ import annotations

import random

from bench.linkage.noise import Row
from bench.linkage.worlds import word

# (English, French) of the parts that names of agencies are made of.
FORMS = (
    ("Association", "Association"),
    ("Foundation", "Fondation"),
    ("Organisation", "Organisation"),
    ("Committee", "Comité"),
    ("Network", "Réseau"),
    ("Council", "Conseil"),
    ("Union", "Union"),
    ("Agency", "Agence"),
)
TOPICS = (
    ("Health", "Santé"),
    ("Education", "Éducation"),
    ("Water", "Eau"),
    ("Development", "Développement"),
    ("Relief", "Secours"),
    ("Women", "Femmes"),
    ("Youth", "Jeunes"),
    ("Children", "Enfants"),
    ("Peace", "Paix"),
    ("Agriculture", "Agriculture"),
    ("Refugees", "Réfugiés"),
    ("Solidarity", "Solidarité"),
)
MIDDLES = (("for", "pour"), ("of", "de"))
TYPES = ("437", "441", "447", "504", "435")


def rows_of(seed: int, size: int) -> tuple[list[Row], dict[str, str]]:
    """Rows of several lists about made-up organisations, and the organisation behind each row."""
    rng = random.Random(seed * 104_729 + 5)
    rows: list[Row] = []
    truth: dict[str, str] = {}
    number = 0
    while number < size // 2:
        form, topics, middle = rng.choice(FORMS), rng.sample(TOPICS, rng.choice((1, 1, 2))), rng.choice(MIDDLES)
        stem = word(rng, rng.choice(("bantu", "sahel", "nile", "horn", "asian")))
        kind = rng.choice(TYPES)
        branches = rng.choices(((None,), (None, "x"), ("x", "x")), (7, 2, 1))[0]
        for branch in branches:
            place = word(rng, "sahel") if branch else None
            for _ in range(rng.choice((1, 2, 2, 3, 4))):
                name = _name(rng, form, topics, middle, stem, place)
                row_id = f"O{len(rows):05d}"
                rows.append({"record_id": row_id, "name": name, "type": kind if rng.random() < 0.6 else ""})
                truth[row_id] = f"G{number}"
            number += 1
    return rows, truth


def _name(
    rng: random.Random,
    form: tuple[str, str],
    topics: list[tuple[str, str]],
    middle: tuple[str, str],
    stem: str,
    place: str | None,
) -> str:
    french = rng.random() < 0.3
    words = [stem, form[french], middle[french], *(topic[french] for topic in topics)]
    if french:
        words = [form[french], stem, middle[french], *(topic[french] for topic in topics)]
    acronym = "".join(text[0] for text in words if text not in ("for", "of", "pour", "de")).upper()
    full = " ".join(words)
    style = rng.random()
    if style < 0.15:
        text = acronym
    elif style < 0.35:
        text = f"{full} ({acronym})"
    elif style < 0.42:
        text = f"{acronym} - {full}"
    elif style < 0.55:
        text = " ".join(words[: rng.randint(2, len(words))])
    else:
        text = full
    if rng.random() < 0.1 and len(text) > 6:
        at = rng.randrange(1, len(text) - 1)
        text = text[:at] + text[at + 1 :]
    return f"{text} {place}" if place else text
