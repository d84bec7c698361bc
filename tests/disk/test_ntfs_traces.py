"""What deleted records and remains in folders say of files, on volumes that somebody else's driver has written."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forensics.collectors.key_copies import KEY_NAMES
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.traces import FileTimes, Trace
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import KeepsTraces
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable
from tests.oracles import other_reader

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
GUID = "64023be8-9c1a-4eee-b6ec-0f951b6c7610"
MADE = datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)
CHANGED = MADE + timedelta(days=3)
SET_BACK = datetime(2024, 1, 1, tzinfo=UTC)


def name(number: int) -> str:
    return f"{number:03x}{0:029x}_{GUID}"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume with 40 key files, and three that were deleted: the first, one among them, and the last by name."""
    out = tmp_path_factory.mktemp("traces") / "volume.ntfs"
    files = [FileSpec(f"{KEYS}/{name(n)}", b"k" * 100, created=MADE, modified=MADE) for n in range(1, 41)]
    files.append(FileSpec(f"{KEYS}/{name(50)}", b"k", created=SET_BACK, modified=SET_BACK))
    deleted = [FileSpec(f"{KEYS}/{name(n)}", b"k" * 100, created=MADE, modified=CHANGED) for n in (0, 0x20F, 0xFFF)]
    build_ntfs(files, out, 4 << 20, extras=NtfsExtras(deleted=deleted, named={f"{KEYS}/{name(50)}": MADE}))
    return out


@pytest.fixture(scope="module")
def tree(image: Path) -> NtfsTree:
    reader = VolumeReader(image.open("rb"), 0)
    return NtfsTree(reader, reader.read_at(0, 512))


def handle(tree: NtfsTree, path: str) -> int:
    found = tree.entry(path).handle
    assert isinstance(found, int)
    return found


def traces(found: list[Trace | None]) -> list[Trace]:
    assert None not in found
    return [trace for trace in found if trace is not None]


def test_deleted_records_have_the_names_and_times_that_other_readers_find(image: Path, tree: NtfsTree) -> None:
    found = traces(list(tree.traces().deleted(KEY_NAMES)))
    assert [trace.name for trace in found] == [name(0), name(0x20F), name(0xFFF)]
    assert {trace.times for trace in found} == {FileTimes(MADE, CHANGED, CHANGED)}
    assert {tree.folder_of(trace.folder) for trace in found} == {KEYS}
    pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
    volume = pyfsntfs.volume()
    volume.open(str(image))
    from dissect.ntfs import NTFS

    with image.open("rb") as stream:
        mft = NTFS(stream).mft
        assert mft is not None
        for trace in found:
            number = int(trace.place.removeprefix("file record "))
            other, dissected = volume.get_file_entry(number), mft.get(number)
            assert not other.is_allocated()
            assert other.get_entry_modification_time() == CHANGED.replace(tzinfo=None)
            assert dissected.filename == trace.name
            assert dissected.attributes.STANDARD_INFORMATION[0].attribute.last_change_time == CHANGED


def test_remains_behind_the_end_of_a_node_are_found(tree: NtfsTree) -> None:
    assert isinstance(tree, KeepsTraces)
    present = {entry.name for entry in tree.entries(KEYS)}
    found = traces(list(tree.traces().in_index(handle(tree, KEYS), KEY_NAMES)))
    gone = {trace.name: trace.times for trace in found if trace.name not in present}
    # Those of the first one are overwritten: what stood behind it was moved over it.
    assert gone == {name(0xFFF): FileTimes(MADE, CHANGED, CHANGED)}
    assert {trace.folder for trace in found} == {handle(tree, KEYS)}


def test_what_is_in_use_is_no_remain(tree: NtfsTree) -> None:
    found = {trace.name for trace in traces(list(tree.traces().in_index(handle(tree, KEYS), KEY_NAMES)))}
    alone = {entry.name for entry in tree.entries(KEYS)} - found
    assert name(1) in alone


def test_a_name_of_another_folder_is_not_told_of_this_one(image: Path, tmp_path: Path) -> None:
    data = bytearray(image.read_bytes())
    for at in (m.start() for m in re.finditer(re.escape("fff00000".encode("utf-16-le")), data)):
        data[at - 66 + 6] += 7  # the sequence number in the reference of the folder
    other = tmp_path / "other.ntfs"
    other.write_bytes(data)
    with other.open("rb") as stream:
        reader = VolumeReader(stream, 0)
        tree = NtfsTree(reader, reader.read_at(0, 512))
        found = traces(list(tree.traces().in_index(handle(tree, KEYS), KEY_NAMES)))
    assert name(0xFFF) not in {trace.name for trace in found}


@pytest.mark.parametrize(("back", "value"), [(2, 0), (2, 255), (1, 9)])  # length of the name, namespace
def test_remains_that_lie_of_themselves_are_passed_over(image: Path, tmp_path: Path, back: int, value: int) -> None:
    data = bytearray(image.read_bytes())
    for at in (m.start() for m in re.finditer(re.escape("fff00000".encode("utf-16-le")), data)):
        data[at - back] = value
    other = tmp_path / "other.ntfs"
    other.write_bytes(data)
    with other.open("rb") as stream:
        reader = VolumeReader(stream, 0)
        tree = NtfsTree(reader, reader.read_at(0, 512))
        found = [t for t in tree.traces().in_index(handle(tree, KEYS), KEY_NAMES) if t is not None]
    assert name(0xFFF) not in {trace.name for trace in found}


def test_a_file_whose_dates_were_set_back_got_its_name_later(tree: NtfsTree) -> None:
    found = tree.traces().times(handle(tree, f"{KEYS}/{name(50)}"))
    assert found is not None
    own, of_name = found
    assert (own.created, of_name.created) == (SET_BACK, MADE)
    found = tree.traces().times(handle(tree, f"{KEYS}/{name(1)}"))
    assert found is not None
    assert found[0].created == found[1].created == MADE


def test_only_wanted_names_are_told(tree: NtfsTree) -> None:
    wanted = replace(KEY_NAMES, among=frozenset([name(0)]))
    assert [t.name for t in traces(list(tree.traces().deleted(wanted)))] == [name(0)]
    assert list(tree.traces().in_index(handle(tree, KEYS), wanted)) == []


def test_a_folder_that_is_not_there_is_not_searched(tree: NtfsTree) -> None:
    assert list(tree.traces().in_index(10_000_000, KEY_NAMES)) == [None]
    assert tree.traces().times(10_000_000) is None
