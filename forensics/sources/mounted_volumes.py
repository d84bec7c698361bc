"""Which volume a Windows means by a drive letter or the name of a volume: what MountedDevices notes of it decides.

A letter alone says nothing: Windows finds a volume by the GUID of its partition, or by the signature of its disk and
where it begins there, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from forensics.disk.disk_volume import DiskVolume
from forensics.formats.mounted_devices import KEY, value_name, value_name_of_volume
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.sources.installation import Installation

_CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
_DRIVE = re.compile(r"([A-Za-z]):\\")


@dataclass(frozen=True, slots=True)
class NoVolume:
    """That a volume is not among what is examined.

    Attributes:
        why: Why not, as a sentence without its end; None where nothing more is known.
    """

    why: str | None = None


class MountedVolumes:
    """Finds the volumes that an installation knows by letters and names.

    Args:
        installation: Whose letters and names they are.

    Attributes:
        elsewhere: Finds a volume that is none of its own disk, by what Windows notes of it.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._found: dict[str, DiskVolume | NoVolume] = {}
        self.elsewhere: Callable[[bytes], DiskVolume | NoVolume] = lambda identity: NoVolume()

    def system_drive(self) -> str | None:
        """Return the drive of Windows, such as ``C:``; None where SOFTWARE was not there to read."""
        key = self._installation.key("SOFTWARE", _CURRENT_VERSION)
        root = key.value("SystemRoot") if key else None
        letter = _DRIVE.match((root.text if root else None) or "")
        return f"{letter[1].upper()}:" if letter else None

    def of_letter(self, letter: str) -> DiskVolume | NoVolume:
        """Return the volume that has a letter, such as ``D:``."""
        return self._of_value(value_name(letter.upper()))

    def of_name(self, name: str) -> DiskVolume | NoVolume:
        """Return the volume with a name, such as ``Volume{f0a2e1c4-0000-0000-0000-100000000000}``."""
        return self._of_value(value_name_of_volume(name))

    def _of_value(self, name: str) -> DiskVolume | NoVolume:
        if name.lower() not in self._found:
            key = self._installation.key("SYSTEM", KEY)
            value = key.value(name) if key else None
            self._found[name.lower()] = self._with_identity(value.data) if value and value.data else NoVolume()
        return self._found[name.lower()]

    def _with_identity(self, identity: bytes) -> DiskVolume | NoVolume:
        found = [volume for volume in self._installation.disk_volumes if volume.mounted_as == identity]
        if len(found) > 1:
            names = " and ".join(volume.name for volume in found)
            return NoVolume(sentence("{names} are both known to Windows as that volume", names=names))
        return found[0] if found else self.elsewhere(identity)
