"""BitLocker volumes of virtual disks that lie on the host's disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from forensics.sources import guest_disks
from forensics.sources.guest_disks import read_guest_disks
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from testdata.builder import bitlocker
from testdata.builder.vhdx import write_dynamic
from tests.memory_tree import MemoryTree


@pytest.fixture(scope="module")
def guest(ntfs_image: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    encrypted = bitlocker.encrypt(ntfs_image.read_bytes())
    path = tmp_path_factory.mktemp("guest") / "guest.vhdx"
    write_dynamic(io.BytesIO(encrypted), len(encrypted), path)
    return path.read_bytes()


def read(files: dict[str, bytes | None]) -> Source:
    tree = MemoryTree(files)
    source = Source("host.vhdx")
    place = SearchedTree(tree, "host.vhdx", "partition 4")
    read_guest_disks(source, place, tree.entries("VMs"), 7)
    return source


def test_protectors_of_a_guest_are_told_without_a_key(guest: bytes) -> None:
    source = read({"VMs/web.vhdx": guest, "VMs/web_1.avhdx": b"x", "VMs/web.vmcx": b"x"})
    assert source.problems == []
    (row,) = source.bitlocker
    assert (row.machine_id, row.volume, row.disk) == (7, "volume", "partition 4/VMs/web.vhdx")
    assert sorted(row.protectors) == ["external_key", "password", "recovery_password", "tpm"]
    assert (row.has_tpm, row.has_recovery_password, row.suspended, row.unlocked) == (True, True, False, False)


def test_broken_disks_are_problems_and_leave_the_others_alone(guest: bytes) -> None:
    cut = guest[: len(guest) // 3]
    source = read({"VMs/a.vhdx": b"no disk", "VMs/b.vhdx": cut, "VMs/c.vhdx": guest, "VMs/d.vhdx": bytes(4096)})
    assert {problem.source_path for problem in source.problems} >= {"partition 4/VMs/a.vhdx", "partition 4/VMs/d.vhdx"}
    assert source.bitlocker[-1].disk == "partition 4/VMs/c.vhdx"
    assert source.bitlocker[-1].has_tpm is True


def test_the_number_of_disks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_disks, "MAX_GUEST_DISKS", 2)
    source = read({f"VMs/{n}.vhdx": b"no disk" for n in range(4)})
    assert [p.kind for p in source.problems].count("too_many") == 1
    assert len(source.problems) == 3
