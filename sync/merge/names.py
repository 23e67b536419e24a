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
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "þ": "th"})
_INITIALS = re.compile(r"\b(?:\w\.\s?){2,}\w?\b\.?")
_SPACED = re.compile(r"\b(?:[a-z] ){2,}[a-z]\b")
_ELISION = re.compile(r"\b([ld]|qu)['’ʼ`]")
_APOSTROPHE = re.compile(r"['’ʼ`ʿʾ]")
_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]?")
_LETTER_DIGIT = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
# Order matters: longer spellings first, so that "tch" is not read as "t" and "ch".
_SOUNDS = (
    ("tch", "c"), ("sch", "s"), ("tsh", "c"), ("dj", "j"), ("dz", "z"), ("ph", "f"), ("ch", "s"), ("sh", "s"),
    ("kh", "k"), ("gh", "g"), ("th", "t"), ("dh", "d"), ("bh", "b"), ("qu", "k"), ("ck", "k"), ("ou", "u"), ("oo", "u"),
    ("ow", "u"), ("ee", "i"), ("ie", "i"), ("ei", "i"), ("ai", "e"), ("ay", "e"), ("eau", "o"), ("au", "o"), ("aw", "o"),
    ("ny", "n"), ("gn", "n"), ("ss", "s"), ("q", "k"), ("x", "ks"), ("z", "s"), ("v", "b"), ("y", "i"), ("w", "u"),
)  # fmt: skip
_VOWELS = str.maketrans({"e": "i", "o": "u"})


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


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart. `core` is what is left when generic words are dropped; it never holds stop words.

    `kinds` is what the generic words say, one set of possible kinds per phrase; `qualifiers` are words like north or girls.
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

    @property
    def initials(self) -> str:
        """The first letters of a name of three words or more, as its acronym would be; else empty."""
        return "".join(token[0] for token in self.tokens) if len(self.tokens) >= 3 else ""


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
    return Words(
        kinds=kinds,
        qualifiers={word: name for name, words in table["qualifiers"].items() for word in words},
        numbers={word: number for number, words in table["numbers"].items() for word in words},
        stop=stop,
        articles=frozenset(table["articles"]),
        longest=max((len(key) for key in kinds), default=1),
        groups={kind: group for group, members in section.get("groups", {}).items() for kind in members},
    )


def fold(text: str) -> str:
    """`text` in plain lower-case latin letters and digits with single spaces; dotted or spaced initials are joined."""
    text = re.sub(r"\bال", "ال ", text)
    text = "".join(_ARABIC.get(letter, letter) for letter in text).casefold().translate(_LETTERS)
    decomposed = unicodedata.normalize("NFKD", text)
    text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    text = _INITIALS.sub(lambda match: match.group().replace(".", "").replace(" ", "") + " ", text)
    text = _APOSTROPHE.sub("", _ELISION.sub(" ", text))
    text = "".join(letter if letter.isalnum() and letter.isascii() else " " for letter in text)
    text = _LETTER_DIGIT.sub(" ", " ".join(text.split()))
    return _SPACED.sub(lambda match: match.group().replace(" ", ""), text)


def sound(text: str) -> str:
    """How a folded word sounds, roughly, whoever wrote it: French, English and Arabic spellings meet."""
    for spelling, letter in _SOUNDS:
        text = text.replace(spelling, letter)
    text = re.sub(r"c(?=[ei])", "s", text).replace("c", "k").replace("h", "")
    text = text.translate(_VOWELS)
    return re.sub(r"(.)\1+", r"\1", text)


def skeleton(sounded: str) -> str:
    """The consonants of a sounded word, with an `a` for any first vowel."""
    first = "a" if sounded[:1] in ("a", "i", "u") else sounded[:1]
    return re.sub(r"(.)\1+", r"\1", first + re.sub("[aiu]", "", sounded[1:]))


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
            core.append(tokens[index])
            index += 1
    certain = [kinds for kinds in sets if len(kinds) == 1]
    return core, frozenset().union(*(certain or sets)), dropped


@lru_cache(maxsize=200_000)
def analyse(text: str, words_name: str) -> Name:
    """Takes the name `text` apart with the word lists `words_name`. A name of generic words only keeps them as core."""
    words = load_words(words_name)
    raw = fold(text).split()
    tokens = [token for token in raw if token not in words.stop] or raw
    core, kinds, _ = _phrases(tokens, words)
    numbers = tuple(sorted(words.numbers.get(t, t) for t in core if t.isdigit() or (t in words.numbers and len(core) > 1)))
    qualifiers = frozenset(words.qualifiers[t] for t in core if t in words.qualifiers)
    bare = [t for t in core if not t.isdigit() and t not in words.numbers and t not in words.qualifiers]
    bare = list(dict.fromkeys(t for t in bare if t not in words.articles)) or bare or core or tokens
    sounds = tuple(sound(token) or token for token in bare)
    joined = "".join(sounds)
    return Name(
        text=text, tokens=tuple(tokens), core=tuple(bare), kinds=kinds, qualifiers=qualifiers, numbers=numbers,
        core_text=" ".join(bare), sound=joined, skeleton=skeleton(joined), sounds=sounds,
    )  # fmt: skip


def variants(text: str) -> tuple[str, ...]:
    """`text` and the other names it holds: without its brackets, what is in them, and either side of a slash."""
    found = [text]
    bare = _BRACKETS.sub(" ", text).strip()
    if bare and bare != text:
        found.append(bare)
    for part in re.split(r"\s*[/;|]\s*|\n", bare or text):
        if len(part) > 2 and part not in found:
            found.append(part)
    return tuple(found)


def equal_core(a: Name, b: Name) -> bool:
    """Equal folded names with generic words dropped, the same numbers and qualifiers (the domain's "equal folded name")."""
    return bool(a.core) and a.core_text == b.core_text and a.numbers == b.numbers and a.qualifiers == b.qualifiers
