"""Hives as collectors read them: real ones with their logs, and written ones of every shape."""

from __future__ import annotations

import hashlib
import io
import struct
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from dissect.regf.regf import RegistryHive as DissectHive

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFound, Unreadable
from forensics.registry import hive_cells
from forensics.registry.cells import SubkeyList, parse_subkey_list
from forensics.registry.hive import Hive, Key
from forensics.registry.hive_bytes import HiveBytes
from forensics.registry.hive_key import RegistryKey
from forensics.registry.hives import RegistryHive, open_hive
from testdata.builder.regf import REG_SZ, HiveWriter, multi_sz, sz
from testdata.builder.regf_log import (
    dirty_pages,
    dirty_with_new_logs,
    dirty_with_old_log,
    hvle_entry,
    new_log,
    with_sequence,
)
from tests.memory_tree import MemoryTree
from tests.oracles import other_reader

Problems = list[tuple[str, str, int | None]]
PATH = "Windows/System32/config/SYSTEM"


def _open(files: dict[str, bytes], path: str = PATH) -> tuple[RegistryHive, Problems, MemoryTree]:
    tree = MemoryTree(dict(files))
    problems: Problems = []
    return open_hive(tree, path, lambda *problem: problems.append(problem)), problems, tree


def _open_zip(archive: Path, path: str) -> tuple[RegistryHive, Problems, MemoryTree]:
    with ZipFile(archive) as zipped:
        return _open({name: zipped.read(name) for name in zipped.namelist()}, path)


def _count(hive: RegistryHive) -> tuple[int, int]:
    """Return numbers of keys and values, the root key included."""
    keys = values = 0
    waiting = [hive.key("")]
    while waiting:
        key = waiting.pop()
        assert key is not None
        keys += 1
        values += sum(1 for _ in key.values())
        waiting.extend(key.subkeys())
    return keys, values


def _bins_hash(hive: RegistryHive, file: bytes) -> str:
    assert hive.replay is not None
    whole = HiveBytes(io.BytesIO(file), len(file) - 4096, hive.replay.overlay)
    return hashlib.sha256(whole.read(0, len(file))).hexdigest()


class TestRealHives:
    """Values from the truth files beside the hives, which other readers made."""

    def test_both_logs_apply(self, realdata: Path) -> None:
        hive, problems, tree = _open_zip(realdata / "dirty-hives" / "system-b.zip", PATH)
        assert hive.state == "replayed"
        assert hive.replay is not None
        assert hive.replay.sequences == list(range(2107, 2131))
        assert hive.replay.page_count == 315
        assert hive.replay.bins_size == 12591104
        expected = "18df453410086f0eee8ed7161a9e8f63b2977225aab5d30e5894eda30e0d882d"
        assert _bins_hash(hive, tree.open(PATH).read()) == expected
        assert _count(hive) == (35595, 78901)
        # The logs begin 485 flushes after the hive: applied, but said.
        assert [kind for kind, _, _ in problems] == ["log_gap"]

    def test_stale_log_is_not_applied(self, realdata: Path) -> None:
        path = "Users/tony/NTUSER.DAT"
        hive, problems, tree = _open_zip(realdata / "dirty-hives" / "ntuser-tony.zip", path)
        assert hive.replay is not None
        assert hive.replay.sequences == list(range(566, 589))
        assert hive.replay.page_count == 132
        expected = "2414c9b55b5011712c0cc83b0dd9f880304a53d79a06e9fb84ad2cf5be2e6531"
        assert _bins_hash(hive, tree.open(path).read()) == expected
        assert _count(hive) == (3105, 4695)
        assert problems == []

    def test_the_same_hives_without_their_logs(self, realdata: Path) -> None:
        for name, path, keys in (
            ("system-b.zip", PATH, (33123, 74957)),
            ("ntuser-tony.zip", "Users/tony/NTUSER.DAT", (2590, 4119)),
        ):
            with ZipFile(realdata / "dirty-hives" / name) as zipped:
                hive, problems, _ = _open({path: zipped.read(path)}, path)
            assert hive.state == "in_transaction"
            assert _count(hive) == keys
            assert [kind for kind, _, _ in problems] == ["in_transaction"]

    def test_collection_in_transaction_is_read_as_it_is(self, realdata: Path) -> None:
        hive, problems, _ = _open_zip(realdata / "student-pc8-win81.zip", PATH)
        assert hive.state == "in_transaction"
        assert [kind for kind, _, _ in problems] == ["in_transaction"]
        assert _number(hive, "Select", "Current") == 1
        control = "ControlSet001\\Control\\"
        assert _text(hive, control + "ComputerName\\ComputerName", "ComputerName") == "STUDENT-PC8"
        assert _text(hive, "CONTROLSET001\\services\\tcpip\\PARAMETERS", "domain") == "internal.greendale.edu"
        services = hive.key("ControlSet001\\Services")
        assert services is not None
        assert sum(1 for _ in services.subkeys()) == 481
        assert _number(hive, "ControlSet001\\Services\\SCardSvr", "Start") == 4
        # The boot key stands in four class names; its hash was made with another reader.
        classes = [hive.key(f"{control}Lsa\\{name}") for name in ("JD", "Skew1", "GBG", "Data")]
        scrambled = bytes.fromhex("".join(key.class_name or "" for key in classes if key))
        order = (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7)
        boot_key = bytes(scrambled[i] for i in order)
        expected = "0554168308cd11566623cee01076c74b1070e87ce10dba342d520aee13bd7413"
        assert hashlib.sha256(boot_key).hexdigest() == expected

    def test_certificates_and_little_reading(self, realdata: Path) -> None:
        path = "Windows/System32/config/SOFTWARE"
        hive, _, tree = _open_zip(realdata / "student-pc8-win81.zip", path)
        assert _text(hive, "Microsoft\\Cryptography", "MachineGuid") == "57af23bf-2427-4be7-8f68-9bc5abbf945a"
        assert (
            _text(hive, "microsoft\\windows nt\\currentversion", "PRODUCTNAME") == "Windows 8.1 Enterprise Evaluation"
        )
        thumbprint = "18F7C1FCC3090203FD5BAA2F861A754976C8DD25"
        key = hive.key(f"Microsoft\\SystemCertificates\\ROOT\\Certificates\\{thumbprint}")
        assert key is not None
        blob = key.value("Blob")
        assert blob is not None
        assert len(blob.data) == 924
        assert key.timestamp is not None
        assert key.timestamp.replace(microsecond=0) == datetime(2013, 8, 22, 14, 45, 51, tzinfo=UTC)
        # Of 65 MB.
        assert tree.opened[-1][1].bytes_read < 1_000_000

    def test_agrees_with_dissect_on_a_clean_hive(self, realdata: Path) -> None:
        path = "Users/bperry/NTUSER.DAT"
        hive, problems, tree = _open_zip(realdata / "student-pc8-win81.zip", path)
        assert hive.state == "clean"
        waiting = [(hive.key(""), DissectHive(tree.open(path)).root())]
        compared = 0
        while waiting:
            ours, theirs = waiting.pop()
            assert ours is not None
            compared += 1
            assert (ours.name, ours.path) == (theirs.name, theirs.path)
            # Dissect writes the default value as "(Default)".
            assert [("(Default)" if not v.name else v.name, v.type, v.data) for v in ours.values()] == [
                (v.name, v.type, v.data) for v in theirs.values()
            ]
            waiting.extend(zip(ours.subkeys(), theirs.subkeys(), strict=True))
        assert compared == 1597
        assert problems == []

    def test_key_beyond_the_basic_plane_is_found(self, realdata: Path) -> None:
        path = "Users/tony/NTUSER.DAT"
        hive, _, _ = _open_zip(realdata / "dirty-hives" / "ntuser-tony.zip", path)
        key = hive.key("Control Panel\\International\\🌎🌏🌍")
        assert key is not None
        assert key.name == "🌎🌏🌍"


def _text(hive: RegistryHive, path: str, name: str) -> str | None:
    key = hive.key(path)
    value = key.value(name) if key else None
    return value.text if value else None


def _number(hive: RegistryHive, path: str, name: str) -> int | None:
    key = hive.key(path)
    value = key.value(name) if key else None
    return value.number if value else None


def _written(minor: int = 5, leaf: str | None = None) -> HiveWriter:
    writer = HiveWriter("\\SystemRoot\\System32\\Config\\SYSTEM", minor=minor, leaf=leaf)
    key = writer.key("Übung\\Ключ\\JD", datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), class_name="0a1b2c3d")
    key.sz("", "default").binary("big", bytes(range(256)) * 200).dword("d", 0x80000001).qword("q", 1 << 40)
    key.multi_sz("m", ["a", "b"]).expand_sz("e", "%SystemRoot%").set("none", 0, b"").set("🌎", 3, b"12345")
    key.binary("border", b"b" * 16344).binary("beyond", b"c" * 16345).set("odd", 0x12345678, b"123")
    for number in range(1203):
        writer.key(f"Many\\k{number:04}")
    return writer


@pytest.mark.parametrize(("minor", "leaf"), [(5, "lh"), (3, "lf"), (3, "li")])
def test_written_hives(minor: int, leaf: str) -> None:
    data = _written(minor, leaf).build()
    hive, problems, _ = _open({PATH: data})
    key = hive.key("ÜBUNG\\кЛЮЧ\\jd")
    assert key is not None
    assert (key.name, key.path, key.class_name) == ("JD", "Übung\\Ключ\\JD", "0a1b2c3d")
    assert key.timestamp == datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert {v.name: (v.type, v.data) for v in key.values()} == {
        "": (REG_SZ, sz("default")),
        "big": (3, bytes(range(256)) * 200),
        "d": (4, struct.pack("<I", 0x80000001)),
        "q": (11, struct.pack("<Q", 1 << 40)),
        "m": (7, multi_sz(["a", "b"])),
        "e": (2, sz("%SystemRoot%")),
        "none": (0, b""),
        "🌎": (3, b"12345"),
        "border": (3, b"b" * 16344),
        "beyond": (3, b"c" * 16345),
        "odd": (0x12345678, b"123"),
    }
    many = hive.key("many")
    assert many is not None
    assert [k.name for k in many.subkeys()] == [f"k{n:04}" for n in range(1203)]
    assert many.class_name is None
    assert all(many.subkey(f"K{n:04}") for n in range(0, 1203, 37))
    assert hive.key("Many\\k9999") is None
    assert hive.key("Übung\\Ключ\\JD\\nothing\\below") is None
    assert key.value("absent") is None
    assert hive.covers("Many\\k9999")
    assert (hive.state, problems) == ("clean", [])


@pytest.mark.parametrize(("minor", "leaf"), [(5, "lh"), (3, "lf"), (3, "li")])
def test_what_the_writer_writes_libregf_reads(minor: int, leaf: str) -> None:
    pyregf = other_reader("pyregf", "libregf-python")
    file = pyregf.file()
    file.open_file_object(io.BytesIO(_written(minor, leaf).build()))
    assert file.get_key_by_path("\\Many").number_of_sub_keys == 1203
    assert file.get_key_by_path("\\Many\\k1202").name == "k1202"
    key = file.get_key_by_path("\\Übung\\Ключ\\JD")
    assert key.class_name == "0a1b2c3d"
    assert key.last_written_time == datetime(2020, 1, 2, 3, 4, 5, 678901)
    values = {key.get_value(i).name: key.get_value(i) for i in range(key.number_of_values)}
    assert values["big"].data == bytes(range(256)) * 200
    assert values["beyond"].data == b"c" * 16345
    assert values["d"].data == struct.pack("<I", 0x80000001)
    assert values["e"].get_data_as_string() == "%SystemRoot%"
    assert values[None].get_data_as_string() == "default"


@pytest.mark.parametrize("kept", [8 << 20, 0])
def test_each_list_is_parsed_once_however_many_keys_are_looked_up(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"Service{number:04}" for number in range(1200)]
    writer = HiveWriter("SYSTEM")
    for name in names:
        writer.key(f"Services\\{name}")
    hive, problems, _ = _open({PATH: writer.build()})
    parsed = []

    def parse(data: bytes) -> SubkeyList:
        parsed.append(data)
        return parse_subkey_list(data)

    monkeypatch.setattr(hive_cells, "MOST_KEPT_LISTS", kept)
    monkeypatch.setattr(hive_cells, "parse_subkey_list", parse)
    assert [key.name for name in names if (key := hive.key(f"Services\\{name}")) is not None] == names
    assert (len(parsed) == len(set(parsed))) == bool(kept)
    assert problems == []


def _old_and_new() -> tuple[bytes, bytes]:
    """Return a hive before and after a hundred keys were added and a value was changed."""
    writer = HiveWriter("SYSTEM")
    writer.key("Service").dword("Start", 3)
    for number in range(200):
        writer.key(f"Old\\k{number:03}").sz("v", "before")
    old = writer.build((10, 10))
    writer.key("Service").dword("Start", 4)
    for number in range(100):
        writer.key(f"New\\k{number:03}").sz("v", "after")
    return old, writer.build((12, 12))


class TestReplay:
    def test_two_new_logs_in_order(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_new_logs(old, new)
        hive, problems, _ = _open({PATH: dirty.hive, PATH + ".LOG1": dirty.log1, PATH + ".LOG2": dirty.log2})
        assert (hive.state, problems) == ("replayed", [])
        assert _number(hive, "Service", "Start") == 4
        assert _text(hive, "New\\k099", "v") == "after"
        assert hive.replay is not None
        assert HiveBytes(io.BytesIO(dirty.hive), len(new) - 4096, hive.replay.overlay).read(0, len(new)) == new[4096:]

    def test_logs_are_found_in_any_case_and_order(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_new_logs(old, new)
        path = "Users/x/NTUSER.DAT"
        files = {path: dirty.hive, "Users/x/ntuser.dat.LOG1": dirty.log2, "Users/x/ntuser.dat.log2": dirty.log1}
        hive, _, _ = _open(files, path)
        assert _text(hive, "New\\k099", "v") == "after"

    def test_clean_hive_leaves_its_logs_alone(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_new_logs(old, new)
        hive, _, tree = _open({PATH: old, PATH + ".LOG1": dirty.log1, PATH + ".LOG2": dirty.log2})
        assert (hive.state, _number(hive, "Service", "Start")) == ("clean", 3)
        assert [path for path, _ in tree.opened] == [PATH]

    def test_stale_logs(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_new_logs(old, new, sequence=10)
        files = {PATH: with_sequence(old, 501, 500), PATH + ".LOG1": dirty.log1, PATH + ".LOG2": dirty.log2}
        hive, problems, _ = _open(files)
        assert (hive.state, _number(hive, "Service", "Start")) == ("in_transaction", 3)
        assert [kind for kind, _, _ in problems] == ["in_transaction"]

    def test_gap_ends_the_replay(self) -> None:
        old, _ = _old_and_new()
        bins = len(old) - 4096
        first = hvle_entry(10, bins, [(4096, b"\x11" * 4096)])
        third = hvle_entry(12, bins, [(4096, b"\x33" * 4096)])
        files = {
            PATH: with_sequence(old, 11, 10),
            PATH + ".LOG1": new_log(old, [first], 10),
            PATH + ".LOG2": new_log(old, [third], 12),
        }
        hive, problems, _ = _open(files)
        assert hive.replay is not None
        assert hive.replay.sequences == [10]
        assert set(hive.replay.overlay.values()) == {b"\x11" * 512}
        assert [kind for kind, _, _ in problems] == ["log_gap"]

    def test_torn_entry_ends_the_replay(self) -> None:
        old, _ = _old_and_new()
        bins = len(old) - 4096
        whole, torn = (hvle_entry(n, bins, [(4096, bytes([n]) * 4096)]) for n in (10, 11))
        torn = torn[:-600] + bytes(600)
        hive, problems, _ = _open({PATH: with_sequence(old, 11, 10), PATH + ".LOG1": new_log(old, [whole, torn], 10)})
        assert hive.replay is not None
        assert hive.replay.sequences == [10]
        assert [kind for kind, _, _ in problems] == ["log_torn"]

    def test_base_block_of_the_log_stands_in_for_a_broken_one(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_new_logs(old, new)
        for broken in (bytes(4096), dirty.hive[:44] + b"\xff" * 8 + dirty.hive[52:4096]):
            files = {PATH: broken + dirty.hive[4096:], PATH + ".LOG1": dirty.log1, PATH + ".LOG2": dirty.log2}
            hive, problems, _ = _open(files)
            assert (hive.state, _text(hive, "New\\k099", "v")) == ("replayed", "after")
            assert [kind for kind, _, _ in problems] == ["bad_base_block"]

    def test_old_log_of_xp(self) -> None:
        old, new = _old_and_new()
        dirty = dirty_with_old_log(old, new)
        hive, problems, _ = _open({PATH: dirty.hive, PATH + ".LOG": dirty.log1})
        assert (hive.state, problems) == ("replayed", [])
        assert _number(hive, "Service", "Start") == 4
        assert _text(hive, "New\\k099", "v") == "after"
        assert len(dirty_pages(old, new, 512)) > 10

    def test_old_log_of_another_flush_and_a_cut_one(self) -> None:
        old, new = _old_and_new()
        log = dirty_with_old_log(old, new, sequence=8).log1
        hive, problems, _ = _open({PATH: with_sequence(old, 11, 10), PATH + ".LOG": log})
        assert (hive.state, [kind for kind, _, _ in problems]) == ("in_transaction", ["in_transaction"])
        dirty = dirty_with_old_log(old, new)
        hive, problems, _ = _open({PATH: dirty.hive, PATH + ".LOG1": dirty.log1[:-1]})
        assert (hive.state, [kind for kind, _, _ in problems]) == ("in_transaction", ["log_unusable", "in_transaction"])
        assert _number(hive, "Service", "Start") == 3

    @pytest.mark.parametrize("log", [b"", b"regf", bytes(512), b"regf" + bytes(2000), b"HvLE" * 400])
    def test_logs_that_are_none(self, log: bytes) -> None:
        old, _ = _old_and_new()
        hive, problems, _ = _open({PATH: with_sequence(old, 11, 10), PATH + ".LOG1": log})
        assert hive.state == "in_transaction"
        assert problems[-1][0] == "in_transaction"
        assert _number(hive, "Service", "Start") == 3


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"regf" + bytes(100), "truncated"),
        (b"SQLite format 3\0".ljust(8192, b"\0"), "bad_magic"),
        (HiveWriter("X").build()[:4096], "bad_root"),
        (HiveWriter("X").build()[:4128] + bytes(4064), "bad_root"),
    ],
)
def test_files_that_are_no_hives(data: bytes, kind: str) -> None:
    with pytest.raises(SourceError) as error:
        _open({PATH: data})
    assert error.value.kind == kind


def test_missing_and_unreadable_files() -> None:
    with pytest.raises(NotFound):
        _open({PATH: b""}, "Windows/System32/config/SAM")
    tree = MemoryTree({PATH: b"regf"}, unreadable=[PATH])
    with pytest.raises(Unreadable):
        open_hive(tree, PATH, lambda *problem: None)


def test_protocols_are_implemented() -> None:
    hive: Hive = _open({PATH: HiveWriter("X").build()})[0]
    key: Key | None = hive.key("")
    assert isinstance(key, RegistryKey)
