"""What the NTFS writer stores is read back by libfsntfs and dissect.ntfs, which share no code with it."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from testdata.builder import acl
from testdata.builder.change_journal import deletion
from testdata.builder.files import DEFAULT_TIME, FileSpec
from testdata.builder.ntfs import NtfsError, NtfsExtras, build_ntfs, short_names, unavailable
from tests.oracles import other_reader

pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
from dissect.ntfs import NTFS  # noqa: E402

_reason = unavailable()
pytestmark = pytest.mark.skipif(_reason is not None, reason=f"needs mkntfs (Debian package ntfs-3g): {_reason}")

SIZE = 32 << 20
SERIAL = 0x1234_5678_9ABC_DEF0
CREATED = datetime(2019, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)
MODIFIED = datetime(2023, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
ACCESSED = datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)
# The FILETIMEs of the three, by hand: days since 1601 x 86400 s, in 100 ns.
CREATED_FILETIME = 131_936_403_067_890_120
MODIFIED_FILETIME = 133_485_407_999_999_990
ACCESSED_FILETIME = 133_536_816_000_000_010

DEFAULT_SD = acl.security_descriptor([acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS)])
OWN_SD = acl.security_descriptor([acl.Ace(acl.NETWORK_SERVICE, acl.READ)], owner=acl.ADMINISTRATORS)
NULL_DACL_SD = acl.security_descriptor(None, null_dacl=True)
EMPTY_DACL_SD = acl.security_descriptor([])
ROOT_SD = acl.security_descriptor([acl.Ace(acl.EVERYONE, acl.READ)])
FOLDER_SD = acl.security_descriptor([acl.Ace(acl.USERS, acl.READ)])

KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
RESIDENT = b"small enough to stay in the MFT record"
LARGE = bytes(index * 7 % 251 for index in range(300_001))
FILES = (
    FileSpec(f"{KEYS}/own", RESIDENT, OWN_SD, CREATED, MODIFIED),
    FileSpec(f"{KEYS}/large", LARGE, None, CREATED, MODIFIED, {"Zone.Identifier": b"[ZoneTransfer]", "big": LARGE}),
    FileSpec(f"{KEYS}/null dacl", b"1", NULL_DACL_SD),
    FileSpec(f"{KEYS}/empty dacl", b"2", EMPTY_DACL_SD),
    FileSpec(f"{KEYS}/empty", b""),
    FileSpec("Windows/Schlüssel-鍵.txt", "ß".encode()),
    FileSpec("Windows/Temp", None, FOLDER_SD, CREATED, MODIFIED),
)
EXTRAS = NtfsExtras(
    junctions={"Documents and Settings": "C:\\Users"},
    attributes={f"{KEYS}/own": 0x4},
    accessed={f"{KEYS}/own": ACCESSED},
    deleted=[FileSpec("Windows/Temp/gone.bin", b"deleted content" * 200)],
    changes=deletion(MODIFIED, "Windows/Temp/gone.bin", 900),
)


@dataclass
class Image:
    """One built volume, open in both readers."""

    path: Path
    fsntfs: Any
    ntfs: NTFS

    def record(self, path: str) -> Any:
        return _record(self.ntfs, path)

    def entry(self, path: str) -> Any:
        found = self.fsntfs.get_file_entry_by_path("\\" + path.replace("/", "\\"))
        assert found is not None, path
        return found


def _record(ntfs: NTFS, path: str) -> Any:
    assert ntfs.mft is not None
    return ntfs.mft.get(path)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    path = tmp_path_factory.mktemp("ntfs") / "volume.ntfs"
    _build(path)
    volume = pyfsntfs.volume()
    volume.open(str(path))
    with path.open("rb") as file:
        yield Image(path, volume, NTFS(file))
    volume.close()


def _build(path: Path) -> None:
    build_ntfs(
        FILES,
        path,
        SIZE,
        label="System",
        dirs={"": ROOT_SD, KEYS: FOLDER_SD},
        default_sd=DEFAULT_SD,
        extras=EXTRAS,
        serial=SERIAL,
    )


def test_label_and_serial(image: Image) -> None:
    assert image.fsntfs.name == "System"
    assert image.fsntfs.serial_number == SERIAL
    assert image.ntfs.serial == SERIAL
    backup = image.path.read_bytes()[-512:]
    assert backup[3:7] == b"NTFS"
    assert struct.unpack_from("<Q", backup, 0x48) == (SERIAL,)


@pytest.mark.parametrize("spec", [spec for spec in FILES if spec.data is not None], ids=lambda spec: spec.path)
def test_content(image: Image, spec: FileSpec) -> None:
    assert spec.data is not None
    entry = image.entry(spec.path)
    assert entry.size == len(spec.data)
    assert entry.read(len(spec.data) + 1) == spec.data
    assert image.record(spec.path).open().read() == spec.data


def test_streams(image: Image) -> None:
    entry = image.entry(f"{KEYS}/large")
    streams = {entry.get_alternate_data_stream(index).name: index for index in range(2)}
    assert sorted(streams) == ["Zone.Identifier", "big"]
    assert entry.get_alternate_data_stream(streams["Zone.Identifier"]).read(99) == b"[ZoneTransfer]"
    assert entry.get_alternate_data_stream(streams["big"]).read(len(LARGE)) == LARGE
    assert image.record(f"{KEYS}/large").open("Zone.Identifier").read() == b"[ZoneTransfer]"


def test_folder_lists_each_name_once(image: Image) -> None:
    expected = ["empty", "empty dacl", "large", "null dacl", "own"]
    folder = image.entry(KEYS)
    assert [folder.get_sub_file_entry(index).name for index in range(folder.number_of_sub_file_entries)] == expected
    assert sorted(image.record(KEYS).listdir()) == expected


def test_times_are_exact_in_record_and_index(image: Image) -> None:
    entry = image.entry(f"{KEYS}/own")
    assert entry.get_creation_time_as_integer() == CREATED_FILETIME
    assert entry.get_modification_time_as_integer() == MODIFIED_FILETIME
    assert entry.get_entry_modification_time_as_integer() == MODIFIED_FILETIME
    assert entry.get_access_time_as_integer() == ACCESSED_FILETIME
    assert entry.get_i30_creation_time_as_integer() == CREATED_FILETIME
    assert entry.get_i30_modification_time_as_integer() == MODIFIED_FILETIME
    names = image.record(f"{KEYS}/own").attributes.FILE_NAME
    assert [name.creation_time_ns for name in names] == [1_549_166_706_789_012_000]


def test_folder_times(image: Image) -> None:
    assert image.entry("Windows/Temp").get_creation_time_as_integer() == CREATED_FILETIME
    assert image.entry("Windows/Temp").get_modification_time_as_integer() == MODIFIED_FILETIME
    assert image.entry(KEYS).get_modification_time().replace(tzinfo=UTC) == DEFAULT_TIME


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ROOT_SD),
        (KEYS, FOLDER_SD),
        ("Windows/Temp", FOLDER_SD),
        ("Windows", DEFAULT_SD),
        (f"{KEYS}/own", OWN_SD),
        (f"{KEYS}/large", DEFAULT_SD),
        (f"{KEYS}/null dacl", NULL_DACL_SD),
        (f"{KEYS}/empty dacl", EMPTY_DACL_SD),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_security_descriptor(image: Image, path: str, expected: bytes) -> None:
    assert _stored_descriptor(image.ntfs, path) == expected


def test_security_descriptor_through_the_index(tmp_path: Path) -> None:
    # Three descriptors, because libfsntfs 20260827 finds none once $Secure:$SII has outgrown its root (about seven).
    path = tmp_path / "few.ntfs"
    build_ntfs(
        [FileSpec("a", b"1", OWN_SD), FileSpec("b", b"2")], path, SIZE, dirs={"": ROOT_SD}, default_sd=DEFAULT_SD
    )
    volume = pyfsntfs.volume()
    volume.open(str(path))
    assert volume.get_root_directory().security_descriptor_data == ROOT_SD
    assert volume.get_file_entry_by_path("\\a").security_descriptor_data == OWN_SD
    assert volume.get_file_entry_by_path("\\b").security_descriptor_data == DEFAULT_SD
    volume.close()


def test_security_descriptor_as_dissect_parses_it(image: Image) -> None:
    record = image.record(f"{KEYS}/own")
    assert image.ntfs.secure is not None
    descriptor = image.ntfs.secure.lookup(record.attributes.STANDARD_INFORMATION[0].security_id)
    assert descriptor.owner == "S-1-5-32-544"
    assert descriptor.dacl is not None
    assert [(ace.sid, ace.mask) for ace in descriptor.dacl.ace] == [("S-1-5-20", 0x00120089)]


def _stored_descriptor(ntfs: NTFS, path: str) -> bytes:
    """The bytes in $Secure:$SDS that the file's security_id names, found without the index."""
    wanted = _record(ntfs, path).attributes.STANDARD_INFORMATION[0].security_id
    stream: bytes = _record(ntfs, "$Secure").open("$SDS").read()
    position = 0
    while position + 20 <= len(stream):
        _, number, _, length = struct.unpack_from("<IIQI", stream, position)
        if length < 20:
            position = (position // 0x40000 + 1) * 0x40000
        elif number == wanted:
            return stream[position + 20 : position + length]
        else:
            position += -(-length // 16) * 16
    raise AssertionError(f"security id {wanted} is not in $SDS")


def test_junction(image: Image) -> None:
    entry = image.entry("Documents and Settings")
    assert entry.file_attribute_flags & 0x400
    record = image.record("Documents and Settings")
    assert record.is_mount_point()
    (reparse_point,) = record.attributes.REPARSE_POINT
    assert reparse_point.print_name == "C:\\Users"
    assert reparse_point.substitute_name == "\\??\\C:\\Users"


def test_attributes(image: Image) -> None:
    assert image.entry(f"{KEYS}/own").file_attribute_flags & 0x4
    assert not image.entry(f"{KEYS}/large").file_attribute_flags & 0x4


def test_deleted_file_keeps_record_and_content(image: Image) -> None:
    assert "gone.bin" not in image.record("Windows/Temp").listdir()
    assert image.ntfs.mft is not None
    deleted = [record for record in image.ntfs.mft.segments() if record.filename == "gone.bin"]
    assert len(deleted) == 1
    assert deleted[0].header is not None
    assert not deleted[0].header.Flags & 1
    assert b"deleted content" * 200 in image.path.read_bytes()


def test_no_descriptor_leaves_security_id_zero(tmp_path: Path) -> None:
    path = tmp_path / "bare.ntfs"
    build_ntfs([FileSpec("bare", b"x")], path, SIZE)
    with path.open("rb") as file:
        record = _record(NTFS(file), "bare")
        assert record.attributes.STANDARD_INFORMATION[0].security_id in (0, None)
        assert 0x50 not in {int(kind) for kind in record.attributes}


def test_same_call_writes_same_bytes(image: Image, tmp_path: Path) -> None:
    again = tmp_path / "again.ntfs"
    _build(again)
    assert again.read_bytes() == image.path.read_bytes()


def test_short_names_as_second_entries(tmp_path: Path) -> None:
    path = tmp_path / "short.ntfs"
    files = [FileSpec("ProgramData/Microsoft/a long name.json", b"{}"), FileSpec("Windows/system.ini", b"[]")]
    build_ntfs(files, path, SIZE, default_sd=DEFAULT_SD, extras=NtfsExtras(short_names=True))
    with path.open("rb") as file:
        ntfs = NTFS(file)
        assert _record(ntfs, "PROGRA~1/MICROS~1/ALONGN~1.JSO").open().read() == b"{}"
        assert _record(ntfs, "ProgramData/Microsoft/a long name.json").open().read() == b"{}"
        names = _record(ntfs, "ProgramData").attributes.FILE_NAME
        assert sorted((int(name.flags), name.file_name) for name in names) == [(1, "ProgramData"), (2, "PROGRA~1")]
        (only,) = _record(ntfs, "Windows/system.ini").attributes.FILE_NAME
        assert (int(only.flags), only.file_name) == (3, "system.ini")


def test_short_names_follow_windows() -> None:
    assert short_names(["Program Files", "Program Files (x86)", "Windows", "a.txt", "a.html", "x/ProgramData"]) == {
        "Program Files": "PROGRA~1",
        "Program Files (x86)": "PROGRA~2",
        "Windows": "WINDOWS",
        "a.txt": "A.TXT",
        "a.html": "A~1.HTM",
        "x/ProgramData": "PROGRA~1",
    }


def test_names_that_ntfs_holds_to_be_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NtfsError, match="one name on NTFS"):
        build_ntfs([FileSpec("Windows/A"), FileSpec("windows/a")], tmp_path / "twice.ntfs", SIZE)


def test_4096_byte_sectors(tmp_path: Path) -> None:
    path = tmp_path / "4k.ntfs"
    build_ntfs([FileSpec("a", LARGE)], path, SIZE, default_sd=DEFAULT_SD, sector_size=4096)
    data = path.read_bytes()
    assert struct.unpack_from("<HB", data, 11) == (4096, 1)
    assert struct.unpack_from("<I", data, 28) == (256,)
    assert _record(NTFS(io.BytesIO(data)), "a").open().read() == LARGE
