"""Bundles: configurations in a folder or archive, and where in it the disks lie that they name.

A path that a configuration writes is looked up in the tree that is searched and nowhere else: of one that is absolute,
or leads out of it, only the file name counts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field, replace
from urllib.parse import unquote

from forensics.disk.compressed import SUFFIXES
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.bundles.named_disks import MAX_DISKS, NamedDisk, NamedDisks
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.pieces import Pieces

HYPER_V = "hyperv"
"""Kind of a configuration of Hyper-V, of which the tables of virtual machines tell what is missing."""
_MAX_CONFIGURATION = MAX_XML_SIZE
"""Format: bytes of a configuration that is asked for its disks."""
_MAX_CONFIGURATIONS = 200
"""Evidence: configurations of virtual machines of one folder or archive that are asked for their disks."""
_MAX_NAMED = 2_000
"""Evidence: disks that the configurations of one folder or archive name together and that are looked for."""
_MAX_PATH = 4096
"""Format: characters of the path of a disk; of a longer one the rest is left out."""
_FIRST_CHUNK = ".000000000"
_PLACES: Mapping[str, tuple[str, ...]] = {
    "utm": ("Data", "Images", ""),
    HYPER_V: ("../Virtual Hard Disks", "Virtual Hard Disks", ""),
}
WITH_SNAPSHOTS = ("vmx", "vmsd", "vbox", "libvirt", HYPER_V)
"""Kinds of which a disk that is missing may build on another one: an export never names such a disk."""
_ONLY_BESIDE = ("libvirt",)


@dataclass(frozen=True, slots=True)
class BundleDisk:
    """A disk that a configuration names.

    Attributes:
        named: As the configuration names it.
        path: Where it lies in the tree, or should.
        entry: It; None where it is not there.
        is_there: It is there, or one of several files of its name is it.
        link: Where the link leads that stands in its place; empty where there is none.
    """

    named: NamedDisk
    path: str
    entry: Entry | None = None
    is_there: bool = False
    link: str = ""


@dataclass(slots=True)
class Bundle:
    """A configuration.

    Attributes:
        entry: Its file.
        kind: As :mod:`forensics.disk.configurations` calls it, or HYPER_V.
        said: What it says.
        disks: The disks to which its machine writes.
    """

    entry: Entry
    kind: str
    said: NamedDisks
    disks: list[BundleDisk] = field(default_factory=list)

    def shown(self, pieces: Pieces, disk: BundleDisk) -> str:
        """Return by what rows name the machine that a disk belongs to."""
        path = pieces.inside(self.entry.path)
        return f"{path}#{disk.named.machine}" if disk.named.machine else path


def read_bundles(
    pieces: Pieces, tree: CollectedTree, configurations: Iterable[tuple[Entry, str]], disks: Iterable[Entry]
) -> list[Bundle]:
    """Read configurations and find the disks that they name; what cannot be read becomes a problem.

    Args:
        pieces: Those of the folder or archive.
        tree: It.
        configurations: Files, and the kind of each.
        disks: The images that were found in it.
    """
    there: dict[str, list[Entry]] = {}
    for disk in disks:
        for name in names_of(disk.path):
            there.setdefault(name, []).append(disk)
    found, left = [], _MAX_NAMED
    for number, (entry, kind) in enumerate(configurations):
        if number == _MAX_CONFIGURATIONS or not left:
            message = sentence(
                "only the first {number} configurations were asked which disks are of today", number=number
            )
            pieces.source.problem(pieces.top, "too_many", sentence("{top}: {message}", top=pieces.top, message=message))
            break
        if (bundle := _read(pieces, tree, entry, kind)) is not None:
            named = bundle.said.current[: min(left, MAX_DISKS)]
            bundle.disks += [_located(tree, bundle, replace(disk, path=disk.path[:_MAX_PATH])) for disk in named]
            left -= len(bundle.disks)
            found.append(bundle)
    own = {disk.entry.path for bundle in found for disk in bundle.disks if disk.entry is not None}
    for bundle in found:
        bundle.disks = [_elsewhere(bundle, disk, there, own) for disk in bundle.disks]
    return found


def _read(pieces: Pieces, tree: CollectedTree, entry: Entry, kind: str) -> Bundle | None:
    shown = pieces.inside(entry.path)
    try:
        if entry.size > _MAX_CONFIGURATION and kind != HYPER_V:
            raise FormatError("too_large", 0, sentence("{size} bytes are no configuration", size=entry.size))
        with tree.open(entry) as file:
            said = _reader(kind)(file.read(_MAX_CONFIGURATION + 1))
    except (NotFound, Unreadable, OSError, FormatError) as error:
        # Whether a newer disk is missing cannot be told then. What is wrong with one of Hyper-V is told elsewhere.
        if kind != HYPER_V:
            pieces.source.problem(
                shown, "unreadable", sentence("{shown} cannot be read: {error}", shown=shown, error=error)
            )
        return None
    if said.hidden:
        pieces.source.problem(
            shown,
            "encrypted",
            sentence("which disks {shown} names is not known: {hidden}", shown=shown, hidden=said.hidden),
        )
    if len(said.current) > MAX_DISKS:
        message = sentence(
            "only the first {max_disks} of the {count} disks that it names are looked for",
            max_disks=MAX_DISKS,
            count=len(said.current),
        )
        pieces.source.cut("file", entry.name, shown, message)
    return Bundle(entry, kind, said)


def _reader(kind: str) -> Callable[[bytes], NamedDisks]:
    if kind in ("vmx", "vmsd"):
        from forensics.formats.bundles.vmware import parse_vmsd, parse_vmx

        return parse_vmx if kind == "vmx" else parse_vmsd
    if kind == "vbox":
        from forensics.formats.bundles.virtualbox import parse_vbox

        return parse_vbox
    if kind == "ovf":
        from forensics.formats.bundles.ovf import parse_ovf

        return parse_ovf
    if kind == "libvirt":
        from forensics.formats.bundles.libvirt import parse_libvirt

        return parse_libvirt
    if kind == "utm":
        from forensics.formats.bundles.utm import parse_utm

        return parse_utm
    if kind == "pvs":
        from forensics.formats.bundles.parallels import parse_pvs

        return parse_pvs
    if kind == HYPER_V:
        from forensics.formats.hyperv.vm_disks import parse_vm_disks

        return parse_vm_disks
    return lambda data: NamedDisks()


def _located(tree: CollectedTree, bundle: Bundle, named: NamedDisk) -> BundleDisk:
    """Find a disk where its configuration says, or beside it."""
    folder = bundle.entry.path.rpartition("/")[0]
    paths = list(dict.fromkeys(_paths(folder, bundle.kind, named)))
    if named.lies_at:
        return BundleDisk(named, paths[-1])
    for path in paths:
        for suffix in ("", *SUFFIXES) if not named.is_chunked else (_FIRST_CHUNK, ""):
            entry = _entry(tree, path + suffix)
            if entry is not None and entry.link is not None:
                return BundleDisk(named, path, link=entry.link.target)
            if entry is not None:
                return BundleDisk(named, path, entry, is_there=True)
    return BundleDisk(named, paths[0])


def _elsewhere(bundle: Bundle, disk: BundleDisk, there: Mapping[str, Sequence[Entry]], own: Set[str]) -> BundleDisk:
    """Find a disk by its name among all that were found, but for those of which another configuration is sure."""
    named = disk.named
    is_done = disk.is_there or disk.link or named.lies_at
    if is_done or bundle.kind in _ONLY_BESIDE or not is_elsewhere(named.path):
        return disk
    all_of_name, above = there.get(file_name(named.path), ()), _folder_name(named.path)
    free = [entry for entry in all_of_name if entry.path not in own]
    # The folders of Hyper-V bear the same name for every machine.
    in_folder = [
        entry for entry in (free if bundle.kind == HYPER_V else all_of_name) if _folder_name(entry.path) == above
    ]
    same = in_folder or free
    return BundleDisk(named, disk.path, same[0] if len(same) == 1 else None, is_there=bool(same))


def _paths(folder: str, kind: str, named: NamedDisk) -> Iterator[str]:
    """Yield where in the tree a disk may lie."""
    written = named.path.replace("\\", "/")
    for text in dict.fromkeys((written, unquote(written)) if kind == "ovf" else (written,)):
        inside = posixpath.normpath(f"{folder}/{text}" if folder else text)
        leaves = is_elsewhere(text) or inside.split("/")[0] == ".."
        for place in _PLACES.get(kind, ("",)):
            name = text.rpartition("/")[2] if leaves or place else text
            path = posixpath.normpath(posixpath.join(folder, place, name))
            if path.split("/")[0] != "..":
                yield path


def _entry(tree: CollectedTree, path: str) -> Entry | None:
    """Return the file at a path, or the one that describes the disk in a folder of Parallels."""
    try:
        entry = tree.entry(path)
        return tree.entry(f"{path}/DiskDescriptor.xml") if entry.is_dir else entry
    except (NotFound, Unreadable):
        return None


def chunks_of(tree: CollectedTree, entry: Entry) -> list[Entry]:
    """Return the other chunks of a disk of which this is the first."""
    if not entry.name.endswith(_FIRST_CHUNK):
        return []
    stem = entry.name[: -len(_FIRST_CHUNK)].casefold()
    try:
        beside = tree.entries(entry.path.rpartition("/")[0])
    except (NotFound, Unreadable):
        return []
    named = [each for each in beside if not each.is_dir and each.name[:-10].casefold() == stem]
    return [each for each in named if each.name[-9:].isdigit() and each.path != entry.path and each.link is None]


def names_of(path: str) -> Iterator[str]:
    """Yield the file name of a path as it is compared, and what it is without the suffix of a compressed file."""
    name = file_name(path)
    yield name
    if name.endswith(SUFFIXES):
        yield name.rpartition(".")[0]


def file_name(written: str) -> str:
    """Return the file name of a path in any system's notation, as it is compared."""
    return written.replace("\\", "/").rsplit("/", 1)[-1].casefold()


def _folder_name(written: str) -> str:
    return file_name(written.replace("\\", "/").rpartition("/")[0])


def is_elsewhere(written: str) -> bool:
    """Tell whether a path is one of another computer: absolute, or the address of a server."""
    return written.startswith(("/", "\\")) or written[1:2] == ":" or "://" in written
