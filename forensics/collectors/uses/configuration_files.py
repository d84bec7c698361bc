"""Configuration files of applications, read in one pass: below the sites of IIS, inetpub and Program Files.

A site may lie on another volume of the disk; where that is not examined, coverage says so.

Only where there is a web server, or Windows Admin Center, since most disks would pay for nothing.
"""

from __future__ import annotations

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
_PROGRAMS = ("Program Files", "Program Files (x86)")
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
    """

    place: Provenance
    path: str
    text: str
    site: SiteFolder | None


@dataclass(slots=True)
class _Search:
    """How far the pass has come."""

    folders: int = 0
    files: int = 0
    read: int = 0
    large: int = 0
    too_deep: str | None = None
    seen: set[tuple[str | None, str]] = field(default_factory=set)

    def reached(self) -> str | None:
        """Say which bound is reached."""
        if self.folders >= MAX_FOLDERS:
            return f"only the first {MAX_FOLDERS} folders were searched for configuration files of applications"
        if self.files >= MAX_FILES:
            return f"only the first {MAX_FILES} configuration files of applications were read"
        if self.read >= MAX_READ:
            return f"only the first {MAX_READ} bytes of configuration files of applications were read"
        return None


def configuration_files(context: UseContext) -> Iterator[ConfigurationFile]:
    """Yield the configuration files of applications; those of sites first, where a bound cuts the rest."""
    installation = context.installation
    search = _Search()
    for drive, path, site in _roots(context):
        yield from _below(context, drive, path, site, search)
        drive.hand_over(installation)
        if (message := search.reached()) is not None:
            installation.cut("uses", COVERED, path, message)
            break
    if search.too_deep is not None:
        message = f"folders more than {MAX_DEPTH} below a site or program were not searched for configuration files"
        installation.cut("uses", COVERED, search.too_deep, message)
    if search.large:
        message = f"{search.large} configuration files of applications are larger than {MAX_FILE} bytes: not read"
        installation.problem(installation.on_drive(""), "too_large", message)


def _roots(context: UseContext) -> Iterator[tuple[Drive, str, SiteFolder | None]]:
    installation = context.installation
    sites = context.iis.configuration.folders if context.iis is not None else ()
    drives = Drives(installation, context.software.text(CURRENT_VERSION, "SystemRoot") or "C:\\Windows")
    own = Drive(installation)
    for site in sites:
        place = drives.place(site.path)
        if isinstance(place, Elsewhere):
            message = f"{site.path} of {site.name} {place.why}: files of settings there were not searched"
            installation.coverage.cut("uses", COVERED, message, site.path)
        else:
            yield *place, site
    inetpub = installation.on_drive(_INETPUB)
    has_inetpub = folder_exists(installation, inetpub)
    if has_inetpub:
        yield own, inetpub, None
    if sites or has_inetpub:
        yield from ((own, installation.on_drive(name), None) for name in _PROGRAMS)
    elif context.system.key(f"{context.services}\\{_ADMIN_CENTER_SERVICE}") is not None:
        yield own, installation.on_drive(ADMIN_CENTER), None


def _below(
    context: UseContext, drive: Drive, root: str, site: SiteFolder | None, search: _Search
) -> Iterator[ConfigurationFile]:
    """Yield what lies at and below a folder, the upper ones first; a folder that another root has is not read again."""
    waiting = deque([(root, 0)])
    while waiting and search.reached() is None:
        path, depth = waiting.popleft()
        if (drive.letter, path.lower()) in search.seen:
            continue
        search.seen.add((drive.letter, path.lower()))
        search.folders += 1
        listing = drive.reader.listing(path)
        # Collectors leave out folders; of a site's own that is worth telling.
        if not listing.outcome.is_whole and (listing.outcome != NOT_COLLECTED or (site is not None and path == root)):
            _tell_unseen(context, drive, root, path, listing.outcome)
        for entry in listing.entries:
            if entry.is_dir and entry.link is None:
                if entry.name.lower() in _NOT_SEARCHED:
                    continue
                if depth < MAX_DEPTH:
                    waiting.append((entry.path, depth + 1))
                else:
                    search.too_deep = drive.shown(entry.path)
            elif _is_settings(entry) and search.reached() is None:
                yield from _read(context, drive, entry, site, search)


def _tell_unseen(context: UseContext, drive: Drive, root: str, path: str, outcome: Outcome) -> None:
    """Say in coverage that a folder was not seen whole: settings in it may name certificates."""
    message = f"{_in_windows(context, drive, path)} was not searched whole for files of settings: {outcome.why}"
    context.installation.coverage.cut("uses", COVERED, message, drive.shown(root))


def _is_settings(entry: Entry) -> bool:
    name = entry.name.lower()
    return not entry.is_dir and name.endswith(_ENDINGS) and not name.endswith(_NOT_SETTINGS)


def _read(
    context: UseContext, drive: Drive, entry: Entry, site: SiteFolder | None, search: _Search
) -> Iterator[ConfigurationFile]:
    if entry.size > MAX_FILE:
        search.large += 1
        return
    search.files += 1
    search.read += entry.size
    content = drive.reader.read(entry, MAX_FILE)
    if content.outcome.is_there:
        place = Provenance(drive.shown(entry.path), entry.modified)
        yield ConfigurationFile(place, _in_windows(context, drive, entry.path), decode_text(content.data), site)


def _in_windows(context: UseContext, drive: Drive, path: str) -> str:
    return drive.windows_path(path) or windows_path(path, context.installation.drive, context.machine.drive)
