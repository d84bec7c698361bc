"""Tells which examined disks may be an older state, because what may build on them could not be read.

A snapshot, checkpoint or overlay that cannot be opened may not say on which disk it builds. Each disk of its format
that was found with it may then be the one, and its machine that of an earlier day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from forensics.disk.compressed import SUFFIXES
from forensics.language import sentence
from forensics.sources.source import Source
from forensics.tables.source import SourceEntry

NEEDS_ANOTHER = ("missing_parent", "wrong_parent", "needs_parent")
"""Kinds of the errors with which a disk that holds only changes is refused."""
_FORMS = {
    ".vhdx": "vhdx",
    ".avhdx": "vhdx",
    ".vhd": "vhd",
    ".avhd": "vhd",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".qcow2": "qcow2",
    ".qcow": "qcow2",
    ".raw": "raw",
    ".img": "raw",
    ".dd": "raw",
    ".e01": "e01",
    ".hds": "parallels",
}
# QEMU alone lays an overlay upon a disk of another form.
_BASES = {"qcow2": ("qcow2", "raw"), "vhdx": ("vhdx",), "vhd": ("vhd",), "vmdk": ("vmdk",), "vdi": ("vdi",)}
_OF_DISKS = ("disk", "volume")


def mark_older_states(source: Source) -> None:
    """Mark the disks of a folder or archive on which a disk may build that could not be read.

    Those to which a machine writes, as its configuration says, are of today all the same.
    """
    from forensics.disk.lineage import CHECKPOINT

    disks = [entry for entry in source.found if entry.bundle is None]
    told = {entry.older_state_of for entry in source.found}
    needy = {row.source_path for row in source.problems if row.kind in NEEDS_ANOTHER}
    for child in source.found:
        # What was opened has a kind, even where a locked volume is all that it holds.
        is_unread = child.error is not None and child.kind == "unknown" and child.same_as is None
        is_top = child.older_state_of is None and child.path not in told
        if is_unread and is_top and (child.path in needy or CHECKPOINT.fullmatch(_plain(child.path))):
            mark(source, child, disks)
        elif is_unread and is_top:
            mark(source, child, _named_by(child.path, disks))


def mark(source: Source, child: SourceEntry, disks: Sequence[SourceEntry]) -> None:
    """Mark those of the disks that are examined as a machine and on which one that could not be read may build."""
    for entry in examined_bases(child.path, disks):
        entry.older_state_of = child.path
        message = sentence(
            "{path} may be an older state: {child_path}, which could not be read, may build on it",
            path=entry.path,
            child_path=child.path,
        )
        source.problem(entry.path, "older_state", message)


def _named_by(child: str, disks: Iterable[SourceEntry]) -> list[SourceEntry]:
    """Return the examined disks on which one builds as its own header says, though the rest of it is not read."""
    from forensics.disk.lineage import children_of

    return [entry for entry in examined_bases(child, disks) if children_of(Path(entry.path), [Path(child)])]


def examined_bases(child: str, disks: Iterable[SourceEntry]) -> list[SourceEntry]:
    """Return the disks that are examined as a machine of today and on which a disk of the child's format may build."""
    form = _form(child)
    bases = _BASES.get(form or "")
    return [
        entry
        for entry in disks
        if entry.kind in _OF_DISKS
        and entry.machine_ids
        and entry.older_state_of is None
        and (bases is None or (_form(entry.path) or bases[0]) in bases)
    ]


def _plain(path: str) -> str:
    """Return a path without the suffix of a compressed file."""
    return path.rpartition(".")[0] if path.lower().endswith(SUFFIXES) else path


def _form(path: str) -> str | None:
    return _FORMS.get(PurePosixPath(_plain(path)).suffix.lower())
