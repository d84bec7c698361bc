"""Where the links of a Windows lead among what is examined: on its own volume, or on another one that it knows.

References:
    [MS-FSCC] 2.1.2.4 Symbolic Link Reparse Data Buffer, 2.1.2.5 Mount Point Reparse Data Buffer.
    Microsoft Learn, Symbolic Link Effects on File Systems Functions; Hard Links and Junctions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from forensics.disk.disk_volume import DiskVolume
from forensics.disk.links import Link
from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.lack_of_memory import how
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.mounted_volumes import NoVolume

if TYPE_CHECKING:
    from forensics.sources.installation import Installation

_ON_DRIVE = re.compile(r"([A-Za-z]:)(?:\\+(.*))?", re.DOTALL)
_ON_VOLUME = re.compile(r"(Volume\{[0-9a-f-]{36}\})(?:\\+(.*))?", re.DOTALL | re.IGNORECASE)
_SEPARATOR = "\\"
_FOLDER = re.compile(r"([a-z])(?::|%3A|_)?", re.IGNORECASE | re.ASCII)
"""A folder that stands for a drive, as collectors name it."""


class NoTarget(Exception):
    """A link cannot be followed; the message says why, and is empty where nothing more is known."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A volume or collection in which files lie.

    Attributes:
        tree: Its files.
        volume: The volume, where it is another one than that of Windows.
    """

    tree: Tree
    volume: DiskVolume | None = None

    def label(self, path: str) -> str:
        """Return a path of it as rows name it."""
        return self.volume.label(path) if self.volume is not None else path


class LinkTargets:
    """Resolves the links of one installation.

    Args:
        installation: Whose Windows wrote the links.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.own = Ground(installation.tree)
        self._grounds: dict[str, Ground] = {}
        self._is_asking = False

    def of(self, link: Link, ground: Ground, folder: str) -> tuple[Ground, str]:
        """Return where a link leads.

        Args:
            link: The link.
            ground: Where it lies.
            folder: Path of the folder there in which it lies.

        Raises:
            NoTarget: It does not lead to what is examined.
        """
        if not link.is_windows:
            raise NoTarget
        if link.is_relative:
            return ground, _below(folder, link.target, self._root(folder) if ground is self.own else "")
        on_drive, on_volume = _ON_DRIVE.fullmatch(link.target), _ON_VOLUME.fullmatch(link.target)
        if on_drive is not None:
            path = on_drive[2] or ""
            start, root = self._guarded(lambda: self._drive(on_drive[1].upper(), path))
            return start, _below(root, path, root)
        if on_volume is not None:
            start, _ = self._guarded(lambda: self._volume(on_volume[1]))
            return start, _below("", on_volume[2] or "")
        raise NoTarget

    def _root(self, folder: str) -> str:
        """Return the root of the drive on which a folder lies: in a collection one of its own folders stands for it."""
        if self._installation.own_tree.complete:
            return ""
        drives = [self._installation.drive, *(path for _, path in collected_drives(self._installation))]
        return next((drive for drive in drives if f"{folder}/".lower().startswith(f"{drive}/".lower())), "")

    def _guarded(self, ask: Callable[[], tuple[Ground, str]]) -> tuple[Ground, str]:
        """Ask the registry, unless that itself lies behind a link."""
        if self._is_asking:
            raise NoTarget(sentence("the registry that would tell where it leads lies behind it"))
        self._is_asking = True
        try:
            return ask()
        finally:
            self._is_asking = False

    def _drive(self, letter: str, path: str) -> tuple[Ground, str]:
        mounted = self._installation.mounted
        if mounted.system_drive() == letter:
            return self.own, self._root_of_system_drive(path)
        if self._installation.own_tree.complete:
            return self._ground(mounted.of_letter(letter)), ""
        folder = next((at for name, at in collected_drives(self._installation) if name == letter), None)
        if folder is None:
            raise NoTarget
        return self.own, folder

    def _root_of_system_drive(self, path: str) -> str:
        """Return where a path of the system drive begins: of a Windows that Setup moved aside not all was moved."""
        root = self._installation.drive
        if root and self._installation.own_tree.complete:
            try:
                self._installation.own_tree.entry(f"{root}/{path.strip(_SEPARATOR).partition(_SEPARATOR)[0]}")
            except NotFound:
                return ""
            except Unreadable:
                return root
        return root

    def _volume(self, name: str) -> tuple[Ground, str]:
        if not self._installation.own_tree.complete:
            raise NoTarget
        return self._ground(self._installation.mounted.of_name(name)), ""

    def _ground(self, volume: DiskVolume | NoVolume) -> Ground:
        if isinstance(volume, NoVolume):
            raise NoTarget(volume.why or "")
        if volume.name == self._installation.volume:
            return self.own
        if volume.name not in self._grounds:
            if volume.open is None:
                raise NoTarget(
                    sentence(
                        "it leads to {name}, which is not read: {not_read}", name=volume.name, not_read=volume.not_read
                    )
                )
            try:
                self._grounds[volume.name] = Ground(volume.open(), volume)
            except (NotFound, Unreadable) as reason:
                raise NoTarget(
                    sentence("it leads to {name}, which cannot be read: {reason}", name=volume.name, reason=reason)
                ) from reason
            except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
                raise NoTarget(
                    sentence(
                        "it leads to {name}, which was not opened: that failed {how}", name=volume.name, how=how(error)
                    )
                ) from error
        return self._grounds[volume.name]


def collected_drives(installation: Installation) -> list[tuple[str, str]]:
    """Return letter and path of the drives of a collection, that of Windows first; it may hold several machines.

    Where the folder of Windows' own drive is not named for one, none is known.
    """
    own = installation.drive
    above, _, name = own.rpartition("/")
    if not _FOLDER.fullmatch(name):
        return []
    try:
        entries = installation.own_tree.entries(above)
    except (NotFound, Unreadable):
        entries = ()
    beside = [(e.name, e.path) for e in entries if e.is_dir and e.path.lower() != own.lower()]
    named = ((_FOLDER.fullmatch(folder), path) for folder, path in [(name, own), *beside])
    return [(f"{letter[1].upper()}:", path) for letter, path in named if letter is not None]


def _below(folder: str, target: str, root: str = "") -> str:
    """Return the path to which a target leads from a folder.

    Args:
        folder: Path of the folder.
        target: One that begins with a backslash begins at the root.
        root: Path of the root of the drive.

    Raises:
        NoTarget: It leads above the root.
    """
    path = target.replace("/", "\\")
    parts = [part for part in (root if path.startswith("\\") else folder).split("/") if part]
    least = len([part for part in root.split("/") if part])
    for part in path.split("\\"):
        if part == "..":
            if len(parts) <= least:
                raise NoTarget(sentence("it leads above the root of its volume"))
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
