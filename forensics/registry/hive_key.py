"""Keys of a hive: looked up by the hints of their lists, walked, and doubted where a list breaks a rule of all lists.

A name that is missed in a list is absent only if the list is sound: it has as many entries as its key claims, each
leads to another key of that parent, its hint fits the name, and the names are in order. So the first miss in a list
walks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import datetime

from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.cells import NO_CELL, KeyNode, KeyValue, SubkeyList
from forensics.registry.hints import hint_fits
from forensics.registry.hive import Value
from forensics.registry.hive_cells import HiveCells
from forensics.registry.key_faults import bad_hint, bad_name, one_bit_away, other_count, out_of_order, too_many_values
from forensics.registry.lost_places import LostPlaces
from forensics.registry.names import fold_name, is_one_bit_off
from forensics.registry.value_walk import ValueWalks

MAX_DEPTH = 512
"""Evidence: keys within keys of one hive."""
MAX_KEY_DATA = 64 << 20
"""Evidence: bytes of all values of one key."""

MAX_OWNED_VALUES = 200_000
"""Work: values of one hive whose keys are remembered, so that one which two keys list is told."""
MAX_FOUND_KEYS = 10_000
"""Work: keys of one hive that are kept once they were looked up: most paths asked for begin alike."""

_TEXTS = (1, 2)
Owner = tuple[int, tuple[str, ...]]


@dataclass(slots=True)
class KeySource:
    """What the keys of one hive share.

    Attributes:
        cells: The hive's cells.
        lost: Takes where not all could be read.
        keeps_parents: The parent fields of its keys are filled in, so that a wrong one tells a stale list.
        sound: Cells of keys whose lists of sub-keys were walked and kept every rule.
        owners: Cell and path of the key in whose list each value was met first.
        found: Keys that were looked up, by the cells from the root to their parent and their folded name.
        walks: Values that were met when some were looked up.
    """

    cells: HiveCells
    lost: LostPlaces
    keeps_parents: bool
    sound: set[int] = field(default_factory=set)
    owners: dict[int, Owner] = field(default_factory=dict, repr=False)
    found: dict[tuple[tuple[int, ...], str], RegistryKey] = field(default_factory=dict, repr=False)
    walks: ValueWalks = field(default_factory=ValueWalks, repr=False)

    def owner_of(self, value: int, owner: Owner) -> Owner:
        """Return the key that a value was met in first, which is the one given where it is new."""
        if len(self.owners) < MAX_OWNED_VALUES:
            return self.owners.setdefault(value, owner)
        return self.owners.get(value, owner)


class RegistryKey:
    """A key of a hive; implements ``Key``."""

    def __init__(
        self,
        source: KeySource,
        cell: int,
        node: KeyNode,
        parts: tuple[str, ...],
        above: tuple[int, ...] = (),
    ) -> None:
        self._source = source
        self._cells = source.cells
        self._ancestors = (*above, cell)
        self._cell = cell
        self._node = node
        self._parts = parts

    def __repr__(self) -> str:
        return f"<RegistryKey {self.path!r}>"

    @property
    def name(self) -> str:
        """Name as stored."""
        return self._node.name

    @property
    def path(self) -> str:
        """Path from the root, ``\\``-separated; empty for the root."""
        return "\\".join(self._parts)

    @property
    def timestamp(self) -> datetime | None:
        """Last write, UTC."""
        return filetime(self._node.last_write)

    @property
    def class_name(self) -> str | None:
        """Class name; None without one, or where it cannot be read (reported)."""
        if self._node.class_cell == NO_CELL and not self._node.class_size:
            return None
        try:
            if self._node.class_cell == NO_CELL or not self._node.class_size:
                raise FormatError(
                    "bad_length", 74, sentence("a class name of {class_size} bytes", class_size=self._node.class_size)
                )
            return self._cells.class_name(self._node)
        except FormatError as error:
            self._lose_value(error, self._cell, sentence("class name"))
            return None

    def subkeys(self) -> Iterator[RegistryKey]:
        """Yield the sub-keys that can be read, each once; broken ones are reported."""
        seen: set[int] = set()
        before = ""
        is_sound = True
        for leaf in self._leaves():
            for cell, hint in leaf.hinted():
                if self._cells.exhausted:
                    return
                if cell in seen:
                    self._lose(FormatError("duplicate_key", 0, sentence("the same sub-key is listed twice")), cell)
                    continue
                seen.add(cell)
                node = self._child_node(cell)
                if node is None:
                    is_sound = False
                    continue
                # Beyond ASCII Windows' own table decides which name comes first.
                if self._is_sound(cell, node, leaf.kind, hint) and (folded := fold_name(node.name)).isascii():
                    if folded <= before:
                        self._lose(out_of_order(_short(node.name)), cell)
                    before = folded
                yield self._child(cell, node)
        if len(seen) != self._node.subkey_count:
            self._lose(
                FormatError("bad_count", 0, other_count(self._node.subkey_count, len(seen))),
                self._cell,
            )
        elif is_sound and self._source.lost.covers(f"{self.path}\\any"):
            self._source.sound.add(self._cell)

    def subkeys_beginning(self, start: str) -> Iterator[RegistryKey]:
        """Yield the sub-keys whose names begin so; lists are in the order of names, which spares reading the others.

        A list that cannot be read in full, or in which a hint does not fit, is searched in full.
        """
        wanted = fold_name(start)
        listed = 0
        for leaf in self._leaves():
            entries = list(dict(leaf.hinted()).items())
            listed += len(entries)
            first = self._first_from(leaf.kind, entries, wanted)
            other = 0
            for cell, hint in entries[first or 0 :]:
                if self._cells.exhausted:
                    return
                node = self._child_node(cell)
                if node:
                    self._is_sound(cell, node, leaf.kind, hint)
                if node and fold_name(node.name).startswith(wanted):
                    yield self._child(cell, node)
                elif node and first is not None:
                    # One name that stands wrongly among them ends nothing.
                    other += 1
                    if other > 1:
                        break
        if listed != self._node.subkey_count:
            message = other_count(self._node.subkey_count, listed)
            self._lose(FormatError("bad_count", 0, message), self._cell)

    def _first_from(self, kind: str, entries: Sequence[tuple[int, bytes]], wanted: str) -> int | None:
        """Find where in a list the names from ``wanted`` on begin; None when a key on the way is not to be believed."""
        low, high = 0, len(entries)
        while low < high:
            middle = (low + high) // 2
            cell, hint = entries[middle]
            node = self._child_node(cell)
            if node is None or not self._is_sound(cell, node, kind, hint):
                return None
            low, high = (middle + 1, high) if fold_name(node.name) < wanted else (low, middle)
        return low

    def subkey(self, path: str) -> RegistryKey | None:
        """Return the key at a ``\\``-separated path below this one; None where there is none that can be read."""
        key: RegistryKey | None = self
        parts = path.strip("\\").split("\\") if path.strip("\\") else []
        for part in parts[: MAX_DEPTH + 1]:
            key = key._find(part) if key else None
        return key

    def values(self) -> Iterator[Value]:
        """Yield the values that can be read; broken ones are reported."""
        left = MAX_KEY_DATA
        for cell, value in self._values():
            if value.size > left:
                self._fail(too_many_values(MAX_KEY_DATA), cell, "values")
                return
            read = self._value(cell, value)
            if read:
                left -= len(read.data)
                yield read

    def value(self, name: str) -> Value | None:
        """Return a value; the empty name is the default value."""
        found, close = self._source.walks.of(self._ancestors, self._values).find(name)
        if found is not None:
            return self._value(*found)
        self._report_damaged(name, close)
        return None

    def _report_damaged(self, name: str, close: Iterable[tuple[int, KeyValue]]) -> None:
        """Report a value that may be the one that was missed: one bit of its name is wrong, or of the count of them."""
        wanted = fold_name(name)
        for cell, other in close:
            message = one_bit_away(_short(other.name), name)
            self._lose_value(FormatError("bad_name", 20, message), cell, "value")
        try:
            for cell in self._cells.further_cells(self._node):
                if self._is_value(cell, wanted):
                    message = sentence(
                        "{name!r} stands in the list behind the {value_count} values claimed",
                        name=name,
                        value_count=self._node.value_count,
                    )
                    self._lose_value(FormatError("bad_count", 36, message), self._cell, "values")
        except FormatError:
            return  # told when the values were listed

    def _is_value(self, cell: int, wanted: str) -> bool:
        try:
            return fold_name(self._cells.key_value(cell).name) == wanted
        except FormatError:
            return False

    def _leaves(self) -> Iterator[SubkeyList]:
        node = self._node
        if (node.subkey_list == NO_CELL) != (not node.subkey_count):
            there = sentence("no list") if node.subkey_count else "a list"
            message = sentence(
                "{subkey_count} sub-keys are claimed, and {there} of them", subkey_count=node.subkey_count, there=there
            )
            self._lose(FormatError("bad_count", 20, message), self._cell)
        if node.subkey_list == NO_CELL:
            return
        try:
            yield from self._cells.leaves(node, self._lose)
        except FormatError as error:
            self._lose(error, node.subkey_list)

    def _find(self, name: str) -> RegistryKey | None:
        wanted = fold_name(name)
        place = (self._ancestors, wanted)
        found = self._source.found.get(place)
        if found is None:
            found = self._look_up(name, wanted)
            if found is not None and len(self._source.found) < MAX_FOUND_KEYS:
                self._source.found[place] = found
        return found

    def _look_up(self, name: str, wanted: str) -> RegistryKey | None:
        kinds = set()
        for leaf in self._leaves():
            kinds.add(leaf.kind)
            for cell in leaf.candidates(name):
                node = self._child_node(cell)
                if node and fold_name(node.name) == wanted:
                    return self._child(cell, node)
        # A hash tells every wrong bit of a name; four characters, or none, do not.
        hashed = kinds <= {"lh"}
        if not kinds or (hashed and self._cell in self._source.sound):
            return None
        return self._search(name, wanted, hashed)

    def _search(self, name: str, wanted: str, hashed: bool) -> RegistryKey | None:
        """Walk a list in which a name was missed, which checks it, for a hint or a name with a wrong bit."""
        found = None
        for child in self.subkeys():
            if found is None and fold_name(child.name) == wanted:
                found = child
            elif not hashed and is_one_bit_off(child._node.stored, name):
                message = one_bit_away(_short(child.name), name)
                self._lose(FormatError("bad_name", 76, message), child._cell)
        return found

    def _child_node(self, cell: int) -> KeyNode | None:
        """Return a sub-key's node; None where it cannot be read (reported)."""
        try:
            node = self._cells.key_node(cell)
            if len(self._parts) >= MAX_DEPTH:
                raise FormatError("too_deep", 0, sentence("keys lie more than {max_depth} deep", max_depth=MAX_DEPTH))
            if cell in self._ancestors:
                raise FormatError("cyclic_key", 0, sentence("a key lists itself or one of its ancestors as a sub-key"))
            # In a torn hive a list can point at a cell that another key has taken since.
            if self._source.keeps_parents and node.parent != self._cell:
                raise FormatError("bad_parent", 16, sentence("a sub-key is listed that belongs to another key"))
        except FormatError as error:
            self._lose(error, cell)
            return None
        return node

    def _is_sound(self, cell: int, node: KeyNode, kind: str, hint: bytes) -> bool:
        """Tell whether a sub-key's name is one that whole hives have, and its hint fits; else it is reported."""
        if node.doubt is not None:
            self._lose(bad_name(76, _short(node.name), node.doubt), cell)
        elif hint and not hint_fits(kind, hint, node):
            self._lose(bad_hint(_short(node.name)), cell)
        else:
            return True
        return False

    def _child(self, cell: int, node: KeyNode) -> RegistryKey:
        return RegistryKey(self._source, cell, node, (*self._parts, node.name), self._ancestors)

    def _values(self) -> Iterator[tuple[int, KeyValue]]:
        try:
            cells = self._cells.value_cells(self._node, self._lose_some_values)
        except FormatError as error:
            self._lose_some_values(error)
            return
        owner = (self._cell, self._parts)
        for cell in cells:
            if self._cells.exhausted:
                return
            try:
                value = self._cells.key_value(cell)
            except FormatError as error:
                self._lose_value(error, cell, "value")
                continue
            other = self._source.owner_of(cell, owner)
            if other[0] != self._cell:
                # No two keys of a whole hive share a value: one of the lists is wrong.
                self._source.lost.lose_values("\\".join(other[1]))
                self._lose_value(
                    FormatError("shared_value", 0, sentence("another key has the same value")), cell, "value"
                )
            if value.doubt is not None:
                self._lose_value(bad_name(20, _short(value.name), value.doubt), cell, "value")
            yield cell, value

    def _value(self, cell: int, value: KeyValue) -> Value | None:
        try:
            data = self._cells.value_data(value)
            # Strings without NUL exist; none of 720,000 values of real hives was one in a cell that has room for more.
            if value.type in _TEXTS and data[-2:] != b"\0\0" and self._cells.has_room(value):
                raise FormatError(
                    "bad_length", 4, sentence("a text of {size} bytes that its cell goes on with", size=value.size)
                )
        except FormatError as error:
            self._lose_value(error, cell, sentence("value {name}", name=_short(value.name)))
            return None
        return Value(value.name, value.type, data)

    def _lose_some_values(self, error: FormatError) -> None:
        self._lose_value(
            error, self._node.value_list if self._node.value_list != NO_CELL else self._cell, sentence("value list")
        )

    def _lose_value(self, error: FormatError, cell: int, what: str) -> None:
        self._source.lost.lose_values(self.path)
        self._fail(error, cell, what)

    def _lose(self, error: FormatError, cell: int) -> None:
        self._source.lost.lose_subkeys(self.path)
        self._fail(error, cell, "sub-keys")

    def _fail(self, error: FormatError, cell: int, what: str) -> None:
        self._cells.fail(error, cell, sentence("{what} of {path}", what=what, path=_short(self.path) or "the root key"))


def _short(text: str) -> str:
    """Return a name or path short enough for a message."""
    return text if len(text) <= 200 else f"{text[:100]}…{text[-99:]}"
