"""Where a master key file belongs that covers a key which is to be put back, and whether it is of use there today."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from functools import cached_property
from itertools import islice
from typing import Literal

from forensics.chain.master_key_found import SYSTEM, Opened, Unlocked
from forensics.chain.master_keys import MasterKeyRing
from forensics.chain.prekeys import is_system
from forensics.collectors.evidence import Evidence, MasterKeyEvidence
from forensics.collectors.lying_file import LyingFile, file_as_it_lies
from forensics.disk.tree import NotFound, TellsAttributes
from forensics.formats.master_key import parse_master_key_file
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.secrets import Half, MasterKeyRow
from forensics.tables.shadow_path import shadow_copy_of

_MOST_NEIGHBOURS = 20
"""Work: files of one folder whose attributes are looked at."""
_CRYPTO = "/microsoft/crypto/"


class CannotPlaceError(Exception):
    """A file would be of no use on this machine; the message says why, as a part of a sentence."""


@dataclass(frozen=True, slots=True)
class MasterKeyPlace:
    """What is to be done about a master key.

    Attributes:
        target: Path in the source at which it must lie.
        item: The file that is to be placed there; None where it lies there.
        in_the_way: Path in the source of what lies there and is to be set aside; None where nothing does.
        in_the_way_is: What that is.
        doubts: What stays open, as sentences without their full stop.
        read: What reads the file.
    """

    target: str
    item: MasterKeyEvidence | None = None
    in_the_way: str | None = None
    in_the_way_is: Literal["damaged", "locked"] | None = None
    doubts: tuple[str, ...] = ()
    evidence: Evidence | None = field(default=None, repr=False)

    def lying(self) -> LyingFile:
        """Read the file once more; raises what :func:`file_as_it_lies` does, and CannotPlaceError where it changed."""
        assert self.item is not None
        assert self.evidence is not None
        lying = file_as_it_lies(self.evidence.installation, self.item)
        if parse_master_key_file(lying.data) != self.item.parsed:
            raise CannotPlaceError(
                sentence("read once more {path} is another file than the one that opened", path=self.item.row.path)
            )
        return lying


class MasterKeyPlaces:
    """The master keys of one installation, by where they must lie.

    Args:
        evidence: The installation, whose source is open.
        ring: Its master keys.
    """

    def __init__(self, evidence: Evidence, ring: MasterKeyRing) -> None:
        self._evidence = evidence
        self._installation = evidence.installation
        self._ring = ring

    def of(self, guid: str, owner_sid: str | None, key_file: str) -> MasterKeyPlace:
        """Say where a master key must lie, and which file brings it there.

        Args:
            guid: Its GUID, lower case.
            owner_sid: Whose it is.
            key_file: Path of a key file that needs it.

        Raises:
            CannotPlaceError: Windows does not open it with what it has today, wherever it lies.
        """
        unlocked = self._ring.unlock(guid, owner_sid)
        opened = self._opened_today(guid, owner_sid, unlocked)
        target = f"{self._home(owner_sid, opened.half, key_file)}/{guid}"
        if self._is_same(opened.item.row.path, target):
            return MasterKeyPlace(target, doubts=(unlocked.doubt,) if unlocked.doubt else ())
        folder = target.rpartition("/")[0]
        if not self._installation.listing(folder).outcome.is_there:
            raise CannotPlaceError(
                sentence("the folder in which Windows looks for master key {guid} is not on this disk", guid=guid)
            )
        return MasterKeyPlace(target, opened.item, *self._in_the_way(target, owner_sid), (), self._evidence)

    def _opened_today(self, guid: str, owner_sid: str | None, unlocked: Unlocked) -> Opened:
        opened = unlocked.opened
        if unlocked.older_hives is not None:
            hives = sentence("hives") if shadow_copy_of(unlocked.older_hives) else sentence("backup hives")
            raise CannotPlaceError(
                sentence(
                    "only the DPAPI_SYSTEM of the {hives} in {older_hives} opens master key {guid}, and Windows "
                    "no longer has that secret",
                    hives=hives,
                    older_hives=unlocked.older_hives,
                    guid=guid,
                )
            )
        if opened is None:
            raise CannotPlaceError(sentence("nothing that is known here opens master key {guid}", guid=guid))
        if opened.by == "previous":
            raise CannotPlaceError(
                sentence(
                    "master key {guid} opens only with the earlier DPAPI_SYSTEM (OldVal), which Windows no longer uses",
                    guid=guid,
                )
            )
        if is_system(owner_sid) and opened.by != "current":
            raise CannotPlaceError(sentence("that DPAPI_SYSTEM opens master key {guid} was not shown", guid=guid))
        if unlocked.under_sid is not None:
            raise CannotPlaceError(
                sentence(
                    "master key {guid} is that of {under_sid}, likely an earlier account of this user, whose "
                    "password does not open it for another one",
                    guid=guid,
                    under_sid=unlocked.under_sid,
                )
            )
        return opened

    def _home(self, owner_sid: str | None, half: Half | None, key_file: str) -> str:
        """Return the folder in which Windows keeps the master keys of an account."""
        if owner_sid == SYSTEM:
            folder = self._installation.in_windows(f"System32/Microsoft/Protect/{SYSTEM}")
            return f"{folder}/User" if half == "user" else folder
        own = [
            key_file,
            *(f.path for f in self._evidence.key_folders if f.owner_sid == owner_sid and f.outcome.is_there),
        ]
        for path in own:
            at = path.lower().find(_CRYPTO)
            is_shared = any(
                f.path.lower().startswith(f"{path[:at].lower()}{_CRYPTO}")
                for f in self._evidence.key_folders
                if f.scope in ("machine", "system")
            )
            if at > 0 and not is_shared and self._is_in_profile_of(path, owner_sid):
                return f"{path[:at]}/Microsoft/Protect/{owner_sid}"
        raise CannotPlaceError(
            sentence("where Windows keeps the master keys of {owner_sid} is not told by this disk", owner_sid=owner_sid)
        )

    def _is_in_profile_of(self, path: str, owner_sid: str | None) -> bool:
        """Tell whether a file or folder lies in a profile of an account, whose folders of keys are known."""
        folders = (f.path for f in self._evidence.key_folders if f.owner_sid == owner_sid)
        return any(f"{path.lower()}/".startswith(f"{folder.lower()}/") for folder in folders)

    def _in_the_way(self, target: str, owner_sid: str | None) -> tuple[str | None, Literal["damaged", "locked"] | None]:
        try:
            entry = self._installation.tree.entry(target)
        except NotFound:
            return None, None
        there = next((row for row in self._rows if self._is_same(row.path, target)), None)
        if there is None or there.outcome == "not_examined":
            raise CannotPlaceError(sentence("what lies in {target} now was not read, and may be of use", target=target))
        if there.outcome == "unreadable":
            return entry.path, "damaged"
        if not is_system(owner_sid) or there.unlocked_by == "current":
            raise CannotPlaceError(
                sentence("a sound file lies in {target}, and nothing shows that it is of no use", target=target)
            )
        return entry.path, "locked"

    @cached_property
    def _rows(self) -> list[MasterKeyRow]:
        return self._ring.rows()

    def attributes_in(self, folder: str) -> int | None:
        """Return the FILE_ATTRIBUTE flags that most files of a folder have; None where they are not told."""
        tree = self._installation.tree
        if not isinstance(tree, TellsAttributes):
            return None
        files = islice((e for e in self._installation.listing(folder).entries if not e.is_dir), _MOST_NEIGHBOURS)
        counted = Counter(flags for flags in map(tree.attributes, files) if flags is not None)
        return counted.most_common(1)[0][0] if counted else None

    def _is_same(self, path: str, other: str) -> bool:
        really = self._installation.really
        return really(path).lower() == really(other).lower()
