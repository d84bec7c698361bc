"""Names as hives store them, and hints held against them."""

from __future__ import annotations

import struct

import pytest

from forensics.registry.cells import parse_key_node
from forensics.registry.hints import hint_fits
from forensics.registry.names import StoredName, is_one_bit_off, name_hash
from testdata.builder.regf import lh_hash


@pytest.mark.parametrize("name", ["", "a", "Services", "{4D36E97D-E325-11CE-BFC1-08002BE10318}", "x" * 300])
def test_hash_of_lists(name: str) -> None:
    assert name_hash(name) == lh_hash(name)


def stored(raw: bytes, size: int | None = None, is_compressed: bool = True) -> StoredName:
    return StoredName(raw, len(raw) if size is None else size, is_compressed)


@pytest.mark.parametrize(
    ("name", "is_off"),
    [
        (stored(b"Start"), False),
        (stored(b"Staqt"), False),
        (stored(b"Stavt"), True),
        (stored(b"Sta\xf2t"), True),
        (stored(b"sTA2T"), True),
        (stored(b"Svapt"), False),
        (stored(b"Start\0\0\0", 4), True),
        (stored(b"Start\0\0\0", 1), True),
        (stored(b"Start\0\0\0", 2), False),
        (stored(b"StartUp\0", 7), False),
        (stored(b"Start", is_compressed=False), True),
        (stored("Start".encode("utf-16-le"), is_compressed=False), False),
    ],
)
def test_one_bit_off(name: StoredName, is_off: bool) -> None:
    assert is_one_bit_off(name, "Start") is is_off


def test_names_that_count_or_are_short_are_near_each_other() -> None:
    assert not is_one_bit_off(stored(b"Key 2"), "Key 3")
    assert not is_one_bit_off(stored(b"GBF"), "GBG")
    assert not is_one_bit_off(stored(b"Ubung"), "Übung")


@pytest.mark.parametrize(
    ("name", "room", "is_doubted"),
    [
        (stored(b"Start"), 8, False),
        (stored(b"Start"), 12, False),
        (stored(b"Start"), 13, True),
        (StoredName(b"Services" + bytes(8), 8, is_compressed=True), 16, False),
        (StoredName(b"KeyIsoXX" + b"Services", 8, is_compressed=True), 16, True),
        (StoredName(b"Services" + bytes(16), 8, is_compressed=True), 24, True),
        (stored(b"St\x01rt"), 8, True),
        (stored(b""), 4, False),
        (stored("Ключ".encode("utf-16-le"), is_compressed=False), 12, False),
        (stored("Key".encode("utf-16-le"), is_compressed=False), 8, True),
        (stored(b"KeyIso!", is_compressed=False), 8, True),
        (stored(b"\x80\x9f\xad"), 4, False),
    ],
)
def test_what_no_whole_cell_has(name: StoredName, room: int, is_doubted: bool) -> None:
    assert (name.doubt(name.text, room) is not None) is is_doubted


def node(raw: bytes, is_compressed: bool = True) -> bytes:
    head = struct.pack("<2sHQIIIIIIIIIIIIIIIHH", b"nk", 0x20 if is_compressed else 0, *[0] * 16, len(raw), 0)
    return head + raw


@pytest.mark.parametrize(
    ("kind", "hint_of", "raw", "fits"),
    [
        ("lh", "KeyIso", b"KeyIso", True),
        ("lh", "KEYISO", b"KeyIso", True),
        ("lh", "KeyIsn", b"KeyIso", False),
        ("lh", "Ubung", "Übung".encode("latin-1"), True),
        ("lh", "\\bung", "Übung".encode("latin-1"), False),
        ("lf", "KeyI", b"KeyIso", True),
        ("lf", "kEYi", b"KeyIso", True),
        ("lf", "KeyJ", b"KeyIso", False),
        ("lf", "JD", b"JD", True),
        ("lf", "KeyI", b"\xcbeyIso", False),
    ],
)
def test_hints_that_fit(kind: str, hint_of: str, raw: bytes, fits: bool) -> None:
    hint = struct.pack("<I", lh_hash(hint_of)) if kind == "lh" else hint_of.encode().ljust(4, b"\0")
    assert hint_fits(kind, hint, parse_key_node(node(raw))) is fits


@pytest.mark.parametrize("kind", ["lh", "lf"])
def test_a_name_read_as_utf_16_for_one_bit_does_not_fit_its_hint(kind: str) -> None:
    hint = struct.pack("<I", lh_hash("KeyIso")) if kind == "lh" else b"KeyI"
    assert not hint_fits(kind, hint, parse_key_node(node(b"KeyIso", is_compressed=False)))
    assert hint_fits(kind, bytes(4), parse_key_node(node("Ключ".encode("utf-16-le"), is_compressed=False)))


def test_short_words_are_near_each_other_and_long_ones_are_not() -> None:
    assert not is_one_bit_off(stored(b"Acme CSP"), "Acme KSP")
    assert not is_one_bit_off(stored(b"node3"), "nodes")
    assert is_one_bit_off(stored(b"Acme Prowider"), "Acme Provider")
    assert is_one_bit_off(stored(b"3f2504e0-4f89-41d3-9a0c-0305e82c3303"), "3f2504e0-4f89-41d3-9a0c-0305e82c3301")
