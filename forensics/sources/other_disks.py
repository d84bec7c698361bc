"""The disks of one examination beside each other: a Windows may have a volume on another disk than its own.

Such a volume is known by the GUID of its partition, or by the signature of its disk and where it begins there. Clones
have these in common. So the volume is taken only where one disk alone has it, and no Windows on another disk claims
it as its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

from forensics.disk.disk_volume import DiskVolume
from forensics.formats.mounted_devices import KEY
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.mounted_volumes import NoVolume

if TYPE_CHECKING:
    from forensics.sources.installation import Installation
    from forensics.sources.source import Source

MAX_SOURCES = 20
"""Work: sources named together of which all are opened to look for a volume on another disk."""


@dataclass(frozen=True, slots=True)
class _OpenDisk:
    """A disk that is open.

    Attributes:
        path: As rows name it.
        file: What is the same for every name of its file.
        volumes: Its volumes.
        installations: Windows on it.
    """

    path: str
    file: object
    volumes: Sequence[DiskVolume]
    installations: Sequence[Installation]


@dataclass
class OtherDisks:
    """The disks of one examination that are open, and how the others are opened when one of them is looked for.

    Attributes:
        named: Paths of the sources that were named together, in the order in which they are opened.
        opener: Opens the sources with these paths, each of which notes its disks here.
    """

    named: Sequence[str] = ()
    opener: Callable[[Sequence[str]], Sequence[Source]] | None = None
    _open: list[_OpenDisk] = field(default_factory=list)
    _identities: dict[str, set[bytes]] = field(default_factory=dict)
    _opening: str = ""
    _examined: str = ""
    _keeper: ExitStack | None = None

    def opening(self, path: str) -> None:
        """Take down which source is opened now, the path as the user named it."""
        self._opening = path
        self._identities.setdefault(path, set())

    def examining(self, path: str, keeper: ExitStack) -> None:
        """Take down which source is examined now.

        Args:
            path: Its path as the user named it.
            keeper: Is closed with it.
        """
        self._examined, self._keeper = path, keeper

    def note(self, source: Source, file: object) -> None:
        """Take down a disk that was opened, until it is closed, and let its Windows look for volumes on the others.

        Args:
            source: What it was opened into.
            file: What is the same for every name of its file; None where nothing is.
        """
        self._identities.setdefault(self._opening, set()).update(v.mounted_as for v in source.disk_volumes)
        disk = _OpenDisk(source.path, file, source.disk_volumes, tuple(source.installations))
        self._open.append(disk)
        source.resources.callback(self._forget, disk)
        for installation in disk.installations:
            installation.mounted.elsewhere = partial(self._find, disk)

    def _forget(self, disk: _OpenDisk) -> None:
        self._open = [other for other in self._open if other is not disk]

    def _find(self, own: _OpenDisk, identity: bytes) -> DiskVolume | NoVolume:
        why = None
        found = self._with(own, identity)
        if not found:
            why = self._open_others(identity)
            found = self._with(own, identity)
        if len(found) > 1:
            both = " and ".join(volume.name for volume in found[:2])
            return NoVolume(sentence("{both} are both known to Windows as that volume", both=both))
        if not found:
            return NoVolume(why)
        for disk in self._others(own):
            if any(_claims(installation, identity) for installation in disk.installations):
                return NoVolume(
                    sentence("{name} is also a volume of the Windows on {path}", name=found[0].name, path=disk.path)
                )
        return found[0]

    def _others(self, own: _OpenDisk) -> list[_OpenDisk]:
        """Return the other disks, each once however often its file was opened."""
        by_file = {object() if disk.file is None else disk.file: disk for disk in reversed(self._open)}
        return [disk for disk in by_file.values() if disk is not own and (own.file is None or disk.file != own.file)]

    def _with(self, own: _OpenDisk, identity: bytes) -> list[DiskVolume]:
        return [
            replace(volume, name=f"{disk.path}#{volume.name}")
            for disk in self._others(own)
            for volume in disk.volumes
            if volume.mounted_as == identity
        ]

    def _open_others(self, identity: bytes) -> str | None:
        """Open the other sources that were named, until the one that is examined is closed; say why not.

        All of them, since the Windows on one may claim the volume of another; none where each was open before and no
        volume on it was the one that is looked for.
        """
        others = [path for path in self.named if path != self._examined]
        if self.opener is None or self._keeper is None:
            return None
        if len(others) > MAX_SOURCES:
            return sentence(
                "it may be on one of {count} other sources, which are not all opened for it: name fewer",
                count=len(others),
            )
        if not any(identity in self._identities.get(path, (identity,)) for path in others):
            return None
        opener, self.opener = self.opener, None
        keeper = self._keeper
        for source in opener(others):
            keeper.enter_context(source)
        keeper.callback(setattr, self, "opener", opener)
        return None


def _claims(installation: Installation, identity: bytes) -> bool:
    key = installation.key("SYSTEM", KEY)
    return key is not None and any(value.data == identity for value in key.values())
