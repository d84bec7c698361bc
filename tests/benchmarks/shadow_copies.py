"""Shadow copies on the volume of a benchmark's disk: what changes from one to the next is a week of a busy server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.shadow_copies import Reserve, ShadowedVolume
from testdata.builder.shadow_store import Shape, StoredCopy

FIRST_COPY = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
BETWEEN = timedelta(days=7)
_LOG_LINE = b"2026-11-01 02:00:00 the service did what it does each minute\r\n"


def make_copies(
    volume: Path,
    busy: Sequence[Sequence[FileSpec]],
    gone: Sequence[Sequence[FileSpec]],
    *,
    log_size: int = 8 << 20,
    store_size: int = 128 << 20,
) -> list[StoredCopy]:
    """Make a shadow copy for each element of ``busy``, after which these files are written anew.

    Only what changes is held in memory, and beside the image lies one sparse copy of it at a time.

    Args:
        volume: Image of a volume that holds the files of ``busy`` and ``gone``.
        busy: Files that are written anew after each copy, oldest first.
        gone: Files that are deleted after each copy.
        log_size: Bytes of a log that is made anew after each copy.
        store_size: Bytes of the store of each.

    Returns:
        The copies, oldest first.
    """
    shadowed = ShadowedVolume(
        volume, reserve=Reserve(store_size=store_size), shape=Shape(newest_first=True), seed="benchmark"
    )
    log: list[FileSpec] = []
    for number, (files, deleted) in enumerate(zip(busy, gone, strict=True)):
        created = FIRST_COPY + number * BETWEEN
        shadowed.copy(created)
        after = [replace(file, data=bytes(reversed(file.data or b"")), modified=created) for file in files]
        line = _LOG_LINE.replace(b"did", b"did %d" % number)
        grown = [FileSpec("Windows/Temp/service.log", line * (log_size // len(line)), None, FIRST_COPY, created)]
        change_ntfs(volume, [*files, *deleted, *log], [*after, *grown], default_sd=acl.DEFAULT_SD)
        log = grown
    shadowed.finish()
    return shadowed.stored
