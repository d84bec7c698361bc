"""Hives copied out of their folders: recognised by content and name, and put back where Windows keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from forensics.disk.tree import Entry, NotObtained, Tree, Unreadable
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.base_block import FileType, parse_base_block
from forensics.sources.hive_names import MACHINE_HIVES, is_named_as_hive
from forensics.sources.mapping_tree import MappingTree

_NAME = re.compile(r"(?<![A-Z])(SYSTEM|SOFTWARE|SECURITY|SAM|DEFAULT|COMPONENTS|NTUSER|USRCLASS)(?![A-Z])")
_OTHERS = ("AMCACHE", "BBI", "BCD", "DRIVERS", "ELAM", "SCHEMA", "SETTINGS", "SYSCACHE", "USERDIFF", "VSMIDK")
"""Hives of Windows in which nothing is said of keys or certificates."""
_LOGS = (".LOG", ".LOG1", ".LOG2")
BACKUP = sentence("backup copies that Windows keeps of its hives (RegBack): an older state of a machine, not examined")
"""Why the hives of a folder are not examined."""
_MAX_FILES = 5_000
"""Evidence: files of one folder that may be hives."""
_BASE_BLOCK = 4096


@dataclass(slots=True)
class HiveFolder:
    """The hives of one folder.

    Attributes:
        path: The folder in its tree.
        files: Entries by the path Windows keeps them at.
        left_out: Hives whose place another file had taken.
        keys: Folders of keys beside the hives, by the path Windows keeps them at.
    """

    path: str
    files: dict[str, Entry] = field(default_factory=dict)
    left_out: list[Entry] = field(default_factory=list)
    keys: dict[str, Entry] = field(default_factory=dict)

    @property
    def is_of_machine(self) -> bool:
        """One of them is the machine's, not a user's."""
        return any(path.startswith("Windows/") for path in self.files)

    @property
    def profile(self) -> str | None:
        """Where Windows keeps the profile of the one user of whom there are hives; None where there are others too."""
        homes = {"/".join(path.split("/")[:2]) for path in self.files}
        return homes.pop() if len(homes) == 1 and not self.is_of_machine else None

    def tree(self, tree: Tree) -> MappingTree:
        """Return the hives, and the keys beside them, as a tree laid out like a system drive."""
        return MappingTree(tree, self.files | self.keys)


def hives_in(tree: Tree, path: str, entries: Sequence[Entry]) -> HiveFolder:
    """Map the hives among the entries of one folder; an exact name comes before a decorated one."""
    folder = HiveFolder(path)
    named = {entry.name.casefold(): entry for entry in entries}
    hidden: list[Entry] = []
    for entry in sorted(entries[:_MAX_FILES], key=lambda e: (e.name.upper() not in MACHINE_HIVES, len(e.name), e.name)):
        if entry.is_dir or entry.size < _BASE_BLOCK or entry.name.upper().endswith(_LOGS):
            continue
        head = _head(tree, entry)
        if head is None:
            hidden.append(entry)
            continue
        place = _place(entry, head)
        if place is not None:
            _put(folder, entry, place, named)
    # Beside hives that can be read, one that bears the exact name of another is told of, with why it was not got.
    for entry in hidden if folder.files else ():
        if is_named_as_hive(entry):
            _put(folder, entry, f"Windows/System32/config/{entry.name.upper()}", named)
    return folder


def is_backup(path: str) -> bool:
    """Tell whether a folder is the one in which Windows keeps backup copies of its hives, or lies in it."""
    return "regback" in path.casefold().split("/")


def not_placed(tree: Tree, entry: Entry) -> str:
    """Say why a file that begins as a hive does cannot be put where Windows keeps it, and what to do."""
    is_named_as_log = entry.name.upper().endswith(_LOGS)
    if not is_named_as_log and not _is_log(_head(tree, entry) or b""):
        return sentence("a registry hive, but which? Name it SYSTEM, SOFTWARE, SECURITY, SAM or NTUSER.DAT")
    hive = entry.name.rpartition(".")[0] if is_named_as_log else sentence("the hive")
    return sentence(
        "the log of a registry hive, which holds its last changes alone: put {hive} beside it, and examine that",
        hive=hive,
    )


def _put(folder: HiveFolder, entry: Entry, place: str, named: Mapping[str, Entry]) -> None:
    """Put a hive with its logs where Windows keeps it, unless another one was."""
    if place.casefold() in (known.casefold() for known in folder.files):
        folder.left_out.append(entry)
        return
    folder.files[place] = entry
    for log in _LOGS:
        beside = named.get((entry.name + log).casefold())
        if beside is not None and not beside.is_dir:
            folder.files[place + log] = beside


def _head(tree: Tree, entry: Entry) -> bytes | None:
    """Return the first bytes of a file; None where they were not got."""
    try:
        with tree.open(entry) as file:
            return file.read(512)
    except NotObtained:
        return None
    except Unreadable:
        return b""


def _place(entry: Entry, head: bytes) -> str | None:
    """Return where Windows keeps this hive; None when it is no hive or none we know."""
    if head[:4] != b"regf" or _is_log(head):
        return None
    for text in _names(entry, head):
        match = _NAME.search(text)
        if match is None:
            continue
        kind = match[1]
        if kind in MACHINE_HIVES:
            return f"Windows/System32/config/{kind}"
        user = _user(entry)
        if kind == "NTUSER":
            return f"Users/{user}/NTUSER.DAT"
        return f"Users/{user}/AppData/Local/Microsoft/Windows/UsrClass.dat"
    return None


def _is_log(head: bytes) -> bool:
    try:
        block = parse_base_block(head)
    except FormatError:
        return False
    return block.checksum_ok and block.file_type in (FileType.OLD_LOG, FileType.NEW_LOG)


def is_other_hive(tree: Tree, entry: Entry) -> bool:
    """Tell whether a hive is one of Windows' own that says nothing of keys, by its name or the one inside."""
    return any(name.startswith(_OTHERS) for name in _names(entry, _head(tree, entry) or b""))


def _names(entry: Entry, head: bytes) -> tuple[str, str]:
    """Return what a hive is called outside and inside, in upper case.

    One saved by "reg save" keeps no name inside, one copied from disk keeps the end of its path.
    """
    inside = head[48:112].decode("utf-16-le", "replace").split("\0", 1)[0]
    return entry.name.upper(), inside.replace("\\", "/").rpartition("/")[2].upper()


def _user(entry: Entry) -> str:
    """Guess whose hive it is from what its name has besides, else from its folder."""
    rest = re.sub(r"(?i)(ntuser|usrclass)(\.dat)?", "", entry.name)
    rest = re.sub(r"(?i)\.(hiv|hive|dat|bak|save)$", "", rest).strip(" ._-")
    folder = entry.path.rpartition("/")[0].rpartition("/")[2]
    return rest or folder or "user"
