"""Keys that lie in another Windows of the same disk, on another volume of it, or in a shadow copy of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from forensics.chain.judge import Judge, Missed
from forensics.chain.recovery import Found, LockedCopy
from forensics.chain.rows import found_at, hangs_on, with_recovery
from forensics.chain.told_paths import told
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow

_NO_COPY: dict[str, Any] = dict.fromkeys(
    ("key_copy", "key_copy_on", "key_copy_needs", "key_copy_hangs_on", "recovery_doubt")
)
"""What is not told of a key that was had."""


def found_elsewhere(judges: Sequence[Judge]) -> Iterator[tuple[KeyChainRow, KeyChainRow]]:
    """Look for the keys that one installation misses in the others of the same source, then on other volumes.

    What none of them has is looked for in shadow copies, as the volumes were before.

    Args:
        judges: Every installation of one source, judged.

    Yields:
        A row, and the one that takes its place now that all of the disk was asked.
    """
    for judge in judges:
        others = [other for other in judges if other is not judge]
        # The Windows that it was before, on the same drive, is asked first.
        others.sort(key=lambda other: _disk_of(other) != _disk_of(judge))
        for missed in judge.missed:
            better = _asked(judge, missed, others)
            if better is not None:
                yield missed.row, better


def _disk_of(judge: Judge) -> tuple[str, str | None]:
    installation = judge.evidence.installation
    return installation.source_path, installation.volume


def _asked(judge: Judge, missed: Missed, others: Sequence[Judge]) -> KeyChainRow | None:
    row = missed.row
    asked = [(other, _asked_of(other, missed.publics)) for other in others]
    for other, found in asked:
        if found.path is not None:
            return _had_of(other, row, found)
    own = judge.paths
    beside = judge.recovery.beside(missed.publics, missed.file)
    past = judge.recovery.past(missed.publics, missed.file) if beside.path is None else Found()
    had_there = beside if beside.path is not None else past
    if had_there.path is not None:
        had = found_at(row, had_there.path, had_there.exportable, had_there.opened_by)
        had = replace(had, **_NO_COPY)
        return with_recovery(had, own.of(row.machine_id, had_there.path), None)
    for other in others:
        # What a shadow copy has may open with the secrets of the Windows whose it was.
        found = other.recovery.past(missed.publics, None)
        if found.path is not None:
            return _had_of(other, row, found)
        asked.append((other, found))
    better = row
    copies: list[tuple[int | None, LockedCopy]] = [(None, copy) for copy in (*beside.locked, *past.locked)]
    copies += [(other.evidence.machine.machine_id, copy) for other, found in asked for copy in found.locked]
    if row.key_copy is None and copies:
        better = _with_copy(row, *copies[0], judge, others)
    doubts = (beside.undecided, *(found.undecided for _, found in asked), past.undecided)
    doubt = next((why for why in doubts if why is not None), None)
    if doubt is not None and row.recoverable is not None:
        doubt = told(doubt, row.machine_id, own)
        better = with_recovery(replace(better, recoverable=None, recovery_doubt=doubt), None, None)
    return better if better is not row else None


def _had_of(other: Judge, row: KeyChainRow, found: Found) -> KeyChainRow:
    """Return a row whose key another installation has, or what that one opens has it."""
    machine, path = other.evidence.machine, found.path or ""
    place = _place(other.paths.of(machine.machine_id, path), machine)
    had = found_at(row, path, found.exportable, found.opened_by, machine.machine_id)
    return with_recovery(replace(had, **_NO_COPY), place, None)


def _place(path: str | None, machine: MachineRow) -> str:
    """Say where a file lies, and of which Windows that is."""
    name = machine.computer_name
    if machine.kind == "former":
        if name:
            return sentence("{path} of the former Windows {name}", path=path, name=name)
        return sentence("{path} of the former Windows", path=path)
    return (
        sentence("{path} of {name}", path=path, name=name) if name else sentence("{path} of another Windows", path=path)
    )


def _asked_of(other: Judge, publics: Sequence[PublicKey]) -> Found:
    """Ask another installation for one of some public halves; what it did not search leaves the answer open."""
    found = Found()
    for public in publics:
        found = found.and_then(other.recovery.search(public))
    unsearched = (other.recovery.not_searched(public) for public in (publics or (None,)))
    why = next((why for why in unsearched if why is not None), None)
    return found.and_then(Found(undecided=why))


def _with_copy(
    row: KeyChainRow, on: int | None, copy: LockedCopy, judge: Judge, others: Sequence[Judge]
) -> KeyChainRow:
    paths = next((other.paths for other in others if other.evidence.machine.machine_id == on), judge.paths)
    named = replace(
        row,
        key_copy=copy.path,
        key_copy_on=on,
        key_copy_needs=copy.master_key_guid,
        key_copy_hangs_on=hangs_on(copy.path),
    )
    return with_recovery(named, None, paths.of(on or row.machine_id, copy.path))
