"""Registry exports as a source: hives without a disk around them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from forensics.disk.containers import image_kind
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.tree import NotFound, Tree
from forensics.registry.hive import Hive
from forensics.registry.reg_hive import RegExportHive, hives_from_reg
from forensics.sources.installation import HIVE_FOLDER, HiveOpener, Installation
from forensics.sources.mapping_tree import MappingTree
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome

_MAX_FILES = 200
"""Evidence: registry exports of one folder."""
_MAX_FOLDERS = 2_000
"""Evidence: folders that are searched for registry exports."""
_SID = re.compile(r"S-1-\d+(-\d+){1,14}", re.ASCII)
_SYSTEM_SID = "S-1-5-18"
_OWN_HIVE = "HKEY_CURRENT_USER"


def find_reg_files(folder: Path, source: Source) -> list[Path]:
    """Return the .reg exports below a folder, symbolic links not followed, in path order."""
    found = sorted(_exports(folder, source))
    if len(found) > _MAX_FILES:
        source.cut("folder", "exports", source.path, f"only the first {_MAX_FILES} of {len(found)} exports are read")
    return found[:_MAX_FILES]


def _exports(folder: Path, source: Source) -> Iterator[Path]:
    for visited, (top, folders, files) in enumerate(os.walk(folder)):
        if visited >= _MAX_FOLDERS:
            message = f"only {_MAX_FOLDERS} folders were searched for registry exports"
            source.cut("folder", "exports", source.path, message)
            return
        folders.sort()
        for name in files:
            path = Path(top, name)
            if path.suffix.lower() in (".reg", ".txt") and not path.is_symlink() and image_kind(path) == "reg":
                yield path


def add_reg_files(source: Source, paths: list[Path], first_machine_id: int) -> None:
    """Add one installation that all the exports together show.

    Raises:
        SourceError: They cannot be read, or hold no key of a hive.
    """
    source.kind = "reg"
    with ExitStack() as files:
        try:
            streams = [(str(path), files.enter_context(open_evidence(path))) for path in paths]
        except OSError as error:
            raise SourceError("unreadable", f"{error.filename} cannot be read: {error.strerror}") from error
        hives = hives_from_reg(
            streams, lambda kind, message, offset: source.problem(source.path, kind, message, offset)
        )
    if not hives:
        raise SourceError("nothing_found", f"{source.path} holds no registry key: export it again with regedit or reg")
    source.add(
        Installation(
            machine_id=first_machine_id,
            source_path=source.path,
            tree=MappingTree(None, {}),
            windows="Windows",
            drive="",
            open_hive=_opener(hives),
            user_hives=_user_hives(hives),
        )
    )
    source.coverage.tell(
        "folder", "exports", Outcome("present", f"registry exports of {', '.join(sorted(hives))}"), source.path
    )


def _user_hives(hives: dict[str, RegExportHive]) -> dict[str, str]:
    """Return where the opener finds the hive of each user; the export of one's own hive does not tell the SID."""
    found = {name: f"HKEY_USERS/{name}" for name in hives if _SID.fullmatch(name) and name != _SYSTEM_SID}
    return found | ({"": _OWN_HIVE} if _OWN_HIVE in hives else {})


def _opener(hives: dict[str, RegExportHive]) -> HiveOpener:
    user_hives = frozenset(_user_hives(hives).values())

    def open_exported(tree: Tree, path: str, report: Callable[[str, str, int | None], None]) -> Hive:
        folder, _, name = path.rpartition("/")
        hive = hives.get(name.upper())
        if name.upper() == "DEFAULT" and hive is None:
            # HKEY_USERS\.DEFAULT is no user's but SYSTEM's, and also goes by its SID.
            hive = hives.get(_SYSTEM_SID)
        if hive is None or not (path in user_hives or folder.lower().endswith(HIVE_FOLDER.lower())):
            raise NotFound(path)
        return hive

    return open_exported
