"""Archives that are damaged where their libraries say nothing: what is missing in them is not absent."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.sources import archive_damage
from forensics.sources.open import open_source
from forensics.tables.outcome import Outcome
from forensics.tables.record import ProblemRow
from tests.bad_sectors import bad_sectors
from tests.time_bound import within

HIVE = b"regf" + bytes(4092 + 4096)
SYSTEM = "Windows/System32/config/SYSTEM"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
UNSEEN = "members may be missing, so nothing that is not in it is absent"
CUT = f"the archive is cut short: it stops without the blocks of zeros that end one; {UNSEEN}"
HEADER = f"the archive is damaged or cut short at the header of a member: the rest is not read; {UNSEEN}"
BEHIND = f"the archive goes on behind what looks like its end: the rest is not read; {UNSEEN}"
# Header and two blocks of SYSTEM (16 blocks and its header), then a header and one block for each key.
SECOND_KEY = 512 + len(HIVE) + 1024
END = SECOND_KEY + 1024


def tar(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            content = HIVE if name == SYSTEM else name.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


WHOLE = tar(SYSTEM, f"{KEYS}/one", f"{KEYS}/two")


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "kind", "message", "offset", "seen"),
    [
        (WHOLE[:SECOND_KEY], "truncated", CUT, SECOND_KEY, ["one"]),
        (WHOLE[: SECOND_KEY + 100], "truncated", CUT, SECOND_KEY, ["one"]),
        (WHOLE[: SECOND_KEY + 512], "truncated", CUT, END, ["one", "two"]),
        (WHOLE[:END], "truncated", CUT, END, ["one", "two"]),
        (flipped(WHOLE, SECOND_KEY), "damaged", HEADER, SECOND_KEY, ["one"]),
        (flipped(WHOLE, SECOND_KEY + 150), "damaged", HEADER, SECOND_KEY, ["one"]),
        (WHOLE[:SECOND_KEY] + bytes(512) + WHOLE[SECOND_KEY + 512 :], "damaged", BEHIND, SECOND_KEY + 512, ["one"]),
    ],
)
def test_a_damaged_tar_calls_nothing_absent(
    tmp_path: Path, data: bytes, kind: str, message: str, offset: int, seen: list[str]
) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(data)
    with open_source(path) as source:
        row = ProblemRow(machine_id=0, source_path=str(path), kind=kind, message=message, offset=offset)
        assert source.problems == [row]
        (machine,) = source.installations
        listing = machine.listing(KEYS)
        assert ([entry.name for entry in listing.entries], listing.outcome) == (seen, Outcome("partial", message))
        assert machine.read(f"{KEYS}/three").outcome == Outcome("not_examined", message)
        assert machine.listing(f"{KEYS}x").outcome == Outcome("not_examined", "not in this source")


@pytest.mark.parametrize("zeros", [512, 1024, 10240, 1 << 20])
def test_a_tar_may_end_with_any_number_of_zeros(tmp_path: Path, zeros: int) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[:END] + bytes(zeros))
    with open_source(path) as source:
        assert source.problems == []
        assert source.installations[0].read(f"{KEYS}/three").outcome == Outcome("absent")


def test_a_member_that_is_cut_is_not_obtained(tmp_path: Path) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[: SECOND_KEY + 512])
    with open_source(path) as source:
        outcome = source.installations[0].read(f"{KEYS}/two").outcome
        assert outcome.state == "not_examined"
        assert (outcome.why or "").startswith("the archive is damaged there, which says nothing about the file itself")


def claiming(size: int) -> bytes:
    """Return the header of a member whose size is a number of eleven bytes."""
    header = bytearray(tar(f"{KEYS}/one")[:512])
    header[124:136] = (b"\x80" if size >= 0 else b"\xff") + size.to_bytes(11, "big", signed=size < 0)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 70)])
def test_a_member_of_less_than_no_bytes_does_not_lead_back(tmp_path: Path, size: int) -> None:
    """Where it led back, the same members were read until they were too many, and all was refused."""
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[:SECOND_KEY] + claiming(size) + b"x" * 512)
    with within(1), open_source(path) as source:
        (problem,) = source.problems
        assert problem.kind in ("truncated", "damaged")
        assert [entry.name for entry in source.installations[0].listing(KEYS).entries] == ["one"]


@pytest.mark.parametrize("size", [1 << 40, 1 << 63, (1 << 70) + 5])
def test_a_member_that_is_larger_than_any_file(tmp_path: Path, size: int) -> None:
    """What follows it would lie beyond every place of a file."""
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[:SECOND_KEY] + claiming(size) + b"x" * 512)
    case = forensics.examine(path)
    (row,) = [row for row in case.rows("problem") if row.kind == "truncated"]
    assert (row.message, row.offset is not None and row.offset < 1 << 63) == (CUT, True)
    case.save(tmp_path / "case")
    assert forensics.open_case(tmp_path / "case").rows("problem") == case.rows("problem")


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, HIVE if name == SYSTEM else name)
    return packed.getvalue()


ZIP = zipped(SYSTEM, f"{KEYS}/one", f"{KEYS}/two")
ONE = ZIP.index(f"{KEYS}/one".encode()) - 30
NO_FIT = f"the directory of the archive does not fit its members; {UNSEEN}"
KEYS_FLIPPED = "ProgramData/Microsoft/Crypto/RSA/LachineKeys"


def in_directory(name: str) -> int:
    return ZIP.rindex(name.encode())


@pytest.mark.parametrize(
    ("data", "message", "offset", "members", "seen"),
    [
        (
            flipped(ZIP, in_directory(f"{KEYS}/one") + len(KEYS) + 1),
            NO_FIT,
            ONE,
            f": '{KEYS}/nne' calls itself '{KEYS}/one'",
            ["nne", "two"],
        ),
        (
            flipped(ZIP, in_directory(f"{KEYS}/one") + KEYS.index("MachineKeys")),
            NO_FIT,
            ONE,
            f": '{KEYS_FLIPPED}/one' calls itself '{KEYS}/one'",
            ["two"],
        ),
        (flipped(ZIP, ONE), NO_FIT, ONE, f": '{KEYS}/one' is not where it should be", ["one", "two"]),
        (
            ZIP[:-6] + struct.pack("<I", in_directory(SYSTEM) + 100) + ZIP[-2:],
            NO_FIT,
            None,
            f": '{SYSTEM}' lies outside the archive; '{KEYS}/one' is not where it should be; "
            f"'{KEYS}/two' is not where it should be",
            ["one", "two"],
        ),
        (
            flipped(ZIP, len(ZIP) - 12),
            f"the directory of the archive has 3 members, its end says 2; {UNSEEN}",
            len(ZIP) - 22,
            "",
            ["one", "two"],
        ),
    ],
)
def test_a_damaged_zip_calls_nothing_absent(
    tmp_path: Path, data: bytes, message: str, offset: int | None, members: str, seen: list[str]
) -> None:
    path = tmp_path / "triage.zip"
    path.write_bytes(data)
    with open_source(path) as source:
        row = ProblemRow(machine_id=0, source_path=str(path), kind="damaged", message=message + members, offset=offset)
        assert source.problems == [row]
        (machine,) = source.installations
        listing = machine.listing(KEYS)
        assert ([entry.name for entry in listing.entries], listing.outcome) == (seen, Outcome("partial", message))
        assert machine.read(f"{KEYS}/three").outcome == Outcome("not_examined", message)


def test_a_zip_whose_directory_lost_an_entry(tmp_path: Path) -> None:
    """Its size says less than there was: the library reads as far as that."""
    start = ZIP.index(b"PK\x01\x02")
    first = ZIP.index(b"PK\x01\x02", start + 1)
    directory = ZIP[start:first]
    path = tmp_path / "triage.zip"
    path.write_bytes(ZIP[:first] + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(directory), start, 0))
    with open_source(path) as source:
        message = f"the directory of the archive has 1 member, its end says 3; {UNSEEN}"
        assert [problem.message for problem in source.problems] == [message]


@pytest.mark.parametrize("behind", [b"", b"a comment with PK"])
@pytest.mark.parametrize("before", [b"", b"MZ a program that unpacks it"])
def test_a_sound_zip_is_quiet(tmp_path: Path, before: bytes, behind: bytes) -> None:
    path = tmp_path / "triage.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = behind
        for name in (SYSTEM, f"{KEYS}/schlüssel", f"{KEYS}/one"):
            archive.writestr(name, HIVE)
    packed = path.read_bytes()
    with_stub = io.BytesIO(before + packed)
    members = zipfile.ZipFile(with_stub).infolist()
    assert archive_damage.damage_of_zip(with_stub, members) is None
    with open_source(path) as source:
        assert source.problems == []
        assert source.installations[0].read(f"{KEYS}/three").outcome == Outcome("absent")


def test_a_zip_of_more_members_than_its_end_can_count(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(65_600):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    with path.open("rb") as file:
        members = zipfile.ZipFile(file).infolist()
        assert archive_damage.damage_of_zip(file, members) is None
        lost = archive_damage.damage_of_zip(file, members[1:])
    assert lost is not None
    assert lost.message == f"the directory of the archive has 65599 members, its end says 65600; {UNSEEN}"


def test_a_zip_that_is_cut_says_to_copy_it_again(tmp_path: Path) -> None:
    path = tmp_path / "triage.zip"
    path.write_bytes(ZIP[: len(ZIP) // 2])
    with pytest.raises(SourceError, match="its directory stands at its end, so copy it again"):
        open_source(path)


def test_folders_that_differ_in_case_are_one(tmp_path: Path) -> None:
    """Collectors write paths as their rules spell them; unpacked on Windows they come together."""
    path = tmp_path / "triage.zip"
    path.write_bytes(zipped(SYSTEM, f"{KEYS}/one", f"{KEYS.upper()}/two", f"{KEYS.lower()}/three"))
    with open_source(path) as source:
        assert source.problems == []
        (machine,) = source.installations
        assert [entry.name for entry in machine.listing(KEYS).entries] == ["one", "three", "two"]


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_bad_sector_costs_an_archive_no_other_member(form: str, tmp_path: Path) -> None:
    """Here it lies in the content of SYSTEM, behind the header in front of it."""
    path = tmp_path / f"x.{form}"
    names = [SYSTEM, f"{KEYS}/one", f"{KEYS}/two"]
    path.write_bytes(WHOLE)
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, HIVE if name == SYSTEM else name)
    with bad_sectors(path, 4096, 4608), open_source(path) as source:
        (installation,) = source.installations
        assert [installation.read(name).outcome.state for name in names] == ["not_examined", "present", "present"]
        assert {problem.kind for problem in [*source.problems, *installation.problems]} == {"not_obtained"}


def test_a_bad_sector_at_the_header_of_a_member_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(WHOLE)
    with bad_sectors(path, SECOND_KEY, SECOND_KEY + 512), open_source(path) as source:
        (problem,) = source.problems
        assert (problem.kind, problem.offset) == ("not_obtained", SECOND_KEY)
        (installation,) = source.installations
        assert installation.read(f"{KEYS}/one").data == f"{KEYS}/one".encode()
        assert installation.read(f"{KEYS}/two").outcome.state == "not_examined"
