"""Takes records out of a chunk that cannot be of any wanted kind, so that nobody unfolds them.

Only what is understood is taken out: a record that begins as Windows writes them, with a template of which provider and
event ID are known. Of a provider that speaks of many things, it is also looked for what its records have to name. All
others stay, and all templates.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache

from forensics.formats.event_template import STRING, UINT16, EventTemplate, template_at
from forensics.formats.evtx import CHUNK_HEADER, free_space
from forensics.late_methods import dataclass

_MAGIC = 0x2A2A
_OF_TEMPLATE = bytes.fromhex("0f010100 0c01")
"""How the XML of a record begins: a fragment, the instance of a template."""
_XML, _INSTANCE = 24, 38
_VALUES = 15
_HEAD = struct.Struct(f"<II16x6s4xI{4 + 4 * _VALUES}s")
"""Magic and size of a record, how its XML begins, where its template lies, and the types and sizes of its values."""
_SIZES = struct.Struct(f"<I{_VALUES * 'HBx'}")
_NUMBER = struct.Struct("<I")
_ID = struct.Struct("<H")
_END = 0
_MOST_KNOWN = 4096
"""Work: different names, texts, and ways in which values lie, that are kept for the next record like them."""
_LONGEST_KNOWN = 512
"""Work: bytes of such a name or text."""
EVERY_ID: Container[int] = range(1 << 16)
_LOWER = bytes(range(256)).lower()

_Layout = tuple[int, int, int, int]
"""Where a record's event ID lies, where its provider's name begins and ends (0 where its template tells it), and the
least size of such a record."""
_Layouts = dict[bytes, _Layout]
"""How values lie in records, by their types and sizes."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Which records of a provider may be wanted.

    Attributes:
        ids: Their event IDs.
        words: Of which they name at least one, ASCII in lower case; where there are none, they name anything.
    """

    ids: Container[int]
    words: tuple[bytes, ...] = ()

    def is_named_in(self, record: bytes) -> bool:
        """Tell whether a record names one of the words, in one byte a character or in two."""
        # What an event says for itself, and not of its time and computer, is a template's instance of its own; behind
        # where that template lies it is the same each time.
        own = record[max(record.find(_OF_TEMPLATE, _XML + 1), 0) + _INSTANCE - _XML :]
        names = _names_one if len(own) <= _LONGEST_KNOWN else _names_one.__wrapped__
        return names(own, self.words)


@lru_cache(_MOST_KNOWN)
def _names_one(text: bytes, words: tuple[bytes, ...]) -> bool:
    bare = text.translate(_LOWER, b"\0")
    return max(map(bare.find, words)) >= 0


_NONE, _EVERY = _Kind(()), _Kind(EVERY_ID)


@dataclass(frozen=True, slots=True)
class _Template:
    """A template of one chunk.

    Attributes:
        head: What it says; None if that is not understood.
        kind: Of its provider, where it names that.
        layouts: How values lie in its records.
    """

    head: EventTemplate | None
    kind: _Kind
    layouts: _Layouts


class Selection:
    """Selects records of some kinds.

    Args:
        kinds: Event IDs, by provider.
        others: Event IDs of all other providers.
        words: What a record has to name one of, by provider: ASCII, in lower case.
    """

    def __init__(
        self,
        kinds: Mapping[str, Container[int]],
        others: Container[int] = (),
        words: Mapping[str, Sequence[bytes]] | None = None,
    ) -> None:
        words = words or {}
        self._kinds = {provider: _Kind(ids, tuple(words.get(provider, ()))) for provider, ids in kinds.items()}
        self._others = _Kind(others) if others != () else _NONE
        self._named: dict[bytes, _Kind] = {}
        self._layouts: dict[tuple[int, int], _Layouts] = {}

    def of(self, chunk: bytes) -> bytes | None:
        """Return a sound chunk with those of its records alone that may be wanted; None where there are none.

        A run of others becomes one record without content.
        """
        free = free_space(chunk)
        templates: dict[int, _Template] = {}
        known, read, read_id = self._named, _HEAD.unpack_from, _ID.unpack_from
        runs: list[tuple[int, int]] = []
        behind = at = CHUNK_HEADER
        last = free - _HEAD.size
        while at <= last:
            magic, size, begins, place, values = read(chunk, at)
            end = at + size
            if magic != _MAGIC or size < _INSTANCE or end > free:
                break
            is_wanted = True
            if begins == _OF_TEMPLATE:
                # Here as far as goes without a call: a log may have a million records.
                try:
                    template = templates[place]
                    kind = template.kind
                    if kind is _NONE:
                        is_wanted = False
                    else:
                        event_id, name, name_end, least = template.layouts[values]
                        if least <= size:
                            if name_end:
                                kind = known[chunk[at + name : at + name_end]]
                            is_wanted = (
                                kind is not _NONE
                                and read_id(chunk, at + event_id)[0] in kind.ids
                                and (not kind.words or kind.is_named_in(chunk[at:end]))
                            )
                except KeyError:
                    is_wanted = self._is_wanted(chunk, at, size, place, templates)
            if is_wanted:
                if behind < at:
                    runs.append((behind, at))
                behind = end
            at = end
        if at > behind:
            runs.append((behind, at))
        return None if runs == [(CHUNK_HEADER, free)] else _without(chunk, runs)

    def _is_wanted(self, chunk: bytes, at: int, size: int, place: int, templates: dict[int, _Template]) -> bool:
        """Tell whether a record may be wanted, and learn for the next one like it."""
        first = at + _INSTANCE
        template = templates.get(place)
        if template is None:
            template = templates[place] = self._template(chunk, place, first)
        if template.head is None or template.kind is _NONE:
            return template.head is None
        shift = template.head.size if place == first else 0
        values = chunk[first + shift : first + shift + _SIZES.size]
        layout = template.layouts.get(values) or _layout(values, template.head)
        if layout is None or layout[3] + shift > size:
            return True
        if len(template.layouts) < _MOST_KNOWN:
            template.layouts[values] = layout
        event_id, name, name_end, _ = layout
        kind = self._kind_of(chunk[at + shift + name : at + shift + name_end]) if name_end else template.kind
        if _ID.unpack_from(chunk, at + shift + event_id)[0] not in kind.ids:
            return False
        return not kind.words or kind.is_named_in(chunk[at : at + size])

    def _template(self, chunk: bytes, place: int, first: int) -> _Template:
        """Read the template of a record whose values begin at ``first``, unless its template is there."""
        head = template_at(chunk, place) if CHUNK_HEADER <= place <= first else None
        if head is None:
            return _Template(None, _EVERY, {})
        if isinstance(head.provider, int):
            return _Template(head, _EVERY, self._layouts.setdefault((head.provider, head.event_id), {}))
        kind = self._kinds.get(head.provider, self._others)
        return _Template(head, kind, self._layouts.setdefault((-1, head.event_id), {}))

    def _kind_of(self, spelt: bytes) -> _Kind:
        kind = self._named.get(spelt)
        if kind is None:
            try:
                name = spelt.decode("utf-16-le").rstrip("\0")
            except UnicodeDecodeError:
                return _EVERY
            kind = self._kinds.get(name, self._others) if "\0" not in name else _EVERY
            if len(self._named) < _MOST_KNOWN and len(spelt) <= _LONGEST_KNOWN:
                self._named[spelt] = kind
        return kind


def _layout(values: bytes, head: EventTemplate) -> _Layout | None:
    """Find where values lie; None where they are not of the types that Windows gives them.

    Args:
        values: Their number, and the sizes and types of the first.
        head: Which of them are looked for.
    """
    if len(values) < _SIZES.size:
        return None
    count, *described = _SIZES.unpack(values)
    sizes, types = described[::2], described[1::2]
    known, begin = min(count, _VALUES), _INSTANCE + 4 + 4 * count
    event_id, provider = head.event_id, head.provider
    if event_id >= known or (sizes[event_id], types[event_id]) != (2, UINT16):
        return None
    id_at = begin + sum(sizes[:event_id])
    if isinstance(provider, str):
        return id_at, 0, 0, id_at + 2
    if provider >= known or types[provider] != STRING:
        return None
    name = begin + sum(sizes[:provider])
    name_end = name + sizes[provider]
    return id_at, name, name_end, max(id_at + 2, name_end)


def _without(chunk: bytes, runs: Iterable[tuple[int, int]]) -> bytes:
    """Return a chunk in which each run of records is one, with nothing in it; templates in them stay."""
    raw = bytearray(chunk)
    for begin, end in runs:
        _NUMBER.pack_into(raw, begin + 4, end - begin)
        raw[begin + _XML] = _END
    return bytes(raw)
