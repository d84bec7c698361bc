"""Collections as sources: folders and archives of files, loose hives, .reg exports."""

from __future__ import annotations

from forensics.disk.containers import Image
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import note_evidence
from forensics.disk.tree import Tree
from forensics.language import joined, sentence
from forensics.sources.folder_tree import folder_tree
from forensics.sources.former import former_windows
from forensics.sources.installation import Installation
from forensics.sources.joined_evidence import LEFT_OUT
from forensics.sources.layout import OLDER_STATE, Layout, WindowsRoot, is_named_shadow_copy
from forensics.sources.loose_hives import HiveFolder, hives_in, is_backup, not_placed
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from forensics.tables.windows_path import is_moved_aside

_LOGS = (".LOG", ".LOG1", ".LOG2")


_OTHER_DRIVE = sentence(
    "another drive of the machine, which holds no Windows: only what its settings and links name there is examined"
)


def add_root(source: Source, root: WindowsRoot, path: str, machine_id: int) -> None:
    """Add the installation on a system drive that was collected, and those moved aside on it, or a profile alone.

    Args:
        source: Takes it.
        root: The drive, or the profile.
        path: How its installation is named.
        machine_id: Number of the installation.
    """
    from forensics.registry.hives import open_hive

    found = Installation(
        machine_id=machine_id,
        source_path=path,
        tree=root.tree,
        windows=root.windows,
        drive=root.drive,
        open_hive=open_hive,
        kind="former" if root.kind == "windows" and is_moved_aside(root.drive or path) else root.kind,
        profile=root.profile,
        is_loose=root.is_loose,
    )
    source.add(found)
    if root.profile is None:
        for number, former in enumerate(former_windows(root.tree, root.drive, source.coverage, path), machine_id + 1):
            source.add(
                Installation(
                    machine_id=number,
                    source_path=path,
                    tree=root.tree,
                    windows=former.windows,
                    drive=former.drive,
                    open_hive=open_hive,
                    kind="former",
                )
            )
        start = root.drive if root.label and path.endswith(f"/{root.label}") else ""
        source.searched.append(SearchedTree(root.tree, path, "", (root.windows,), root.drive, start))
    holds = (
        sentence("Windows in {windows}", windows=root.windows)
        if found.kind != "profile"
        else sentence("users' profiles, without their Windows")
    )
    source.coverage.tell("folder", root.label or "collection", Outcome("present", holds), path)


def tell_search(source: Source, layout: Layout) -> None:
    """Tell what the search for Windows in a collection left out."""
    for folders, why in ((layout.shadows, OLDER_STATE), (layout.other_drives, _OTHER_DRIVE)):
        for folder in folders:
            source.coverage.tell("folder", folder, Outcome("not_examined", why), f"{source.path}/{folder}")
    if layout.roots and is_named_shadow_copy(source.path):
        source.older_state_of = sentence("the volume that this is a shadow copy of")
        message = sentence(
            "it was collected from a volume shadow copy: all that follows is an older state of the machine"
        )
        source.problem(source.path, "older_state", message)
    if layout.truncated:
        message = sentence("too many folders, or too deep: the search for Windows did not look into all of them")
        source.cut("folder", "collection", source.path, message, "too_large")


def add_hives(source: Source, tree: Tree, folder: HiveFolder, path: str, machine_id: int) -> None:
    """Add the installation that a folder of loose hives shows.

    Args:
        source: Takes it.
        tree: Holds the hives.
        folder: They.
        path: How its installation is named.
        machine_id: Number of the installation.
    """
    from forensics.registry.hives import open_hive

    source.add(
        Installation(
            machine_id=machine_id,
            source_path=path,
            tree=folder.tree(tree),
            windows="Windows",
            drive="",
            open_hive=open_hive,
            kind="windows" if folder.is_of_machine else "profile",
            profile=folder.profile,
            is_loose=True,
        )
    )
    names = ", ".join(sorted(e.name for p, e in folder.files.items() if not p.upper().endswith(_LOGS)))
    hives = sentence("loose hives: {names}", names=names)
    keys = ", ".join(sorted(e.path for e in folder.keys.values()))
    beside = [sentence("keys beside them: {keys}", keys=keys)] if keys else []
    source.coverage.tell(
        "folder",
        folder.path or "hives",
        Outcome("present", joined([hives, *beside], "; ")),
        path,
    )
    if is_backup("/".join(path.replace("\\", "/").split("/")[-2:])):
        source.older_state_of = sentence("the hives that these are backup copies of")
        message = sentence(
            "these are backup copies that Windows keeps of its hives (RegBack): an older state of the machine"
        )
        source.problem(path, "older_state", message)
    above = path.removesuffix(f"/{folder.path}") if folder.path else path
    for entry in folder.left_out:
        source.coverage.tell("hive", entry.name, Outcome("not_examined", LEFT_OUT), f"{above}/{entry.path}")


def add_hive_file(source: Source, image: Image, first_machine_id: int) -> None:
    """Add a single hive with the logs beside it.

    Raises:
        SourceError: It cannot be told which hive it is.
    """
    if image.unpacked:
        raise SourceError(
            "unsupported", sentence("{name} is a compressed hive: unpack it, with its .LOG files", name=image.name)
        )
    tree = folder_tree(image.path.parent)
    wanted = {image.path.name.casefold() + suffix for suffix in ("", *(log.casefold() for log in _LOGS))}
    entries = [e for e in tree.entries("") if e.name.casefold() in wanted]
    for entry in entries:  # a clean hive's logs are not opened, and are evidence all the same
        note_evidence(image.path.parent / entry.name)
    folder = hives_in(tree, "", entries)
    if not folder.files:
        raise SourceError(
            "unknown_hive",
            sentence(
                "{name} is {not_placed}", name=image.name, not_placed=not_placed(tree, tree.entry(image.path.name))
            ),
        )
    source.kind = "hives"
    add_hives(source, tree, folder, source.path, first_machine_id)
