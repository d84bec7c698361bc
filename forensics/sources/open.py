"""Opens whatever the user names: recognises it by content and finds the Windows installations in it."""

from __future__ import annotations

from pathlib import Path

from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError, unreadable
from forensics.disk.unlock import Unlock
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source

__all__ = ["Progress", "Source", "Unlock", "open_source"]

_CONFIGURATIONS = (".vmcx", ".vmrs", ".vmgs")


def open_source(
    path: str | Path,
    keys: Unlock = Unlock(),  # noqa: B008
    *,
    first_machine_id: int = 1,
    progress: Progress = lambda line: None,
) -> Source:
    """Open a source read-only.

    Args:
        path: Disk image, folder of them, Hyper-V export or its .vmcx, collection (folder, zip, tar), loose hives,
            or .reg exports.
        keys: For BitLocker volumes.
        first_machine_id: Number of the first installation.
        progress: Called with one line when something takes long.

    Returns:
        The source; close it, or use it as a context manager. It may hold no installation (a disk without Windows,
        a locked BitLocker volume): ``coverage`` then says what there was.

    Raises:
        SourceError: Nothing could be opened; the message says what to do next.
    """
    source = Source(str(path))
    try:
        _open(source, Path(path), keys, first_machine_id, progress)
    except SourceError:
        source.close()
        raise
    except OSError as error:
        source.close()
        raise unreadable(str(path), error) from error
    except BaseException:
        source.close()
        raise
    return source


def _open(source: Source, path: Path, keys: Unlock, first: int, progress: Progress) -> None:
    if path.is_dir():
        _open_folder(source, path, keys, first, progress)
    elif not path.exists():
        raise SourceError("not_found", f"{path} does not exist: check its name")
    elif not path.is_file() and not path.is_block_device():
        # Opening a FIFO would wait for ever, and a character device need not end.
        raise SourceError("unsupported", f"{path} is neither a file nor a folder nor a disk: save what it gives first")
    elif path.suffix.lower() in _CONFIGURATIONS:
        _open_configuration(source, path, keys, first, progress)
    else:
        _open_file(source, path, keys, first, progress)


def _open_file(source: Source, path: Path, keys: Unlock, first: int, progress: Progress) -> None:
    from forensics.disk.containers import open_disk, open_image

    image = open_image(path, str(path), source, progress)
    if image.kind in ("zip", "tar"):
        from forensics.sources.collection_source import add_archive

        add_archive(source, image, first)
    elif image.kind == "hive":
        from forensics.sources.collection_source import add_hive_file

        add_hive_file(source, image, first)
    elif image.kind == "reg":
        from forensics.sources.reg_source import add_reg_files

        add_reg_files(source, [path], first)
    else:
        from forensics.disk.ntfs.stream import VolumeReader
        from forensics.sources.holdings import no_volume
        from forensics.sources.volumes import add_disk

        _note_newer(source, path)
        disk = open_disk(image, source)
        if not add_disk(source, disk, keys, first):
            newer = [row.message for row in source.problems if row.kind == "older_state"]
            told = [row for row in source.problems if row.kind != "older_state"]
            if told:
                kind, why = told[0].kind, f"is truncated or damaged where a disk begins: {told[0].message}"
            else:
                kind, why = "no_volume", no_volume(VolumeReader(disk.stream, 0, disk.size), disk.size)
            raise SourceError(kind, "; ".join([f"{path} {why}", *newer]))


def _note_newer(source: Source, path: Path) -> None:
    """Note the disk that builds on this one, whether or not anything is found on this one."""
    from forensics.disk.lineage import neighbours, present_state
    from forensics.disk.snapshots import present_state_advice

    newer = present_state(path, neighbours(path))
    if newer is not None:
        source.older_state_of = str(newer)
        advice = present_state_advice(newer)
        message = f"{path} is an older state: {newer} builds on it and is the present one; {advice}"
        source.problem(str(path), "older_state", message)


def _open_folder(source: Source, path: Path, keys: Unlock, first: int, progress: Progress) -> None:
    from forensics.sources.collection_source import add_collection, search_hives
    from forensics.sources.folder_tree import FolderTree

    tree = FolderTree(path)
    try:
        tree.entries("")
    except Exception as error:
        cause = error.__cause__
        raise unreadable(str(path), cause if isinstance(cause, OSError) else OSError(str(error))) from error
    if add_collection(source, tree, first):
        source.kind = "folder"
        return
    if search_hives(source, tree, first):
        source.kind = "hives"
        source.searched.append(SearchedTree(tree, source.path))
        return
    from forensics.sources.disks import find_disks
    from forensics.sources.reg_source import add_reg_files, find_reg_files

    exports = find_reg_files(path, source)
    disks = find_disks(path, source)
    if disks:
        _add_disks_of_export(source, SearchedTree(tree, None, source.path), disks, keys, first, progress)
    elif exports:
        add_reg_files(source, exports, first)
    elif not _add_export(source, SearchedTree(tree, None, source.path)):
        raise SourceError(
            "nothing_found",
            f"{path} holds no Windows folder, user profile, registry hive, .reg export, disk image or exported "
            "virtual machine; name the folder that holds Windows, Users or ProgramData, or the image itself",
        )


def _open_configuration(source: Source, path: Path, keys: Unlock, first: int, progress: Progress) -> None:
    from forensics.sources.disks import export_folder, find_disks
    from forensics.sources.folder_tree import FolderTree

    folder = export_folder(path)
    place = SearchedTree(FolderTree(folder), None, str(folder), wanted=path.stem.lower())
    _add_disks_of_export(source, place, find_disks(folder, source), keys, first, progress)


def _add_disks_of_export(
    source: Source, place: SearchedTree, disks: list[Path], keys: Unlock, first: int, progress: Progress
) -> None:
    """Add a folder's disks; disks that cannot be opened do not matter where there are virtual machines to speak of."""
    from forensics.sources.disks import add_disks

    is_export = _add_export(source, place)
    try:
        if disks:
            add_disks(source, disks, keys, first, progress)
        elif not is_export:
            raise SourceError(
                "no_configuration",
                f"{source.path} is no configuration of a virtual machine, and no virtual disk lies beside it: name the "
                "folder of the export, or the disks",
            )
    except SourceError:
        if not is_export:
            raise
    if is_export:
        source.kind = "export"


def _add_export(source: Source, place: SearchedTree) -> bool:
    """Take a folder as the export of virtual machines where it holds the configuration of one."""
    from forensics.sources.vm_files import find_vm_files

    if not find_vm_files(place).configurations:
        return False
    source.kind = "export"
    source.searched.append(place)
    return True
