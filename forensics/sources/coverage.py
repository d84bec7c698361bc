"""Was this place seen whole? The one object that answers, for the chain, the rules, reports and comparisons alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Literal, TypeVar

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.outcome import NOT_COLLECTED, Outcome, State
from forensics.tables.record import CoverageRow

ALWAYS_THERE = frozenset({"system", "software", "security", "sam"})
"""Hives that every Windows has: one that is missing was lost, and with it what it held."""

FURTHER_CERTIFICATES = "further certificates"
"""Name of those of a store that were not read because there were too many."""

OWN_CERTIFICATES = "My certificates of"
"""Name with which those of the folders begin in which Windows keeps users' own certificates."""

_REGISTRY = frozenset({"hive", "registry"})
"""Areas of which a row may be about a key."""
_HIVES = ALWAYS_THERE | {"default"}
_STORES = "Microsoft\\SystemCertificates"
_ELEMENT_DEPTH = _STORES.count("\\") + 3
_Key = tuple[str, str]
_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Place:
    """A place where evidence may lie.

    Attributes:
        area: As in table ``coverage``, or ``key`` for one key of a hive.
        name: Name of the hive, log, file or certificate, path of the folder; of a key the path of its hive.
        key: Path of a registry key in its hive.
    """

    area: CoverageArea | Literal["key"]
    name: str
    key: str = ""

    @classmethod
    def of_hive(cls, name: str) -> Place:
        """Name one of the machine's hives, such as ``SOFTWARE``, or that of a user by its path."""
        return cls("hive", name)

    @classmethod
    def of_key(cls, hive: str, path: str) -> Place:
        """Name a registry key by its hive (as in :meth:`of_hive`) and its path from the hive's root."""
        return cls("key", hive, path)

    @classmethod
    def of_folder(cls, path: str) -> Place:
        """Name a folder by its path in the tree."""
        return cls("folder", path)

    @classmethod
    def at(cls, source_path: str) -> Place:
        """Name the place of a row by the path at which it was read."""
        hive, backslash, key = source_path.partition("\\")
        return cls("key", hive, key.partition("!")[0]) if backslash else cls("folder", hive.rpartition("/")[0])


def _same_hive(path: str) -> str:
    """Name one of the machine's own hives, wherever its copy lies; the hive of a user is told by its path."""
    lower = path.lower()
    name = lower.rpartition("/")[2]
    return name if name in _HIVES else lower


@dataclass
class Coverage:
    """What one source held of one installation, or of itself.

    Attributes:
        machine_id: Number of the installation; 0 is the source itself.
        whole_disk: Places that no row speaks of were there to be seen, too.
        drive: Path of the system drive in the source, such as ``C`` in a collection; may be empty.
        rows: The table's rows.
        look: Says what the hive at a path, while it is open, shows of a key; None where it was not opened.
    """

    machine_id: int
    whole_disk: bool = False
    drive: str = ""
    rows: list[CoverageRow] = field(default_factory=list)
    look: Callable[[str, str], Outcome | None] | None = field(default=None, repr=False)
    _told: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)
    _named: dict[str, list[int]] = field(init=False, repr=False)
    _hives: dict[str, list[int]] = field(init=False, repr=False)
    _stores: dict[str, None] = field(init=False, repr=False)
    _folders: dict[str, int] = field(init=False, repr=False)
    _keys: dict[_Key, int] = field(init=False, repr=False)
    _cut_keys: dict[_Key, CoverageRow] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._index_all()

    def __iter__(self) -> Iterator[CoverageRow]:
        return iter(self.rows)

    def tell(self, area: CoverageArea, name: str, outcome: Outcome, path: str) -> None:
        """Record what was seen of a place; the first word about a path stands, under the name it is given first."""
        if (area, path) in self._told:
            at = self._told[area, path]
            if self.rows[at].name == path:
                self.rows[at] = replace(self.rows[at], name=name)
                self._index(at)
            return
        self._told[area, path] = len(self.rows)
        self.rows.append(
            CoverageRow(
                machine_id=self.machine_id,
                source_path=path,
                area=area,
                name=name,
                outcome=outcome.state,
                detail=outcome.why,
            )
        )
        self._index(len(self.rows) - 1)

    def forget(self, path: str) -> None:
        """Take back what was said of a path that turned out to be no evidence."""
        self.rows = [row for row in self.rows if row.source_path != path]
        self._told = {(row.area, row.source_path): number for number, row in enumerate(self.rows)}
        self._index_all()

    def cut(self, area: CoverageArea, name: str, why: str, path: str) -> None:
        """Record that a bound was reached: what was said of the place before is no longer true of all of it."""
        self.tell(area, name, Outcome("partial", why), path)
        at = self._told[area, path]
        if self.rows[at].outcome in ("present", "absent"):
            self.rows[at] = replace(self.rows[at], outcome="partial", detail=why)
        if area in _REGISTRY:
            self._cut_keys[self._key(path)] = self.rows[at]

    def saw(self, place: Place) -> Outcome:
        """Say whether a place was seen whole: only then is what was not found there absent.

        Args:
            place: A hive, a key, a folder, or a log, file or certificate by its name.
        """
        if place.area == "hive":
            return self._saw_hive(place.name)
        if place.area == "key":
            return self._saw_key(place.name, place.key)
        if place.area == "folder":
            return self._saw_folder(place.name)
        return together(map(_outcome, self._rows_named(place.area, place.name)))

    def saw_store(self, store: str = "") -> Outcome:
        """Say whether a certificate store of the computer was seen whole; without a name, whether all were.

        An element of it that cannot be read is told by its thumbprint, so that others are missing all the same.
        """
        further = [_outcome(row) for row in self._rows_named("certificate", FURTHER_CERTIFICATES)]
        root = self._hive_named(_STORES) or self.saw(Place.of_key("SOFTWARE", _STORES))
        if store:
            path = f"{_STORES}\\{store}\\Certificates"
            seen = self._hive_named(path) or (root if self.look is None else self.saw(Place.of_key("SOFTWARE", path)))
            return together([seen, *further])
        below = [told for name in self._stores if (told := self._hive_named(name))]
        return together([root, *below, *further])

    def saw_certificates(self) -> Outcome:
        """Say whether every certificate in the computer's stores was seen: only then does none belong to a key."""
        unread = [
            Outcome(row.outcome, sentence("certificate {name} cannot be read", name=row.name))
            for row in self.rows
            if row.area == "certificate" and row.outcome != "present" and row.name != FURTHER_CERTIFICATES
        ]
        return together([self.saw_store(), *unread])

    def missed_certificate(self, thumbprint: str) -> bool:
        """Tell whether a store has an element of that name which was not read, or one that nobody can name."""
        return any(
            row.outcome != "present" and row.name == name
            for name in (thumbprint, FURTHER_CERTIFICATES)
            for row in self._rows_named("certificate", name)
        )

    def relative(self, path: str) -> str:
        """Return a path in lower case, without a folder that stands for the system drive."""
        return path.removeprefix(f"{self.drive}/").lower() if self.drive else path.lower()

    def _index_all(self) -> None:
        self._named, self._hives, self._stores, self._folders, self._keys = {}, {}, {}, {}, {}
        for number in range(len(self.rows)):
            self._index(number)

    def _index(self, number: int) -> None:
        """Note by what a row is asked for, so that asking of each of many places reads none of the others' rows."""
        row = self.rows[number]
        name = row.name.lower()
        self._named.setdefault(name, []).append(number)
        if row.area == "folder":
            self._folders[self.relative(row.source_path)] = number
        elif row.area in _REGISTRY and "\\" in row.source_path:
            self._keys[self._key(row.source_path)] = number
        elif row.area == "hive":
            self._hives.setdefault(_same_hive(self.relative(row.source_path)), []).append(number)
        if row.area == "hive" and name.startswith(f"{_STORES}\\".lower()) and name.count("\\") < _ELEMENT_DEPTH:
            self._stores[name] = None

    def _key(self, path: str) -> _Key:
        hive, _, key = self.relative(path).partition("\\")
        return _same_hive(hive), key

    def _rows_named(self, area: str, name: str) -> list[CoverageRow]:
        """Return the rows of an area with a name, in their order."""
        lower = name.lower()
        named = [self.rows[number] for number in sorted({*self._named.get(lower, ())})]
        return [row for row in named if row.area == area and row.name.lower() == lower]

    def _hive_named(self, name: str) -> Outcome | None:
        found = self._rows_named("hive", name)
        return _outcome(found[-1]) if found else None

    def _saw_hive(self, name: str) -> Outcome:
        wanted = _same_hive(self.relative(name))
        numbers = {*self._hives.get(wanted, ()), *self._named.get(wanted, ())}
        found = [
            row
            for row in map(self.rows.__getitem__, sorted(numbers))
            if row.area == "hive"
            and "\\" not in row.source_path
            and wanted in (_same_hive(self.relative(row.source_path)), row.name.lower())
        ]
        if not found:
            return Outcome("present") if self.whole_disk else NOT_COLLECTED
        seen = together(map(_outcome, found))
        if seen.state == "absent" and wanted in ALWAYS_THERE:
            return Outcome(
                "not_examined", sentence("the hive {upper}, which every Windows has, is missing", upper=wanted.upper())
            )
        return seen

    def _saw_key(self, hive: str, key: str) -> Outcome:
        """Of a case, the nearest word about the key or one above it counts, and only where there is none the hive's."""
        if self.look is not None and (shown := self.look(hive, key)) is not None:
            return self.less_what_was_cut(hive, key, shown)
        nearest = self._nearest(self._keys, hive, key)
        return self._saw_hive(hive) if nearest is None else _outcome(self.rows[nearest])

    def less_what_was_cut(self, hive: str, key: str, shown: Outcome) -> Outcome:
        """Take from what a hive shows of a key what was not read of it, or of a key above it, because of a bound."""
        cut = self._nearest(self._cut_keys, hive, key)
        return together([shown, _outcome(cut)]) if cut else shown

    def _nearest(self, told: Mapping[_Key, _Told], hive: str, key: str) -> _Told | None:
        """Return what is told of a key, or of the nearest one above it."""
        wanted, path = _same_hive(self.relative(hive)), key.lower()
        while path and (wanted, path) not in told:
            path = path.rpartition("\\")[0]
        return told.get((wanted, path))

    def _saw_folder(self, path: str) -> Outcome:
        wanted = self.relative(path)
        while wanted:
            if wanted in self._folders:
                return _outcome(self.rows[self._folders[wanted]])
            wanted = wanted.rpartition("/")[0]
        return Outcome("present") if self.whole_disk else NOT_COLLECTED


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """Say of several places what can be said of all of them: whole only where each is."""
    found = list(outcomes)
    if not found:
        return NOT_COLLECTED
    broken = [outcome for outcome in found if not outcome.is_whole]
    if not broken:
        return next((o for o in found if o.state == "present"), found[0])
    if any(outcome.is_there for outcome in found):
        return Outcome("partial", broken[0].why)
    return broken[0]


def _outcome(row: CoverageRow) -> Outcome:
    state: State = row.outcome
    return Outcome(state, row.detail)
