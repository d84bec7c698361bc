"""One bad sector where a disk is recognised, or where a structure has a copy, hides nothing."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import pytest

import forensics
from forensics.disk.readable_bytes import readable_bytes
from forensics.disk.vhdx.reader import open_vhdx
from forensics.disk.vhdx.structures import UNDEFINED, UNMAPPED, ZERO
from testdata.builder.vhdx import write_dynamic
from testdata.forms.table import FORMS
from tests.bad_sectors import bad_sectors
from tests.damaged_volume import packed_volume
from tests.disk.vhdx_disks import BAT, HEADERS, MIB, REGION_TABLES, assert_reads_like, at, content, patch
from tests.paths import IMAGES


def verdicts(case: forensics.Case) -> set[tuple[object, ...]]:
    return {(row.thumbprint, row.key_file_path, row.verdict) for row in case.rows("key_chain")}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_volume("mbr", tmp_path_factory.mktemp("volume") / "mbr.ntfs")


@pytest.mark.usefixtures("rows_alone")
@pytest.mark.parametrize("place", [0, 512, 8192, 24576, -512])
def test_a_volume_is_examined_whichever_of_its_sectors_is_bad(volume: Path, place: int) -> None:
    start = place % volume.stat().st_size
    whole = verdicts(forensics.examine(volume))
    with bad_sectors(volume, start, start + 512):
        case = forensics.examine(volume)
    assert verdicts(case) == whole
    told = {row.kind for row in case.rows("problem")}
    assert ({"not_obtained", "bad_boot_sector"} <= told) == (place == 0)


def test_a_volume_without_its_boot_sector_is_no_other_volume_beside_itself(tmp_path: Path) -> None:
    """What is looked for on the other volumes of a disk is not found on its own once more."""
    volume = packed_volume("hyperv-target", tmp_path / "hyperv-target.ntfs")
    whole = forensics.examine(volume)
    patch(volume, 0, bytes(512))
    case = forensics.examine(volume)
    assert {finding.rule for finding in case.finding_list} == {finding.rule for finding in whole.finding_list}
    assert [row.kind for row in case.rows("problem")] == ["bad_boot_sector"]


@pytest.mark.usefixtures("rows_alone")
@pytest.mark.parametrize("sector", [0, 1, 2, -1])
def test_a_disk_is_examined_whichever_sector_of_its_tables_is_bad(tmp_path: Path, sector: int) -> None:
    packed = tmp_path / "sample.vhdx"
    packed.write_bytes(lzma.decompress((IMAGES / "sample.vhdx.xz").read_bytes()))
    disk = tmp_path / "sample.raw"
    with open_vhdx(packed) as stream:
        disk.write_bytes(stream.read())
    start = sector * 512 % disk.stat().st_size
    with bad_sectors(disk, start, start + 512):
        case = forensics.examine(disk)
    assert verdicts(case) == verdicts(forensics.examine(packed))


def test_what_cannot_be_read_at_all_is_not_taken_for_zeros(volume: Path) -> None:
    with bad_sectors(volume, 0, 1 << 40), pytest.raises(forensics.SourceError, match="Input/output error"):
        forensics.examine(volume)


def test_only_a_bad_sector_is_read_around() -> None:
    class Refused(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        readable_bytes(Refused(bytes(1024)), 0, 1024)


@pytest.fixture
def vhdx(tmp_path: Path) -> Path:
    path = tmp_path / "disk.vhdx"
    raw = content(7)
    write_dynamic(io.BytesIO(raw), len(raw), path)
    return path


@pytest.mark.parametrize("place", [0, *HEADERS, *REGION_TABLES])
def test_a_vhdx_is_read_by_the_other_copy_of_what_cannot_be_read(vhdx: Path, place: int) -> None:
    with bad_sectors(vhdx, place, place + 512), open_vhdx(vhdx) as stream:
        assert_reads_like(at(stream), content(7), 100)
        used = place in (0, *HEADERS, REGION_TABLES[0])
        assert [problem.kind for problem in stream.problems] == ["not_obtained"] * used


def test_a_vhdx_of_which_a_part_of_the_bat_cannot_be_read_is_read_but_for_that(vhdx: Path) -> None:
    with bad_sectors(vhdx, BAT, BAT + 512), open_vhdx(vhdx) as stream:
        assert [problem.kind for problem in stream.problems] == ["not_obtained"]
        with pytest.raises(OSError, match="Input/output error"):
            stream.read(512)


@pytest.mark.usefixtures("rows_alone")
def test_a_vhdx_that_lost_its_first_bytes_is_known_by_its_headers(tmp_path: Path) -> None:
    path = tmp_path / "mbr.vhdx"
    path.write_bytes(lzma.decompress((IMAGES / "mbr.vhdx.xz").read_bytes()))
    whole = verdicts(forensics.examine(path))
    patch(path, 0, bytes(4096))
    case = forensics.examine(path)
    assert verdicts(case) == whole
    assert [(row.kind, row.offset) for row in case.rows("problem")] == [("bad_magic", 0)]


def test_blocks_that_the_bat_lost_are_told(tmp_path: Path) -> None:
    path, raw = tmp_path / "disk.vhdx", content(3, 4 * MIB)
    for block in range(4):
        raw[block * MIB] = 1
    write_dynamic(io.BytesIO(raw), len(raw), path, block_size=MIB)
    patch(path, BAT + 8, bytes(8))
    with open_vhdx(path) as stream:
        assert [(problem.kind, f"{MIB} bytes" in problem.message) for problem in stream.problems] == [
            ("unclaimed", True)
        ]
    for trimmed in (UNDEFINED, ZERO, UNMAPPED):
        patch(path, BAT + 8, bytes([trimmed]))
        with open_vhdx(path) as stream:
            assert stream.problems == []


@pytest.mark.usefixtures("rows_alone")
def test_a_dynamic_vhd_is_read_by_the_copy_of_a_footer_that_cannot_be_read(tmp_path: Path) -> None:
    path = FORMS["VHD dynamic (Disk2vhd, Xen)"].make(tmp_path)
    end = path.stat().st_size
    whole = verdicts(forensics.examine(path))
    with bad_sectors(path, end - 512, end):
        case = forensics.examine(path)
    assert verdicts(case) == whole
    assert [row.kind for row in case.rows("problem")] == ["not_obtained"]
