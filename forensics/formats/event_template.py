"""The head of an event's binary XML: which provider and which event ID a template says, without unfolding it.

The records of a chunk share templates, whose definitions name their elements by where in the chunk each name was first
spelt out. Windows writes all of them alike up to ``EventID``; whatever differs from that is not understood here.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import lru_cache

from forensics.late_methods import dataclass

DEFINITION_HEADER = 24
"""Bytes before a definition's XML: where the next one lies, its identity, the size of its XML."""
STRING, UINT16 = 0x01, 0x06
"""Types of values."""

_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_NAMES = ("Event", "xmlns", "System", "Provider", "Name", "EventID", "Qualifiers")
_SIZE_AT = DEFINITION_HEADER - 4
_NAME_HEADER = 6  # where the next name lies, and a hash
_WITH_ATTRIBUTES = 0x41
_MOST_OF_HEADS = 512
"""Work: bytes of a definition, from its size on, in which nearly all heads lie; the few longer ones are read anew."""
_LONGEST_HEAD = 4096
"""Format: bytes of a definition, from its size on, in which its head is looked for; Windows' own take 700."""
_MOST_KNOWN = 1024
"""Work: heads that are kept for the next template like them."""
_NUMBER = struct.Struct("<I")
_HALF = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class EventTemplate:
    """What a template says of each event that is written with it.

    Attributes:
        provider: The provider's name, or which of the event's values is it, of type ``STRING``.
        event_id: Which of the event's values is its ID, of type ``UINT16``.
        size: Bytes of its definition.
    """

    provider: str | int
    event_id: int
    size: int


def _counted(text: str) -> bytes:
    return _HALF.pack(len(text)) + text.encode("utf-16-le")


def _place_of(name: str) -> bytes:
    """Match where a name lies, and the name itself, if it is spelt out right there."""
    return b"(.{4})((?:.{6}" + re.escape(_counted(name) + b"\0\0") + b")?)"


_EVENT, _XMLNS, _SYSTEM, _PROVIDER, _NAME, _EVENT_ID, _QUALIFIERS = map(_place_of, _NAMES)
_VALUE = rb"[\x0d\x0e](.)\0"
_TO_PROVIDER = re.compile(
    b"".join(
        (
            rb"\x0f\x01\x01\0\x41.{6}" + _EVENT + rb".{4}\x06" + _XMLNS,
            rb"\x05\x01" + re.escape(_counted(_NAMESPACE)) + rb"\x02",
            rb"\x01.{6}" + _SYSTEM + rb"\x02",
            rb"\x41..(.{4})" + _PROVIDER + rb".{4}[\x06\x46]" + _NAME,
            rb"(?:\x05\x01(..)|" + _VALUE + rb"\x01)",
        )
    ),
    re.DOTALL,
)
# Groups of the two patterns.
_SIZE, _LENGTH, _NAME_VALUE = 7, 12, 13
_TO_NAME = tuple(zip((1, 3, 5, 8, 10), map(_counted, _NAMES[:5]), strict=True))
_OF_ID = tuple(zip((1, 3), map(_counted, _NAMES[5:]), strict=True))
_TO_EVENT_ID = re.compile(
    rb"(?:\x01|\x41).{6}" + _EVENT_ID + rb"(?:.{4}\x06" + _QUALIFIERS + _VALUE + rb"\x06)?\x02" + _VALUE + rb"\x06",
    re.DOTALL,
)


_Name = tuple[bytes, int, int, bool]
"""The name of an element, in a template: as it is spelt, where in the chunk it lies, as the template says, where it
would lie if it were spelt out right there, from the template's size on, and whether it is."""


def template_at(chunk: bytes, at: int) -> EventTemplate | None:
    """Read the head of a template.

    Args:
        chunk: The chunk.
        at: Where its definition begins.

    Returns:
        None if it is not as Windows writes them.
    """
    # The chunks of a log have the same templates over and over, most of which begin with the very same bytes.
    begin = at + _SIZE_AT
    head = _known_head(chunk[begin : begin + _MOST_OF_HEADS]) or _head(chunk[begin : begin + _LONGEST_HEAD])
    if head is None:
        return None
    template, names = head
    for spelt, place, own_place, is_own in names:
        if (place == begin + own_place) != is_own or not chunk.startswith(spelt, place + _NAME_HEADER):
            return None
    return template


def _head(sized: bytes) -> tuple[EventTemplate, tuple[_Name, ...]] | None:
    """Read the head of a template from its definition, from its size on; names that lie elsewhere are not looked at."""
    head = _TO_PROVIDER.match(sized, _NUMBER.size)
    if head is None:
        return None
    begin = head.start(_SIZE)
    behind = _TO_EVENT_ID.match(sized, begin + 4 + _NUMBER.unpack(head[_SIZE])[0])
    if behind is None or (behind[3] is not None) != (behind[0][0] == _WITH_ATTRIBUTES):
        return None
    names = (*_names(head, _TO_NAME), *_names(behind, _OF_ID))
    (event_id,) = behind[6]
    size = DEFINITION_HEADER + _NUMBER.unpack_from(sized)[0]
    if head[_NAME_VALUE] is not None:
        return EventTemplate(head[_NAME_VALUE][0], event_id, size), names
    end = head.end() + 2 * _HALF.unpack(head[_LENGTH])[0]
    provider = sized[head.end() : end].decode("utf-16-le", "replace")
    # Where anything else follows the text, the name goes on.
    follows = sized[end : end + 1]
    if follows not in (b"\x02", b"\x03", b"\x06", b"\x46") or "\0" in provider or "\ufffd" in provider:
        return None
    return EventTemplate(provider, event_id, size), names


_known_head = lru_cache(_MOST_KNOWN)(_head)


def _names(match: re.Match[bytes], names: tuple[tuple[int, bytes], ...]) -> Iterator[_Name]:
    for group, spelt in names:
        if match[group] is not None:
            begin, end = match.span(group + 1)
            yield spelt, _NUMBER.unpack(match[group])[0], begin, begin < end
