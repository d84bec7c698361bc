"""The drives of a machine: that of Windows, and others that are volumes of the same disk or folders of its collection.

Which volume has a letter stands in MountedDevices; a collector names the folder of a drive for its letter.
"""

from __future__ import annotations

import re
from dataclasses import replace

from forensics.collectors.profiles import tree_path
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.tree import NotFound, Unreadable
from forensics.lack_of_memory import how
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.sources.link_targets import collected_drives
from forensics.sources.mounted_volumes import NoVolume

_PATH = re.compile(r"(?:\\\\\?\\)?([A-Za-z]:)\\*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive and what reads it.

    Attributes:
        reader: The installation; for a drive on another volume one that reads this, and takes its problems.
        letter: Its letter, such as ``D:``; None for that of Windows.
        root: Its path in the reader's tree.
        volume: The volume that it is, where that is another one than that of Windows.
    """

    reader: Installation
    letter: str | None = None
    root: str = ""
    volume: DiskVolume | None = None

    def shown(self, path: str) -> str:
        """Return a path of its tree as rows name it."""
        return self.volume.label(path) if self.volume is not None else path

    def windows_path(self, path: str) -> str | None:
        """Return a path of its tree as Windows writes it; None on the drive of Windows, which its machine tells."""
        if self.letter is None:
            return None
        inside = path[len(self.root) :] if self.root else path
        return f"{self.letter}\\" + inside.lstrip("/").replace("/", "\\")

    def hand_over(self, installation: Installation) -> None:
        """Record the problems that were met on it as those of the installation whose drive it is."""
        if self.reader is installation:
            return
        for row in self.reader.problems:
            installation.problems.append(replace(row, source_path=self.shown(row.source_path)))
        self.reader.problems.clear()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A place that is not in what is examined, and why, as the end of a sentence about it."""

    why: str


class Drives:
    """Finds the drives of an installation; each is opened once.

    Args:
        installation: Whose drives.
        system_root: Windows' folder as Windows names it.
    """

    def __init__(self, installation: Installation, system_root: str) -> None:
        self._installation = installation
        self._system_root = system_root
        self._found: dict[str, Drive | Elsewhere] = {}

    def place(self, stored: str) -> tuple[Drive, str] | Elsewhere:
        """Return the drive of a path as Windows spells it, and its path in the tree there.

        Args:
            stored: The path, with ``%SystemRoot%`` or ``%SystemDrive%`` or neither.
        """
        path = tree_path(self._installation, stored, self._system_root)
        if path is not None:
            return Drive(self._installation), path
        on_drive = _PATH.fullmatch(stored.replace("/", "\\").rstrip("\\"))
        if on_drive is None:
            is_share = stored.replace("/", "\\").startswith("\\\\")
            return Elsewhere(
                sentence("lies on a share") if is_share else sentence("is a path that cannot be followed here")
            )
        letter, inside = on_drive[1].upper(), on_drive[2].replace("\\", "/")
        if letter not in self._found:
            self._found[letter] = self._drive(letter)
        drive = self._found[letter]
        if isinstance(drive, Elsewhere):
            return drive
        return drive, f"{drive.root}/{inside}".strip("/")

    def _drive(self, letter: str) -> Drive | Elsewhere:
        installation = self._installation
        if not installation.tree.complete:
            root = next((path for name, path in collected_drives(installation) if name == letter), None)
            if root is None:
                return Elsewhere(sentence("lies on drive {letter}, which was not collected", letter=letter))
            return Drive(installation, letter, root)
        volume = installation.mounted.of_letter(letter)
        if isinstance(volume, NoVolume):
            why = volume.why or sentence("no volume that is examined is known to be that")
            return Elsewhere(sentence("lies on drive {letter}, and {why}", letter=letter, why=why))
        return self._on_volume(letter, volume)

    def _on_volume(self, letter: str, volume: DiskVolume) -> Drive | Elsewhere:
        installation = self._installation
        why = volume.not_read
        if volume.open is not None:
            try:
                tree = volume.open()
                reader = Installation(
                    installation.machine_id, installation.source_path, tree, "", "", installation.open_hive
                )
                return Drive(reader, letter, volume=volume)
            except (NotFound, Unreadable) as reason:
                why = said_by(reason)
            except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
                why = sentence("opening it failed {how}", how=how(error))
        return Elsewhere(
            sentence(
                "lies on drive {letter}, {name}, which was not searched: {why}",
                letter=letter,
                name=volume.name,
                why=why,
            )
        )
