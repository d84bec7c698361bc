"""Counts a disk once that several of the joined cases examined.

It is the same where path and size are, and with them the SHA-256 of the file and the machines, or, where one was not
hashed, all that was read of them. A copy at another place is the same where all is that was read and judged, as within
one examination. Of two examinations of one path the one stands that could examine it; else the newer one: by a newer
version of the tool, then for a later date, then the one that was named last.

A disk that was examined again after it had changed is there twice: the state in which its machine was last seen alive
earlier is told to be the older one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from forensics.hyperv.judged_rows import is_judged
from forensics.joining.part import Part
from forensics.language import sentence
from forensics.sources.same_evidence import said_of, same_content
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, leaves
from forensics.tables.timestamps import as_utc, told_time

_AS_READ = ("certificate", "key_file", "master_key", "service", "event", "setup_event", "user", "tpm", "vm")
"""Tables that tell two states of one machine apart by what was read and when that was written."""


class _Piece(NamedTuple):
    part: Part
    entry: SourceEntry

    @property
    def rows(self) -> list[Row]:
        return self.part.rows_of(self.entry)


class _Copies:
    """Finds copies by all that was read and judged of them, once another piece has the names of its machines."""

    def __init__(self) -> None:
        self._of_names: dict[tuple[object, ...], list[_Piece]] = {}
        self._said: dict[str, _Piece] = {}

    def add(self, piece: _Piece) -> None:
        self._of_names.setdefault(tuple(_machines(piece)), []).append(piece)

    def original(self, piece: _Piece) -> _Piece | None:
        """Return what was added before and says the very same, where that still counts."""
        waiting = self._of_names.get(tuple(_machines(piece)))
        if waiting is None or (own := _said(piece)) is None:
            return None
        for each in waiting:
            said = _said(each)
            if said is not None and (said not in self._said or self._said[said].entry.same_as is not None):
                self._said[said] = each
        waiting.clear()
        other = self._said.get(own)
        return other if other is not None and other.entry.same_as is None else None


def count_once(parts: Sequence[Part]) -> None:
    """Take out of the parts what another one examined too, and say in its entry of which other it is the same.

    Args:
        parts: In the order in which the cases were named; without the rows about several machines.
    """
    by_path: dict[tuple[str, int], list[_Piece]] = {}
    copies = _Copies()
    for part in parts:
        own: list[_Piece] = []
        for entry in sorted(leaves(part.entries), key=lambda each: each.older_state_of is not None):
            piece = _Piece(part, entry)
            if not _is_copy(piece, copies) and not _is_same(piece, by_path):
                own.append(piece)
        # One examination has compared its own sources.
        for piece in own:
            if piece.entry.size is not None:
                by_path.setdefault((piece.entry.path, piece.entry.size), []).append(piece)
            copies.add(piece)
    for part in parts:
        part.without_forgotten()
    _tell_older_states(parts)


def _tell_older_states(parts: Sequence[Part]) -> None:
    """Say of each disk that stands there in two states which of them is not the present one."""
    states: dict[tuple[object, ...], list[tuple[datetime, SourceEntry]]] = {}
    for part in parts:
        for entry in leaves(part.entries):
            machines = [row for row in part.rows_of(entry) if isinstance(row, MachineRow)]
            alive = [as_utc(row.last_seen_alive) for row in machines if row.last_seen_alive]
            if alive and entry.older_state_of is None:
                owners = sorted(row.machine_guid or "" for row in machines)
                states.setdefault((entry.path, *owners), []).append((max(alive), entry))
    for known in states.values():
        latest = max(moment for moment, _ in known)
        for moment, entry in known:
            if moment < latest:
                entry.older_state_of = sentence("{path} as it was at {time}", path=entry.path, time=told_time(latest))


def told_once(entries: Sequence[SourceEntry]) -> list[SourceEntry]:
    """Return the entries of all cases without those that say what an earlier one says, of a source examined thrice."""
    told: set[tuple[str, int | None, str | None, str | None]] = set()
    kept: list[SourceEntry] = []
    above: SourceEntry | None = None
    found = 0
    for entry in [*entries, None]:
        if entry is None or entry.found_in is None:
            if above is not None and found and kept[-1] is above and not above.machine_ids and above.error is None:
                kept.pop()  # a folder of which nothing is left to tell
            above, found = entry, 0
        else:
            found += 1
        if entry is None:
            break
        said = (entry.path, entry.size, entry.sha256, entry.error)
        if entry.same_as == entry.path and said in told:
            continue
        told.add(said)
        kept.append(entry)
    return kept


def _is_same(piece: _Piece, by_path: dict[tuple[str, int], list[_Piece]]) -> bool:
    """Compare a piece with those of its path; tell whether it is taken out, and take out the other one if not."""
    known = by_path.get((piece.entry.path, piece.entry.size), []) if piece.entry.size is not None else []
    other = next((each for each in known if _are_same(each, piece)), None)
    if other is None:
        return False
    read, examined = _is_examined(other), _is_examined(piece)
    other_stands = read if read != examined else other.part.age(other.entry) > piece.part.age(piece.entry)
    stands, goes = (other, piece) if other_stands else (piece, other)
    path = stands.entry.path
    goes.part.forget(goes.entry, is_same_path=True)
    goes.entry.same_as = path
    which = (
        sentence("the one that could read it counts") if read != examined else sentence("the newer examination counts")
    )
    goes.entry.error = sentence("examined more than once: {which}", which=which)
    if not other_stands:
        known.remove(other)
    return other_stands


def _is_examined(piece: _Piece) -> bool:
    return bool(piece.entry.machine_ids) or piece.entry.error is None


def _are_same(one: _Piece, other: _Piece) -> bool:
    """Tell whether two pieces of one path and size are of one state of one disk."""
    hashes = {one.entry.sha256, other.entry.sha256} - {None}
    if len(hashes) > 1:
        return False
    if _is_examined(one) != _is_examined(other):
        return True
    if None not in (one.entry.sha256, other.entry.sha256):
        return _machines(one) == _machines(other)
    return _as_read(one) == _as_read(other)


def _machines(piece: _Piece) -> list[tuple[object, ...]]:
    return [
        (row.kind, row.computer_name, row.machine_guid, row.volume, row.system_root)
        for row in piece.rows
        if isinstance(row, MachineRow)
    ]


def _as_read(piece: _Piece) -> tuple[list[tuple[object, ...]], list[tuple[str, str, str]]]:
    read = [(row.table, row.source_path, str(row.source_time)) for row in piece.rows if row.table in _AS_READ]
    return _machines(piece), sorted(read)


def _is_copy(piece: _Piece, copies: _Copies) -> bool:
    """Take out a copy of what an earlier part examined."""
    other = copies.original(piece) if piece.entry.machine_ids else None
    if other is None:
        return False
    path = other.entry.path
    piece.part.forget(piece.entry, is_same_path=path == piece.entry.path)
    piece.entry.same_as, piece.entry.error = path, same_content(piece.entry.path, path)
    return True


def _said(piece: _Piece) -> str | None:
    return said_of(piece.entry, (row for row in piece.rows if not is_judged(row)))
