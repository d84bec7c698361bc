"""Takes backup keys of domains from the disks of domain controllers of the same run, where a master key waits for one.

Which keys are wanted is known when all sources were judged and closed, so a domain controller's is opened once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from forensics.collectors.domain_controller import directory_path, directory_place
from forensics.collectors.drives import Elsewhere
from forensics.collectors.lsa import boot_key_classes
from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFound, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.lsa import boot_key
from forensics.lack_of_memory import how, kind_of
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow

if TYPE_CHECKING:
    from forensics.dpapi.domain_backup import DomainBackupKey
    from forensics.dpapi.ntds import DirectoryKeys
    from forensics.sources.source import Source

Opener = Callable[[str, int], "Source"]
_log = logging.getLogger(__name__)

MAX_CONTROLLERS = 20
"""Evidence: domain controllers of one run whose directories are searched for backup keys."""
_NAMED = 5
"""Display: backup keys that one sentence names."""


@dataclass(frozen=True, slots=True)
class DomainController:
    """A domain controller that was examined, and is closed.

    Attributes:
        source: Path of its source as the user named it.
        first: Number of the first installation of that source.
        machine_id: Its own.
        disk: Path of its disk.
        volume: Its volume there.
        windows: Its Windows folder.
        directory: Path of NTDS.dit as it spells it.
    """

    source: str
    first: int
    machine_id: int
    disk: str
    volume: str | None
    windows: str
    directory: str

    def is_on(self, installation: Installation) -> bool:
        """Tell whether an installation is this one, opened again."""
        found = (installation.source_path, installation.volume, installation.windows)
        return found == (self.disk, self.volume, self.windows)


def domain_controller(source: str, first: int, installation: Installation) -> DomainController | None:
    """Return what an installation is as a domain controller; None where it is none.

    Args:
        source: Path of its source as the user named it.
        first: Number of the first installation of that source.
        installation: It.
    """
    directory = directory_path(installation)
    if directory is None:
        return None
    place = (installation.source_path, installation.volume, installation.windows)
    return DomainController(source, first, installation.machine_id, *place, directory)


def keys_of(
    controllers: Sequence[DomainController], wanted: Iterable[str], opener: Opener
) -> tuple[list[DomainBackupKey], list[ProblemRow]]:
    """Look for backup keys in the directories of domain controllers, until all are found.

    Args:
        controllers: They.
        wanted: GUIDs of the keys.
        opener: Opens a source: its path, and the number of its first installation.

    Returns:
        The keys, and what kept directories from being read, or keys from being found there.
    """
    search = _Search(set(wanted), opener)
    for number, controller in enumerate(controllers):
        if not search.missing:
            break
        if number >= MAX_CONTROLLERS:
            search.tell(
                controller,
                "too_many",
                sentence(
                    "only {max_controllers} domain controllers are searched for keys", max_controllers=MAX_CONTROLLERS
                ),
            )
            break
        search.look(controller)
    return search.keys, search.problems


@dataclass
class _Search:
    """Backup keys that are missing still, and what was found of them."""

    missing: set[str]
    opener: Opener
    keys: list[DomainBackupKey] = field(default_factory=list)
    problems: list[ProblemRow] = field(default_factory=list)

    def look(self, controller: DomainController) -> None:
        """Look for them in one directory."""
        from forensics.dpapi.domain_backup import DomainBackupKey

        read = self._read(controller)
        for guid, key in read.keys.items() if read is not None else ():
            self.keys.append(DomainBackupKey(key, guid, controller.disk))
            self.missing.discard(guid)

    def tell(self, controller: DomainController, kind: str, message: str) -> None:
        """Record what went wrong in a directory."""
        row = ProblemRow(machine_id=controller.machine_id, source_path=controller.directory, kind=kind, message=message)
        self.problems.append(row)

    def _read(self, controller: DomainController) -> DirectoryKeys | None:
        try:
            with self.opener(controller.source, controller.first) as source:
                installation = next((each for each in source.installations if controller.is_on(each)), None)
                if installation is None:
                    self.tell(
                        controller,
                        "not_examined",
                        sentence(
                            "no backup key of the domain was had from the directory: its disk does not open a second "
                            "time"
                        ),
                    )
                    return None
                return self._read_in(installation, controller)
        except NotFound as error:
            self.tell(
                controller,
                "not_examined",
                sentence(
                    "no backup key of the domain was had from the directory, which is not there: {error}", error=error
                ),
            )
        except (Unreadable, SourceError, OSError) as error:
            kind = "not_examined" if isinstance(error, OSError) else error.kind
            self.tell(
                controller,
                kind,
                sentence(
                    "no backup key of the domain was had from the directory, which could not be read: {error}",
                    error=error,
                ),
            )
        except FormatError as error:
            self.tell(
                controller,
                error.kind,
                sentence("no backup key of the domain was had from the directory: {message}", message=error.message),
            )
        except Exception as error:  # whatever the libraries behind a tree raise; their text may hold what lies there
            _log.debug("while reading %s", controller.directory, exc_info=True)
            self.tell(
                controller,
                kind_of(error),
                sentence(
                    "no backup key of the domain was had from the directory: reading it failed {how}", how=how(error)
                ),
            )
        return None

    def _read_in(self, installation: Installation, controller: DomainController) -> DirectoryKeys:
        from forensics.dpapi.ntds import read_directory

        place = directory_place(installation, controller.directory)
        if isinstance(place, Elsewhere):
            raise SourceError("not_examined", sentence("it {why}", why=place.why))
        classes = boot_key_classes(installation)
        if classes is None:
            raise FormatError("no_boot_key", 0, sentence("the boot key, which opens it, could not be read from SYSTEM"))
        drive, path = place
        tree = drive.reader.tree
        with tree.open(tree.entry(path)) as stream:
            read = read_directory(stream, boot_key(classes), self.missing)
        self._tell_of(read, controller)
        return read

    def _tell_of(self, read: DirectoryKeys, controller: DomainController) -> None:
        for guid in sorted(self.missing):
            if guid in read.keys:
                continue
            if guid in read.unusable:
                why = sentence(
                    "the backup key {guid} of the domain cannot be used: {unusable}",
                    guid=guid,
                    unusable=read.unusable[guid],
                )
                self.tell(controller, "bad_key", _with_dirt(why, read))
            elif read.not_read is not None:
                why = sentence(
                    "the backup key {guid} of the domain was not found, and {not_read}",
                    guid=guid,
                    not_read=read.not_read,
                )
                self.tell(controller, "not_whole", _with_dirt(why, read))
            else:
                named = ", ".join(read.others[:_NAMED])
                why = sentence("the directory has no backup key {guid} of the domain, nor any other", guid=guid)
                if named:
                    why = sentence(
                        "the directory has no backup key {guid} of the domain, but {named}: likely it is of another "
                        "domain",
                        guid=guid,
                        named=named,
                    )
                self.tell(controller, "no_such_key", _with_dirt(why, read))


def _with_dirt(why: str, read: DirectoryKeys) -> str:
    if not read.is_dirty:
        return why
    dirty = sentence("it was not shut down cleanly, and what only its logs hold was not read")
    return joined([why, dirty], "; ")


def wanted_keys(rows: Iterable[Row], given: Iterable[str]) -> set[str]:
    """Return the GUIDs of backup keys that master keys wait for which a key needs, and that were not given.

    Args:
        rows: What was judged.
        given: GUIDs of the backup keys at hand.
    """
    waiting = (row for row in rows if isinstance(row, MasterKeyRow) and "domain_key" in row.missing_secret)
    return {row.domain_key_guid for row in waiting if row.domain_key_guid is not None}.difference(given)
