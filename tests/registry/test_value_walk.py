"""Values of one key that are looked up one after the other: each is read once, and found as if all were read anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from forensics.registry import value_walk
from forensics.registry.cells import KeyValue, parse_key_value
from forensics.registry.hive_cells import HiveCells
from forensics.registry.hives import RegistryHive
from forensics.registry.value_walk import ValueWalks
from testdata.builder.regf import HiveWriter
from tests.registry.test_hives_hostile import Forged

COUNT = 201
NAMES = ["Value000", "VALUE150", "missing", "Value150", "Walue007", "", "Value199", "missing too"]


def hive() -> RegistryHive:
    writer = HiveWriter("SOFTWARE")
    for path in ("One", "Two"):
        for number in range(COUNT):
            writer.key(path).dword(f"Value{number:03}", number)
    return Forged(writer).open()[0]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Count how often the value in each cell is read."""
    counted: Counter[int] = Counter()
    key_value = HiveCells.key_value

    def counting(cells: HiveCells, cell: int) -> KeyValue:
        counted[cell] += 1
        return key_value(cells, cell)

    monkeypatch.setattr(HiveCells, "key_value", counting)
    return counted


def looked_up(opened: RegistryHive) -> list[int | None]:
    found = []
    for name in NAMES:
        for path in ("One", "Two"):
            key = opened.key(path)
            assert key is not None
            value = key.value(name)
            found.append(value.number if value else None)
    return found


EXPECTED = [n for n in (0, 150, None, 150, None, None, 199, None) for _ in "12"]


def test_each_value_is_read_once(read: Counter[int]) -> None:
    assert looked_up(hive()) == EXPECTED
    assert len(read) == 2 * COUNT
    assert set(read.values()) == {1}


def test_a_walk_goes_no_further_than_asked(read: Counter[int]) -> None:
    key = hive().key("One")
    assert key is not None
    assert key.value("Value009") is not None
    assert sum(read.values()) == 10
    assert key.value("value003") is not None
    assert sum(read.values()) == 10


@pytest.mark.parametrize("room", [0, 600, 100_000])
def test_what_is_not_kept_is_read_again(room: int, read: Counter[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_walk, "MOST_KEPT", room)
    assert looked_up(hive()) == EXPECTED
    assert max(read.values()) > 1


def _walks(values: Callable[[], Iterator[tuple[int, KeyValue]]]) -> Callable[[str], int | None]:
    walks = ValueWalks()

    def find(name: str) -> int | None:
        found, _ = walks.of((1,), values).find(name)
        return found[0] if found else None

    return find


def test_a_walk_that_failed_says_of_no_value_that_it_is_absent() -> None:
    fails = iter([True, False])

    def values() -> Iterator[tuple[int, KeyValue]]:
        yield 8, _value(b"first")
        if next(fails):
            raise OSError("cannot be read")
        yield 16, _value(b"second")

    find = _walks(values)
    with pytest.raises(OSError, match="cannot be read"):
        find("second")
    assert find("second") == 16
    assert find("first") == 8


def _value(name: bytes) -> KeyValue:
    return parse_key_value(
        b"vk" + len(name).to_bytes(2, "little") + bytes.fromhex("0400008000000000040000000100") + bytes(2) + name
    )
