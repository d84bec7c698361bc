"""One Windows installation as collectors walk it: files, hives, and what was not there to examine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice

from forensics.disk.disk_volume import DiskVolume
from forensics.disk.efi import EfiPartition
from forensics.disk.errors import SourceError
from forensics.disk.links import LINK_TO_NOTHING
from forensics.disk.ntfs.damage import BrokenStructure
from forensics.disk.tree import Entry, NotFollowed, NotFound, NotObtained, Tree, Unreadable, damage_of
from forensics.lack_of_memory import how, is_lack_of_memory, kind_of
from forensics.language import said_by, sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.registry.hive import Hive, Key, seen, seen_of_key
from forensics.sources.coverage import Coverage
from forensics.sources.following_tree import FollowingTree
from forensics.sources.link_targets import LinkTargets
from forensics.sources.mounted_volumes import MountedVolumes
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.machine import InstallationKind
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT, Outcome
from forensics.tables.record import ProblemRow

HIVE_FOLDER = "System32/config"
CUTS = frozenset({"too_many", "too_large", "too_much_work", "too_deep", "log_too_large"})
"""Kinds of problem by which a hive tells that a part of it was not read."""

OF_ITS_WINDOWS = Outcome(
    "not_examined", sentence("of the Windows that the profile belongs to, which is not in this source")
)
"""What is said of a place of the machine where there are only profiles."""
_HOMES = ("Users", "Documents and Settings")
_OF_THE_MACHINE = ("Windows", "WINNT", "ProgramData", "Documents and Settings/All Users")

_LINKS_OF_WINDOWS = frozenset({"all users", "default user"})
"""Links beside the profiles by which Windows leads to what it has elsewhere, for programs of Windows XP."""
_MAX_LINKS = 20
"""Display: links of one folder that are named; the others are counted."""
MAX_LOST_PLACES = 500
"""Display: damaged keys of one hive that coverage names one by one."""
MAX_SMALL_FILE = 1 << 20
"""Format: bytes of a small file, where no bound of its own is set."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder: what can be said of it, and its entries."""

    outcome: Outcome
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class FileContent:
    """A small file: what can be said of it, and its bytes (empty unless present)."""

    outcome: Outcome
    data: bytes = b""


def outcome_of(error: Exception) -> Outcome:
    """Tell what was not obtained from what was got and does not parse."""
    if isinstance(error, OSError):
        return Outcome("not_examined", error.strerror or said_by(error))
    return Outcome("not_examined" if isinstance(error, NotObtained) else "unreadable", said_by(error))


def _lies_in(path: str, folder: str) -> bool:
    return not folder or f"{path}/".lower().startswith(f"{folder}/".lower())


HiveOpener = Callable[[Tree, str, Callable[[str, str, int | None], None]], Hive]
"""Opens the hive at a path of a tree with its logs replayed; the callable records a problem (kind, message, offset)."""


@dataclass
class Installation:
    """One Windows on one source.

    Attributes:
        machine_id: Number of the installation over all sources, from 1.
        source_path: The source as the user named it.
        tree: The volume or collection that holds it, with its links followed where they lead to what is examined.
        own_tree: The same as it is, no link followed.
        windows: Path of its Windows folder in the tree, such as ``Windows`` or ``C/Windows``.
        drive: Path of its system drive in the tree: empty, or such as ``C``.
        open_hive: How a hive of this tree is opened.
        user_hives: Paths of users' hives that lie in no profile folder, by SID in upper case; the empty SID stands for
            a user of whom only the hive is known.
        efi: EFI system partitions of the same disk; None where the source is no whole disk.
        volume: Volume of the disk that holds it, such as ``partition 3``, or image of a WIM; None where there is none
            to name.
        disk_volumes: All volumes of the same disk, its own among them; empty where the source is no disk of several.
        kind: What it is.
        hive_folder: Folder in Windows' of the hives that stand for the machine.
        profile: Path of the one profile that it is, empty for the tree's root; None where it is another kind, or holds
            the profiles of a drive.
        is_loose: Somebody put its hives together: nothing but what they say tells that they are of one machine.
        mixed: What tells that they are not; None where nothing does.
        mounted: The volumes that it knows by letters and names.
        doubted: Files of which something that was read is damaged, with what.
        moved: Folders in whose place Windows uses one that this tree has not: what they hold is not all.
    """

    machine_id: int
    source_path: str
    tree: Tree
    windows: str
    drive: str
    open_hive: HiveOpener
    user_hives: Mapping[str, str] = field(default_factory=dict)
    efi: Sequence[EfiPartition] | None = None
    volume: str | None = None
    disk_volumes: Sequence[DiskVolume] = ()
    kind: InstallationKind = "windows"
    hive_folder: str = HIVE_FOLDER
    profile: str | None = None
    is_loose: bool = False
    mixed: str | None = None
    moved: set[str] = field(default_factory=set)
    problems: list[ProblemRow] = field(default_factory=list)
    doubted: dict[str, Outcome] = field(default_factory=dict)
    coverage: Coverage = field(init=False)
    own_tree: Tree = field(init=False)
    mounted: MountedVolumes = field(init=False)
    _hives: dict[str, Hive | None] = field(default_factory=dict)
    _listings: dict[str, Listing] = field(default_factory=dict)
    _outcomes: dict[str, Outcome] = field(default_factory=dict)
    _cut_hives: dict[str, Outcome] = field(default_factory=dict)
    _control_set: str | None = None
    _following: FollowingTree = field(init=False)

    def __post_init__(self) -> None:
        whole_disk = self.tree.complete and self.kind != "profile"
        self.coverage = Coverage(self.machine_id, whole_disk, self.drive, look=self._look)
        self.own_tree, self.mounted = self.tree, MountedVolumes(self)
        self._following = FollowingTree(self.tree, LinkTargets(self))
        self.tree = self._following

    def _look(self, hive: str, key: str) -> Outcome | None:
        """Say what an open hive shows of a key; the hive by its name, its path, or the export that it was read from."""
        at = self._hives.get(hive.lower()) or self._hives.get(self.in_windows(f"{self.hive_folder}/{hive}").lower())
        named = [at] if at is not None else [h for h in self._hives.values() if h is not None and h.source_path == hive]
        shown = [seen_of_key(opened, key) for opened in named]
        return next((outcome for outcome in shown if outcome.is_there), shown[0] if shown else None)

    @property
    def followed_links(self) -> bool:
        """A link was followed."""
        return self._following.has_followed

    def really(self, path: str) -> str:
        """Return where what is found under a tree path lies, as rows name it: elsewhere, where a link led there.

        Args:
            path: Of a file or folder, or of a hive with a key and value behind it, as provenance shows it.
        """
        file, backslash, key = path.partition("\\")
        return f"{self._following.really(file)}{backslash}{key}"

    def on_drive(self, path: str) -> str:
        """Return the tree path of a path on the system drive."""
        return f"{self.drive}/{path}" if self.drive else path

    def in_windows(self, path: str) -> str:
        """Return the tree path of a path in the Windows folder."""
        return f"{self.windows}/{path}"

    def problem(self, path: str, kind: str, message: str, offset: int | None = None) -> None:
        """Record a failure."""
        row = ProblemRow(machine_id=self.machine_id, source_path=path, kind=kind, message=message, offset=offset)
        if row not in self.problems[-50:]:
            self.problems.append(row)

    def cut(self, area: CoverageArea, name: str, path: str, message: str, kind: str = "too_many") -> None:
        """Record that a bound was reached: a problem, and the place was seen in part only.

        Args:
            area: Area of the place in coverage.
            name: Its name there.
            path: Where it lies, to which a problem may add the name of a registry value.
            message: One sentence: what was not read, or not kept.
            kind: Kind of the problem.
        """
        self.problem(path, kind, message)
        self.coverage.cut(area, name, message, path.partition("!")[0] if area == "hive" else path)

    def listing(self, path: str) -> Listing:
        """List the folder at a tree path.

        A folder missing from a collection, or empty in one, is ``not_examined``: collectors copy files,
        so an empty folder there says nothing about the machine.
        """
        key = path.lower()
        if key not in self._listings:
            self._listings[key] = self._list(path)
        return self._less_what_was_moved(path, self._listings[key]) if self.moved else self._listings[key]

    def _less_what_was_moved(self, path: str, found: Listing) -> Listing:
        if not found.outcome.is_whole or not any(_lies_in(path, folder) for folder in self.moved):
            return found
        return Listing(
            Outcome("partial", NOT_COLLECTED.why) if found.outcome.is_there else NOT_COLLECTED, found.entries
        )

    def _list(self, path: str) -> Listing:
        try:
            entries = self.tree.entries(path)
            cut = self.tree.cut_short(path)
        except NotFound:
            if self.own_tree.complete and (link := self._following.dead_end(path)) is not None:
                self.problem(link[0], LINK_TO_NOTHING, link[1])
            return Listing(self._not_found(path))
        except Unreadable as error:
            self._refused(path, error)
            return Listing(outcome_of(error))
        except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
            message = sentence("listing the folder failed {how}", how=how(error))
            self.problem(path, kind_of(error), message)
            return Listing(Outcome("not_examined", message))
        if not entries and not self.tree.complete:
            return Listing(NOT_COLLECTED)
        if cut is not None:
            self.problem(path, "too_many", cut)
            return Listing(Outcome("partial", cut), entries)
        if (damage := damage_of(self.tree, path)) is not None:
            self.coverage.cut("folder", path, damage, path)
            return Listing(Outcome("partial", damage), list(self._without_misnamed(entries)))
        seen = self._all_but_links(entries)
        way = self._following.way(path) if seen == PRESENT else None
        return Listing(Outcome("present", way) if way else seen, entries)

    def _without_misnamed(self, entries: Sequence[Entry]) -> Iterator[Entry]:
        """Leave out what is none of the files that its name would lead to, and tell of it."""
        for entry in entries:
            if entry.misnamed is None:
                yield entry
            else:
                self.problem(entry.path, BrokenStructure.kind, entry.misnamed)

    def _refused(self, path: str, error: Unreadable | SourceError) -> None:
        """Record what could not be read; a link once, however much would lie behind it."""
        self.problem(error.path if isinstance(error, NotFollowed) else path, error.kind, said_by(error))

    def _all_but_links(self, entries: Sequence[Entry]) -> Outcome:
        """Say of a folder with links, but for those of Windows' own, that what lies behind them was not seen."""
        if not isinstance(entries, list | tuple):
            return PRESENT  # the listing of a folder of very many names does not tell which of them are links
        found = [e for e in entries if e.link is not None and e.name.lower() not in _LINKS_OF_WINDOWS]
        refused = [NotFollowed(e.path, e.link) for e in found[:_MAX_LINKS] if e.link is not None]
        for error in refused:
            self._refused(error.path, error)
        left = len(found) - _MAX_LINKS
        more = sentence_n("; so is {count} more link", "; so are {count} more links", left) if left > 0 else ""
        return Outcome("partial", f"{refused[0]}{more}") if refused else PRESENT

    @property
    def not_found(self) -> Outcome:
        """What it means that the tree does not hold a file of Windows: collections hold what was copied into them."""
        if self.kind == "profile":
            return OF_ITS_WINDOWS
        return ABSENT if self.tree.complete else NOT_COLLECTED

    def _not_found(self, path: str) -> Outcome:
        """Say of a path that is not in the tree what that means: a profile's own may be absent, its machine's not."""
        if self.kind == "profile" and not self._is_of_profiles(path):
            return OF_ITS_WINDOWS
        return ABSENT if self.tree.complete else NOT_COLLECTED

    def _is_of_profiles(self, path: str) -> bool:
        homes = [self.profile] if self.profile is not None else [self.on_drive(name) for name in _HOMES]
        machine = [self.windows, *(self.on_drive(name) for name in _OF_THE_MACHINE)]
        return any(_lies_in(path, home) for home in homes) and not any(_lies_in(path, place) for place in machine)

    def read(self, file: Entry | str, limit: int = MAX_SMALL_FILE) -> FileContent:
        """Read a whole small file; one larger than ``limit`` bytes is ``not_examined`` and a problem."""
        path = file if isinstance(file, str) else file.path
        try:
            entry = self.tree.entry(file) if isinstance(file, str) else file
            if entry.size > limit:
                message = sentence("{size} bytes; at most {limit} are expected here", size=entry.size, limit=limit)
                self.problem(path, "too_large", message)
                return FileContent(Outcome("not_examined", message))
            with self.tree.open(entry) as stream:
                return FileContent(PRESENT, stream.read(limit))
        except NotFound:
            return FileContent(self._missing_file(path))
        except Unreadable as error:
            self._refused(path, error)
            return FileContent(outcome_of(error))
        except OSError as error:  # a file of this machine that opened and cannot be read to its end
            outcome = outcome_of(error)
            self.problem(path, NotObtained.kind, outcome.why or "")
            return FileContent(outcome)
        except Exception as error:  # whatever the libraries behind a tree raise: nothing was got
            message = sentence("reading it failed {how}", how=how(error))
            self.problem(path, kind_of(error), message)
            return FileContent(Outcome("not_examined", message))

    def _missing_file(self, path: str) -> Outcome:
        folder = self.listing(path.rsplit("/", 1)[0] if "/" in path else "").outcome
        return ABSENT if folder.is_whole else Outcome("not_examined", folder.why)

    def hive(self, name: str) -> Hive | None:
        """Return one of SYSTEM, SOFTWARE, SECURITY, SAM, DEFAULT; None is explained in coverage."""
        return self.hive_at(self.in_windows(f"{self.hive_folder}/{name}"), name)

    def hive_outcome(self, name: str) -> Outcome:
        """Say what :meth:`hive` is, or why it is None."""
        self.hive(name)
        key = self.in_windows(f"{self.hive_folder}/{name}").lower()
        return self._cut_hives.get(key, self._outcomes[key])

    def hive_at(self, path: str, name: str) -> Hive | None:
        """Open the hive at a tree path once; failures are recorded."""
        key = path.lower()
        if key not in self._hives:
            self._hives[key], self._outcomes[key] = self._open_hive(path, name)
            self.coverage.tell("hive", name, self._outcomes[key], path)
        return self._hives[key]

    def _open_hive(self, path: str, name: str) -> tuple[Hive | None, Outcome]:
        def report(kind: str, message: str, offset: int | None) -> None:
            self.problem(path, kind, message, offset)
            if kind in CUTS or kind == "truncated":
                self._cut_hives[path.lower()] = Outcome("partial", message)
                self.coverage.cut("hive", name, message, path)

        try:
            hive = self.open_hive(self.tree, path, report)
        except NotFound:
            # Collectors copy single hives: one that lies beside the others is no proof that this one was not there.
            missing = self._not_found(path)
            return None, self._missing_file(path) if missing == ABSENT else missing
        except (Unreadable, SourceError) as error:
            self._refused(path, error)
            return None, outcome_of(error)
        except Exception as error:  # one broken hive never stops the others
            message = sentence("opening the hive failed {how}", how=how(error))
            self.problem(path, kind_of(error), message)
            return None, Outcome("not_examined" if is_lack_of_memory(error) else "unreadable", message)
        return hive, seen(hive)

    def doubt(self, source_path: str, kind: str, message: str) -> None:
        """Record that what was read at a path is damaged; a registry key that held it was seen in part.

        Args:
            source_path: A file, or hive, key and value, as provenance shows it.
            kind: Kind of the problem.
            message: One sentence.
        """
        self.problem(source_path, kind, message)
        path, _, key = source_path.partition("!")[0].partition("\\")
        if not key:
            self.doubted[path] = Outcome("partial", message)
        for hive in self._hives.values():
            if hive is not None and key and hive.source_path == path:
                hive.lose_value(key)

    def tell_lost_places(self) -> None:
        """Record in coverage each key of an open hive of which not all could be read: what is missing there is unknown.

        A hive in transaction is read in part as a whole, which its own row says.
        """
        for hive in self._hives.values():
            if hive is None or hive.state == "in_transaction":
                continue
            for path, why in islice(hive.lost_places(), MAX_LOST_PLACES):
                where = f"{hive.source_path}\\{path}" if path else hive.source_path
                self.coverage.cut("hive", path or hive.source_path, why, where)

    def key(self, hive: str, path: str) -> Key | None:
        """Return a key of one of the machine hives, or None."""
        opened = self.hive(hive)
        return opened.key(path) if opened else None

    def control_set(self) -> str:
        """Return the current control set's name from SYSTEM\\Select, ``ControlSet001`` where that cannot be read."""
        if self._control_set is None:
            self._control_set = self._selected()
        return self._control_set

    def _selected(self) -> str:
        select = self.key("SYSTEM", "Select")
        current = select.value("Current") if select else None
        number = current.number if current else None
        hive = self.hive("SYSTEM")
        if hive is not None and select is not None and number is None and hive.covers_values("Select"):
            self.problem(
                f"{hive.source_path}\\Select!Current", "no_value", sentence("the control set in use cannot be read")
            )
            hive.lose_value("Select")
        return f"ControlSet{number if number and number < 1000 else 1:03d}"
