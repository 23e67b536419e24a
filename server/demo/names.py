"""Made-up place names, the names on signs, and how different people write the same name."""

from __future__ import annotations

import unicodedata
from random import Random

_FIRST = (
    "Gba",
    "Bo",
    "Kou",
    "Nda",
    "Zé",
    "Bam",
    "Lé",
    "Mba",
    "Wa",
    "Yam",
    "Dé",
    "Ngo",
    "Bé",
    "Ti",
    "Fa",
    "Ro",
    "Gou",
    "Sa",
    "Dou",
    "Ka",
)
_MIDDLE = ("", "", "ra", "bo", "na", "li", "ko", "mba", "ya", "do", "ngué")
_LAST = ("ra", "ngo", "dé", "la", "mbé", "ki", "ya", "ko", "ri", "ndou", "ta", "zou", "mo", "ssé", "vo")

# What stands on the sign, by type of facility.
SIGNS: dict[str, str] = {
    "hospital": "Hôpital de district de {}",
    "health_centre": "Centre de santé de {}",
    "health_post": "Poste de santé de {}",
    "primary": "École primaire de {}",
    "secondary": "Collège de {}",
    "borehole_hand": "Forage de {}",
    "well_protected": "Puits de {}",
    "borehole_motor": "Forage motorisé de {}",
    "market": "Marché de {}",
    "church": "Église de {}",
    "mosque": "Mosquée de {}",
    "bridge": "Pont de {}",
    "customary": "Chefferie de {}",
    "police": "Gendarmerie de {}",
    "idp_informal": "Site de déplacés de {}",
}
_SHORT: dict[str, tuple[str, ...]] = {
    "Centre de santé": ("CS", "C.S.", "Centre de Sante", "Ctre de santé"),
    "Poste de santé": ("PS", "Poste sante", "P.S."),
    "École primaire": ("Ecole", "EP", "Ecole primaire", "Ec. primaire"),
    "Collège": ("College", "CEG"),
    "Forage motorisé": ("Forage", "Forage motorise"),
    "Forage": ("Forage", "Pompe", "Forage PMH"),
    "Puits": ("Puits", "Puit"),
    "Marché": ("Marche", "Marché"),
    "Église": ("Eglise", "Église cath."),
    "Mosquée": ("Mosquee", "Mosquée"),
    "Pont": ("Pont",),
    "Chefferie": ("Chefferie", "Chef de village"),
    "Gendarmerie": ("Gendarmerie", "Poste gendarmerie"),
    "Hôpital de district": ("Hopital", "Hôpital", "HD"),
    "Site de déplacés": ("Site deplaces", "Site IDP"),
}


def place_name(random: Random) -> str:
    """A name that sounds like the region and is nobody's."""
    name = random.choice(_FIRST) + random.choice(_MIDDLE) + random.choice(_LAST)
    return f"{name} {random.choice(('2', '3', 'Centre', 'Village'))}" if random.random() < 0.08 else name


def sign(type_code: str, place: str, random: Random) -> str:
    """The name of a facility as its sign has it."""
    name = SIGNS[type_code].format(place)
    if type_code in {"borehole_hand", "well_protected"}:
        name += random.choice(("", " école", " marché", " quartier 1", " quartier 2", " mission"))
    return name


def as_somebody_else_writes(name: str, random: Random) -> str:
    """The same name by another hand: abbreviated, without accents or small words, misspelt."""
    head = next((each for each in sorted(_SHORT, key=len, reverse=True) if name.startswith(each)), "")
    rest = name.removeprefix(head).strip()
    if head:
        head = random.choice((*_SHORT[head], head))
    if random.random() < 0.6:
        rest = rest.removeprefix("de ")
    written = f"{head} {misspelt(rest, random)}".strip()
    return _plain(written) if random.random() < 0.5 else written


def misspelt(name: str, random: Random) -> str:
    """A place name as heard: now and then one letter doubled, dropped or exchanged; often as it is."""
    chance = random.random()
    if chance < 0.5 or len(name) < 4:
        return name
    if chance < 0.7:
        return _plain(name)
    at = random.randrange(2, len(name) - 1)
    if chance < 0.85:
        return name[:at] + name[at] + name[at:]
    swapped = {"é": "è", "ou": "u", "k": "c", "ng": "n", "z": "s"}
    for old, new in swapped.items():
        if old in name:
            return name.replace(old, new, 1)
    return name


def _plain(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))
