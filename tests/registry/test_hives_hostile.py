"""Hives that lie: what is broken is reported once, the rest is read, and nothing runs away."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.disk.errors import SourceError
from forensics.registry import hive_cells
from forensics.registry.hive_key import RegistryKey
from forensics.registry.hives import RegistryHive, open_hive
from testdata.builder.regf import BASE_BLOCK_SIZE, HiveWriter, seal_base_block
from testdata.builder.regf_log import dirty_with_new_logs, dirty_with_old_log
from tests.memory_tree import MemoryTree
from tests.time_bound import within

# Offsets in an nk cell.
PARENT, SUBKEY_COUNT, SUBKEY_LIST, VALUE_COUNT, VALUE_LIST, CLASS_CELL, NAME_SIZE = 16, 20, 28, 36, 40, 48, 72


class Forged:
    """A written hive whose bytes are changed afterwards."""

    def __init__(self, writer: HiveWriter) -> None:
        self.data = bytearray(writer.build())
        self.cells = writer.cells

    def get(self, path: str, field: int) -> int:
        return int(struct.unpack_from("<I", self.data, self.cells[path] + field)[0])

    def put(self, path: str, field: int, number: int) -> None:
        struct.pack_into("<I", self.data, self.cells[path] + field, number)

    def cell(self, path: str) -> int:
        """Return a key's cell as other cells refer to it."""
        return self.cells[path] - 4 - BASE_BLOCK_SIZE

    def content(self, cell: int) -> int:
        """Return where a cell's content stands in the file."""
        return BASE_BLOCK_SIZE + cell + 4

    def open(self) -> tuple[RegistryHive, list[str]]:
        kinds: list[str] = []
        tree = MemoryTree({"SYSTEM": bytes(self.data)})
        return open_hive(tree, "SYSTEM", lambda kind, message, offset: kinds.append(kind)), kinds


def _walk(hive: RegistryHive, limit: int = 100_000) -> list[str]:
    """Read all of a hive and return the paths seen."""
    root = hive.key("")
    assert root is not None
    paths: list[str] = []
    waiting = [root]
    while waiting and len(paths) < limit:
        key = waiting.pop()
        paths.append(key.path)
        assert key.class_name is None or isinstance(key.class_name, str)
        for value in key.values():
            assert len(value.data) <= 16 << 20
        waiting.extend(key.subkeys())
    assert len(paths) < limit
    return paths


def _forged() -> Forged:
    writer = HiveWriter("SYSTEM")
    for name in ("a", "b", "c"):
        key = writer.key(name, class_name=f"class {name}").sz("v", name)
        key.binary("w", b"x" * 50)
        writer.key(f"{name}\\sub")
    return Forged(writer)


def _key(hive: RegistryHive, path: str) -> RegistryKey:
    key = hive.key(path)
    assert key is not None
    return key


def test_key_that_is_its_own_descendant() -> None:
    forged = _forged()
    # "sub" lists the root as its only sub-key.
    entries = forged.content(forged.get("b", SUBKEY_LIST))
    struct.pack_into("<I", forged.data, entries + 4, forged.cell(""))
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "b", "c", "c\\sub"]
    assert kinds == ["cyclic_key"]
    assert not hive.covers("b\\sub")
    assert hive.covers("a\\other")


def test_hive_of_a_writer_that_leaves_parents_out() -> None:
    forged = _forged()
    for path in forged.cells:
        forged.put(path, PARENT, 0)
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "b", "b\\sub", "c", "c\\sub"]
    assert kinds == []


def test_cycle_in_a_hive_without_parents() -> None:
    forged = _forged()
    for path in forged.cells:
        forged.put(path, PARENT, 0)
    entries = forged.content(forged.get("b", SUBKEY_LIST))
    struct.pack_into("<I", forged.data, entries + 4, forged.cell(""))
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "b", "c", "c\\sub"]
    assert kinds == ["cyclic_key"]


def test_two_keys_share_one_list() -> None:
    forged = _forged()
    forged.put("a", SUBKEY_LIST, forged.get("b", SUBKEY_LIST))
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "b", "b\\sub", "c", "c\\sub"]
    assert hive.key("a\\sub") is None
    assert kinds == ["bad_parent"]


def test_list_count_that_lies() -> None:
    forged = _forged()
    at = forged.content(forged.get("", SUBKEY_LIST))
    struct.pack_into("<H", forged.data, at + 2, 0xFFFF)
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "b", "b\\sub", "c", "c\\sub"]
    assert kinds == ["bad_count"]
    assert hive.key("B\\SUB") is not None


def test_broken_leaf_of_an_index_root_leaves_the_others() -> None:
    writer = HiveWriter("SYSTEM")
    for number in range(1500):
        writer.key(f"many\\k{number:04}")
    forged = Forged(writer)
    root = forged.content(forged.get("many", SUBKEY_LIST))
    assert forged.data[root : root + 4] == b"ri\3\0"
    struct.pack_into("<I", forged.data, root + 8, forged.get("many", SUBKEY_LIST))
    hive, kinds = forged.open()
    assert hive.key("many\\k1499") is not None
    assert hive.key("many\\k0700") is None
    assert not hive.covers("many\\k0700")
    assert hive.covers("other")
    names = [key.name for key in _key(hive, "many").subkeys()]
    assert names == [f"k{n:04}" for n in (*range(500), *range(1000, 1500))]
    assert kinds == ["bad_magic", "bad_count"]


def test_same_key_listed_many_times() -> None:
    forged = _forged()
    at = forged.content(forged.get("", SUBKEY_LIST)) + 4
    forged.data[at + 8 : at + 16] = forged.data[at : at + 8]
    hive, kinds = forged.open()
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "c", "c\\sub"]
    assert kinds == ["duplicate_key", "bad_count"]


def _set(path: str, field: int, number: int) -> Callable[[Forged], None]:
    return lambda forged: forged.put(path, field, number)


def _free_cell(forged: Forged) -> None:
    struct.pack_into("<i", forged.data, forged.cells["b"] - 4, 88)


def _huge_cell(forged: Forged) -> None:
    struct.pack_into("<i", forged.data, forged.cells["b"] - 4, -0x80000000)


def _long_name(forged: Forged) -> None:
    struct.pack_into("<H", forged.data, forged.cells["b"] + NAME_SIZE, 0xFFFF)


def _bad_magic(forged: Forged) -> None:
    forged.data[forged.cells["b"]] = 0


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (_free_cell, "free_cell"),
        (_huge_cell, "bad_cell"),
        (_long_name, "truncated"),
        (_bad_magic, "bad_magic"),
        (_set("b", PARENT, 0x40), "bad_parent"),
    ],
)
def test_one_broken_key_does_not_hide_its_siblings(damage: Callable[[Forged], None], kind: str) -> None:
    forged = _forged()
    damage(forged)
    hive, kinds = forged.open()
    assert hive.key("b") is None
    assert hive.key("b") is None
    assert sorted(_walk(hive)) == ["", "a", "a\\sub", "c", "c\\sub"]
    assert kinds == [kind]
    assert not hive.covers("b")


@pytest.mark.parametrize("cell", [0, 4, 33, 0x7FFFFFF8, 0xFFFFFFF8, 0xFFFFFFFF])
def test_lists_that_are_nowhere(cell: int) -> None:
    forged = _forged()
    forged.put("b", SUBKEY_LIST, cell)
    forged.put("b", VALUE_LIST, cell)
    hive, kinds = forged.open()
    key = _key(hive, "b")
    assert list(key.subkeys()) == []
    assert key.subkey("sub") is None
    assert list(key.values()) == []
    assert key.value("v") is None
    assert set(kinds) <= {"bad_cell", "bad_count"}
    assert kinds
    assert not hive.covers("b\\sub")


def test_class_name_that_is_nowhere() -> None:
    forged = _forged()
    forged.put("b", CLASS_CELL, 0x7FFFFFF8)
    hive, kinds = forged.open()
    assert _key(hive, "b").class_name is None
    assert _key(hive, "a").class_name == "class a"
    assert kinds == ["bad_cell"]


def test_value_that_is_broken_leaves_the_others() -> None:
    forged = _forged()
    first = struct.unpack_from("<I", forged.data, forged.content(forged.get("b", VALUE_LIST)))[0]
    forged.data[forged.content(first)] = 0
    hive, kinds = forged.open()
    assert [value.name for value in _key(hive, "b").values()] == ["w"]
    assert _key(hive, "b").value("w") is not None
    assert kinds == ["bad_magic"]


@pytest.mark.parametrize(("size", "kind"), [(60, "truncated"), (0x7FFFFFFF, "too_large"), (0x80000005, "bad_length")])
def test_value_size_that_lies(size: int, kind: str) -> None:
    forged = _forged()
    second = struct.unpack_from("<I", forged.data, forged.content(forged.get("b", VALUE_LIST)) + 4)[0]
    struct.pack_into("<I", forged.data, forged.content(second) + 4, size)
    hive, kinds = forged.open()
    assert [value.name for value in _key(hive, "b").values()] == ["v"]
    assert kinds == [kind]


def test_value_count_that_lies() -> None:
    forged = _forged()
    forged.put("b", VALUE_COUNT, 0xFFFFFFFF)
    hive, kinds = forged.open()
    assert {"v", "w"} <= {value.name for value in _key(hive, "b").values()}
    assert "bad_count" in kinds


def test_file_cut_in_the_middle() -> None:
    writer = HiveWriter("SYSTEM")
    for number in range(3000):
        writer.key(f"k{number:04}").sz("v", "x" * 100)
    data = writer.build()
    problems: list[tuple[str, str, int | None]] = []
    tree = MemoryTree({"SYSTEM": data[: len(data) // 2]})
    hive = open_hive(tree, "SYSTEM", lambda *problem: problems.append(problem))
    keys = list(_key(hive, "").subkeys())
    read = sum(1 for key in keys if key.value("v"))
    assert len(keys) == 3000
    assert 0 < read < 3000
    assert problems[0] == (
        "truncated",
        f"{len(data) - 4096} bytes of hive bins are claimed, {len(data) // 2 - 4096} are there",
        len(data) // 2,
    )
    assert len(problems) <= hive_cells.MAX_REPORTED + 2


def test_keys_deeper_than_windows_allows() -> None:
    writer = HiveWriter("SYSTEM")
    writer.key("\\".join(["d"] * 600))
    writer.key("other")
    hive, kinds = Forged(writer).open()
    paths = _walk(hive)
    assert len(paths) == 512 + 2
    assert hive.key("\\".join(["d"] * 512)) is not None
    assert hive.key("\\".join(["d"] * 513)) is None
    assert hive.key("\\".join(["d"] * 100_000)) is None
    assert kinds == ["too_deep"]


def test_sharing_of_lists_does_not_multiply_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hive_cells, "MAX_WORK", 20_000)
    writer = HiveWriter("SYSTEM")
    shared = writer.key("k0000")
    for number in range(400):
        shared.dword(f"v{number}", number)
    for number in range(1, 400):
        writer.key(f"k{number:04}").dword("v", 1)
    forged = Forged(writer)
    for path in list(forged.cells)[2:]:
        forged.put(path, VALUE_COUNT, 400)
        forged.put(path, VALUE_LIST, forged.get("k0000", VALUE_LIST))
    hive, kinds = forged.open()
    with within(0.5):
        _walk(hive)
    assert set(kinds) == {"shared_value", "too_much_work"}


def test_big_data_whose_segments_are_wrong() -> None:
    for field, number in ((2, 1), (2, 0xFFFF), (4, 0x7FFFFFF8)):
        writer = HiveWriter("SYSTEM")
        writer.key("k").binary("big", b"y" * 40_000).sz("small", "s")
        forged = Forged(writer)
        value = struct.unpack_from("<I", forged.data, forged.content(forged.get("k", VALUE_LIST)))[0]
        db = forged.content(struct.unpack_from("<I", forged.data, forged.content(value) + 8)[0])
        assert forged.data[db : db + 2] == b"db"
        struct.pack_into("<H" if field == 2 else "<I", forged.data, db + field, number)
        hive, kinds = forged.open()
        names = [v.name for v in _key(hive, "k").values()]
        # A segment count that is too high costs nothing: only those the size asks for are read.
        assert names == (["big", "small"] if number == 0xFFFF else ["small"])
        assert len(kinds) == (number != 0xFFFF)


BASE = _forged()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.lists(
        st.tuples(st.integers(4096, len(BASE.data) - 4), st.binary(min_size=1, max_size=8)), min_size=1, max_size=20
    ),
    cut=st.integers(0, 2000),
)
def test_mutated_hives_are_walked_or_refused(changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(BASE.data)
    for at, new in changes:
        data[at : at + len(new)] = new
    tree = MemoryTree({"SYSTEM": bytes(data[: len(data) - cut])})
    try:
        hive = open_hive(tree, "SYSTEM", lambda kind, message, offset: None)
    except SourceError:
        return
    _walk(hive)
    hive.key("a\\sub")
    hive.covers("a\\sub")


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, 4095),
    new=st.binary(min_size=1, max_size=40),
    seal=st.booleans(),
    log=st.integers(0, 10_000),
    old=st.booleans(),
)
def test_mutated_base_blocks_and_logs(at: int, new: bytes, seal: bool, log: int, old: bool) -> None:
    writer = HiveWriter("SYSTEM")
    writer.key("k").dword("v", 1)
    before = writer.build()
    for number in range(60):
        writer.key(f"more{number}").dword("v", 2)
    dirty = (dirty_with_old_log if old else dirty_with_new_logs)(before, writer.build())
    block = bytearray(dirty.hive[:4096])
    block[at : at + len(new)] = new
    block = bytearray(seal_base_block(bytes(block[:4096]))) if seal else block[:4096]
    log1 = bytearray(dirty.log1)
    log1[log % len(log1)] ^= 0xFF
    files = {"SYSTEM": bytes(block) + dirty.hive[4096:], "SYSTEM.LOG1": bytes(log1), "SYSTEM.LOG2": dirty.log2}
    try:
        hive = open_hive(MemoryTree(files), "SYSTEM", lambda kind, message, offset: None)
    except SourceError:
        return
    _walk(hive)
