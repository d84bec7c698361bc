"""The replay log of HyperVStorage files: what is pending is made, what is finished is history."""

from __future__ import annotations

import struct

import pytest
from dissect.hypervisor.exceptions import InvalidSignature

from forensics.formats.hyperv.storage_log import LogWrite, Overlay
from testdata.builder.hyperv_storage import (
    OBJECT_TABLE,
    PAGE,
    Finished,
    Image,
    Layout,
    Pending,
    Value,
    build_image,
    write_hyperv_storage,
)
from testdata.builder.hyperv_storage_log import LOG_HEAD, log_bytes
from tests.formats.hyperv.storage_files import MANY, OLD, TREE, kinds, parse, plain, read, read_by_dissect


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


@pytest.mark.parametrize("reserved", [0x5000, 1 << 20, 1 << 60])
def test_room_for_the_log_beyond_the_end_of_the_file(reserved: int) -> None:
    """Three of seven real files end before the room that is reserved for their log does: nothing is torn."""
    image = build_image({"name": "one"})
    for copy in (0, 1):
        image.data[copy * PAGE + 34 : copy * PAGE + 42] = struct.pack("<Q", reserved)
        image.stamp_header(copy)
    storage = parse(image.data)
    assert (read(storage), storage.errors, storage.log_damaged) == ({"name": "one"}, (), False)
    assert read_by_dissect(image.data) == {"name": "one"}


def log_at_the_end(image: Image, kept: int, current: int = 1) -> bytes:
    """Return a file whose log of one write comes last, of which ``kept`` bytes are there."""
    at, content = image.tables[1], bytes(build_image({"name": "two"}).data)
    log = log_bytes([(at, content[at : at + PAGE])], current, image.layout.log_size)
    for copy in (0, 1):
        image.data[copy * PAGE + 26 : copy * PAGE + 34] = struct.pack("<Q", len(image.data))
        image.stamp_header(copy)
    return bytes(image.data) + log[:kept]


@pytest.mark.parametrize(
    ("kept", "current", "name", "errors"),
    [
        (2 * PAGE, 1, "two", []),  # the write is there, the rest of the room is not
        (2 * PAGE - 1, 1, "one", ["bad_length"]),  # the last byte of the write is not
        (LOG_HEAD, 1, "one", ["bad_count"]),  # the entry itself is not
        (LOG_HEAD, 0, "one", []),
        (LOG_HEAD - 1, 0, "one", ["truncated"]),
    ],
)
def test_a_log_that_ends_with_the_file(kept: int, current: int, name: str, errors: list[str]) -> None:
    storage = parse(log_at_the_end(build_image({"name": "one"}), kept, current))
    assert (read(storage), kinds(storage), storage.log_damaged) == ({"name": name}, errors, bool(errors))


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


def test_a_page_that_the_file_does_not_fill_keeps_its_bytes_in_place() -> None:
    file = bytes(range(100))
    overlay = Overlay(lambda offset, length: file[offset : offset + length], len(file))
    overlay.write(LogWrite(50, b"x" * 10))
    assert overlay.read(0, 100) == file[:50] + b"x" * 10 + file[60:]
    assert overlay.read(55, 10) == b"x" * 5 + file[60:65]
    assert overlay.size == 100
    overlay.write(LogWrite(95, b"y" * 10))
    assert (overlay.size, overlay.read(90, 100)) == (105, file[90:95] + b"y" * 10)
    # Between what the file has and what was written lies a hole, before which reading ends.
    overlay.write(LogWrite(5000, b"z"))
    assert (overlay.size, overlay.read(100, 6000)) == (5001, b"y" * 5)
    assert overlay.read(5000, 1) == b"z"
