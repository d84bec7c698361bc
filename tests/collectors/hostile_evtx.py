"""Chunks of event logs that no Windows wrote: records that unfold without end, templates in a circle."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

HEADER, SIZE = 512, 65536
RECORD_BODY = HEADER + 24
FRAGMENT = b"\x0f\x01\x01\x00"
TEXT, XML = 0x01, 0x21
_INSTANCE = b"\x0c\x01"

Part = Callable[[int], bytes]
"""Makes a part for the place in the chunk where it will stand."""


def chunk(body: bytes, names: int = 0, templates: int = 0) -> bytes:
    """Return a chunk with one record; its checksums are right.

    Args:
        body: The record's binary XML, made for :data:`RECORD_BODY`.
        names: What the first entry of the chunk's table of names points at.
        templates: What the first entry of its table of templates points at.
    """
    size = (24 + len(body) + 4 + 7) & ~7
    record = (struct.pack("<4sIQQ", b"**\0\0", size, 1, 132_000_000_000_000_000) + body).ljust(size - 4, b"\0")
    raw = bytearray(HEADER) + record + struct.pack("<I", size)
    struct.pack_into("<8sQQQQIII", raw, 0, b"ElfChnk\0", 1, 1, 1, 1, 128, HEADER, len(raw))
    struct.pack_into("<I", raw, 128, names)
    struct.pack_into("<I", raw, 384, templates)
    assert len(raw) <= SIZE
    return signed(raw.ljust(SIZE, b"\0"))


def signed(raw: bytes | bytearray) -> bytes:
    """Return a chunk with its checksums made right."""
    raw = bytearray(raw)
    (free,) = struct.unpack_from("<I", raw, 48)
    struct.pack_into("<I", raw, 52, zlib.crc32(raw[HEADER : max(free, HEADER)]))
    struct.pack_into("<I", raw, 124, zlib.crc32(raw[128:HEADER], zlib.crc32(raw[:120])))
    return bytes(raw)


def element(name: str, at: int, content: Part) -> bytes:
    """Return an element inside a template, with its name spelt out."""
    head = struct.pack("<IIHH", at + 11, 0, _hash(name), len(name)) + name.encode("utf-16-le") + b"\0\0\x02"
    body = content(at + 7 + len(head))
    return struct.pack("<BHI", 1, 0xFFFF, len(head) + len(body) + 1) + head + body + b"\x04"


def instance(at: int, definition: Part, values: list[tuple[int, Part]], number: int = 1, following: int = 0) -> bytes:
    """Return a template with its values.

    Args:
        at: Where it will stand.
        definition: Its elements.
        values: Type and data of each.
        number: Its identity.
        following: Where it says that the next template of the chunk stands.
    """
    identity = struct.pack("<I", number)
    xml = FRAGMENT + definition(at + 10 + 24 + 4) + b"\0"
    out = _INSTANCE + identity + struct.pack("<II", at + 10, following) + identity + bytes(12)
    out += struct.pack("<I", len(xml)) + xml + struct.pack("<I", len(values))
    place, parts = at + len(out) + 4 * len(values), b""
    for kind, make in values:
        data = make(place + len(parts))
        out += struct.pack("<HBB", len(data), kind, 0)
        parts += data
    return out + parts


def bomb(fan: int, depth: int) -> bytes:
    """A value put in ``fan`` times, in a value put in ``fan`` times, and so on: fan to the power of depth + 1."""

    def level(at: int, left: int) -> bytes:
        kind, value = (TEXT, _text) if not left else (XML, lambda p: FRAGMENT + level(p + 4, left - 1) + b"\0")
        put = struct.pack("<BHB", 0x0D, 0, kind) * fan
        return instance(at, lambda p: element("a", p, lambda _: put), [(kind, value)], left + 1)

    return chunk(FRAGMENT + level(RECORD_BODY + 4, depth) + b"\0")


def endless_templates() -> bytes:
    """The chunk's table of templates names one that says it is followed by itself."""
    at = RECORD_BODY + 4
    body = instance(at, lambda p: element("a", p, lambda _: b""), [], following=at + 10)
    return chunk(FRAGMENT + body + b"\0", templates=at + 10)


def endless_names() -> bytes:
    """The chunk's table of names begins a chain of two that each say they are followed by the other."""
    at = RECORD_BODY + 4
    body = bytearray(
        FRAGMENT + instance(at, lambda p: element("a", p, lambda q: element("b", q, lambda _: b"")), []) + b"\0"
    )
    first = at + 10 + 24 + 4 + 11
    second = first + 24
    struct.pack_into("<I", body, first - RECORD_BODY, second)
    struct.pack_into("<I", body, second - RECORD_BODY, first)
    return chunk(bytes(body), names=first)


def template_in_itself() -> bytes:
    """A template whose definition puts itself in."""
    at = RECORD_BODY + 4
    again = _INSTANCE + struct.pack("<III", 1, at + 10, 0)
    return chunk(FRAGMENT + instance(at, lambda p: element("a", p, lambda _: again), []) + b"\0")


def deep_elements(depth: int) -> bytes:
    """Elements in elements."""
    at = RECORD_BODY + 4

    def inner(_: int) -> bytes:
        name = at + 10 + 24 + 4 + 11
        opened = (struct.pack("<BHII", 1, 0xFFFF, 13 * depth - 12 * n - 7 - n, name) + b"\x02" for n in range(depth))
        return b"".join(opened) + b"\x04" * depth

    return chunk(FRAGMENT + instance(at, lambda p: element("a", p, inner), []) + b"\0")


def deep_values(depth: int) -> bytes:
    """A value that is XML with a value that is XML, one template for all."""
    at = RECORD_BODY + 4
    again = FRAGMENT + _INSTANCE + struct.pack("<III", 1, at + 10, 1)
    value = again + struct.pack("<HBB", 2, TEXT, 0) + b"x\0\0"
    for _ in range(depth):
        value = again + struct.pack("<HBB", len(value), XML, 0) + value + b"\0"
    put = struct.pack("<BHB", 0x0D, 0, XML)
    return chunk(FRAGMENT + instance(at, lambda p: element("a", p, lambda _: put), [(XML, lambda _: value)]) + b"\0")


def _text(_: int) -> bytes:
    return ("x" * 40).encode("utf-16-le")


def _hash(name: str) -> int:
    code = 0
    for unit in name:
        code = (code * 65599 + ord(unit)) & 0xFFFFFFFF
    return code & 0xFFFF
