"""Where key and master key files lie: the folders that were looked in, as a volume itself has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field

from forensics.collectors.evidence import Evidence
from forensics.disk.tree import Entry, KeepsJournal, NotFound, Tree, Unreadable
from forensics.late_methods import dataclass
from forensics.tables.history import HistoryOf

_PROTECT = "Protect\\"
_WITHIN: dict[HistoryOf, re.Pattern[str]] = {
    "key_file": re.compile(r"(?:^|/)microsoft/crypto/"),
    "master_key": re.compile(r"(?:^|/)microsoft/protect/"),
}


@dataclass(slots=True)
class Places:
    """The folders of one installation on its own volume.

    Attributes:
        folders: Paths on the volume, each once, in their order; those that are not there now among them.
        elsewhere: Kinds of files of which folders lie on another volume, or where that is not known.
        shown: What rows call a folder that a link leads to, by its path on the volume.
    """

    folders: dict[HistoryOf, list[str]]
    elsewhere: frozenset[HistoryOf] = frozenset()
    shown: dict[str, str] = field(default_factory=dict)

    @property
    def all(self) -> list[str]:
        """All folders, each once."""
        return list(dict.fromkeys(path for paths in self.folders.values() for path in paths))


def places_of(evidence: Evidence) -> Places:
    """Return the folders in which the keys and master keys of an installation are looked for."""
    installation = evidence.installation
    told: dict[HistoryOf, list[str]] = {
        "key_file": [folder.path for folder in evidence.key_folders],
        "master_key": [
            *(
                row.source_path
                for row in installation.coverage
                if row.area == "folder" and row.name.startswith(_PROTECT)
            ),
            *(key.row.path.rpartition("/")[0] for key in evidence.master_keys),
        ],
    }
    folders: dict[HistoryOf, list[str]] = {"key_file": [], "master_key": []}
    elsewhere: set[HistoryOf] = set()
    shown: dict[str, str] = {}
    for what, paths in told.items():
        for path in dict.fromkeys(paths):
            really = installation.really(path)
            if really != path and not _is_folder(evidence, really):
                elsewhere.add(what)
            elif really not in folders[what]:
                folders[what].append(really)
                shown.setdefault(really, path)
    return Places(folders, frozenset(elsewhere), shown)


def _is_folder(evidence: Evidence, path: str) -> bool:
    try:
        return evidence.installation.own_tree.entry(path).is_dir
    except (NotFound, Unreadable):
        return False


def is_of_keys(what: HistoryOf, folder: str | None, knows_folders: bool) -> bool:
    """Tell whether a file was in a folder of Windows for such files, so far as that is known.

    A backup of keys has files of the same names, and so has Windows.old, which Windows itself deletes.

    Args:
        what: What kind of file it is.
        folder: Its folder; None where there is none now.
        knows_folders: The witness names folders.
    """
    if folder is None:
        return not knows_folders
    path = f"{folder}/".lower()
    return _WITHIN[what].search(path) is not None and "windows.old" not in path


def named_in(tree: Tree, folder: str) -> Sequence[Entry]:
    """List a folder for the names in it: sizes and times may lag behind, where the tree can tell the names alone.

    Raises:
        NotFound: It is not there.
        Unreadable: It cannot be listed.
    """
    skim = getattr(tree, "skim", None)
    return skim(folder) if skim is not None else tree.entries(folder)


class FolderOf:
    """Gives the path of a folder by its file reference, as the rows about keys have it where they have one."""

    def __init__(self, evidence: Evidence, places: Places) -> None:
        self._tree = evidence.installation.own_tree
        self._known: dict[int, str | None] = {}
        for path in places.all:
            reference = self.reference(path)
            if reference is not None:
                self._known[reference] = places.shown.get(path, path)

    def reference(self, path: str) -> int | None:
        """Return the file reference of a folder of the volume; None where it is not there, or has none."""
        try:
            handle = self._tree.entry(path).handle
        except (NotFound, Unreadable):
            return None
        return handle if isinstance(handle, int) else None

    def __call__(self, reference: int) -> str | None:
        if reference not in self._known and isinstance(self._tree, KeepsJournal):
            self._known[reference] = self._tree.folder_of(reference)
        return self._known.get(reference)
