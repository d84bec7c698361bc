"""HyperVStorage files: what is read is what was written, and damage takes no more than it hit."""

from __future__ import annotations

import math
import struct

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage import StorageValue
from testdata.builder.hyperv_storage import (
    OBJECT_TABLE,
    PAGE,
    Layout,
    Pending,
    Value,
    build_image,
    write_hyperv_storage,
)
from tests.formats.hyperv.storage_files import (
    MANY,
    OLD,
    PROTECTOR,
    REST,
    TREE,
    key,
    key_table,
    kinds,
    object_entry,
    parse,
    plain,
    read,
    read_by_dissect,
    storage_file,
)


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


def tables_of(*sizes: int) -> tuple[list[str], list[tuple[str, int, str]]]:
    """Lay out key tables 1, 2 ... of these sizes, each with a key ``n<index>``; return the keys and the complaints."""
    objects, rest, at = b"", b"", REST
    for number, size in enumerate(sizes, 1):
        table = key_table(number, key(8, (0, 0), b"n%d" % number, b"\1\0\0\0"))
        objects += object_entry(2, at, size)
        rest += table.ljust(size, b"\0")
        at += size
    storage = parse(storage_file(objects, rest))
    return list(storage.values), [(error.kind, error.offset, error.message) for error in storage.errors]


def test_key_tables_beyond_the_bound_are_named_and_smaller_ones_still_read() -> None:
    """32 MiB of key tables are read: what is not read is told, so that its keys do not pass for absent."""
    message = "the key tables have more than 33554432 bytes"
    assert tables_of(32 * (1 << 20)) == (["n1"], [])
    assert tables_of(32 * (1 << 20) + 1) == ([], [("too_large", REST, message)])
    named = [("too_large", REST + 20 * (1 << 20), message), ("too_large", REST + 33 * (1 << 20), message)]
    assert tables_of(20 * (1 << 20), 13 * (1 << 20), 12 * (1 << 20) + 1, 12 * (1 << 20)) == (["n1", "n4"], named)


def complaints(data: bytes | bytearray) -> list[tuple[str, int]]:
    return [(error.kind, error.offset) for error in parse(data).errors]


def test_where_the_object_table_is_wrong() -> None:
    """Entries of 18 bytes from byte 8 of the table on: kind, checksum, then the offset of the object at byte 5."""
    at = OBJECT_TABLE + 8
    assert complaints(storage_file(object_entry(3, REST - 1, 1))) == []
    assert complaints(storage_file(object_entry(3, REST, 1))) == [("bad_offset", at + 5)]
    wrong = bytearray(object_entry(3, 0, 1))
    wrong[1] ^= 1
    assert complaints(storage_file(object_entry(3, 0, 1) + bytes(wrong))) == [("bad_checksum", at + 18 + 1)]
    table = key_table(1, b"")
    twice = object_entry(2, REST, 10) + object_entry(2, REST + 9, 10)
    assert complaints(storage_file(twice, table + bytes(10))) == [("overlap", at + 18 + 5)]


def test_a_path_of_more_than_2048_characters_is_told_where_it_becomes_so() -> None:
    node = 21 + 255 + 12
    keys = key(9, (0, 0), b"n" * 254, bytes(12))
    for number in range(8):
        keys += key(9, (1, 10 + number * node), b"n" * 254, bytes(12))
    keys += key(8, (1, 10 + 7 * node), b"eighth", b"\1\0\0\0") + key(8, (1, 10 + 8 * node), b"ninth", b"\1\0\0\0")
    table = key_table(1, keys)
    data = storage_file(object_entry(2, REST, len(table)), table)
    assert complaints(data) == [("too_deep", REST + 10 + 8 * node)]
    leaves = [path for path in parse(data).values if path.endswith("th")]
    assert leaves == ["/".join(["n" * 254] * 8) + "/eighth", f"?1:{10 + 8 * node}/ninth"]
