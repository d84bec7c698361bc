"""Configuration files of applications, read in one pass: below the sites of IIS, inetpub and Program Files.

A site may lie on another volume of the disk; where that is not examined, coverage says so.

All of Program Files only where there is a web server, since most disks would pay for nothing; else what lies beside the
programs of services.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import field

from forensics.collectors.drives import Drive, Drives, Elsewhere
from forensics.collectors.machine import CURRENT_VERSION
from forensics.collectors.profiles import folder_exists
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.disk.tree import Entry
from forensics.formats.iis_applications import SiteFolder
from forensics.formats.ini_text import decode_text
from forensics.language import sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.tables.outcome import NOT_COLLECTED, Outcome
from forensics.tables.windows_path import windows_path

MAX_FOLDERS = 4_000
"""Evidence: folders in which configuration files are looked for."""
MAX_FILES = 3_000
"""Evidence: configuration files of applications that are read."""
MAX_FILE = 1 << 20
"""Format: bytes of one configuration file of an application; larger ones hold data, and are counted."""
MAX_READ = 32 << 20
"""Evidence: bytes of all configuration files of applications."""
MAX_DEPTH = 16
"""Evidence: folders within folders."""
COVERED = "configuration files"
"""Name under which coverage says that not all were searched."""
ADMIN_CENTER = "Program Files/WindowsAdminCenter"

_ADMIN_CENTER_SERVICE = "WindowsAdminCenter"
_PROGRAM_FILES = ("Program Files", "Program Files (x86)")
_PROGRAM_FILES_VARIABLE = re.compile("^%ProgramFiles%", re.IGNORECASE)
_SYSTEM_DRIVE = r"%SystemDrive%\\Program Files"
_INETPUB = "inetpub"
_ENDINGS = (".config", ".json", ".xml", ".ini", ".properties")
# Lists of packages, whose hashes are no thumbprints.
_NOT_SETTINGS = (".deps.json", "package-lock.json", ".runtimeconfig.json", "packages.config")
# IIS keeps earlier configurations in history and makes others anew in temp; the rest holds no settings.
_NOT_SEARCHED = frozenset({"history", "temp", "logs", "custerr", "node_modules", ".git", "windowsapps", "winsxs"})


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """A configuration file of an application.

    Attributes:
        place: Where it was read.
        path: Its path as Windows writes it.
        text: Its content.
        site: Folder of a site of IIS in which it lies.
        service: The one service whose program lies beside it.
    """

    place: Provenance
    path: str
    text: str
    site: SiteFolder | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class _Root:
    """A folder below which is searched.

    Attributes:
        drive: Its drive.
        path: Its path in the tree there.
        site: The site of IIS whose folder it is.
        is_deep: Folders within it are searched too.
    """

    drive: Drive
    path: str
    site: SiteFolder | None = None
    is_deep: bool = True


_Place = tuple[str | None, str]
"""Letter of a drive, and a path in the tree there, lower case."""


@dataclass(slots=True)
class _Search:
    """How far the pass has come."""

    folders: int = 0
    files: int = 0
    read: int = 0
    large: int = 0
    too_deep: str | None = None
    seen: set[_Place] = field(default_factory=set)
    services: dict[_Place, str | None] = field(default_factory=dict)

    def reached(self) -> str | None:
        """Say which bound is reached."""
        if self.folders >= MAX_FOLDERS:
            return sentence(
                "only the first {max_folders} folders were searched for configuration files of applications",
                max_folders=MAX_FOLDERS,
            )
        if self.files >= MAX_FILES:
            return sentence(
                "only the first {max_files} configuration files of applications were read", max_files=MAX_FILES
            )
        if self.read >= MAX_READ:
            return sentence(
                "only the first {max_read} bytes of configuration files of applications were read", max_read=MAX_READ
            )
        return None


def configuration_files(context: UseContext) -> Iterator[ConfigurationFile]:
    """Yield the configuration files of applications; those of sites first, where a bound cuts the rest."""
    installation = context.installation
    search = _Search()
    for root in _roots(context, search):
        yield from _below(context, root, search)
        root.drive.hand_over(installation)
        if (message := search.reached()) is not None:
            installation.cut("uses", COVERED, root.path, message)
            break
    if search.too_deep is not None:
        message = sentence(
            "folders more than {max_depth} below a site or program were not searched for configuration files",
            max_depth=MAX_DEPTH,
        )
        installation.cut("uses", COVERED, search.too_deep, message)
    if search.large:
        message = sentence_n(
            "{count} configuration file of applications is larger than {limit} bytes: not read",
            "{count} configuration files of applications are larger than {limit} bytes: not read",
            search.large,
            limit=MAX_FILE,
        )
        installation.problem(installation.on_drive(""), "too_large", message)


def _roots(context: UseContext, search: _Search) -> Iterator[_Root]:
    installation = context.installation
    sites = context.iis.configuration.folders if context.iis is not None else ()
    drives = Drives(installation, context.software.text(CURRENT_VERSION, "SystemRoot") or "C:\\Windows")
    own = Drive(installation)
    programs = list(_programs(context, drives, search))
    for site in sites:
        place = drives.place(site.path)
        if isinstance(place, Elsewhere):
            message = sentence(
                "{path} of {name} {why}: files of settings there were not searched",
                path=site.path,
                name=site.name,
                why=place.why,
            )
            installation.coverage.cut("uses", COVERED, message, site.path)
        else:
            yield _Root(*place, site)
    inetpub = installation.on_drive(_INETPUB)
    has_inetpub = folder_exists(installation, inetpub)
    if has_inetpub:
        yield _Root(own, inetpub)
    if sites or has_inetpub:
        yield from (_Root(own, installation.on_drive(name)) for name in _PROGRAM_FILES)
    elif context.system.key(f"{context.services}\\{_ADMIN_CENTER_SERVICE}") is not None:
        yield _Root(own, installation.on_drive(ADMIN_CENTER))
    yield from programs


def _programs(context: UseContext, drives: Drives, search: _Search) -> Iterator[_Root]:
    """Yield the folders of services' programs that are not Windows' own, and note whose each is."""
    windows = context.installation.in_windows("").rstrip("/").lower()
    for service in context.service_identities.values():
        place = drives.place(_PROGRAM_FILES_VARIABLE.sub(_SYSTEM_DRIVE, service.folder)) if service.folder else None
        if place is None or isinstance(place, Elsewhere):
            continue
        drive, path = place
        if drive.letter is None and f"{path.lower()}/".startswith(f"{windows}/"):
            continue
        at = (drive.letter, path.lower())
        if at not in search.services:
            yield _Root(drive, path, is_deep=False)
        search.services[at] = service.name if search.services.get(at, service.name) == service.name else None


def _below(context: UseContext, root: _Root, search: _Search) -> Iterator[ConfigurationFile]:
    """Yield what lies at and below a folder, the upper ones first; a folder that another root has is not read again."""
    drive, site = root.drive, root.site
    waiting = deque([(root.path, 0)])
    while waiting and search.reached() is None:
        path, depth = waiting.popleft()
        place, really = (drive.letter, path.lower()), (drive.letter, drive.reader.really(path).lower())
        if really in search.seen:
            continue
        search.seen.add(really)
        search.folders += 1
        listing = drive.reader.listing(path)
        # Collectors leave out folders; of a site's own that is worth telling.
        if not listing.outcome.is_whole and (
            listing.outcome != NOT_COLLECTED or (site is not None and path == root.path)
        ):
            _tell_unseen(context, drive, root.path, path, listing.outcome)
        for entry in listing.entries:
            if entry.is_dir and entry.link is None:
                if not root.is_deep or entry.name.lower() in _NOT_SEARCHED:
                    continue
                if depth < MAX_DEPTH:
                    waiting.append((entry.path, depth + 1))
                else:
                    search.too_deep = drive.shown(entry.path)
            elif _is_settings(entry) and search.reached() is None:
                service = search.services.get(place) if site is None else None
                yield from _read(context, drive, entry, site, service, search)


def _tell_unseen(context: UseContext, drive: Drive, root: str, path: str, outcome: Outcome) -> None:
    """Say in coverage that a folder was not seen whole: settings in it may name certificates."""
    message = sentence(
        "{in_windows} was not searched whole for files of settings: {why}",
        in_windows=_in_windows(context, drive, path),
        why=outcome.why,
    )
    context.installation.coverage.cut("uses", COVERED, message, drive.shown(root))


def _is_settings(entry: Entry) -> bool:
    name = entry.name.lower()
    return not entry.is_dir and name.endswith(_ENDINGS) and not name.endswith(_NOT_SETTINGS)


def _read(
    context: UseContext,
    drive: Drive,
    entry: Entry,
    site: SiteFolder | None,
    service: str | None,
    search: _Search,
) -> Iterator[ConfigurationFile]:
    if entry.size > MAX_FILE:
        search.large += 1
        return
    search.files += 1
    search.read += entry.size
    content = drive.reader.read(entry, MAX_FILE)
    if content.outcome.is_there:
        place = Provenance(drive.shown(entry.path), entry.modified)
        yield ConfigurationFile(
            place, _in_windows(context, drive, entry.path), decode_text(content.data), site, service
        )


def _in_windows(context: UseContext, drive: Drive, path: str) -> str:
    return drive.windows_path(path) or windows_path(path, context.installation.drive, context.machine.drive)
