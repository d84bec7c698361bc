"""Disks that hold only changes to another one, read with their parents: against the disk they were made of."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import random
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from forensics.disk.containers import open_disk, open_image
from forensics.disk.errors import SourceError
from forensics.sources.source import Source
from testdata.builder.chain_disks import FORMS, PAGE, layers, merged, qcow2
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
        assert_reads_like(disk, raw, 300)
        assert source.problems == []


# Made by QEMU 7.2 (create, convert, qemu-io); the hashes are those of its own qemu-img convert -O raw.
BY_QEMU = {
    "new.qcow2": "90037f984d14fffcca5a496c8a7a04a9c4a8326acf9ffeccf7882ca6c059c7c4",
    "snapshots.qcow2": "167b663cc75de5fe58c1e237960ffde8e4d25f1e75add31e6b684e99f8d016c6",
    "zstd.qcow2": "279406a8cff0175b290e2b0311393098e7b2bb26e8c1c60d1b0a9a990335bd45",
    "packed-000002.vmdk": "221008afbac4f05d4cb4c5c521f38bcf5736a4d58afc209be3f2a367879a6a29",
}
SAMPLES = Path(__file__).parent / "data" / "chains"


@pytest.mark.parametrize("name", BY_QEMU)
def test_chains_that_qemu_made(tmp_path: Path, name: str) -> None:
    """A larger overlay on one of version 2 on a packed one; the present state above a snapshot within; VMDK mixed."""
    for packed in SAMPLES.iterdir():
        (tmp_path / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    assert sha256(tmp_path / name) == BY_QEMU[name]


def test_a_compressed_chain() -> None:
    assert sha256(SAMPLES / "new.qcow2.xz") == BY_QEMU["new.qcow2"]


def sha256(path: Path) -> str:
    with Source(str(path)) as source:
        disk = opened(path, source)
        disk.stream.seek(0)
        data = disk.stream.read(disk.size)
        assert source.problems == []
    return hashlib.sha256(data).hexdigest()


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


def refusal(path: Path, others: tuple[Path, ...] = ()) -> tuple[str, str]:
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        open_disk(replace(open_image(path, str(path), source, lambda line: None), others=others), source)
    return caught.value.kind, caught.value.message


def small(folder: Path, form: str, count: int = 2) -> Path:
    return FORMS[form](folder, MIB, layers(bytes([7]) * MIB, count))


BASES = {
    "vmdk": ("vm.vmdk", "VMDK", "'vm.vmdk'", "'vm.vmdk'"),
    "vmfs": ("vm.vmdk", "VMDK", "'vm.vmdk'", "'vm.vmdk'"),
    "qcow2": ("disk-0.qcow2", "qcow2", "'disk-0.qcow2'", "'disk-0.qcow2'"),
    "vdi": ("vm.vdi", "VDI", "another disk, which it does not name", "that disk"),
    "vhd": ("vm.vhd", "differencing VHD", "'vm.vhd'", "'vm.vhd'"),
}


@pytest.mark.parametrize("form", BASES)
def test_a_missing_parent_is_named(tmp_path: Path, form: str) -> None:
    child = small(tmp_path, form)
    base, what, named, put = BASES[form]
    (tmp_path / base).unlink()
    said = f"{child}: this {what} is a snapshot that holds only changes to {named}, and that is not there"
    assert refusal(child) == ("missing_parent", f"{said}: put {put} beside it")


def edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_vmdk_whose_cid_does_not_fit(tmp_path: Path) -> None:
    child = small(tmp_path, "vmdk")
    edit(tmp_path / "vm.vmdk", b"CID=5e1f0a70\n", b"CID=5e1f0abc\n")
    misfit = "its CID is 5e1f0abc, the child needs CID 5e1f0a70"
    assert refusal(child) == (
        "wrong_parent",
        f"{tmp_path}/vm.vmdk is not the parent of {child}, or was changed after the child was made: {misfit}. Put the "
        "right parent beside the child",
    )


def test_a_vhd_whose_identity_does_not_fit(tmp_path: Path) -> None:
    child = small(tmp_path, "vhd")
    edit(tmp_path / "vm.vhd", uuid.UUID(int=1).bytes, uuid.UUID(int=99).bytes)
    kind, message = refusal(child)
    assert kind == "wrong_parent"
    assert f"its identity is {{{uuid.UUID(int=99)}}}, the child needs {{{uuid.UUID(int=1)}}}" in message


@pytest.mark.parametrize("form", ["vmdk", "vhd"])
def test_a_parent_of_another_size(tmp_path: Path, form: str) -> None:
    (tmp_path / "other").mkdir()
    child = small(tmp_path, form)
    FORMS[form](tmp_path / "other", 2 * MIB, layers(bytes([7]) * 2 * MIB, 1))
    base = BASES[form][0]
    (tmp_path / "other" / base).replace(tmp_path / base)
    kind, message = refusal(child)
    assert (kind, f"its disk has {2 * MIB} bytes, that of the child {MIB}" in message) == ("wrong_parent", True)


def test_a_vdi_whose_parent_may_have_been_changed_is_read_and_told(tmp_path: Path) -> None:
    child = small(tmp_path, "vdi")
    edit(tmp_path / "vm.vdi", uuid.UUID(int=101).bytes_le, uuid.UUID(int=7).bytes_le)
    with Source(str(child)) as source:
        assert opened(child, source).parents == (tmp_path / "vm.vdi",)
        (problem,) = source.problems
    assert problem.kind == "parent_changed"
    assert f"modification UUID {{{uuid.UUID(int=7)}}}" in problem.message


def test_a_qcow2_whose_parent_is_of_another_form_than_it_says(tmp_path: Path) -> None:
    child = small(tmp_path, "qcow2")
    (tmp_path / "disk-0.qcow2").write_bytes(bytes(510) + b"\x55\xaa" + bytes(MIB - 512))
    kind, message = refusal(child)
    assert (kind, "it is raw, the child needs one of form qcow2" in message) == ("wrong_parent", True)


def test_a_raw_parent_is_read_as_raw_whatever_its_guest_wrote_there(tmp_path: Path) -> None:
    """Its first sector is that of a qcow2 that names another file: the guest's words open nothing."""
    raw = bytes([7]) * MIB
    child = qcow2(tmp_path, MIB, [{}, {5: b"\5" * PAGE}], form=b"raw")
    inner = qcow2(tmp_path, MIB, [{}, {}, {}]).read_bytes()
    qcow2(tmp_path, MIB, [{}, {5: b"\5" * PAGE}], form=b"raw")
    base = inner + raw[len(inner) :]
    (tmp_path / "disk-0.qcow2").write_bytes(base)
    with Source(str(child)) as source:
        disk = opened(child, source)
        assert disk.stream.read(MIB) == merged(MIB, [dict(enumerate(pages(base))), {5: b"\5" * PAGE}])


def pages(raw: bytes) -> list[bytes]:
    return [raw[at : at + PAGE] for at in range(0, len(raw), PAGE)]


@pytest.mark.parametrize("name", ["nbd://host/export", "json:{}", "rbd:pool/image"])
def test_a_backing_file_on_a_network_is_refused(tmp_path: Path, name: str) -> None:
    child = small(tmp_path, "qcow2")
    edit(child, b"disk-0.qcow2", name.encode().ljust(12, b"\0")[:12] if len(name) < 12 else name.encode())
    kind, message = refusal(child)
    assert kind == "needs_parent"
    assert "reached over a network" in message


@pytest.mark.parametrize("form", ["vmdk", "qcow2", "vhd"])
def test_a_parent_elsewhere_or_behind_a_link_is_not_opened(tmp_path: Path, form: str) -> None:
    """Not by the path that the child wrote, and not through a link beside it; among what was named with it, it is."""
    base = BASES[form][0]
    (tmp_path / "vm").mkdir()
    child = small(tmp_path / "vm", form)
    outside = (tmp_path / "vm" / base).rename(tmp_path / base)
    if form == "qcow2":
        edit(child, b"disk-0.qcow2", b"/" * (12 - len("disk-0.qcow2")) + b"disk-0.qcow2")
    assert refusal(child)[0] == "missing_parent"
    (tmp_path / "vm" / base).symlink_to(outside)
    assert refusal(child)[0] == "missing_parent"
    (tmp_path / "vm" / base).unlink()
    with Source(str(child)) as source:
        image = open_image(child, str(child), source, lambda line: None)
        if form == "qcow2":  # which knows it by name alone
            assert refusal(child, (outside,))[0] == "missing_parent"
        else:
            assert open_disk(replace(image, others=(outside,)), source).parents == (outside,)


@pytest.mark.parametrize("hint", ["/etc/passwd", "..\\..\\vm.vmdk", "C:\\vm.vmdk", "\\\\host\\share\\vm.vmdk"])
def test_a_path_in_a_descriptor_is_compared_and_never_opened(tmp_path: Path, hint: str) -> None:
    child = small(tmp_path, "vmfs")
    edit(child, b'Hint="vm.vmdk"', f'Hint="{hint}"'.encode())
    # The parent beside it is known by its CID all the same.
    with Source(str(child)) as source:
        assert opened(child, source).parents == (tmp_path / "vm.vmdk",)
    (tmp_path / "vm.vmdk").rename(tmp_path / "no.vmdk.away")
    edit(tmp_path / "no.vmdk.away", b"CID=5e1f0a70\n", b"CID=5e1f0abc\n")
    assert refusal(child)[0] == "missing_parent"


def test_disks_that_build_on_each_other_end(tmp_path: Path) -> None:
    child = small(tmp_path, "vmdk")
    edit(tmp_path / "vm.vmdk", b"parentCID=ffffffff", b"parentCID=5e1f0a71")
    assert refusal(child)[0] == "missing_parent"


def test_a_chain_longer_than_any_is_refused(tmp_path: Path) -> None:
    FORMS["vmdk"](tmp_path, MIB, [{0: b"x" * PAGE}, *[{}] * 9])
    for number in range(10, 66):
        text = (tmp_path / "vm-000009.vmdk").read_bytes()
        text = text.replace(b"CID=5e1f0a79", f"CID=5e1f0{number:03}".encode())
        text = text.replace(b"parentCID=5e1f0a78", f"parentCID=5e1f0{number - 1:03}".encode())
        if number == 10:
            text = text.replace(b"parentCID=5e1f0009", b"parentCID=5e1f0a79")
        (tmp_path / f"vm-{number:06d}.vmdk").write_bytes(text.replace(b'"vm-000008.vmdk"', b'"gone.vmdk"     '))
    with Source("x") as source:
        assert opened(tmp_path / "vm-000064.vmdk", source).stream.read(1) == b"x"
    kind, message = refusal(tmp_path / "vm-000065.vmdk")
    assert kind == "chain_too_long"
    assert "vm-000065.vmdk has more than 64 parents below it" in message


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('RW 2048 FLAT "vm-flat.vmdk', "a line that names an extent is damaged"),
        ("parentCID=5e1f0a70", "it gives parentcid twice"),
        ("x" * (64 << 10), "it is longer than 65536 bytes"),
    ],
)
def test_a_descriptor_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, line: str, why: str) -> None:
    small(tmp_path, "vmfs")
    path = tmp_path / "vm.vmdk"
    path.write_text(f"{path.read_text()}{line}\n")
    kind, message = refusal(path)
    assert (kind, f"the descriptor of the VMDK cannot be understood: {why}" in message) == ("bad_header", True)


def test_a_journal_that_was_not_written_out_is_told(tmp_path: Path) -> None:
    child = small(tmp_path, "sesparse")
    with (tmp_path / "vm-000001-sesparse.vmdk").open("r+b") as file:
        file.seek(512 + 24)
        file.write(b"\1")
    with Source(str(child)) as source:
        opened(child, source)
        assert [row.kind for row in source.problems] == ["marked_dirty"]


def test_what_a_parent_lacks_is_told_once_and_of_the_parent(tmp_path: Path) -> None:
    child = small(tmp_path, "vmfs")
    flat = tmp_path / "vm-flat.vmdk"
    flat.write_bytes(flat.read_bytes()[: MIB // 2])
    with Source(str(child)) as source:
        disk = opened(child, source)
        for at in range(0, MIB, 65536):
            disk.stream.seek(at)
            with contextlib.suppress(OSError):
                disk.stream.read(65536)
        problems = [row.message for row in source.problems]
    assert len(problems) == 8
    assert all(message.startswith(f"{tmp_path}/vm.vmdk: bytes ") for message in problems)


@pytest.mark.parametrize("form", FORMS)
def test_hostile_bytes_open_or_are_refused(tmp_path: Path, form: str) -> None:
    child = small(tmp_path, form)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    mix = random.Random(9)
    for _ in range(60):
        target = mix.choice(files)
        data = target.read_bytes()
        broken = bytearray(data)
        for _ in range(mix.randint(1, 8)):
            broken[min(len(data) - 1, mix.choice((mix.randrange(600), mix.randrange(len(data)))))] = mix.randrange(256)
        target.write_bytes(broken[: mix.choice((len(data), mix.randrange(len(data))))])
        with Source(str(child)) as source:
            try:
                disk = opened(child, source)
                disk.stream.read(min(disk.size, MIB))
            except (SourceError, OSError):
                pass
        target.write_bytes(data)
