"""Tells which disk a VMware or VirtualBox machine writes to today, where its own configuration lies with its disks.

A snapshot makes the machine go on in a new file. Where that file was not copied, the disk that is there opens well and
shows the machine as it was when the snapshot was taken.

References:
    - VMware, .vmx (``scsi0:0.fileName``) and .vmsd (``snapshot0.disk0.fileName``), lines of ``name = "value"``
    - VirtualBox, src/VBox/Main/xml/VirtualBox-settings.xsd (MediaRegistry, StorageControllers)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from forensics.disk.compressed import SUFFIXES
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import at_path, named, parse_xml
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.older_states import examined_bases, mark
from forensics.sources.pieces import Pieces
from forensics.tables.source import SourceEntry

_MAX_CONFIGURATION = 1 << 20
"""Format: bytes of a .vmx, .vmsd or .vbox that is read."""
_MAX_CONFIGURATIONS = 200
"""Evidence: configurations of VMware and VirtualBox of one folder or archive that are asked for their disks."""
_SNAPSHOTS = "Snapshots"
_SETTING = re.compile(r'^\s*([\w.:]+)\s*=\s*"([^"\n]*)"', re.MULTILINE)
_CONTROLLED = re.compile(r"((?:scsi|sata|ide|nvme)\d+:\d+)\.filename", re.IGNORECASE)
_FROZEN = re.compile(r"snapshot\d+\.disk\d+\.filename", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What a configuration says.

    Attributes:
        entry: Its file.
        current: Paths of the disks to which the machine writes, as written.
        frozen: Paths of the disks that a snapshot has closed for writing.
    """

    entry: Entry
    current: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()


def tell_current_disks(
    pieces: Pieces, tree: CollectedTree, disks: Iterable[Entry], below: Mapping[str, Sequence[Path]]
) -> None:
    """Mark the disks that are not those to which their machine writes, and name the ones that are missing.

    Args:
        pieces: Those of the folder or archive.
        tree: It.
        disks: The images in it, whether they could be opened or not.
        below: The files that were read as the parents of each disk, by its path as rows name it.
    """
    there: dict[str, set[str]] = {}
    for disk in disks:
        there.setdefault(_folder(disk.path), set()).update(_names(disk.path))
    # VirtualBox keeps its snapshots in a folder below the configuration.
    said = list(_configurations(pieces, tree, dict.fromkeys([*there, *map(_folder, there)])))
    current: dict[str, set[str]] = {}
    for configuration in said:
        current.setdefault(_folder(configuration.entry.path), set()).update(map(_file_name, configuration.current))
    frozen: list[tuple[_Configuration, list[SourceEntry]]] = []
    for configuration in said:
        folder = _folder(configuration.entry.path)
        places = {pieces.inside(folder), pieces.inside(_below(folder, _SNAPSHOTS))}
        beside = [
            entry
            for entry in pieces.source.found
            if _folder(entry.path) in places and not current[folder].intersection(_names(entry.path))
        ]
        frozen.append((configuration, beside))
        for path in configuration.current:
            _mark_without(pieces, configuration.entry, path, there, beside)
            _mark_branches(pieces, configuration.entry, _examined_as(pieces, places, path), beside, below)
    # A disk of a snapshot on which nothing builds is that of a branch where the disk of today is known.
    for configuration, beside in frozen:
        _mark_frozen(pieces, configuration, beside)


def _mark_without(
    pieces: Pieces, by: Entry, written: str, there: Mapping[str, set[str]], beside: Sequence[SourceEntry]
) -> None:
    """Mark the disks beside a configuration where the one that it names is missing or could not be read."""
    folder, name = _folder(by.path), written.replace("\\", "/").rpartition("/")[2]
    if _is_absolute(written):
        path, places = _below(folder, name), list(there)
    else:
        path = posixpath.normpath(_below(folder, written.replace("\\", "/")))
        places = [folder, _folder(path)]
    shown = pieces.inside(path)
    if not any(name.casefold() in there.get(place, ()) for place in places):
        if examined_bases(shown, beside):
            reason = f"{by.name} names it as a disk of the machine, and it is not there: put it beside the other files"
            mark(pieces.source, pieces.left_out(shown, reason), beside)
        return
    for entry in pieces.source.found:
        if entry.path == shown and entry.error is not None and entry.kind == "unknown":
            mark(pieces.source, entry, beside)


def _examined_as(pieces: Pieces, places: set[str], written: str) -> SourceEntry | None:
    """Return the entry of the disk that a configuration names, where it is examined as a machine."""
    name = _file_name(written)
    found = (e for e in pieces.source.found if _folder(e.path) in places and name in _names(e.path))
    return next((entry for entry in found if entry.machine_ids and entry.older_state_of is None), None)


def _mark_branches(
    pieces: Pieces,
    by: Entry,
    current: SourceEntry | None,
    beside: Sequence[SourceEntry],
    below: Mapping[str, Sequence[Path]],
) -> None:
    """Mark the disks that branch off from below the one to which the machine writes: it went back to a snapshot."""
    if current is None:
        return
    for entry in beside:
        is_machine = entry.machine_ids and entry.older_state_of is None
        if is_machine and set(below.get(entry.path, ())) & set(below.get(current.path, ())):
            entry.older_state_of = current.path
            message = (
                f"{entry.path} is an older state: it was made on the same base as {current.path}, and {by.name} says "
                "that the machine writes to that"
            )
            pieces.source.problem(entry.path, "older_state", message)


def _mark_frozen(pieces: Pieces, configuration: _Configuration, beside: Sequence[SourceEntry]) -> None:
    frozen = {_file_name(path) for path in configuration.frozen}
    for entry in examined_bases(".vmdk", beside):
        if frozen & set(_names(entry.path)):
            newer = f"the disk after the last snapshot in {pieces.inside(configuration.entry.path)}"
            entry.older_state_of = newer
            message = f"{entry.path} is an older state: {newer} builds on it and is not there"
            pieces.source.problem(entry.path, "older_state", message)


def _configurations(pieces: Pieces, tree: CollectedTree, folders: Iterable[str]) -> Iterator[_Configuration]:
    asked = 0
    for folder in folders:
        try:
            entries = tree.entries(folder)
        except (NotFound, Unreadable):
            continue  # told where the folder was searched
        for entry in entries:
            read = _READERS.get(entry.name[entry.name.rfind(".") :].lower())
            if read is None or entry.is_dir or not 0 < (entry.size or 0) <= _MAX_CONFIGURATION:
                continue
            asked += 1
            if asked > _MAX_CONFIGURATIONS:
                message = f"only the first {_MAX_CONFIGURATIONS} configurations were asked which disks are of today"
                pieces.source.problem(pieces.top, "too_many", f"{pieces.top}: {message}")
                return
            try:
                with tree.open(entry) as file:
                    data = file.read(_MAX_CONFIGURATION)
                yield read(entry, data)
            except (NotFound, Unreadable, OSError, FormatError) as error:
                # Whether a newer disk is missing cannot be told then.
                shown = pieces.inside(entry.path)
                pieces.source.problem(shown, "unreadable", f"{shown} cannot be read: {error}")


def _vmx(entry: Entry, data: bytes) -> _Configuration:
    settings = _settings(data)
    disks = []
    for name, value in settings.items():
        match = _CONTROLLED.fullmatch(name)
        is_there = match is not None and settings.get(f"{match[1].lower()}.present", "TRUE").upper() != "FALSE"
        if is_there and value.lower().endswith(".vmdk"):
            disks.append(value)
    return _Configuration(entry, tuple(disks))


def _vmsd(entry: Entry, data: bytes) -> _Configuration:
    settings = _settings(data)
    if settings.get("snapshot.numsnapshots", "0") == "0":
        return _Configuration(entry)
    return _Configuration(entry, frozen=tuple(value for name, value in settings.items() if _FROZEN.fullmatch(name)))


def _settings(data: bytes) -> dict[str, str]:
    return {name.lower(): value for name, value in _SETTING.findall(data.decode("utf-8", "replace"))}


def _vbox(entry: Entry, data: bytes) -> _Configuration:
    root = parse_xml(data)
    locations = {
        disk.get("uuid", "").lower(): disk.get("location", "")
        for disks in at_path(root, "Machine", "MediaRegistry", "HardDisks")
        for disk in named(disks, "HardDisk")
    }
    attached = [image.get("uuid", "").lower() for device in _devices(root) for image in at_path(device, "Image")]
    return _Configuration(entry, tuple(locations[uuid] for uuid in attached if locations.get(uuid)))


def _devices(root: Element) -> Iterator[Element]:
    # Since version 1.20 of the format the controllers stand within the hardware.
    for above in (("Machine",), ("Machine", "Hardware")):
        for device in at_path(root, *above, "StorageControllers", "StorageController", "AttachedDevice"):
            if device.get("type") == "HardDisk":
                yield device


_READERS = {".vmx": _vmx, ".vmsd": _vmsd, ".vbox": _vbox}


def _names(path: str) -> Iterator[str]:
    """Yield the file name of a path as it is compared, and what it is without the suffix of a compressed file."""
    name = _file_name(path)
    yield name
    if name.endswith(SUFFIXES):
        yield name.rpartition(".")[0]


def _file_name(written: str) -> str:
    return written.replace("\\", "/").rsplit("/", 1)[-1].casefold()


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _is_absolute(written: str) -> bool:
    return written.startswith(("/", "\\")) or written[1:2] == ":"
