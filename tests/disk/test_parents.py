"""Disks that hold only changes to another one, read with their parents: against the disk they were made of."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from forensics.sources.source import Source
from tests.disk.chain_disks import FORMS, PAGE, layers, merged
from tests.disk.test_containers import assert_reads_like, opened
from tests.oracles import other_reader, tool

MIB = 1 << 20
SIZE = 12 * MIB


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Pages unlike each other, and holes."""
    mix = random.Random(4)
    return b"".join(mix.randbytes(PAGE) if mix.random() < 0.4 else bytes(PAGE) for _ in range(SIZE // PAGE))


@pytest.mark.parametrize("form", FORMS)
def test_a_chain_reads_as_the_disk_that_it_was_made_of(tmp_path: Path, raw: bytes, form: str) -> None:
    chain = layers(raw, 4)
    assert merged(SIZE, chain) == raw
    newest = FORMS[form](tmp_path, SIZE, chain)
    with Source(str(newest)) as source:
        disk = opened(newest, source)
        assert (disk.size, len(disk.parents)) == (SIZE, 3)
        assert_reads_like(disk, raw, 1000)
        assert source.problems == []


@pytest.mark.parametrize("form", ["vmdk", "vmfs", "sesparse", "qcow2"])
def test_qemu_reads_these_chains_so_too(tmp_path: Path, raw: bytes, form: str) -> None:
    newest = FORMS[form](tmp_path, SIZE, layers(raw, 4))
    kind = "qcow2" if form == "qcow2" else "vmdk"
    qemu = tool("qemu-img", "qemu-utils")
    subprocess.run([qemu, "convert", "-f", kind, "-O", "raw", str(newest), str(tmp_path / "out")], check=True)
    assert (tmp_path / "out").read_bytes() == raw


def test_libvhdi_reads_differencing_vhds_so_too(tmp_path: Path, raw: bytes) -> None:
    vhdi = other_reader("pyvhdi", "libvhdi-python")
    FORMS["vhd"](tmp_path, SIZE, layers(raw, 4))
    files = [vhdi.file() for _ in range(4)]
    for number, file in enumerate(files):
        file.open(str(tmp_path / (f"vm_{number}.avhd" if number else "vm.vhd")))
        if number:
            file.set_parent(files[number - 1])
    # Its own reads over more than one run of sectors are wrong.
    assert b"".join(files[-1].read_buffer_at_offset(512, at) for at in range(0, SIZE, 512)) == raw


def test_dissect_reads_snapshots_of_virtualbox_so_too(tmp_path: Path, raw: bytes) -> None:
    """Page by page: where a read crosses a block, dissect is wrong."""
    from dissect.hypervisor.disk.vdi import VDI

    newest = FORMS["vdi"](tmp_path, SIZE, layers(raw, 3))
    files = [tmp_path / "vm.vdi", tmp_path / "Snapshots" / "{1}.vdi", newest]
    disk = None
    for path in files:
        disk = VDI(path.open("rb"), parent=cast(BinaryIO, disk)).open()
    assert disk is not None
    for page in range(SIZE // PAGE):
        disk.seek(page * PAGE)
        assert disk.read(PAGE) == raw[page * PAGE : (page + 1) * PAGE], page
