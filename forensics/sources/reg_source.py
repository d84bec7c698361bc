"""Registry exports as a source: hives without a disk around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import BinaryIO

from forensics.disk.containers import Image
from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry, NotFound, Tree
from forensics.language import sentence
from forensics.registry.hive import Hive
from forensics.registry.reg_hive import RegExportHive, hives_from_reg
from forensics.sources.installation import HIVE_FOLDER, HiveOpener, Installation
from forensics.sources.mapping_tree import MappingTree
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome

_MAX_FILES = 200
"""Evidence: registry exports of one folder."""
_SID = re.compile(r"S-1-\d+(-\d+){1,14}", re.ASCII)
_SYSTEM_SID = "S-1-5-18"
_OWN_HIVE = "HKEY_CURRENT_USER"


def add_exports(source: Source, tree: Tree, exports: Sequence[Entry], above: str, first_machine_id: int) -> None:
    """Add one installation that the exports of one folder together show.

    Args:
        source: Takes the installation.
        tree: Holds the exports.
        exports: They.
        above: Path of the tree's root, as rows name it.
        first_machine_id: Number of the installation.

    Raises:
        SourceError: They hold no key of a hive.
        Unreadable: One cannot be read.
    """
    if len(exports) > _MAX_FILES:
        message = sentence(
            "only the first {max_files} of {count} exports are read", max_files=_MAX_FILES, count=len(exports)
        )
        source.cut("folder", "exports", source.path, message)
    with ExitStack() as files:
        streams = [
            (f"{above}/{export.path}", files.enter_context(tree.open(export))) for export in exports[:_MAX_FILES]
        ]
        _add(source, streams, first_machine_id)


def add_reg_file(source: Source, image: Image, first_machine_id: int) -> None:
    """Add the installation that one export shows.

    Raises:
        SourceError: It holds no key of a hive.
    """
    image.file.seek(0)
    _add(source, [(image.name, image.file)], first_machine_id)


def _add(source: Source, streams: Sequence[tuple[str, BinaryIO]], first_machine_id: int) -> None:
    source.kind = "reg"
    hives = hives_from_reg(streams, lambda kind, message, offset: source.problem(source.path, kind, message, offset))
    if not hives:
        raise SourceError(
            "nothing_found",
            sentence("{path} holds no registry key: export it again with regedit or reg", path=source.path),
        )
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
        "folder",
        "exports",
        Outcome("present", sentence("registry exports of {names}", names=", ".join(sorted(hives)))),
        source.path,
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
