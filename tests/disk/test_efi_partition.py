"""The EFI system partition of a disk belongs to the Windows on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.collectors.secure_boot import collect_secure_boot
from forensics.sources.open import open_source
from testdata.builder import gpt
from testdata.builder.disk import Volume, build_disk
from testdata.builder.fat import build_fat
from testdata.builder.pe import PCA_2011, signed_pe

MIB = 1 << 20
MANAGER = "EFI/Microsoft/Boot/bootmgfw.efi"


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("efi_first", [True, False])
def test_partition_of_the_same_disk(ntfs_image: Path, tmp_path: Path, sector: int, efi_first: bool) -> None:
    efi = tmp_path / "efi.fat"
    efi.write_bytes(build_fat({MANAGER: signed_pe(PCA_2011)}, 34 * MIB))
    volumes = [Volume(efi, gpt.EFI_SYSTEM, "EFI system partition"), Volume(ntfs_image)]
    disk = tmp_path / "disk.raw"
    build_disk(volumes if efi_first else volumes[::-1], disk, sector_size=sector)
    with open_source(disk) as source:
        (found,) = source.installations
        row = collect_secure_boot(found)
        coverage = {c.detail: (c.name, c.outcome) for c in source.coverage}
        places = [place.name for place in source.searched]
    assert row.boot_manager_ca == "pca_2011"
    name = "partition 1" if efi_first else "partition 2"
    assert row.boot_manager_path == f"{name}/{MANAGER}"
    assert coverage["FAT32, the EFI system partition"] == (name, "present")
    assert places == [""]


def test_fat_volume_of_another_kind_is_not_taken_for_it(ntfs_image: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.fat"
    data.write_bytes(build_fat({MANAGER: signed_pe(PCA_2011)}, 34 * MIB))
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image, Volume(data)], disk)
    with open_source(disk) as source:
        row = collect_secure_boot(source.installations[0])
        details = [c.detail for c in source.coverage]
    assert row.boot_manager == "not_examined"
    assert "FAT32 file system, which is not read (copy what it holds into a folder and examine that)" in details
