"""Was this place seen whole? The one object that answers, for the chain, the rules, reports and comparisons alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from typing import Literal

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

_HIVES = ALWAYS_THERE | {"default"}
_STORES = "Microsoft\\SystemCertificates"
_ELEMENT_DEPTH = _STORES.count("\\") + 3


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
    _cut: dict[tuple[str, str], CoverageRow] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[CoverageRow]:
        return iter(self.rows)

    def tell(self, area: CoverageArea, name: str, outcome: Outcome, path: str) -> None:
        """Record what was seen of a place; the first word about a path stands, under the name it is given first."""
        if (area, path) in self._told:
            at = self._told[area, path]
            if self.rows[at].name == path:
                self.rows[at] = replace(self.rows[at], name=name)
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

    def forget(self, path: str) -> None:
        """Take back what was said of a path that turned out to be no evidence."""
        self.rows = [row for row in self.rows if row.source_path != path]
        self._told = {(row.area, row.source_path): number for number, row in enumerate(self.rows)}

    def cut(self, area: CoverageArea, name: str, why: str, path: str) -> None:
        """Record that a bound was reached: what was said of the place before is no longer true of all of it."""
        self.tell(area, name, Outcome("partial", why), path)
        at = self._told[area, path]
        if self.rows[at].outcome in ("present", "absent"):
            self.rows[at] = replace(self.rows[at], outcome="partial", detail=why)
        self._cut[area, path] = self.rows[at]

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
        named = place.name.lower()
        return together(_outcome(row) for row in self.rows if row.area == place.area and row.name.lower() == named)

    def saw_store(self, store: str = "") -> Outcome:
        """Say whether a certificate store of the computer was seen whole; without a name, whether all were.

        An element of it that cannot be read is told by its thumbprint, so that others are missing all the same.
        """
        further = [_outcome(row) for row in self.rows if row.name == FURTHER_CERTIFICATES]
        named = {row.name.lower(): _outcome(row) for row in self.rows if row.area == "hive"}
        root = named.get(_STORES.lower()) or self.saw(Place.of_key("SOFTWARE", _STORES))
        if store:
            path = f"{_STORES}\\{store}\\Certificates"
            seen = named.get(path.lower()) or (root if self.look is None else self.saw(Place.of_key("SOFTWARE", path)))
            return together([seen, *further])
        stores = [
            name for name in named if name.startswith(f"{_STORES}\\".lower()) and name.count("\\") < _ELEMENT_DEPTH
        ]
        below = [named[name] for name in stores]
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
        unread = (row.name for row in self.rows if row.area == "certificate" and row.outcome != "present")
        return any(name in (thumbprint, FURTHER_CERTIFICATES) for name in unread)

    def relative(self, path: str) -> str:
        """Return a path in lower case, without a folder that stands for the system drive."""
        return path.removeprefix(f"{self.drive}/").lower() if self.drive else path.lower()

    def _saw_hive(self, name: str) -> Outcome:
        wanted = _same_hive(self.relative(name))
        found = [
            row
            for row in self.rows
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
        return self._nearest([row for row in self.rows if "\\" in row.source_path], hive, key) or self._saw_hive(hive)

    def less_what_was_cut(self, hive: str, key: str, shown: Outcome) -> Outcome:
        """Take from what a hive shows of a key what was not read of it, or of a key above it, because of a bound."""
        cut = self._nearest(self._cut.values(), hive, key)
        return together([shown, cut]) if cut else shown

    def _nearest(self, rows: Iterable[CoverageRow], hive: str, key: str) -> Outcome | None:
        """Return the word about a key or the nearest one above it; of several about one the last."""
        wanted, path = _same_hive(self.relative(hive)), key.lower()
        nearest = ""
        found: Outcome | None = None
        for row in rows:
            of, _, told = self.relative(row.source_path).partition("\\")
            if row.area not in ("hive", "registry") or _same_hive(of) != wanted:
                continue
            if (told in ("", path) or path.startswith(f"{told}\\")) and len(told) >= len(nearest):
                nearest, found = told, _outcome(row)
        return found

    def _saw_folder(self, path: str) -> Outcome:
        wanted = self.relative(path)
        told = {self.relative(row.source_path): _outcome(row) for row in self.rows if row.area == "folder"}
        while wanted:
            if wanted in told:
                return told[wanted]
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
