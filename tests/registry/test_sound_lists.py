"""Rules that all lists of whole hives keep: each break is told, and what is missing there is not absent."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from forensics.registry.hive_key import RegistryKey
from forensics.registry.hives import RegistryHive
from testdata.builder.regf import HiveWriter, sz
from tests.registry.test_hives_hostile import (
    CLASS_CELL,
    NAME_SIZE,
    SUBKEY_COUNT,
    SUBKEY_LIST,
    VALUE_COUNT,
    VALUE_LIST,
    Forged,
)

FLAGS, NAME, CLASS_SIZE, NOWHERE = 2, 76, 74, 0xFFFFFFFF
Damage = Callable[[Forged], None]


def forged(leaf: str = "lh") -> Forged:
    """A hive with three keys in one list, and three values in one of them."""
    writer = HiveWriter("SYSTEM", leaf=leaf)
    for name in ("Alpha", "Bravo", "Charlie"):
        writer.key(f"Services\\{name}", class_name="0a1b2c3d").dword("Start", 3)
    writer.key("Services\\Bravo").dword("Type", 16).sz("ImagePath", "lsass.exe, started by the system")
    return Forged(writer)


def flip(place: Callable[[Forged], int], bit: int = 0) -> Damage:
    """Return what flips one bit of the byte at a place."""

    def damage(hive: Forged) -> None:
        hive.data[place(hive)] ^= 1 << bit

    return damage


def put(path: str, field: int, number: int) -> Damage:
    return lambda hive: hive.put(path, field, number)


def name_of(path: str, at: int) -> Callable[[Forged], int]:
    """Return where the character of a key's name stands."""
    return lambda hive: hive.cells[path] + NAME + at


def hint_of(index: int) -> Callable[[Forged], int]:
    """Return where a hint in the list of the services stands."""
    return lambda hive: hive.content(hive.get("Services", SUBKEY_LIST)) + 4 + 8 * index + 4


def value_cell(hive: Forged, index: int) -> int:
    """Return where the content of one of the values of Bravo stands."""
    entries = hive.content(hive.get("Services\\Bravo", VALUE_LIST))
    return hive.content(struct.unpack_from("<I", hive.data, entries + 4 * index)[0])


def bravo(hive: RegistryHive) -> RegistryKey:
    key = hive.key("Services\\Bravo")
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("leaf", "damage", "kinds"),
    [
        ("lh", flip(name_of("Services\\Bravo", 0), 0), ["bad_hint"]),
        ("lh", flip(name_of("Services\\Bravo", 4), 7), ["bad_hint"]),
        ("lf", flip(name_of("Services\\Bravo", 0), 7), ["bad_hint", "bad_name"]),
        ("lf", flip(name_of("Services\\Bravo", 4), 0), ["bad_name"]),
        ("li", flip(name_of("Services\\Bravo", 1), 1), ["bad_name"]),
        ("li", flip(name_of("Services\\Bravo", 0), 4), ["bad_name", "bad_order"]),
        ("lh", flip(name_of("Services\\Bravo", 0), 6), ["bad_name"]),
        ("lh", flip(lambda hive: hive.cells["Services\\Bravo"] + NAME_SIZE, 0), ["bad_hint"]),
        ("lh", flip(lambda hive: hive.cells["Services\\Bravo"] + NAME_SIZE, 3), ["truncated"]),
        ("lf", flip(lambda hive: hive.cells["Services\\Bravo"] + FLAGS, 5), ["bad_name"]),
        ("lh", put("Services", SUBKEY_COUNT, 4), ["bad_count"]),
        ("lh", put("Services", SUBKEY_COUNT, 0), ["bad_count"]),
        ("lh", put("Services", SUBKEY_LIST, NOWHERE), ["bad_count"]),
    ],
)
def test_a_key_missed_in_a_damaged_list_is_not_absent(leaf: str, damage: Damage, kinds: list[str]) -> None:
    hive = forged(leaf)
    damage(hive)
    opened, told = hive.open()
    wanted = "Services\\Bravo" if kinds != ["bad_count"] else "Services\\Delta"
    assert opened.key(wanted) is None
    assert list(dict.fromkeys(told)) == kinds
    assert not opened.covers(wanted)
    assert [path for path, _ in opened.lost_places()] == ["Services"]
    if hive.get("Services", SUBKEY_LIST) != NOWHERE:
        assert opened.key("Services\\Charlie") is not None


@pytest.mark.parametrize("leaf", ["lh", "lf"])
def test_a_key_is_found_although_its_hint_is_wrong(leaf: str) -> None:
    hive = forged(leaf)
    flip(hint_of(1), 3)(hive)
    opened, told = hive.open()
    assert opened.key("Services\\Alpha") is not None
    assert told == []
    assert bravo(opened).name == "Bravo"
    assert told == ["bad_hint"]
    assert not opened.covers("Services\\Delta")


@pytest.mark.parametrize("leaf", ["lh", "lf", "li"])
def test_a_key_missed_in_a_sound_list_is_absent(leaf: str) -> None:
    opened, told = forged(leaf).open()
    assert opened.key("Services\\Delta") is None
    assert opened.key("Services\\BRAVO") is not None
    assert opened.covers("Services\\Delta")
    assert (told, list(opened.lost_places())) == ([], [])


def test_a_hint_in_another_case_is_no_damage() -> None:
    hive = forged("lf")
    at = hint_of(1)(hive)
    hive.data[at : at + 4] = b"bRaV"
    opened, told = hive.open()
    assert opened.key("Services\\Delta") is None
    assert told == []


def test_names_that_begin_so_are_all_found_though_one_of_them_is_damaged() -> None:
    writer = HiveWriter("SOFTWARE")
    names = [f"Package_{number:02}" for number in range(40)]
    for name in ("Aaa", *names, "Zzz"):
        writer.key(f"Packages\\{name}")
    hive = Forged(writer)
    hive.data[hive.cells["Packages\\Package_20"] + NAME] ^= 0x80
    opened, told = hive.open()
    key = opened.key("Packages")
    assert key is not None
    assert [k.name for k in key.subkeys_beginning("package_")] == [n for n in names if n != "Package_20"]
    assert told == ["bad_hint"]
    assert not opened.covers("Packages\\Package_20")


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (flip(lambda hive: value_cell(hive, 0) + 20, 1), ["bad_name"]),
        (flip(lambda hive: value_cell(hive, 0) + 2, 0), ["bad_name"]),
        (flip(lambda hive: value_cell(hive, 0) + 2, 3), ["truncated"]),
        (flip(lambda hive: value_cell(hive, 0) + 16, 0), ["bad_name"]),
        (put("Services\\Bravo", VALUE_COUNT, 0), ["bad_count"]),
        (put("Services\\Bravo", VALUE_LIST, NOWHERE), ["bad_cell"]),
    ],
)
def test_a_value_that_one_bit_hides_is_not_absent(damage: Damage, kinds: list[str]) -> None:
    hive = forged()
    damage(hive)
    opened, told = hive.open()
    assert bravo(opened).value("Start") is None
    assert list(dict.fromkeys(told)) == kinds
    assert not opened.covers_values("Services\\Bravo")
    assert opened.covers_values("Services\\Alpha")


def test_a_value_behind_the_claimed_ones_is_not_absent() -> None:
    hive = forged()
    hive.put("Services\\Bravo", VALUE_COUNT, 1)
    opened, told = hive.open()
    assert bravo(opened).value("Nothing") is None
    assert told == []
    assert bravo(opened).value("Type") is None
    assert told == ["bad_count"]


def test_values_that_two_keys_list_belong_to_one_of_them() -> None:
    hive = forged()
    alpha = hive.content(hive.get("Services\\Alpha", VALUE_LIST))
    ours = hive.content(hive.get("Services\\Bravo", VALUE_LIST))
    hive.data[ours : ours + 4] = hive.data[alpha : alpha + 4]
    opened, told = hive.open()
    first = opened.key("Services\\Alpha")
    assert first is not None
    assert first.value("Start") is not None
    assert bravo(opened).value("Start") is not None
    assert told == ["shared_value"]
    assert not opened.covers_values("Services\\Alpha")
    assert not opened.covers_values("Services\\Bravo")


def test_a_value_that_is_listed_twice_hides_another() -> None:
    hive = forged()
    ours = hive.content(hive.get("Services\\Bravo", VALUE_LIST))
    hive.data[ours : ours + 4] = hive.data[ours + 4 : ours + 8]
    opened, told = hive.open()
    assert bravo(opened).value("Start") is None
    assert told == ["duplicate_value"]


@pytest.mark.parametrize("size", [0, 2, 12, 24])
def test_a_number_or_text_of_another_size_is_not_believed(size: int) -> None:
    hive = forged()
    struct.pack_into("<I", hive.data, value_cell(hive, 2) + 4, size)
    opened, told = hive.open()
    assert bravo(opened).value("ImagePath") is None
    assert told == ["bad_length"]


def test_a_text_without_its_end_is_one_where_the_cell_is_full() -> None:
    writer = HiveWriter("SYSTEM")
    writer.key("k").set("v", 1, sz("C:\\Windows")[:-2])
    opened, told = Forged(writer).open()
    key = opened.key("k")
    assert key is not None
    value = key.value("v")
    assert value is not None
    assert value.text == "C:\\Windows"
    assert told == []


@pytest.mark.parametrize(("field", "number"), [(CLASS_CELL, NOWHERE), (CLASS_SIZE, 0), (CLASS_SIZE, 16 + 64)])
def test_a_class_name_that_its_fields_contradict_is_lost(field: int, number: int) -> None:
    hive = forged()
    form = "<H" if field == CLASS_SIZE else "<I"
    struct.pack_into(form, hive.data, hive.cells["Services\\Bravo"] + field, number)
    opened, told = hive.open()
    assert bravo(opened).class_name is None
    assert len(told) == 1
    assert not opened.covers_values("Services\\Bravo")


def test_a_cell_whose_size_is_no_multiple_of_eight() -> None:
    hive = forged()
    at = hive.cells["Services\\Bravo"] - 4
    struct.pack_into("<i", hive.data, at, struct.unpack_from("<i", hive.data, at)[0] + 1)
    opened, told = hive.open()
    assert opened.key("Services\\Bravo") is None
    assert told == ["bad_cell"]
