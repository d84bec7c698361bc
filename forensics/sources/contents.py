"""Adds everything that a folder or archive holds to its source: each piece of evidence by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from forensics.disk.containers import Image, open_image
from forensics.disk.errors import SourceError
from forensics.disk.machine_backup import BACKUPS
from forensics.disk.places import place_of
from forensics.disk.tree import Entry
from forensics.language import sentence, sentence_n
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.archives import open_archive
from forensics.sources.bundles import HYPER_V, Bundle, chunks_of, read_bundles
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.collection_source import add_hives, add_root, tell_search
from forensics.sources.disks import FoundDisk, add_disks
from forensics.sources.evidence_search import EvidenceFile, FoundEvidence, search
from forensics.sources.file_kind import DISKS, FileKind
from forensics.sources.folder_tree import FolderTree
from forensics.sources.image_backups import disks_of_backups, older_versions, tell_backups
from forensics.sources.joined_evidence import LEFT_OUT
from forensics.sources.layout import OLDER_STATE, WindowsRoot
from forensics.sources.loose_hives import HiveFolder
from forensics.sources.mapping_tree import UnionTree
from forensics.sources.ovf_manifests import check_manifests
from forensics.sources.pieces import MAX_PIECES, Pieces
from forensics.sources.reg_source import add_exports
from forensics.sources.same_evidence import identity_of_path
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.unpacked_members import UnpackedMembers
from forensics.sources.vm_disks import disks_of_today, tell_current_disks
from forensics.sources.volume_search import may_be_collection
from forensics.sources.volume_tree import VolumeTree
from forensics.tables.outcome import Outcome

_MAX_ARCHIVES = 3
"""Work: archives within archives that are opened."""
_PART = sentence(
    "files of a machine of which another archive or folder beside this one holds more: examined with those"
)
_COPY_OUT = sentence("copy it out (mount the volume read-only) and examine it")
_OF_AN_EXPORT = ("virtual machines", "snapshots")


def add_contents(pieces: Pieces, tree: CollectedTree) -> bool:
    """Add what a folder or archive holds.

    Where it is one collection and nothing else, or the like, the source itself is that; else each piece of evidence
    gets an entry of its own among those found in the source.

    Returns:
        False when it holds no evidence.
    """
    return add_found(pieces, tree, search(tree), "archive" if isinstance(tree, ArchiveTree) else "folder")


def add_found(pieces: Pieces, tree: CollectedTree, found: FoundEvidence, kind: str) -> bool:
    """Add what a search came to, as :func:`add_contents` does.

    Args:
        pieces: Those of the folder, archive or volume.
        tree: What was searched.
        found: What it holds.
        kind: ``folder`` or ``archive``.
    """
    source = pieces.source
    source.kind = kind
    if _is_one_piece(found):
        for root in found.layout.roots:
            _add_drive(pieces, source, root, pieces.top)
        for folder in found.hives:
            add_hives(source, tree, folder, pieces.top, pieces.next_machine_id)
            source.kind = "hives" if kind == "folder" else kind
        for exports in found.exports.values():
            add_exports(source, tree, exports, pieces.top, pieces.next_machine_id)
        _add_virtual_machines(pieces, tree, found)
        tell_search(source, found.layout)
        return True
    _add_collections(pieces, tree, found, kind)
    tell_search(source, found.layout)
    _add_virtual_machines(pieces, tree, found)
    if isinstance(tree, VolumeTree):
        _add_files_of_volume(pieces, tree, found.files)
    else:
        _add_files(pieces, tree, found)
    named = {entry.path for entry in source.found}
    for path, reason in found.left_out:
        if pieces.inside(path) not in named:  # a configuration may name it too
            pieces.left_out(pieces.inside(path), reason)
    for path, target in found.links:
        _add_link(pieces, path, target)
    pieces.finish()
    return bool(source.found) or bool(source.installations)


def add_disks_of(pieces: Pieces, tree: CollectedTree) -> bool:
    """Add the disks alone that a folder holds, such as those beside the configuration of a virtual machine."""
    found = search(tree)
    found.files = [file for file in found.files if file.kind.kind in DISKS]
    _add_files(pieces, tree, found)
    pieces.finish()
    return bool(pieces.source.found)


def _is_one_piece(found: FoundEvidence) -> bool:
    layout = found.layout
    several = [*layout.roots, *found.hives, *found.exports, *found.configurations[:1]]
    others = (layout.shadows, found.files, found.left_out, *(folder.left_out for folder in found.hives))
    return len(several) == 1 and not any(others)


def _add_collections(pieces: Pieces, tree: CollectedTree, found: FoundEvidence, kind: str) -> None:
    for root in found.layout.roots:
        entry = pieces.entry(pieces.inside(root.label or ("" if root.kind == "profile" else root.windows)))
        pieces.open(entry, partial(_open_root, pieces, root, kind))
    for shadow in found.layout.shadows:
        pieces.entry(pieces.inside(shadow)).error = OLDER_STATE
    for folder in found.hives:
        entry = pieces.entry(pieces.inside(folder.path))
        pieces.open(entry, partial(_open_hives, pieces, tree, folder))
        for left_out in folder.left_out:
            pieces.entry(pieces.inside(left_out.path)).error = LEFT_OUT
    for path, exports in found.exports.items():
        entry = pieces.entry(pieces.inside(path or (exports[0].path if len(exports) == 1 else "")))
        pieces.open(entry, partial(_open_exports, pieces, tree, exports))


def _open_root(pieces: Pieces, root: WindowsRoot, kind: str, piece: Source) -> None:
    piece.kind = kind
    _add_drive(pieces, piece, root, pieces.inside(root.label))


def _add_drive(pieces: Pieces, source: Source, root: WindowsRoot, path: str) -> None:
    """Add a system drive, or what it holds to the one of which it is a part: in the same archive, folder or volume."""
    beside = path.removeprefix(pieces.top).rpartition("/")[0] if path != pieces.top else None
    whole = f"{pieces.top}{beside}" if beside is not None else path.rpartition("/")[0] if pieces.depth else ""
    known = pieces.seen.drive((whole, *root.identity)) if root.identity and whole else None
    if known is not None and isinstance(root.tree, UnionTree):
        known.add(root.tree)
        source.is_joined = True
        source.coverage.tell("folder", root.label or "collection", Outcome("present", _PART), path)
        return
    add_root(source, root, path, pieces.next_machine_id)
    if root.identity and whole and isinstance(root.tree, UnionTree):
        pieces.seen.note_drive((whole, *root.identity), root.tree)


def _open_hives(pieces: Pieces, tree: CollectedTree, folder: HiveFolder, piece: Source) -> None:
    piece.kind = "hives"
    add_hives(piece, tree, folder, pieces.inside(folder.path), pieces.next_machine_id)


def _open_exports(pieces: Pieces, tree: CollectedTree, exports: Sequence[Entry], piece: Source) -> None:
    add_exports(piece, tree, exports, pieces.source.path, pieces.next_machine_id)


def _add_virtual_machines(pieces: Pieces, tree: CollectedTree, found: FoundEvidence) -> None:
    """Take the configurations of virtual machines; beside collections only the folders of the exports are searched."""
    if not found.configurations:
        return
    source = pieces.source
    folders: dict[str, str] = {}
    for configuration in found.configurations:
        folder, _, _ = configuration.path.rpartition("/")
        above, _, name = folder.rpartition("/")
        folders.setdefault(above if name.lower() in _OF_AN_EXPORT else folder, folder or configuration.path)
    if found.layout.roots:
        source.searched += [SearchedTree(tree, None, source.path, start=start) for start in _outermost(folders)]
    else:
        source.searched.append(SearchedTree(tree, None, source.path))
    source.kind = "export"
    if not _is_one_piece(found):
        for shown in folders.values():
            pieces.entry(pieces.inside(shown)).kind = "export"


def _outermost(folders: Iterable[str]) -> list[str]:
    """Return the folders without those that lie in another one of them."""
    found: list[str] = []
    for folder in sorted(folders):
        if not any(folder.startswith(f"{above}/") or not above for above in found):
            found.append(folder)
    return found


def _add_files(pieces: Pieces, tree: CollectedTree, found: FoundEvidence) -> None:
    of_hyper_v = [(entry, HYPER_V) for entry in found.configurations if _folder_name(entry) != "snapshots"]
    said = [*((file.entry, file.kind.kind) for file in found.bundles), *of_hyper_v]
    bundles = read_bundles(pieces, tree, said, [file.entry for file in found.files])
    add_files(pieces, tree, [*found.files, *_named_alone(tree, bundles, found.files)], bundles)


def _folder_name(entry: Entry) -> str:
    return entry.path.rpartition("/")[0].rpartition("/")[2].lower()


def _named_alone(tree: CollectedTree, bundles: Sequence[Bundle], files: Sequence[EvidenceFile]) -> list[EvidenceFile]:
    """Return what a configuration names as a disk, or is a chunk of one, and does not look like one by itself."""
    known = {file.entry.path for file in files}
    named = [disk.entry for bundle in bundles for disk in bundle.disks if disk.entry is not None]
    return [EvidenceFile(each, FileKind("raw")) for each in dict.fromkeys(named) if each.path not in known]


def add_files(
    pieces: Pieces, tree: CollectedTree, files: Sequence[EvidenceFile], bundles: Sequence[Bundle] = ()
) -> None:
    """Add disks and archives of a folder or archive.

    Args:
        pieces: Its pieces.
        tree: It.
        files: What of it is opened, or told.
        bundles: Its configurations that name disks.
    """
    whole = [file for file in files if not file.kind.reason]
    disks = [file for file in whole if file.kind.kind in DISKS]
    wims = [file for file in whole if file.kind.kind == "wim"]
    archives = [file for file in whole if file.kind.kind not in (*DISKS, "wim")]
    for file in files:
        if file.kind.reason:
            pieces.left_out(pieces.inside(file.entry.path), file.kind.reason).size = file.entry.size
    if isinstance(tree, FolderTree):
        place = {file.entry.path: place_of(str(file.entry.handle)) for file in whole}
    else:
        assert isinstance(tree, ArchiveTree)
        opened = [file.entry for kind in (disks, wims, archives) for file in kind[:MAX_PIECES]]
        chunks = [chunk for disk in disks[:MAX_PIECES] for chunk in chunks_of(tree, disk.entry)]
        place = UnpackedMembers(pieces, tree).unpack([*opened, *chunks])
        for file in (*disks[MAX_PIECES:], *wims[MAX_PIECES:], *archives[MAX_PIECES:]):
            reason = sentence(
                "only the first {max_pieces} disks and archives of an archive are opened: unpack it",
                max_pieces=MAX_PIECES,
            )
            pieces.left_out(pieces.inside(file.entry.path), reason).size = file.entry.size
    found = [
        FoundDisk(place[f.entry.path], pieces.inside(f.entry.path), f.kind.kind, f.entry.size)
        for f in disks
        if f.entry.path in place
    ]
    check_manifests(pieces, tree, bundles, place)
    backups = disks_of_backups(found)
    older = older_versions(backups)
    not_opened = {id(version.disk) for version, _ in older}
    add_disks(pieces, [disk for disk in found if id(disk) not in not_opened], disks_of_today(pieces, bundles))
    tell_backups(pieces, tree, backups, older)
    tell_current_disks(pieces, bundles, {disk.shown: [disk.path.resolve(), *disk.parents] for disk in found})
    if wims:
        _add_wims(pieces, place, wims)
    first = [file for file in archives if file.entry.path in place and not _is_later_segment(file, archives)]
    for number, file in enumerate(first):
        _add_archive(pieces, partial(_open_archive, pieces, place[file.entry.path]), file, number)


def _add_wims(pieces: Pieces, place: Mapping[str, Path], wims: Sequence[EvidenceFile]) -> None:
    from forensics.sources.wim_images import FoundWim, add_wims

    there = [file.entry for file in wims if file.entry.path in place]
    add_wims(pieces, [FoundWim(place[e.path], pieces.inside(e.path), e.size) for e in there])


def _add_files_of_volume(pieces: Pieces, tree: VolumeTree, files: Sequence[EvidenceFile]) -> None:
    """Look into the zip archives on a volume, where they lie.

    What else lies there is named where something on the volume is evidence: on any other data volume the archives and
    virtual disks are those of its owner, of which what is said of the volume tells.
    """
    zips = [file for file in files if file.kind.kind == "zip" and not file.kind.reason]
    for file in zips:
        _add_archive(pieces, partial(_open_zip, pieces, tree, file.entry), file, len(pieces.source.found))
    if not pieces.source.found and not pieces.source.installations:
        return
    others = [file for file in files if file not in zips]
    for file in others[:MAX_PIECES]:
        reason = file.kind.reason or sentence(
            "it lies on this volume and is not opened there: {copy_out}", copy_out=_COPY_OUT
        )
        pieces.left_out(pieces.inside(file.entry.path), reason).size = file.entry.size
    if len(others) > MAX_PIECES:
        why = sentence_n(
            "as is {count} more image or archive on this volume, not opened: {instead}",
            "as are {count} more images and archives on this volume, not opened: {instead}",
            len(others) - MAX_PIECES,
            instead=_COPY_OUT,
        )
        pieces.left_out(pieces.inside(others[MAX_PIECES].entry.path), why)


def _open_zip(pieces: Pieces, tree: VolumeTree, entry: Entry, piece: Source) -> None:
    file = piece.resources.enter_context(tree.open(entry))
    if not may_be_collection(file):
        piece.holds_nothing = True
        raise SourceError(
            "nothing_found", sentence("{path} holds nothing that is named as evidence is", path=piece.path)
        )
    add_archive(pieces.within(piece), Image(Path(entry.path), piece.path, file, entry.size, "zip", unpacked=True), None)


def _is_later_segment(file: EvidenceFile, archives: Sequence[EvidenceFile]) -> bool:
    """Tell whether a file is read with the first one of its image."""
    if file.kind.kind != "ad1":
        return False
    from forensics.disk.ad1 import first_segment

    folder, _, name = file.entry.path.rpartition("/")
    first = first_segment(Path(name))
    beside = (other.entry.path.rpartition("/") for other in archives)
    return first is not None and any((f, n.casefold()) == (folder, first.casefold()) for f, _, n in beside)


def _add_archive(pieces: Pieces, opener: Callable[[Source], None], file: EvidenceFile, number: int) -> None:
    entry = pieces.entry(pieces.inside(file.entry.path))
    entry.size = file.entry.size
    if number >= MAX_PIECES:
        entry.error = sentence(
            "only the first {max_pieces} archives of a folder are opened: name it itself", max_pieces=MAX_PIECES
        )
    elif pieces.depth >= _MAX_ARCHIVES:
        entry.error = sentence(
            "more than {max_archives} archives within archives: unpack it and examine the folder",
            max_archives=_MAX_ARCHIVES,
        )
    else:
        piece = Source(entry.path)
        if pieces.attempt(entry, piece, opener):
            pieces.take(entry, piece)
        elif piece.holds_nothing:
            # Programs, documents and updates are archives too: they are no evidence.
            pieces.forget(entry)


def _open_archive(pieces: Pieces, path: Path, piece: Source) -> None:
    image = open_image(path, piece.path, piece, pieces.progress)
    add_archive(pieces.within(piece), image, identity_of_path(image.path))


def add_archive(pieces: Pieces, image: Image, identity: object | None) -> None:
    """Add what a zip, tar or 7z archive holds, or the backup of a machine.

    Args:
        pieces: Those of the archive.
        image: Its file.
        identity: What tells that file from all others; None where nothing does.

    Raises:
        SourceError: It is damaged, or holds no evidence.
        SameEvidenceError: It is examined already.
    """
    if image.kind in BACKUPS:
        from forensics.sources.backup_source import add_backup

        add_backup(pieces, image)
        return
    source = pieces.source
    pieces.seen.refuse(identity)
    tree = open_archive(source, image, pieces.keys, pieces.progress)
    if add_contents(pieces, tree):
        pieces.seen.note(source.path, identity)
        return
    if tree.locked:
        raise SourceError("encrypted", sentence("{name} is {locked}", name=image.name, locked=tree.locked[1]))
    if any(problem.kind == "truncated" for problem in source.problems):
        raise SourceError(
            "nothing_found",
            sentence(
                "{name} is cut short, and nothing that is evidence is left of it: copy it again, and compare "
                "its size and hash with the original's",
                name=image.name,
            ),
        )
    # Programs and documents are zips too; a logical image was made to be examined.
    source.holds_nothing = not source.problems and image.kind != "ad1"
    raise SourceError(
        "nothing_found",
        sentence(
            "{name} holds no Windows folder, user profile, registry hive, disk image or exported virtual "
            "machine; unpack it and name what in it holds Windows, Users or ProgramData, or collect again",
            name=image.name,
        ),
    )


def _add_link(pieces: Pieces, path: str, target: str) -> None:
    """Name a link to something in the same folder that is examined under its own name."""
    source = pieces.source
    top = os.path.realpath(pieces.top)
    shown = pieces.inside(os.path.relpath(target, top).replace(os.sep, "/"))
    if any(entry.path == shown for entry in source.found):
        pieces.is_same(pieces.entry(pieces.inside(path)), shown)
