"""Takes records out of a chunk that cannot be of any wanted kind, so that nobody unfolds them.

Only what is understood is taken out: a record that begins as Windows writes them, with a template of which provider and
event ID are known. All others stay, and all templates.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Mapping

from forensics.formats.event_template import STRING, UINT16, EventTemplate, template_at
from forensics.formats.evtx import CHUNK_HEADER, free_space
from forensics.late_methods import dataclass

_MAGIC = b"**\0\0"
_BEGIN = b"\x0f\x01\x01\0\x0c\x01"  # a fragment that is an instance of a template
_XML, _INSTANCE = 24, 38
_VALUES = 15
_HEAD = struct.Struct(f"<4sI16x6s4xI{4 + 4 * _VALUES}s")
"""Magic and size of a record, how its XML begins, where its template lies, and the types and sizes of its values."""
_SIZES = struct.Struct(f"<I{_VALUES * 'HBx'}")
_NUMBER = struct.Struct("<I")
_ID = struct.Struct("<H")
_END = 0
_MOST_KNOWN = 4096
"""Work: different names, and ways in which values lie, that are kept for the next record like them."""
_EVERY_ID = range(1 << 16)

_Ids = Container[int]
_Head = tuple[int | str, int]
_Layout = tuple[int, int, int, int]
"""Where a record's event ID lies, where its provider's name begins and ends, and what the record must reach."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A template of one chunk.

    Attributes:
        head: What it says.
        ids: Wanted IDs of its provider; None where each event names its own.
        layouts: How values lie, by the types and sizes of the first.
    """

    head: EventTemplate
    ids: _Ids | None
    layouts: dict[bytes, _Layout | None]


class Selection:
    """Selects records of some kinds.

    Args:
        kinds: Event IDs by provider; None for all.
        others: Event IDs of all other providers.
    """

    def __init__(self, kinds: Mapping[str, _Ids | None], others: _Ids = ()) -> None:
        self._kinds = {provider: _EVERY_ID if ids is None else ids for provider, ids in kinds.items()}
        self._others = others
        self._named: dict[bytes, _Ids] = {}
        self._layouts: dict[_Head, dict[bytes, _Layout | None]] = {}

    def of(self, chunk: bytes) -> bytes | None:
        """Return a sound chunk with those of its records alone that may be wanted; None where there are none.

        A run of others becomes one record without content.
        """
        free = free_space(chunk)
        templates: dict[int, _Template | None] = {}
        runs: list[tuple[int, int]] = []
        behind = at = CHUNK_HEADER
        while at + _HEAD.size <= free:
            magic, size, begin, place, values = _HEAD.unpack_from(chunk, at)
            if magic != _MAGIC or size < _INSTANCE or at + size > free:
                break
            if begin != _BEGIN:
                is_wanted = True
            else:
                try:
                    template = templates[place]
                except KeyError:
                    template = templates[place] = self._template(chunk, place, at)
                is_wanted = template is None or (
                    template.ids != () and self._may_want(chunk, at, size, place, values, template)
                )
            if is_wanted:
                if behind < at:
                    runs.append((behind, at))
                behind = at + size
            at += size
        if at > behind:
            runs.append((behind, at))
        return None if runs == [(CHUNK_HEADER, free)] else _without(chunk, runs)

    def _may_want(self, chunk: bytes, at: int, size: int, place: int, values: bytes, template: _Template) -> bool:
        first = at + _INSTANCE
        if place == first:
            first += template.head.size
            values = chunk[first : first + len(values)]
        try:
            layout = template.layouts[values]
        except KeyError:
            layout = _layout(values, template.head)
            if len(template.layouts) < _MOST_KNOWN:
                template.layouts[values] = layout
        if layout is None:
            return True
        event_id, name, name_end, least = layout
        if first + least > at + size:
            return True
        ids = template.ids
        if ids is None:
            spelt = chunk[first + name : first + name_end]
            ids = self._named[spelt] if spelt in self._named else self._ids_of(spelt)
        return ids != () and _ID.unpack_from(chunk, first + event_id)[0] in ids

    def _template(self, chunk: bytes, place: int, at: int) -> _Template | None:
        """Read the template of a record; None if it is not understood."""
        if not CHUNK_HEADER <= place <= at + _INSTANCE:
            return None
        head = template_at(chunk, place)
        if head is None:
            return None
        ids = None if isinstance(head.provider, int) else self._ids(head.provider)
        layouts = self._layouts.setdefault((head.provider if ids is None else "", head.event_id), {})
        return _Template(head, ids, layouts)

    def _ids_of(self, spelt: bytes) -> _Ids:
        try:
            ids = self._ids(spelt.decode("utf-16-le").rstrip("\0"))
        except UnicodeDecodeError:
            return _EVERY_ID
        if len(self._named) < _MOST_KNOWN:
            self._named[spelt] = ids
        return ids

    def _ids(self, provider: str) -> _Ids:
        return self._kinds.get(provider, self._others)


def _layout(values: bytes, head: EventTemplate) -> _Layout | None:
    """Find where values lie; None where they are not of the types that Windows gives them.

    Args:
        values: Their number, and the sizes and types of the first.
        head: Which of them are looked for.
    """
    count, *described = _SIZES.unpack(values)
    sizes, types = described[::2], described[1::2]
    begin = 4 + 4 * count
    event_id = head.event_id
    if event_id >= min(count, _VALUES) or (sizes[event_id], types[event_id]) != (2, UINT16):
        return None
    id_at = begin + sum(sizes[:event_id])
    if isinstance(head.provider, str):
        return id_at, 0, 0, id_at + 2
    if head.provider >= min(count, _VALUES) or types[head.provider] != STRING:
        return None
    name_at = begin + sum(sizes[: head.provider])
    name_end = name_at + sizes[head.provider]
    return id_at, name_at, name_end, max(id_at + 2, name_end)


def _without(chunk: bytes, runs: Iterable[tuple[int, int]]) -> bytes:
    """Return a chunk in which each run of records is one, with nothing in it; templates in them stay."""
    raw = bytearray(chunk)
    for begin, end in runs:
        _NUMBER.pack_into(raw, begin + 4, end - begin)
        raw[begin + _XML] = _END
    return bytes(raw)
