"""HyperVStorage files: what is read is what was written, also where the log was not written out yet."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from dissect.hypervisor.descriptor.c_hyperv import KeyDataType
from dissect.hypervisor.descriptor.hyperv import HyperVFile
from dissect.hypervisor.exceptions import InvalidSignature

from forensics.formats.errors import FormatError
from forensics.formats.hyperv_storage import HyperVStorage, StorageValue, parse_hyperv_storage
from testdata.builder.hyperv_storage import (
    OBJECT_TABLE,
    PAGE,
    Finished,
    Image,
    Layout,
    Node,
    Pending,
    Uint64,
    Value,
    build_image,
    write_hyperv_storage,
)
from testdata.builder.hyperv_storage_log import LOG_HEAD

PROTECTOR = bytes(range(256)) * 20
TEXT = "Größe 🔑 " * 300
TREE: dict[str, Value] = {
    "configuration/properties/version": 2304,
    "configuration/properties/name": "Büro 🖥",
    "configuration/properties/low": -(2**63),
    "configuration/properties/high": Uint64(2**64 - 1),
    "configuration/properties/ratio": 0.1,
    "configuration/properties/on": True,
    "configuration/properties/off": False,
    "configuration/properties/nothing": "",
    "configuration/properties/marker": b"\x00\x00\x00\x04",
    "configuration/properties/no bytes": b"",
    "configuration/settings/Case": 1,
    "configuration/settings/case": 2,
    "configuration/settings/protector": PROTECTOR,
    "configuration/settings/notes": TEXT,
    "configuration/empty": Node(),
    "top": "at the top",
}
# Enough keys for several tables.
MANY: dict[str, Value] = TREE | {f"configuration/devices/vdev{n:03}/instance": f"{n:032x}" for n in range(90)}
OLD: dict[str, Value] = MANY | {
    "configuration/properties/name": "Alt",
    "configuration/settings/protector": b"old" * 1000,
    "configuration/devices/vdev089/instance": "another",
    "configuration/gone": b"deleted since",
}


def parse(data: bytes | bytearray, **options: int) -> HyperVStorage:
    return parse_hyperv_storage(lambda offset, length: bytes(data[offset : offset + length]), len(data), **options)


def plain(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return what must be read, nodes apart."""
    leaves = {path: value for path, value in values.items() if not isinstance(value, Node)}
    return {path: value.number if isinstance(value, Uint64) else value for path, value in leaves.items()}


def read(storage: HyperVStorage) -> dict[str, Any]:
    return {path: value.value for path, value in storage.values.items()}


def read_by_dissect(data: bytes | bytearray) -> dict[str, Any]:
    """Return the leaves that dissect finds, by path."""
    leaves: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", HyperVFile(io.BytesIO(bytes(data))))]
    for above, node in waiting:
        for name, entry in node.items():
            if entry.type == KeyDataType.Node:
                waiting.append((f"{above}{name}/", entry))
            else:
                leaves[above + name] = entry.value
    return leaves


def kinds(storage: HyperVStorage) -> list[str]:
    return [error.kind for error in storage.errors]


def test_every_type() -> None:
    storage = parse(write_hyperv_storage(TREE, layout=Layout(data_version=0x0A00)))
    assert (storage.version, storage.data_version, storage.sequence, storage.replayed) == (0x0400, 0x0A00, 12, 0)
    assert (storage.errors, storage.superseded) == ((), ())
    assert read(storage) == plain(TREE)
    below = "configuration/properties/"
    found = [storage.values[below + name] for name in ("version", "name", "high", "ratio", "on", "marker", "nothing")]
    assert found == [
        StorageValue(below + "version", "int64", 2304, 8),
        StorageValue(below + "name", "string", "Büro 🖥", 14),
        StorageValue(below + "high", "uint64", 18446744073709551615, 8),
        StorageValue(below + "ratio", "double", 0.1, 8),
        StorageValue(below + "on", "bool", True, 4),
        StorageValue(below + "marker", "array", b"\0\0\0\4", 4),
        StorageValue(below + "nothing", "string", "", 0),
    ]
    assert storage.values[below + "off"].value is False


def test_children_and_case() -> None:
    storage = parse(write_hyperv_storage(TREE))
    assert storage.children() == ("configuration", "top")
    assert storage.children("configuration") == ("properties", "settings", "empty")
    assert storage.children("configuration/settings") == ("Case", "case", "protector", "notes")
    assert storage.children("configuration/empty") == storage.children("configuration/nowhere") == ()
    case = [storage.get(f"configuration/settings/{name}") for name in ("Case", "case", "CASE")]
    assert [value and value.value for value in case] == [1, 2, None]


def test_values_do_not_show_in_repr() -> None:
    storage = parse(write_hyperv_storage({"secret": "quite secret", "key": b"very secret"}))
    assert "secret'" not in repr(storage)
    assert "very" not in repr(storage.get("key"))


def test_trailing_nul_of_a_text_is_none_of_it() -> None:
    assert read(parse(write_hyperv_storage({"name": "host\0"}))) == {"name": "host"}


def test_not_a_number() -> None:
    (value,) = parse(write_hyperv_storage({"x": math.nan})).values.values()
    assert isinstance(value.value, float)
    assert math.isnan(value.value)


@pytest.mark.parametrize(
    "layout",
    [
        Layout(),
        Layout(table_size=600),
        Layout(table_size=65536, threshold=16),
        Layout(sequences=(12, 11), log_size=2 * PAGE),
    ],
    ids=["usual", "small tables", "everything in file objects", "first copy"],
)
def test_dissect_reads_the_same(layout: Layout) -> None:
    data = write_hyperv_storage(MANY, layout=layout)
    storage = parse(data)
    assert storage.errors == ()
    assert read(storage) == plain(MANY)
    assert read_by_dissect(data) == plain(MANY)


def test_several_object_tables() -> None:
    values: dict[str, Value] = {f"ram/block{n}": struct.pack("<I", n) * 600 for n in range(500)}
    image = build_image(values)
    assert len(image.objects) > 2 * 227
    storage = parse(image.data)
    assert storage.errors == ()
    assert read(storage) == values
    assert read_by_dissect(image.data) == values


@pytest.mark.parametrize(
    ("sequences", "current"),
    [((11, 12), 12), ((12, 11), 12), ((65535, 0), 0), ((1, 65534), 1), ((0, 32767), 32767), ((5, 5), 5)],
)
def test_the_later_header_counts_even_when_numbers_wrap(sequences: tuple[int, int], current: int) -> None:
    storage = parse(write_hyperv_storage(TREE, layout=Layout(sequences=sequences)))
    assert (storage.sequence, storage.errors) == (current, ())


def test_the_log_of_the_later_header_is_replayed() -> None:
    image = build_image(MANY, log=Pending(OLD))
    image.data[26:34] = struct.pack("<Q", 1 << 40)
    image.stamp_header(0)
    assert read(parse(image.data)) == plain(MANY)
    image.data[0:PAGE], image.data[PAGE : 2 * PAGE] = image.data[PAGE : 2 * PAGE], image.data[0:PAGE]
    assert read(parse(image.data)) == plain(MANY)


@pytest.mark.parametrize("copy", [0, 1])
def test_one_damaged_header_copy(copy: int) -> None:
    image = build_image(TREE)
    image.data[copy * PAGE + 14] ^= 1
    storage = parse(image.data)
    assert (storage.sequence, kinds(storage)) == ((12, 11)[copy], ["bad_checksum"])
    assert storage.errors[0].offset == copy * PAGE + 4
    assert read(storage) == plain(TREE)


def refused(data: bytes | bytearray) -> tuple[str, int]:
    with pytest.raises(FormatError) as caught:
        parse(data)
    return caught.value.kind, caught.value.offset


def test_what_is_no_storage() -> None:
    image = build_image(TREE)
    assert refused(b"") == ("truncated", 0)
    assert refused(bytes(20000)) == ("bad_magic", 0)
    assert refused(image.data[:OBJECT_TABLE]) == ("truncated", OBJECT_TABLE)
    image.data[OBJECT_TABLE] ^= 1
    assert refused(image.data) == ("bad_magic", OBJECT_TABLE)
    image.data[PAGE] = image.data[14] = 99
    assert refused(image.data) == ("bad_checksum", 4)


@pytest.mark.parametrize("version", [0x0300, 0x0401, 0])
def test_other_versions(version: int) -> None:
    assert refused(write_hyperv_storage(TREE, layout=Layout(version=version))) == ("unknown_version", 10)


@pytest.mark.parametrize("grain", [PAGE, 512, 48])
@pytest.mark.parametrize("zeroed", [False, True])
def test_pending_log(grain: int, zeroed: bool) -> None:
    data = write_hyperv_storage(MANY, log=Pending(OLD, zeroed), layout=Layout(grain=grain))
    storage = parse(data)
    assert storage.replayed > 3
    assert (storage.errors, storage.superseded) == ((), ())
    assert read(storage) == plain(MANY)


def test_where_dissect_fails() -> None:
    assert read_by_dissect(write_hyperv_storage(MANY, log=Pending(OLD))) == plain(OLD)
    with pytest.raises(InvalidSignature):
        read_by_dissect(write_hyperv_storage(MANY, log=Pending(OLD, zeroed=True)))


def test_a_zeroed_key_table_comes_back_from_the_log() -> None:
    image = build_image(MANY)
    at = image.tables[1]
    lost = bytes(image.data[at : at + PAGE])
    image.data[at : at + PAGE] = bytes(PAGE)
    broken = parse(image.data)
    assert ("bad_magic", at) in [(error.kind, error.offset) for error in broken.errors]
    assert broken.get("configuration/properties/name") is None
    image.put_log([(at, lost)], current=1)
    storage = parse(image.data)
    assert (storage.replayed, storage.errors) == (1, ())
    assert read(storage) == plain(MANY)


def test_a_pending_object_table_in_a_file_that_had_none() -> None:
    image = build_image(TREE)
    table = bytes(image.data[OBJECT_TABLE : OBJECT_TABLE + PAGE])
    image.data[OBJECT_TABLE : OBJECT_TABLE + PAGE] = bytes(PAGE)
    image.put_log([(OBJECT_TABLE, table)], current=1)
    assert read(parse(image.data)) == plain(TREE)


def test_the_log_makes_the_file_longer() -> None:
    small: dict[str, Value] = {"name": "one"}
    large: dict[str, Value] = {"name": "one", "blob": bytes(30000), "last": "end" * 1000}
    data = write_hyperv_storage(large, log=Pending(small))
    assert len(data) < len(write_hyperv_storage(large))
    storage = parse(data)
    assert (read(storage), storage.errors) == (large, ())


def test_a_hole_before_what_the_log_writes_is_no_content() -> None:
    blob = b"content" * 2000
    image = build_image({"n": 1, "blob": blob})
    at = image.files["blob"]
    image.put_log([(at, blob[:PAGE]), (at + 2 * PAGE, blob[2 * PAGE :])], current=2)
    storage = parse(image.data[: at + PAGE])
    assert (read(storage), storage.replayed, kinds(storage)) == ({"n": 1, "blob": None}, 2, ["truncated"])
    assert read(parse(image.data[: at + 2 * PAGE])) == {"n": 1, "blob": blob}


def test_later_pending_entries_win() -> None:
    image = build_image({"n": 1})
    at = image.tables[1]
    two, three = (build_image({"n": n}).data[at : at + PAGE] for n in (2, 3))
    image.put_log([(at, bytes(two)), (at, bytes(three))], current=2)
    assert read(parse(image.data)) == {"n": 3}
    image.put_log([(at, bytes(two)), (at, bytes(three))], current=1)
    storage = parse(image.data)
    assert (read(storage), storage.replayed) == ({"n": 2}, 1)
    assert [(value.path, value.value) for value in storage.superseded] == [("n", 3)]


def pending_in_two_tables() -> tuple[Image, dict[str, Value]]:
    new = MANY | {"configuration/properties/version": 7, "configuration/devices/vdev089/instance": "f" * 32}
    image = build_image(new, log=Pending(MANY))
    assert struct.unpack_from("<I", image.data, image.log_offset + 8) == (2,)
    return image, new


@pytest.mark.parametrize("what", ["entry", "data"])
def test_a_pending_entry_that_is_damaged(what: str) -> None:
    image, new = pending_in_two_tables()
    at = image.log_offset + (LOG_HEAD if what == "entry" else PAGE)
    image.data[at] ^= 1
    storage = parse(image.data)
    place = image.log_offset + LOG_HEAD + (20 if what == "entry" else 24)
    assert [(error.kind, error.offset) for error in storage.errors] == [("bad_checksum", place)]
    assert storage.replayed == 1
    assert read(storage) == plain(new) | {"configuration/properties/version": 2304}


@pytest.mark.parametrize(
    ("at", "value", "stamped", "kind"),
    [
        (0, 0, True, "bad_magic"),
        (8, 3, False, "bad_checksum"),
        (8, 1 << 31, True, "bad_count"),
        (13, 1, True, "bad_count"),
    ],
)
def test_a_log_that_is_none_is_not_replayed(at: int, value: int, stamped: bool, kind: str) -> None:
    image, _ = pending_in_two_tables()
    image.data[image.log_offset + at : image.log_offset + at + 4] = struct.pack("<I", value)
    if stamped:
        image.stamp_log()
    storage = parse(image.data)
    assert (storage.replayed, kinds(storage), storage.superseded) == (0, [kind], ())
    assert read(storage) == plain(MANY)


def test_a_file_without_a_log() -> None:
    image = build_image(TREE)
    for copy in (0, 1):
        image.data[copy * PAGE + 26 : copy * PAGE + 42] = bytes(16)
        image.stamp_header(copy)
    storage = parse(image.data)
    assert (read(storage), storage.errors) == (plain(TREE), ())


@pytest.mark.parametrize("grain", [PAGE, 512, 48])
def test_finished_entries_are_history_only(grain: int) -> None:
    data = write_hyperv_storage(MANY, log=Finished(OLD), layout=Layout(grain=grain))
    storage = parse(data)
    assert (storage.replayed, storage.errors) == (0, ())
    assert read(storage) == plain(MANY)
    assert {(value.path, value.kind, value.value) for value in storage.superseded} == {
        ("configuration/properties/name", "string", "Alt"),
        ("configuration/settings/protector", "array", b"old" * 1000),
        ("configuration/devices/vdev089/instance", "string", "another"),
        ("configuration/gone", "array", b"deleted since"),
    }


def test_finished_entries_that_say_what_the_file_says() -> None:
    image = build_image(MANY)
    at = image.tables[1]
    image.put_log([(at, bytes(image.data[at : at + PAGE]))], current=0)
    assert parse(image.data).superseded == ()


def test_history_is_not_read_from_entries_that_were_overwritten() -> None:
    image = build_image({"n": 1})
    at = image.tables[1]
    image.put_log([(at, bytes(build_image({"n": 2}).data[at : at + PAGE]))], current=0)
    assert [value.value for value in parse(image.data).superseded] == [2]
    image.data[image.log_offset + PAGE + 30] ^= 1
    storage = parse(image.data)
    assert (storage.superseded, storage.errors) == ((), ())


def test_finished_entries_of_two_times() -> None:
    image = build_image({"n": 1})
    at = image.tables[1]
    two, three = (bytes(build_image({"n": n}).data[at : at + PAGE]) for n in (2, 3))
    image.put_log([(at, two), (at, three)], current=0)
    storage = parse(image.data)
    assert read(storage) == {"n": 1}
    assert sorted((value.path, value.value) for value in storage.superseded) == [("n", 2), ("n", 3)]


def test_the_content_of_a_deleted_file_object() -> None:
    old: dict[str, Value] = {"name": "x", "protector": b"first" * 1000}
    image = build_image({"name": "x"})
    at, before = image.tables[1], build_image(old)
    image.data += before.data[len(image.data) :]
    image.put_log([(at, bytes(before.data[at : at + PAGE]))], current=0)
    found = [(value.path, value.value) for value in parse(image.data).superseded]
    assert found == [("protector", b"first" * 1000)]


def test_the_place_of_a_deleted_file_object_that_another_has_taken() -> None:
    image = build_image({"name": "x", "other": b"second" * 1000})
    before = build_image({"name": "x", "protector": b"first" * 1000})
    at = image.tables[1]
    assert image.files["other"] == before.files["protector"]
    image.put_log([(at, bytes(before.data[at : at + PAGE]))], current=0)
    assert parse(image.data).superseded == ()


def test_a_damaged_entry_of_the_object_table() -> None:
    image = build_image(MANY)
    at = image.objects[image.files["configuration/settings/protector"]]
    image.data[at + 14] ^= 0x40
    storage = parse(image.data)
    path = "configuration/settings/protector"
    assert [(error.kind, error.offset) for error in storage.errors] == [
        ("bad_checksum", at + 1),
        ("bad_pointer", image.keys[path]),
    ]
    assert read(storage) == plain(MANY) | {path: None}
    value = storage.values[path]
    assert (value.kind, value.size, value.error) == ("array", 5120, storage.errors[1])


def test_a_key_table_that_is_not_listed_leaves_its_keys_below_a_lost_node() -> None:
    image = build_image(MANY)
    image.data[image.objects[image.tables[1]] + 1] ^= 1
    storage = parse(image.data)
    lost = image.keys["configuration/devices"] - image.tables[1]
    assert f"?1:{lost}" in storage.children()
    last = max(image.tables)
    in_last = [path for path in plain(MANY) if image.keys[path] >= image.tables[last]]
    assert in_last
    known = {value.value for value in storage.values.values()}
    assert known >= {MANY[path] for path in in_last}
    assert kinds(storage)[0] == "bad_checksum"
    assert set(kinds(storage)[1:]) == {"bad_parent"}


def test_an_object_that_is_not_allocated() -> None:
    image = build_image(TREE | {"configuration/extra": b"x" * 3000})
    at = image.objects[image.files["configuration/extra"]]
    image.data[at + 17] = 0
    image.stamp_object(at)
    storage = parse(image.data)
    assert kinds(storage) == ["bad_pointer"]
    assert read(storage) == plain(TREE) | {"configuration/extra": None}


@pytest.mark.parametrize("kind", [0, 4, 5, 6, 7, 255])
def test_objects_that_are_free_or_not_known(kind: int) -> None:
    image = build_image(TREE)
    at = OBJECT_TABLE + 8 + 200 * 18
    image.data[at : at + 18] = struct.pack("<BIQIB", kind, 0, 0, 4096, 1)
    image.stamp_object(at)
    storage = parse(image.data)
    assert (read(storage), storage.errors) == (plain(TREE), ())


def test_a_damaged_key() -> None:
    image = build_image(TREE)
    image.data[image.keys["configuration/properties/version"] + 30] ^= 1
    storage = parse(image.data)
    expected = plain(TREE)
    del expected["configuration/properties/version"]
    assert read(storage) == expected
    place = image.keys["configuration/properties/version"] + 12
    assert [(error.kind, error.offset) for error in storage.errors] == [("bad_checksum", place)]


def test_the_children_of_a_damaged_node() -> None:
    image = build_image(TREE)
    node = image.keys["configuration/settings"]
    image.data[node + 22] ^= 1
    storage = parse(image.data)
    lost = f"?1:{node - image.tables[1]}"
    expected = {path.replace("configuration/settings", lost): value for path, value in plain(TREE).items()}
    assert read(storage) == expected
    assert storage.children(lost) == ("Case", "case", "protector", "notes")
    assert kinds(storage) == ["bad_checksum", "bad_parent"]


def test_a_damaged_key_table() -> None:
    image = build_image(MANY)
    last = max(image.tables)
    image.data[image.tables[last] + 4] ^= 1
    storage = parse(image.data)
    assert [(error.kind, error.offset) for error in storage.errors] == [("bad_checksum", image.tables[last] + 6)]
    expected = {path: value for path, value in plain(MANY).items() if image.keys[path] < image.tables[last]}
    # What lies behind the last table is no key.
    assert 0 < len(expected) < len(plain(MANY))
    assert read(storage) == expected


def with_second_table(sequences: tuple[int, int]) -> bytearray:
    """Return a file with two key tables 1, the first with value 1, the second with value 2."""
    image = build_image({"n": 1}, layout=Layout(table_sequence=sequences[0]))
    other = build_image({"n": 2}, layout=Layout(table_sequence=sequences[1]))
    at, slot = len(image.data), OBJECT_TABLE + 8 + 18
    image.data += other.data[other.tables[1] : other.tables[1] + PAGE]
    image.data[slot : slot + 18] = struct.pack("<BIQIB", 2, 0, at, PAGE, 1)
    image.stamp_object(slot)
    return image.data


@pytest.mark.parametrize(
    ("sequences", "value"), [((1, 2), 2), ((2, 1), 1), ((65535, 0), 2), ((0, 65535), 1), ((9, 8), 1)]
)
def test_the_latest_table_of_an_index_counts(sequences: tuple[int, int], value: int) -> None:
    storage = parse(with_second_table(sequences))
    assert (read(storage), storage.errors) == ({"n": value}, ())


def test_two_tables_of_one_index_and_number() -> None:
    storage = parse(with_second_table((3, 3)))
    assert (read(storage), kinds(storage)) == ({"n": 1}, ["duplicate"])


def test_a_value_too_large_to_be_read_has_its_size() -> None:
    storage = parse(write_hyperv_storage(TREE), max_value=5119)
    path = "configuration/settings/protector"
    assert storage.get(path) == StorageValue(path, "array", None, 5120)
    assert storage.errors == ()
    assert read(parse(write_hyperv_storage(TREE), max_value=5120))[path] == PROTECTOR


def test_two_keys_of_one_path() -> None:
    image = build_image({"a": 1, "b": 2})
    at = image.keys["a"]
    image.data[at + 21] = ord("b")
    image.stamp_key("a", 21 + 2 + 8)
    storage = parse(image.data)
    assert (read(storage), kinds(storage)) == ({"b": 2}, ["duplicate"])
    image.data[at + 16 : at + 20] = struct.pack("<I", 9)
    image.stamp_key("a", 21 + 2 + 8)
    assert read(parse(image.data)) == {"b": 1}


def test_slack_behind_a_value_is_not_summed() -> None:
    # The second key ends 7 bytes before the end of the table, where no free key fits.
    image = build_image({"a": 1, "b": bytes(12)}, layout=Layout(table_size=10 + 31 + 39 + 7))
    slack = image.tables[1] + 80
    assert image.data[slack : slack + 8] == b"\xcc" * 7 + b"\0"
    image.data[slack] = 0
    storage = parse(image.data)
    assert (read(storage), storage.errors) == ({"a": 1, "b": bytes(12)}, ())


@pytest.mark.parametrize("kind", [0, 2, 10, 255])
def test_a_key_of_an_unknown_type(kind: int) -> None:
    image = build_image({"a": 1, "b": 2})
    image.data[image.keys["a"]] = kind
    storage = parse(image.data)
    assert (read(storage), kinds(storage)) == ({"b": 2}, ["unknown_type"])


@pytest.mark.parametrize(
    ("text", "kind"), [(b"\0\xd8", "bad_text"), (b"\x41", "bad_text")], ids=["half a pair", "half a character"]
)
def test_a_text_that_is_not_utf16(text: bytes, kind: str) -> None:
    image = build_image({"a": text, "b": 2})
    image.data[image.keys["a"]] = 6
    image.stamp_key("a", 21 + 2 + 4 + len(text))
    storage = parse(image.data)
    assert (read(storage), kinds(storage)) == ({"a": None, "b": 2}, [kind])
    assert storage.values["a"].error == storage.errors[0]


@pytest.mark.parametrize("name", [b"\xff\0", b"ab"], ids=["not UTF-8", "no NUL"])
def test_a_name_that_is_none(name: bytes) -> None:
    image = build_image({"a": 1, "b": 2})
    image.data[image.keys["a"] + 21 : image.keys["a"] + 23] = name
    image.stamp_key("a", 21 + 2 + 8)
    storage = parse(image.data)
    assert (read(storage), kinds(storage)) == ({"b": 2}, ["bad_text"])
