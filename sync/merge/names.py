"""Folds names so that spellings of one name meet: accents, Arabic script, abbreviations, generic words, sounds.

Pure text work with the word lists of words.toml. Must not know what the things are, where they lie, or any real list.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

_ARABIC = dict(
    zip(
        "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةآأإؤئءپچگژ",
        [
            "a",
            "b",
            "t",
            "th",
            "j",
            "h",
            "kh",
            "d",
            "dh",
            "r",
            "z",
            "s",
            "sh",
            "s",
            "d",
            "t",
            "z",
            "a",
            "gh",
            "f",
            "g",
            "k",
            "l",
            "m",
            "n",
            "h",
            "w",
            "i",
            "a",
            "a",
            "a",
            "a",
            "i",
            "u",
            "i",
            "",
            "p",
            "ch",
            "g",
            "zh",
        ],
        strict=True,
    )
)
_LETTERS = str.maketrans(
    {
        "œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "þ": "th", "ɛ": "e", "ɔ": "o",
        "ŋ": "ng", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ɲ": "ny", "ƴ": "y", "ə": "e", "ħ": "h", "ʃ": "sh", "ʒ": "j",
    }
)  # fmt: skip
_ARABIC_LETTERS = str.maketrans(_ARABIC)
_NO_LETTERS = re.compile("[^a-z0-9]+")
_INITIALS = re.compile(r"\b(?:\w\.\s?){2,}\w?\b\.?")
_SPACED = re.compile(r"\b(?:[a-z] ){2,}[a-z]\b")
_ELISION = re.compile(r"\b([ld]|qu)['’ʼ`]")
_APOSTROPHE = re.compile(r"['’ʼ`ʿʾ]")
_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]?")
_ACRONYM = re.compile(r"[A-Z][A-Za-z0-9&.]{0,2}[A-Z0-9&.]{1,7}")
# Without any of these a text is one name.
_PARTED = re.compile(r"[()\[\]{}–—:/;|\n-]")
_PIECES = re.compile(r"\s+[-–—:]\s+|[()\[\]{}]")
_LETTER_DIGIT = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
# Order matters: longer spellings first, so that "tch" is not read as "t" and "ch".
_SOUNDS = (
    ("tch", "c"), ("sch", "s"), ("tsh", "c"), ("dj", "j"), ("dz", "z"), ("ph", "f"), ("ch", "s"), ("sh", "s"),
    ("kh", "k"), ("gh", "g"), ("th", "t"), ("dh", "d"), ("bh", "b"), ("qu", "k"), ("ck", "k"), ("ou", "u"), ("oo", "u"),
    ("ow", "u"), ("ee", "i"), ("ie", "i"), ("ei", "i"), ("ai", "e"), ("ay", "e"), ("eau", "o"), ("au", "o"), ("aw", "o"),
    ("ny", "n"), ("gn", "n"), ("ss", "s"), ("q", "k"), ("x", "ks"), ("z", "s"), ("v", "b"), ("y", "i"), ("w", "u"),
)  # fmt: skip
_VOWEL = re.compile("[aeio]")
_VOWELS = str.maketrans({"e": "i", "o": "u"})
# Sounds that one hears for another, or writes for another from one language to the next.
_CLASSES = str.maketrans("bfdgjcrm", "pptkssln", "aiu")
_DOUBLE = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Words:
    """The generic words of one kind of register. `kinds` maps a phrase (tuple of tokens) to what it may name."""

    kinds: Mapping[tuple[str, ...], frozenset[str]]
    qualifiers: Mapping[str, str]
    numbers: Mapping[str, str]
    stop: frozenset[str]
    articles: frozenset[str]
    longest: int
    groups: Mapping[str, str]
    general: frozenset[str] = frozenset()
    terms: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    longest_term: int = 0
    places: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart. `core` is what is left when generic words are dropped; it never holds stop words.

    `kinds` is what the generic words say, one set of possible kinds per phrase; `qualifiers` are words like north or girls.
    `words` are all words as written, folded; `initials` their first letters, with and without stop words; `shorts` the words that
    may be an acronym; `classes` the consonants of the sound by where they are spoken.
    """

    text: str
    tokens: tuple[str, ...]
    core: tuple[str, ...]
    kinds: frozenset[str] = frozenset()
    qualifiers: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = ()
    core_text: str = ""
    sound: str = ""
    skeleton: str = ""
    sounds: tuple[str, ...] = field(default=())
    words: tuple[str, ...] = ()
    initials: tuple[str, ...] = ()
    shorts: tuple[str, ...] = ()
    classes: str = ""


@lru_cache
def load_words(name: str) -> Words:
    """The word lists `name` (facilities, settlements, organisations); an unknown name has stop words only."""
    text = resources.files("sync.merge").joinpath("words.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    stop = frozenset(table["stop"])
    section = table.get(name, {})
    kinds: dict[tuple[str, ...], frozenset[str]] = {}
    for kind, phrases in section.get("kinds", {}).items():
        for phrase in phrases:
            key = tuple(phrase.split())
            kinds[key] = kinds.get(key, frozenset()) | {kind}
    for word in section.get("plain", {}).get("words", []):
        kinds.setdefault((word,), frozenset())
    terms: dict[tuple[str, ...], str] = {}
    for part in ("terms", "countries", "acronyms"):
        for term, phrases in section.get(part, {}).items():
            for phrase in (*phrases, term):
                terms[tuple(word for word in phrase.split() if word not in stop)] = term
    return Words(
        kinds=kinds,
        terms=terms,
        types={text: kind for kind, texts in section.get("types", {}).items() for text in (*texts, kind)},
        places=frozenset(sound(term.replace("_", "")) for term in section.get("countries", {})),
        longest_term=max((len(key) for key in terms), default=0),
        qualifiers={word: name for name, words in table["qualifiers"].items() for word in words},
        numbers={word: number for number, words in table["numbers"].items() for word in words},
        stop=stop,
        articles=frozenset(table["articles"]),
        longest=max((len(key) for key in kinds), default=1),
        groups={kind: group for group, members in section.get("groups", {}).items() for kind in members},
        general=frozenset(section.get("general", {}).get("kinds", [])),
    )


@lru_cache(maxsize=100_000)
def fold(text: str) -> str:
    """`text` in plain lower-case latin letters and digits with single spaces; dotted or spaced initials are joined."""
    if text.isascii():
        text = text.lower()
    else:
        text = re.sub(r"\bال", "ال ", text).translate(_ARABIC_LETTERS).casefold().translate(_LETTERS)
        decomposed = unicodedata.normalize("NFKD", text)
        # Some letters (mathematical ones) come apart into capitals.
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    if "." in text:
        text = _INITIALS.sub(lambda match: match.group().replace(".", "").replace(" ", "") + " ", text)
    text = _APOSTROPHE.sub("", _ELISION.sub(" ", text))
    text = _LETTER_DIGIT.sub(" ", " ".join(_NO_LETTERS.sub(" ", text).split()))
    return _SPACED.sub(lambda match: match.group().replace(" ", ""), text)


@lru_cache(maxsize=200_000)
def sound(text: str) -> str:
    """How a folded word sounds, roughly, whoever wrote it: French, English and Arabic spellings meet."""
    for spelling, letter in _SOUNDS:
        text = text.replace(spelling, letter)
    text = re.sub(r"c(?=[ei])", "s", text).replace("c", "k").replace("h", "")
    text = text.translate(_VOWELS)
    return re.sub(r"(.)\1+", r"\1", text)


@lru_cache(maxsize=200_000)
def classes(sounded: str) -> str:
    """The consonants of a sounded word by where they are spoken: p and b, t and d, k and g, l and r, m and n, s and j are one."""
    first = "a" if sounded[:1] in ("a", "i", "u") else ""
    return first + _DOUBLE.sub(r"\1", sounded.translate(_CLASSES))


def skeleton(sounded: str) -> str:
    """The consonants of a sounded word, with an `a` for any first vowel."""
    first = "a" if sounded[:1] in ("a", "i", "u") else sounded[:1]
    return re.sub(r"(.)\1+", r"\1", first + re.sub("[aiu]", "", sounded[1:]))


def _in_terms(tokens: list[str], words: Words) -> list[str]:
    """The tokens with every word or phrase of several languages put under its heading, longest first."""
    out: list[str] = []
    index = 0
    while index < len(tokens):
        for length in range(min(words.longest_term, len(tokens) - index), 0, -1):
            term = words.terms.get(tuple(tokens[index : index + length]))
            if term is not None:
                out.append(term.replace("_", ""))
                index += length
                break
        else:
            out.append(tokens[index])
            index += 1
    return out


def _unglued(token: str, words: Words) -> tuple[str, frozenset[str]]:
    """A word that a word for the kind was written onto ("yeichd", "bouaphcu"), without it; else the word itself."""
    for length in range(min(9, len(token) - 3), 2, -1):
        end = token[-length:]
        # Short words that can be spoken may be part of a name; abbreviations without vowels may not.
        kinds = words.kinds.get((end,))
        if kinds and (length >= 6 or not _VOWEL.search(end)):
            return token[:-length], kinds
    return token, frozenset()


def _phrases(tokens: list[str], words: Words) -> tuple[list[str], frozenset[str], int]:
    """Drops generic phrases, longest first, and returns what is left, the kinds they name, and how many were dropped."""
    core: list[str] = []
    sets: list[frozenset[str]] = []
    dropped = index = 0
    while index < len(tokens):
        for length in range(min(words.longest, len(tokens) - index), 0, -1):
            found = words.kinds.get(tuple(tokens[index : index + length]))
            if found is not None:
                if found:
                    sets.append(found)
                dropped += 1
                index += length
                break
        else:
            bare, kinds = _unglued(tokens[index], words)
            if kinds:
                sets.append(kinds)
            core.append(bare)
            index += 1
    certain = [kinds for kinds in sets if len(kinds) == 1]
    return core, frozenset().union(*(certain or sets)), dropped


def _shorts(raw: list[str], words: Words) -> tuple[str, ...]:
    """The words that may be an acronym: where names are made of ordinary words any short one, elsewhere one that stands alone."""
    if words.terms:
        return tuple(word for word in raw if 2 <= len(word) <= 8)
    return tuple(raw) if len(raw) == 1 and 3 <= len(raw[0]) <= 7 else ()


@lru_cache(maxsize=200_000)
def analyse(text: str, words_name: str) -> Name:
    """Takes the name `text` apart with the word lists `words_name`. A name of generic words only keeps them as core."""
    words = load_words(words_name)
    raw = fold(text).split()
    said = [token for token in raw if token not in words.stop] or raw
    tokens = _in_terms(said, words) if words.terms else said
    core, kinds, _ = _phrases(tokens, words)
    numbers = tuple(sorted(words.numbers.get(t, t) for t in core if t.isdigit() or (t in words.numbers and len(core) > 1)))
    qualifiers = frozenset(words.qualifiers[t] for t in core if t in words.qualifiers)
    bare = [t for t in core if not t.isdigit() and t not in words.numbers and t not in words.qualifiers]
    bare = list(dict.fromkeys(t for t in bare if t not in words.articles)) or bare or core or tokens
    sounds = tuple(sound(token) or token for token in bare)
    joined = "".join(sounds)
    return Name(
        text=text, tokens=tuple(tokens), core=tuple(bare), kinds=kinds, qualifiers=qualifiers, numbers=numbers,
        core_text=" ".join(bare), sound=joined, skeleton=skeleton(joined), sounds=sounds, words=tuple(raw),
        classes=classes(joined),
        initials=tuple(dict.fromkeys(("".join(t[0] for t in said), "".join(t[0] for t in raw)))),
        shorts=_shorts(raw, words),
    )  # fmt: skip


def variants(text: str, *, branches: bool = False) -> tuple[str, ...]:
    """`text` and the other names it holds: without its brackets, and either side of a slash.

    An acronym in brackets or beside a dash is a name of its own, and so is the text without it. With `branches`, what else
    stands in brackets is a part of the name: it says which branch is meant.
    """
    if text and not _PARTED.search(text) and text == text.strip():
        return (text,)
    found = [text]
    pieces = [piece for piece in (part.strip() for part in _PIECES.split(text)) if piece]
    longest = max(pieces, key=len, default="")
    letters = "".join(word[0] for word in longest.split())
    # In a text of capitals only initials are told from words by what they stand for.
    told = [p for p in pieces if p != longest and (not text.isupper() or p[:2] == letters[:2])]
    short = next((piece for piece in told if _ACRONYM.fullmatch(piece)), None)
    if short is not None:
        others = [piece for piece in pieces if piece != short]
        found += [" ".join(others), " ".join([short, *(piece for piece in others if piece != longest)])]
    bare = _BRACKETS.sub(" ", text).strip()
    if bare and bare != text and not branches:
        found.append(bare)
    found += [part for part in re.split(r"\s*[/;|]\s*|\n", text if branches else bare or text) if len(part) > 2]
    return tuple(dict.fromkeys(name for name in found if name))


def equal_core(a: Name, b: Name) -> bool:
    """Equal folded names with generic words dropped, the same numbers and qualifiers (the domain's "equal folded name")."""
    return bool(a.core) and a.core_text == b.core_text and a.numbers == b.numbers and a.qualifiers == b.qualifiers
