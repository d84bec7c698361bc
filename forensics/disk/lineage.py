"""Tells which disk images build on which, by what the headers of the children say: snapshots, checkpoints, overlays.

A disk that another one builds on is an older state of the machine, so whoever examines it must know its children. Only
headers are read, a few hundred KiB at most, and nothing is opened that is no ordinary file.

References:
    - [MS-VHDX] v8, section 2.6.2.6 (parent locator)
    - Microsoft, Virtual Hard Disk Image Format Specification 1.0 (footer, dynamic disk header)
    - VMware, Virtual Disk Format 5.0 (CID, parentCID, parentFileNameHint)
    - QEMU, docs/interop/qcow2 (backing file name)
    - VirtualBox, src/VBox/Storage/VDICore.h (uuidCreate, uuidLinkage)
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from forensics.disk.beside import below
from forensics.disk.compressed import MAGIC_SIZE, SUFFIXES, compression, unpacked_head
from forensics.disk.evidence_files import note_evidence, peek_at
from forensics.disk.magic import QCOW_MAGIC, VMDK_DESCRIPTOR, VMDK_SPARSE
from forensics.disk.places import absolute, is_url
from forensics.disk.vhdx import structures as vhdx
from forensics.formats.errors import FormatError
from forensics.late_methods import dataclass

_MAX_KEPT = 4096
"""Work: images whose header is remembered."""
MAX_NEIGHBOURS = 2000
"""Evidence: files beside a disk that are asked whether they build on it."""
MOST_PACKED = 16
"""Work: compressed images that are unpacked as far as their headers go, whatever their names are."""
_PACKED_HEAD = 4 << 20
"""Format: bytes in which a writer of images puts the headers, packed or not; Hyper-V's end after three MiB."""
CHECKPOINT = re.compile(r".*(\.avhdx?|-\d{6}(-delta|-sesparse)?\.vmdk)", re.IGNORECASE | re.DOTALL)
"""Names of files that hold only what changed since a checkpoint or snapshot."""
_SNAPSHOTS = ("Snapshots",)
_MAX_BACKING_NAME = 1023
"""Format: bytes of a qcow2's backing file name."""
_DEEPEST_JSON = 8
"""Work: levels of a backing file name written as JSON that are searched for a file name."""
# What tools write into a disk that was never changed, so that it tells no two disks apart.
_SHARED_CIDS = ("", "0", "00000000", "fffffffe", "ffffffff")
_NO_ID = bytes(16)


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the header of an image says of itself and its parent.

    Attributes:
        own: Its identity, with the name of its format in front; empty when it has none.
        parents: Identities that its parent may have.
        names: Paths of its parent as written, in whatever system's notation.
    """

    own: str = ""
    parents: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def neighbours(path: Path) -> list[Path]:
    """Return the files that may be parents or children of a disk: beside it, and where VirtualBox puts snapshots.

    Returns:
        At most :data:`MAX_NEIGHBOURS`, in path order; the disk itself is among them.
    """
    folder = path.parent
    places = [folder, *(folder / name for name in _SNAPSHOTS), *([folder.parent] if folder.name in _SNAPSHOTS else [])]
    found: list[Path] = []
    for place in places:
        try:
            if place != folder and place.is_symlink():
                continue
            found += sorted(each for each in place.iterdir() if not each.is_symlink() and each.is_file())
        except OSError:
            continue
    return found[:MAX_NEIGHBOURS]


def parents_among(path: Path, file: BinaryIO, candidates: Iterable[Path]) -> list[Path]:
    """Return the images that an opened disk says it builds on, those that it names first.

    Args:
        path: Where the disk lies; it may be compressed.
        file: It, opened and unpacked.
        candidates: Files to ask; compressed ones are known by their names alone. What lies below its folder where it
            says comes before them: another file of that name may lie beside it.
    """
    file.seek(0)
    said = _read_guarded(file)
    there = [] if is_url(path) else [found for name in said.names if (found := below(path.parent, name)) is not None]
    others = [candidate for candidate in candidates if not _is_same(path, candidate)]
    named = [other for other in others if any(_means(path, name, other) for name in said.names)]
    unpacked = [other for other in others if said.parents and other.suffix.lower() not in SUFFIXES]
    known = [other for other in unpacked if _declared_by(other).own in said.parents]
    return list(dict.fromkeys([*there, *named, *known]))


def present_state(path: Path, candidates: Iterable[Path]) -> Path | None:
    """Return the disk that builds on this one and that no other one builds on; None when this one is that disk.

    Where several disks build on one, the first of them is followed.
    """
    known = list(candidates)
    newest, seen = path, {path}
    while children := [child for child in children_of(newest, known) if child not in seen]:
        newest = children[0]
        seen.add(newest)
    return None if newest == path else newest


def children_of(path: Path, candidates: Iterable[Path]) -> list[Path]:
    """Return the images among the candidates that say in their header that they build on this one.

    The parent is recognised by the identity that the child recorded. Where that does not fit, because the parent was
    changed afterwards or its format has none, it is the file that the child names, where the child says or beside it.

    Args:
        path: The image that may be a parent, also a raw one.
        candidates: Files to ask; what cannot be read is passed over, as :func:`asked` does with compressed ones.

    Returns:
        The children themselves, not their children, in the order of the candidates.
    """
    own = _declared_by(path).own
    children = [
        candidate
        for candidate in asked(candidates)
        if not _is_same(path, candidate) and _builds_on(candidate, _declared_by(candidate), path, own)
    ]
    for child in children:  # the newer state is no less evidence for not being read
        note_evidence(child)
    return children


def asked(paths: Iterable[Path]) -> list[Path]:
    """Return the images whose headers are read: of many compressed ones only those with names of checkpoints."""
    known = list(paths)
    packed = {path for path in known if path.suffix.lower() in SUFFIXES}
    if len(packed) <= MOST_PACKED:
        return known
    return [path for path in known if path not in packed or CHECKPOINT.fullmatch(path.stem) is not None]


def parents_of_each(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    """Return for each image among many that builds on another the one on which it does, or those that may be it.

    The header of each is read once. A parent is the file that the child names, else one beside it that has the identity
    which the child recorded, else the only one that has it: copies of one disk have the same.

    Args:
        paths: Images of any folders.
    """
    whole = frozenset(asked(paths))
    said = {path: _declared_by(path) if path in whole else _Declared() for path in paths}
    by_name: dict[str, list[Path]] = {}
    by_identity: dict[str, list[Path]] = {}
    for path, declared in said.items():
        by_name.setdefault(path.name.casefold(), []).append(path)
        if declared.own:
            by_identity.setdefault(declared.own, []).append(path)
    found = {}
    for path, declared in said.items():
        likely = [other for name in declared.names for other in by_name.get(_file_name(name).casefold(), ())]
        named = [o for o in likely if o != path and any(_means(path, name, o) for name in declared.names)]
        known = [o for link in declared.parents for o in by_identity.get(link, ()) if o != path]
        beside = [other for other in known if other.parent == path.parent]
        parents = named or beside or (known if len(known) == 1 else [])
        if parents:
            found[path] = list(dict.fromkeys(parents))
    return found


def parent_name(file: BinaryIO) -> str:
    """Return the file name of the parent that an opened image names; empty when it names none."""
    file.seek(0)
    names = _read_guarded(file).names
    return _file_name(names[0]) if names else ""


def with_identity(candidates: Iterable[Path], guids: Iterable[UUID | None]) -> list[Path]:
    """Return the VHDX files among the candidates whose DataWriteGuid is one of these."""
    wanted = {f"vhdx {guid}" for guid in guids if guid}
    unpacked = (path for path in candidates if path.suffix.lower() not in SUFFIXES)
    return [path for path in unpacked if _declared_by(path).own in wanted]


def holds_changes(path: Path) -> bool:
    """Tell whether an image says in its header that it builds on another one."""
    said = _declared_by(path)
    return bool(said.parents or said.names)


def only_name_of_parent(path: Path) -> str:
    """Return the file name of the parent of a disk that knows it by nothing else; empty for every other disk."""
    said = _declared_by(path)
    return "" if said.parents or not said.names else _file_name(said.names[0])


def _file_name(written: str) -> str:
    return written.replace("\\", "/").rsplit("/", 1)[-1]


def _builds_on(child: Path, said: _Declared, parent: Path, identity: str) -> bool:
    return (identity != "" and identity in said.parents) or any(_means(child, name, parent) for name in said.names)


def _means(child: Path, written: str, parent: Path) -> bool:
    """Tell whether a path that a child wrote means this file; only text is compared, nothing is opened by it."""
    parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or "\0" in written:
        return False
    names = {parent.name.casefold()}
    if parent.suffix.lower() in SUFFIXES:
        names.add(parent.stem.casefold())
    if parts[-1].casefold() not in names:
        return False
    folder, of_parent = absolute(child.parent), absolute(parent.parent)
    if folder == of_parent:
        return True
    named = os.path.normpath(os.path.join(folder, *parts[:-1]))
    return named.casefold() == os.path.normpath(of_parent).casefold()


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one == other or os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _declared_by(path: Path) -> _Declared:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _Declared()
    # A FIFO or a device would block or have side effects.
    if not stat.S_ISREG(status.st_mode):
        return _Declared()
    return _remembered(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_MAX_KEPT)
def _remembered(path: Path, *_state: int) -> _Declared:
    try:
        with peek_at(path) as file:
            packed = compression(file.read(MAGIC_SIZE))
            file.seek(0)
            if packed is None:
                return _read_guarded(file)
            # No more of it is read: what unpacks to nothing would be read to its end.
            beginning = io.BytesIO(file.read(_PACKED_HEAD))
            return _read_guarded(io.BytesIO(unpacked_head(beginning, packed, _PACKED_HEAD)))
    except (OSError, ValueError):
        return _Declared()


def _read_guarded(file: BinaryIO) -> _Declared:
    try:
        return _read(file)
    # Headers come from strangers: whatever is wrong with one, it names no parent that could be found.
    except (OSError, FormatError, ValueError, struct.error, OverflowError, RecursionError):
        return _Declared()


def _read(file: BinaryIO) -> _Declared:
    head = file.read(512)
    if head.startswith(vhdx.SIGNATURE):
        return _vhdx(file)
    if head.startswith((VMDK_SPARSE, VMDK_DESCRIPTOR)):
        return _vmdk(file)
    if head.startswith(QCOW_MAGIC):
        return _qcow(file, head)
    if head[64:68] == b"\x7f\x10\xda\xbe":
        return _vdi(head)
    return _vhd(file, head)


def _vhdx(file: BinaryIO) -> _Declared:
    headers = list(_whole_headers(file))
    own = f"vhdx {max(headers, key=lambda header: header.sequence).data_write_guid}" if headers else ""
    try:
        locator = _locator(file)
    except FormatError:
        locator = None
    if locator is None:
        return _Declared(own)
    links = [f"vhdx {guid}" for guid in (locator.linkage, locator.linkage2) if guid]
    names = (locator.relative_path, locator.absolute_win32_path, locator.volume_path)
    return _Declared(own, tuple(links), tuple(name for name in names if name))


def _whole_headers(file: BinaryIO) -> Iterator[vhdx.VhdxHeader]:
    for offset in vhdx.HEADER_OFFSETS:
        file.seek(offset)
        try:
            yield vhdx.parse_header(file.read(vhdx.HEADER_SIZE))
        except FormatError:
            continue


def _locator(file: BinaryIO) -> vhdx.ParentLocator | None:
    for offset in vhdx.REGION_TABLE_OFFSETS:
        file.seek(offset)
        try:
            region = vhdx.parse_region_table(file.read(vhdx.REGION_TABLE_SIZE)).metadata
            break
        except FormatError:
            continue
    else:
        return None
    file.seek(region.offset)
    items = vhdx.parse_metadata_table(file.read(vhdx.METADATA_TABLE_SIZE), region.length)
    where = items.get(vhdx.PARENT_LOCATOR)
    if where is None:
        return None
    file.seek(region.offset + where.offset)
    return vhdx.parse_parent_locator(file.read(where.length))


def _vmdk(file: BinaryIO) -> _Declared:
    from forensics.disk.vmdk_descriptor import read_descriptor

    descriptor = read_descriptor(file)
    if descriptor is None:
        return _Declared()
    own = "" if descriptor.cid in _SHARED_CIDS else f"vmdk {descriptor.cid}"
    parent = descriptor.parent_cid
    if parent is None:
        return _Declared(own)
    links = () if parent in _SHARED_CIDS else (f"vmdk {parent}",)
    return _Declared(own, links, (descriptor.parent_name,))


def _qcow(file: BinaryIO, head: bytes) -> _Declared:
    offset, length = struct.unpack_from(">QI", head, 8)
    if not offset or offset >= 1 << 63 or not 0 < length <= _MAX_BACKING_NAME:
        return _Declared()
    file.seek(offset)
    return _Declared(names=tuple(_backing_names(file.read(length).decode("utf-8", "replace"))))


def _backing_names(text: str) -> Iterator[str]:
    """Yield the file names in what QEMU calls a backing file name: a path, ``file:`` and a path, or JSON."""
    if not text.startswith("json:"):
        yield text.removeprefix("file:")
        return
    pending = [(json.loads(text[5:]), 0)]
    while pending:
        value, depth = pending.pop()
        if not isinstance(value, dict) or depth > _DEEPEST_JSON:
            continue
        for key, inner in value.items():
            if isinstance(inner, str) and key.rsplit(".", 1)[-1] == "filename":
                yield inner
            pending.append((inner, depth + 1))


def _vdi(head: bytes) -> _Declared:
    own, parent = head[392:408], head[424:440]
    return _Declared(_identity("vdi", own), (_identity("vdi", parent),) if parent.strip(b"\0") else ())


def _vhd(file: BinaryIO, head: bytes) -> _Declared:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 512))
    tail = file.read(512)
    # Virtual PC wrote footers of 511 bytes.
    footer = next((each for each in (tail, tail[1:], head) if each.startswith(b"conectix")), b"")
    if len(footer) < 511:
        return _Declared()
    own = _identity("vhd", footer[68:84])
    offset, kind = struct.unpack_from(">Q", footer, 16)[0], struct.unpack_from(">I", footer, 60)[0]
    if kind != 4 or offset >= 1 << 63:
        return _Declared(own)
    file.seek(offset)
    dynamic = file.read(1024)
    if len(dynamic) < 1024 or not dynamic.startswith(b"cxsparse"):
        return _Declared(own)
    name = dynamic[64:576].decode("utf-16-be", "replace").split("\0", 1)[0]
    return _Declared(own, (_identity("vhd", dynamic[40:56]),), (name,))


def _identity(kind: str, raw: bytes) -> str:
    return f"{kind} {UUID(bytes=raw)}" if len(raw) == 16 and raw != _NO_ID else ""
