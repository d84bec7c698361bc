"""Opens whatever the user names: recognises it by content and finds the Windows installations in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forensics.disk.configurations import CONFIGURATIONS, SUFFIXES
from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError, unreadable
from forensics.disk.places import not_listed, place_of
from forensics.disk.unlock import Unlock
from forensics.lack_of_memory import pass_on
from forensics.language import said_by, sentence
from forensics.sources.choices import Choices
from forensics.sources.file_kind import ARCHIVES
from forensics.sources.pieces import Pieces
from forensics.sources.same_evidence import SeenEvidence
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.vm_files import is_configuration
from forensics.tables.outcome import Outcome

__all__ = ["Choices", "Progress", "SeenEvidence", "Source", "Unlock", "open_source"]

_CONFIGURATIONS = (".vmcx", ".vmrs", ".vmgs", ".exp")
_OF_BACKUPS = ("mediaid", "globalcatalog", "backupglobalcatalog")
_BACKUP = "backup "
_OF_HYPER_V = "virtual hard disks"


def open_source(
    path: str | Path,
    keys: Unlock = Unlock(),  # noqa: B008
    *,
    choices: Choices = Choices(),  # noqa: B008
    first_machine_id: int = 1,
    progress: Progress = lambda line: None,
    seen: SeenEvidence | None = None,
) -> Source:
    """Open a source read-only.

    Args:
        path: Disk image, folder or archive of anything, configuration of a virtual machine, loose hive, or .reg
            export.
        keys: For BitLocker volumes.
        choices: What of it is examined.
        first_machine_id: Number of the first installation.
        progress: Called with one line when something takes long.
        seen: What was opened before, so that nothing is examined twice.

    Returns:
        The source; close it, or use it as a context manager. It may hold no installation (a disk without Windows,
        a locked BitLocker volume): ``coverage`` then says what there was. ``found`` lists what a folder or archive
        holds, examined or not.

    Raises:
        SourceError: Nothing could be opened; the message says what to do next.
    """
    source = Source(str(path))
    pieces = Pieces(source, keys, choices, first_machine_id, progress, seen or SeenEvidence())
    try:
        _open(pieces, place_of(path))
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


def _open(pieces: Pieces, path: Path) -> None:
    if path.is_dir():
        _open_folder(pieces, path)
    elif not path.exists():
        raise SourceError("not_found", sentence("{path} does not exist: check its name", path=path))
    elif not path.is_file() and not path.is_block_device():
        # Opening a FIFO would wait for ever, and a character device need not end.
        raise SourceError(
            "unsupported",
            sentence("{path} is neither a file nor a folder nor a disk: save what it gives first", path=path),
        )
    elif path.name.lower() in _OF_BACKUPS and (folder := _folder_of_backups(path)) is not None:
        pieces.top = str(folder)
        _open_folder(pieces, folder)
    elif path.suffix.lower() in _CONFIGURATIONS or is_configuration(path.name):
        _open_configuration(pieces, path)
    else:
        _open_file(pieces, path)


def _folder_of_backups(path: Path) -> Path | None:
    """Return the folder of a computer's image backups of which this is the catalogue, or the mark of its medium."""
    folder = path.parent.parent if path.parent.name.lower() == "catalog" else path.parent
    return folder if any(each.name.lower().startswith(_BACKUP) and each.is_dir() for each in folder.iterdir()) else None


def _open_file(pieces: Pieces, path: Path) -> None:
    from forensics.disk.containers import open_disk, open_image

    source = pieces.source
    holds_disk = pieces.choices.offset is not None
    image = open_image(path, str(path), source, pieces.progress, holds_disk=holds_disk)
    if image.kind in ARCHIVES:
        from forensics.sources.contents import add_archive
        from forensics.sources.same_evidence import identity_of_path

        add_archive(pieces, image, identity_of_path(image.path))
    elif image.kind in CONFIGURATIONS:
        from forensics.sources.open_bundle import open_bundle

        open_bundle(pieces, image)
    elif image.kind == "hive":
        from forensics.sources.collection_source import add_hive_file

        add_hive_file(source, image, pieces.first)
    elif image.kind == "wim":
        from forensics.sources.wim_images import add_wim

        add_wim(pieces, source, image)
    elif image.kind == "reg":
        from forensics.sources.reg_source import add_reg_file

        add_reg_file(source, image, pieces.first)
    else:
        from forensics.sources.disks import add_image, tell_parent

        child = pieces.seen.child_of(path)
        if child is not None and not _is_named_as_of_today(path):
            source.kind, source.older_state_of, source.is_parent = image.kind, child, True
            tell_parent(source, path, source.path)
            return
        _note_newer(source, path, pieces.seen.named)
        disk = open_disk(replace(image, others=pieces.seen.named), source)
        add_image(source, disk, pieces, path)


def _note_newer(source: Source, path: Path, named: tuple[Path, ...]) -> None:
    """Note the disk that shows the machine at a later day, whether or not anything is found on this one."""
    from forensics.disk.lineage import neighbours, present_state

    if path.parent.name.lower().startswith(_BACKUP):
        from forensics.sources.image_backups import newer_backup

        source.backup_of, source.older_state_of = newer_backup(path)
        if source.older_state_of is not None:
            newer = source.older_state_of
            message: str = sentence(
                "{path} is an older state: {newer} is of a later backup; examine {newer}", path=path, newer=newer
            )
            source.problem(str(path), "older_state", message)
        if source.backup_of is not None:
            return
    beside = neighbours(path)
    if (why := not_listed(path)) is not None:
        reason = sentence("whether a newer state of it lies beside {path} is not known: {why}", path=path, why=why)
        source.coverage.tell("folder", "beside the disk", Outcome("not_examined", reason), str(path.parent))
    child = present_state(path, dict.fromkeys([*beside, *named]))
    if child is not None and not _is_named_as_of_today(path):
        source.older_state_of = str(child)
        message = sentence(
            "{path} is an older state: {child} builds on it and is the present one; examine {child}",
            path=path,
            child=child,
        )
        source.problem(str(path), "older_state", message)
    elif _has_configurations(path, beside):
        from forensics.sources.disk_of_today import disk_of_today

        if (today := disk_of_today(path, beside)) is not None:
            source.older_state_of, message = today
            source.problem(str(path), "older_state", message)


def _has_configurations(path: Path, beside: Sequence[Path]) -> bool:
    return path.parent.name.lower() == _OF_HYPER_V or any(each.suffix.lower() in SUFFIXES for each in beside)


def _is_named_as_of_today(path: Path) -> bool:
    from forensics.disk.lineage import neighbours

    if not _has_configurations(path, neighbours(path)):
        return False
    from forensics.sources.disk_of_today import is_of_today

    return is_of_today(path)


def _open_folder(pieces: Pieces, path: Path) -> None:
    from forensics.sources.contents import add_contents
    from forensics.sources.folder_tree import folder_tree

    tree = folder_tree(path)
    try:
        tree.entries("")
    except Exception as error:
        pass_on(error)
        cause = error.__cause__
        raise unreadable(str(path), cause if isinstance(cause, OSError) else OSError(said_by(error))) from error
    if not add_contents(pieces, tree):
        from forensics.sources.certificate_files import exported_certificates

        raise SourceError(
            "nothing_found",
            exported_certificates(tree, str(path))
            or sentence(
                "{path} holds no Windows folder, user profile, registry hive, .reg export, disk image or "
                "exported virtual machine; name the folder that holds Windows, Users or ProgramData, or the "
                "image itself",
                path=path,
            ),
        )


def _open_configuration(pieces: Pieces, path: Path) -> None:
    from forensics.sources.contents import add_disks_of
    from forensics.sources.folder_tree import folder_tree
    from forensics.sources.vm_files import find_vm_files

    source = pieces.source
    folder = path.parent.parent if path.parent.name.lower() == "virtual machines" else path.parent
    tree = folder_tree(folder)
    place = SearchedTree(tree, None, str(folder), wanted=path.stem.lower())
    is_export = bool(find_vm_files(place).configurations)
    if is_export:
        source.searched.append(place)
        pieces.entry(str(path)).kind = "export"
    pieces.top = str(folder)
    has_disks = add_disks_of(pieces, tree)
    if not is_export and not has_disks:
        raise SourceError(
            "no_configuration",
            sentence(
                "{path} is no configuration of a virtual machine, and no virtual disk lies beside it: name "
                "the folder of the export, or the disks",
                path=source.path,
            ),
        )
    source.kind = "export" if is_export else "disks"
