"""The faces of a batch as columns, and two quick looks over whole columns of pairs: is it worth comparing, can it score at all?

The first asks what `blocking.worth_comparing` asks of two faces. The second bounds what `features.compare` and the weights can
give from above, so that a pair that can only be hopeless is never compared in full. Pure; decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from sync.merge import distances, features
from sync.merge.blocking import METRES_PER_DEGREE, ROUGH, ROUGH_FAR, ROUGH_NOWHERE, worth_comparing
from sync.merge.faces import EARTH_M, Face
from sync.merge.features import LIKENESS_NAMES, Offsets
from sync.merge.matching import Model
from sync.merge.names import Name, load_words
from sync.merge.numbers import Numbers, numpy

_SURE, _VAGUE = 1, 2
# Stands for the name of a row that has none; such rows are compared with nothing.
_NAMELESS = Name("", (), ())


class Columns:
    """The faces of a batch by number, as columns. Positions in degrees; NaN without one."""

    def __init__(self, faces: Sequence[Face]) -> None:
        np = numpy()
        self.faces = faces
        places = [face.position for face in faces]
        self.lat = np.array([math.nan if place is None else place.lat for place in places])
        self.lon = np.array([math.nan if place is None else place.lon for place in places])
        self.known = np.array([
            0 if place is None or place.accuracy_m is None
            else _SURE if place.accuracy_m <= features.SURE_M else _VAGUE if place.accuracy_m >= features.VAGUE_M else 0
            for place in places
        ], dtype=np.int8)  # fmt: skip
        first = [face.names[0] if face.names else _NAMELESS for face in faces]
        self.sounds = [name.sound for name in first]
        self.length = np.array([len(name.sound) for name in first], dtype=np.int32)
        self.many = np.array([len(face.names) > 1 for face in faces], dtype=bool)
        self.words = np.array([len(name.sounds) for name in first], dtype=np.int32)
        self.short = np.array([bool(name.shorts) for name in first], dtype=bool)
        self.sound, _ = _coded(self.sounds)
        self.core, _ = _coded(name.core_text for name in first)
        self.joined, _ = _coded("".join(name.core) for name in first)
        self.sorted, _ = _coded(tuple(sorted(name.sounds)) for name in first)
        self.phone, _ = _coded((face.phone for face in faces), missing=-1)
        self.code, _ = _coded((face.code for face in faces), missing=-1)
        self.type, self.types = _coded((face.type, face.group) for face in faces)
        self.area, self.areas = _coded(face.areas for face in faces)
        self.kinds, self.kind_sets = _coded(name.kinds for name in first)
        self.numbers, self.number_sets = _coded(frozenset(name.numbers) for name in first)
        self.qualifiers, self.qualifier_sets = _coded(name.qualifiers for name in first)

    def alike(self, a: Numbers, b: Numbers, measure: Callable[..., float]) -> Numbers:
        """A measure of rapidfuzz over the sounds of both sides, pair by pair."""
        np = numpy()
        from rapidfuzz import process

        if not len(a):
            return np.zeros(0)
        sounds = self.sounds
        left, right = [sounds[row] for row in a.tolist()], [sounds[row] for row in b.tolist()]
        return process.cpdist(left, right, scorer=measure, dtype=np.float64)

    def worth_comparing(self, a: Numbers, b: Numbers) -> Numbers:
        """For each pair of rows what `blocking.worth_comparing` says of the two faces."""
        np = numpy()
        north = self.lat[a] - self.lat[b]
        east = (self.lon[a] - self.lon[b]) * np.cos(np.radians(self.lat[a]))
        metres = np.hypot(north, east) * METRES_PER_DEGREE
        band = np.searchsorted(np.array([limit for limit, _ in ROUGH]), metres)
        least = np.array([*(alike for _, alike in ROUGH), ROUGH_FAR])[np.minimum(band, len(ROUGH))]
        least[np.isnan(metres)] = ROUGH_NOWHERE
        found = self.alike(a, b, distances.JaroWinkler.similarity) >= least
        found |= _agree(self.phone, a, b) | _agree(self.code, a, b)
        # What is left has few ways in: other names, words, initials, or fewer letters that differ.
        plain = ~(self.many[a] | self.many[b] | (self.words[a] > 1) | (self.words[b] > 1) | self.short[a] | self.short[b])
        left = np.flatnonzero(~found & plain)
        found[left] = self.alike(a[left], b[left], distances.Levenshtein.normalized_similarity) >= least[left]
        left = np.flatnonzero(~found & ~plain)
        faces = self.faces
        pairs = zip(a[left].tolist(), b[left].tolist(), strict=True)
        found[left] = np.fromiter((worth_comparing(faces[x], faces[y]) for x, y in pairs), dtype=bool, count=len(left))
        return found

    def metres(self, a: Numbers, b: Numbers, *, swapped: bool = False) -> Numbers:
        """Great-circle distances; `swapped`: with latitude and longitude of the second changed over."""
        lat, lon = (self.lon[b], self.lat[b]) if swapped else (self.lat[b], self.lon[b])
        return _metres(self.lat[a], self.lon[a], lat, lon)


def _metres(lat_a: Numbers, lon_a: Numbers, lat_b: Numbers, lon_b: Numbers) -> Numbers:
    np = numpy()
    half_lat, half_lon = np.radians(lat_b - lat_a) / 2, np.radians(lon_b - lon_a) / 2
    h = np.sin(half_lat) ** 2 + np.cos(np.radians(lat_a)) * np.cos(np.radians(lat_b)) * np.sin(half_lon) ** 2
    return 2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(h)))


def _coded(values: Iterable[Hashable], missing: int | None = None) -> tuple[Numbers, list[Any]]:
    """Each value as a number, and the values by number; None is `missing` when that is given."""
    np = numpy()
    numbers: dict[Hashable, int] = {}
    column = [
        missing if value is None and missing is not None else numbers.setdefault(value, len(numbers)) for value in values
    ]  # fmt: skip
    return np.array(column, dtype=np.int32), list(numbers)


def _agree(column: Numbers, a: Numbers, b: Numbers) -> Numbers:
    return (column[a] == column[b]) & (column[a] >= 0)


def ranges(begin: Numbers, end: Numbers) -> Numbers:
    """The numbers from `begin` to `end` of each row, one row after the other."""
    np = numpy()
    sizes = np.maximum(end - begin, 0)
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes) + np.repeat(begin, sizes)


class Ceiling:
    """The most that the weights of a model can give a pair, worked out for whole columns of pairs.

    `hopeless`: log odds from which down nobody asks how low they really are.
    """

    def __init__(self, columns: Columns, model: Model, words: str, offsets: Offsets | None, hopeless: float) -> None:
        np = numpy()
        self.columns, self.model, self.words = columns, model, words
        self.offsets, self.hopeless = offsets, hopeless
        self.open = bool(load_words(words).terms)
        weights = model.weights
        places = (*features.DISTANCE_NAMES, *features.VAGUE_NAMES, "nowhere")
        self._place_number = {place: number for number, place in enumerate(places)}

        def weight(level: str) -> float:
            return weights.get(level, 0.0)

        def most(levels: Iterable[str]) -> float:
            return max((weight(level) for level in levels), default=0.0)

        known = ("area_unknown", *(f"area{number}_{how}" for number in (1, 2) for how in ("same", "alike", "differs")))
        regions = (*features.VAGUE_NAMES, "nowhere")
        self._named = np.array([
            [
                weight(name) + weight(place) + weight(f"{name}*{place}")
                + (most(f"{name}*nowhere*{area}" for area in known) if place in regions else 0.0)
                for place in places
            ]
            for name in LIKENESS_NAMES
        ])  # fmt: skip
        self._lengths = np.array([[weight(f"{name}*{length}") for length in features.LENGTH_NAMES] for name in LIKENESS_NAMES])
        self._types = {
            kind: np.array([weight(f"{kind}*{name}") for name in LIKENESS_NAMES])
            for kind in ("type_same", "type_near", "type_differs", "type_unknown")
        }
        self._sure = np.array([max(0.0, weight(f"sure*{place}")) for place in places])
        self._areas = max(0.0, weight("area_crossed")) + sum(
            max(0.0, most(f"area{number}_{how}" for how in ("same", "alike", "differs"))) for number in (1, 2, 3)
        )
        others = ("inside", "area_name"), tuple(level for level in weights if level.startswith(("acronym", "number_clash*")))
        classes = tuple(level for level in weights if level.startswith("classes"))
        self._rest = model.bias + self._areas + sum(max(0.0, weight(level)) for level in others[0])
        self._rest += max(0.0, most(others[1])) + max(0.0, most(classes))

    def at_most(self, a: Numbers, b: Numbers) -> Numbers:
        """For each pair of rows the most that its log odds can be; -inf for what is excluded, inf for what nobody can bound."""
        np = numpy()
        columns = self.columns
        kind = _Combinations(columns.type[a], columns.type[b], len(columns.types))
        levels = [features.type_levels(columns.types[x], columns.types[y], self.words) for x, y in kind.different]
        clash = kind.spread(np.array([found[0] == "group_clash" for found in levels], dtype=bool))
        if self.open:
            return np.where(clash, -np.inf, np.inf)
        weights = self.model.weights
        place = self._places(a, b)
        total = self._rest + self._sure[place] * ((columns.known[a] == _SURE) & (columns.known[b] == _SURE))
        total += kind.spread(np.array([sum(weights.get(level, 0.0) for level in found) for found in levels]))
        total += self._of_sets(a, b, columns.kinds, columns.kind_sets, features.kind_levels)
        total += self._of_sets(a, b, columns.numbers, columns.number_sets, features.number_levels)
        total += self._of_sets(a, b, columns.qualifiers, columns.qualifier_sets, features.qualifier_levels)
        for column, name in ((columns.phone, "phone"), (columns.code, "code")):
            agree = _agree(column, a, b)
            differ = ~agree & (column[a] >= 0) & (column[b] >= 0)
            total += agree * weights.get(f"{name}_same", 0.0) + differ * weights.get(f"{name}_differs", 0.0)
        typed = np.array([self._types.get(found[0], np.zeros(len(LIKENESS_NAMES))) for found in levels])
        length = np.searchsorted(np.array(features.LENGTHS), np.minimum(columns.length[a], columns.length[b]) - 1, side="right")
        named = self._named[:, place] + self._lengths[:, length] + kind.spread(typed).T
        total = np.where(clash, -np.inf, np.where(self._unsure(a, b), np.inf, total))
        low, high = self._names(a, b)
        likely = total + _best_between(named, low, high)
        return self._closer(a, b, likely, total, named, low, high)

    def _closer(
        self, a: Numbers, b: Numbers, likely: Numbers, total: Numbers, named: Numbers, low: Numbers, high: Numbers
    ) -> Numbers:
        """Looks once more at pairs that are still hopeful: at names of several words, and at areas."""
        np = numpy()
        columns = self.columns
        open_pairs = np.flatnonzero((likely > self.hopeless) & (likely < np.inf))
        vague = np.flatnonzero(low[open_pairs] < high[open_pairs])
        names = [columns.faces[row].names[0] for row in a[open_pairs[vague]].tolist()]
        others = [columns.faces[row].names[0] for row in b[open_pairs[vague]].tolist()]
        alike = np.array([features.likeness(x, y) for x, y in zip(names, others, strict=True)])
        band = np.searchsorted(np.array(features.LIKENESS), np.round(alike, 6), side="right")
        low[open_pairs[vague]] = high[open_pairs[vague]] = band
        a, b = a[open_pairs], b[open_pairs]
        weights = self.model.weights
        both = _Combinations(columns.area[a], columns.area[b], len(columns.areas))
        areas = [
            math.fsum(weights.get(level, 0.0) for level in features.area_levels(columns.areas[x], columns.areas[y]) if level)
            for x, y in both.different
        ]  # fmt: skip
        exact = _best_between(named[:, open_pairs], low[open_pairs], high[open_pairs])
        likely[open_pairs] = total[open_pairs] + exact - self._areas + both.spread(np.array(areas))
        return likely

    def _of_sets(
        self, a: Numbers, b: Numbers, column: Numbers, sets: Sequence[frozenset[str]],
        levels: Callable[[frozenset[str], frozenset[str]], Iterable[str]],
    ) -> Numbers:  # fmt: skip
        np = numpy()
        both = _Combinations(column[a], column[b], len(sets))
        weigh = self.model.weights
        return both.spread(
            np.array([sum(weigh.get(level, 0.0) for level in levels(sets[x], sets[y])) for x, y in both.different], dtype=float)
        )

    def _names(self, a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
        """The lowest and the highest band of likeness that the two names can be in; one band for names of one word."""
        np = numpy()
        columns = self.columns
        start = columns.alike(a, b, distances.JaroWinkler.similarity)
        whole = 0.5 * start + 0.5 * columns.alike(a, b, distances.Levenshtein.normalized_similarity)
        bands = np.array(features.LIKENESS)
        whole = np.minimum(whole, 0.96)
        low = np.searchsorted(bands, whole - 1e-6, side="right")
        high = np.searchsorted(bands, whole + 1e-6, side="right")
        several = (columns.words[a] > 1) | (columns.words[b] > 1)
        high = np.where(several, LIKENESS_NAMES.index("n94"), high)
        sound = (columns.sound[a] == columns.sound[b]) | (columns.joined[a] == columns.joined[b])
        sound |= (columns.sorted[a] == columns.sorted[b]) & several
        low = np.where(sound, LIKENESS_NAMES.index("sound"), low)
        equal = columns.core[a] == columns.core[b]
        low = np.where(equal, LIKENESS_NAMES.index("equal"), low)
        return low, np.where(equal | sound, low, high)

    def _places(self, a: Numbers, b: Numbers) -> Numbers:
        """The number of the band of distance, no mistake assumed."""
        np = numpy()
        columns = self.columns
        metres = np.round(columns.metres(a, b), 1)
        exact = np.searchsorted(np.array(features.DISTANCES), metres, side="right")
        vague = np.searchsorted(np.array(features.VAGUE_DISTANCES), metres, side="right") + len(features.DISTANCE_NAMES)
        place = np.where((columns.known[a] == _VAGUE) | (columns.known[b] == _VAGUE), vague, exact)
        return np.where(np.isnan(metres), self._place_number["nowhere"], place)

    def _unsure(self, a: Numbers, b: Numbers) -> Numbers:
        """Pairs of which columns cannot tell: several names, a mistake that may explain the distance, an edge of a band."""
        np = numpy()
        columns = self.columns
        metres = columns.metres(a, b)
        edges = np.array(sorted({*features.DISTANCES, *features.VAGUE_DISTANCES}))
        near = np.abs(metres[:, None] - edges[None, :]).min(axis=1) <= 0.06
        turned = np.minimum(columns.metres(a, b, swapped=True), columns.metres(b, a, swapped=True))
        swapped = (metres > 19_999) & (turned < 10_001)
        unsure = columns.many[a] | columns.many[b] | near | swapped
        far = np.flatnonzero(~unsure & (metres > features.SURE_M))
        unsure[far] = self._mended(a[far], b[far], metres[far])
        return unsure

    def _mended(self, a: Numbers, b: Numbers, metres: Numbers) -> Numbers:
        """Pairs whose distance a constant offset or minutes written as decimals may explain."""
        np = numpy()
        columns = self.columns
        found = np.zeros(len(a), dtype=bool)
        if self.offsets is not None:
            found |= self.offsets.may_fit(columns.lat[a], columns.lat[b] - columns.lat[a], columns.lon[b] - columns.lon[a])
        for wrong, right in ((a, b), (b, a)):
            lat, lon = _from_minutes(columns.lat[wrong]), _from_minutes(columns.lon[wrong])
            found |= _metres(lat, lon, columns.lat[right], columns.lon[right]) < features.MENDED_M + 1
        return found


def _from_minutes(value: Numbers) -> Numbers:
    """Degrees, when the decimals are minutes; NaN when they cannot be."""
    np = numpy()
    whole = np.trunc(value)
    part = np.abs(value - whole)
    return np.where(part < 0.6001, whole + np.copysign(part / 0.6, value), np.nan)


def _best_between(named: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """For each pair the best of its column of `named` between two rows."""
    np = numpy()
    rows = np.arange(len(named))[:, None]
    return np.where((low <= rows) & (rows <= high), named, -np.inf).max(axis=0)


class _Combinations:
    """The different combinations of two columns of codes, so that each is looked at once."""

    def __init__(self, a: Numbers, b: Numbers, count: int) -> None:
        np = numpy()
        both, self._where = np.unique(a.astype(np.int64) * max(1, count) + b, return_inverse=True)
        self.different = [divmod(code, max(1, count)) for code in both.tolist()]

    def spread(self, values: Numbers) -> Numbers:
        """One value per pair from one value per combination."""
        return values[self._where] if len(values) else values
