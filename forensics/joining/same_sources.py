"""Counts a disk once that several of the joined cases examined.

It is the same where path and size are, and with them the SHA-256 of the file and the machines, or, where one was not
hashed, all that was read of them. A copy at another place is the same where all is that was read and judged, as within
one examination. Of two examinations of one path the one stands that could examine it; else the newer one: by a newer
version of the tool, then for a later date, then the one that was named last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from forensics.hyperv.judged_rows import is_judged
from forensics.joining.part import Part
from forensics.sources.same_evidence import said_of, same_content
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, leaves

_AS_READ = ("certificate", "key_file", "master_key", "service", "event", "setup_event", "user", "tpm", "vm")
"""Tables that tell two states of one machine apart by what was read and when that was written."""


class _Piece(NamedTuple):
    part: Part
    entry: SourceEntry

    @property
    def rows(self) -> list[Row]:
        return self.part.rows_of(self.entry)


def count_once(parts: Sequence[Part]) -> None:
    """Take out of the parts what another one examined too, and say in its entry of which other it is the same.

    Args:
        parts: In the order in which the cases were named; without the rows about several machines.
    """
    by_path: dict[tuple[str, int], list[_Piece]] = {}
    by_name: dict[object, list[_Piece]] = {}
    said: dict[int, str | None] = {}
    for part in parts:
        own: list[_Piece] = []
        for entry in sorted(leaves(part.entries), key=lambda each: each.older_state_of is not None):
            piece = _Piece(part, entry)
            if _is_copy(piece, by_name, said) or _is_same(piece, by_path):
                continue
            own.append(piece)
        # One examination has compared its own sources.
        for piece in own:
            if piece.entry.size is not None:
                by_path.setdefault((piece.entry.path, piece.entry.size), []).append(piece)
            by_name.setdefault(_name(piece), []).append(piece)
    for part in parts:
        part.without_forgotten()


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
    which = "the one that could read it counts" if read != examined else "the newer examination counts"
    goes.entry.error = f"the same as {path}, examined more than once: {which}"
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


def _is_copy(piece: _Piece, by_name: dict[object, list[_Piece]], said: dict[int, str | None]) -> bool:
    """Take out a copy of what an earlier part examined."""

    def said_by(each: _Piece) -> str | None:
        if id(each.entry) not in said:
            said[id(each.entry)] = said_of(each.entry, (row for row in each.rows if not is_judged(row)))
        return said[id(each.entry)]

    known = by_name.get(_name(piece), [])
    if not known or not piece.entry.machine_ids or (own := said_by(piece)) is None:
        return False
    other = next((each for each in known if said_by(each) == own and each.entry.same_as is None), None)
    if other is None:
        return False
    path = other.entry.path
    piece.part.forget(piece.entry, is_same_path=path == piece.entry.path)
    piece.entry.same_as, piece.entry.error = path, same_content(path)
    return True


def _name(piece: _Piece) -> object:
    """Return what copies have in common and few others do, so that only these need be compared row by row."""
    return tuple(_machines(piece))
