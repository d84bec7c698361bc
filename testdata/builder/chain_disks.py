"""Writes disks that hold only changes to another one, in each form, from the pages of 4 KiB that each disk holds.

The pages lie in the file in an order of their own, as on a disk that grew in use.
"""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PAGE = 4096
Pages = Mapping[int, bytes | None]
"""Content by page number; None for a page that is zeros, whatever the parent holds there."""

Writer = Callable[[Path, int, Sequence[Pages]], Path]
"""Writes a chain into a folder: (folder, bytes of the disk, pages of each disk, the base first) -> the newest disk."""


def layers(raw: bytes, count: int, seed: int = 1) -> list[dict[int, bytes | None]]:
    """Spread a disk over a chain: each disk holds some pages as they are, and stale ones that a later one hides."""
    mix = random.Random(seed)
    chain: list[dict[int, bytes | None]] = [{} for _ in range(count)]
    for page in range(len(raw) // PAGE):
        content = raw[page * PAGE : (page + 1) * PAGE]
        is_empty = content == bytes(PAGE)
        at = mix.randrange(count)
        if is_empty and mix.random() > 0.02:
            continue
        chain[at][page] = None if is_empty else content
        for below in range(at):
            if mix.random() < 0.3:
                chain[below][page] = bytes([0xA0 + below]) * PAGE
    return chain


def merged(size: int, chain: Sequence[Pages]) -> bytes:
    """Return the disk that a chain shows."""
    raw = bytearray(size)
    for pages in chain:
        _put(raw, pages)
    return bytes(raw)


def _put(raw: bytearray, pages: Pages) -> None:
    for page, content in pages.items():
        raw[page * PAGE : (page + 1) * PAGE] = content or bytes(PAGE)


def _shuffled(pages: Pages, seed: int) -> dict[int, bytes]:
    held = [(page, content) for page, content in pages.items() if content is not None]
    random.Random(seed).shuffle(held)
    return dict(held)


VMDK_TEXT = """# Disk DescriptorFile
version=1
CID={cid}
parentCID={parent}
createType="{kind}"
{hint}
RW {sectors} {extent} "{name}"{at}
"""


def descriptor(number: int, size: int, kind: str, extent: str, name: str) -> str:
    """Return the descriptor of a disk of a chain."""
    return VMDK_TEXT.format(
        cid=f"5e1f0a7{number}",
        parent=f"5e1f0a7{number - 1}" if number else "ffffffff",
        kind=kind,
        hint=f'parentFileNameHint="{vmdk_name(number - 1)}"' if number else "",
        sectors=size // 512,
        extent=extent,
        name=name,
        at=" 0" if extent == "FLAT" else "",
    )


def vmdk_name(number: int) -> str:
    """Return VMware's name for a disk of a chain."""
    return f"vm-{number:06d}.vmdk" if number else "vm.vmdk"


def vmdk(folder: Path, size: int, chain: Sequence[Pages]) -> Path:
    """Write each disk as one file, as VMware Workstation does (monolithicSparse)."""
    tables = -(-size // (512 * PAGE))
    directory_at, tables_at = 24, 24 + -(-tables * 4 // 512)
    data_at = tables_at + tables * 4
    for number, pages in enumerate(chain):
        held = _shuffled(pages, number)
        places = {page: data_at + 8 * at for at, page in enumerate(held)}
        entries = [0] * (tables * 512)
        for page, content in pages.items():
            entries[page] = 1 if content is None else places[page]
        header = struct.pack(
            "<4sIIQQQQIQQQB4sH", b"KDMV", 2, 5, size // 512, 8, 1, 20, 512, directory_at, directory_at, data_at, 0,
            b"\n \r\n", 0,
        )  # fmt: skip
        text = descriptor(number, size, "monolithicSparse", "SPARSE", vmdk_name(number)).encode()
        directory = struct.pack(f"<{tables}I", *(tables_at + 4 * at for at in range(tables)))
        data = header.ljust(512, b"\0") + text.ljust((directory_at - 1) * 512, b"\0")
        data += directory.ljust((tables_at - directory_at) * 512, b"\0") + struct.pack(f"<{len(entries)}I", *entries)
        (folder / vmdk_name(number)).write_bytes(data + b"".join(held.values()))
    return folder / vmdk_name(len(chain) - 1)


def _flat_base(folder: Path, size: int, base: Pages) -> None:
    (folder / "vm-flat.vmdk").write_bytes(merged(size, [base]))
    (folder / "vm.vmdk").write_text(descriptor(0, size, "vmfs", "VMFS", "vm-flat.vmdk"))


def vmfs(folder: Path, size: int, chain: Sequence[Pages]) -> Path:
    """Write a flat base and sparse extents beside their descriptors, as ESXi does on VMFS 5."""
    _flat_base(folder, size, chain[0])
    tables = -(-size // (4096 * PAGE))
    tables_at = 4 + -(-tables * 4 // 512)
    data_at = tables_at + tables * 32
    for number, pages in enumerate(chain[1:], 1):
        held = _shuffled({page: content or bytes(PAGE) for page, content in pages.items()}, number)
        entries = [0] * (tables * 4096)
        for at, page in enumerate(held):
            entries[page] = data_at + 8 * at
        header = struct.pack("<4s7I", b"COWD", 1, 3, size // 512, 8, 4, tables, data_at + 8 * len(held))
        directory = struct.pack(f"<{tables}I", *(tables_at + 32 * at for at in range(tables)))
        data = header.ljust(2048, b"\0") + directory.ljust((tables_at - 4) * 512, b"\0")
        data += struct.pack(f"<{len(entries)}I", *entries)
        name = f"vm-{number:06d}-delta.vmdk"
        (folder / name).write_bytes(data + b"".join(held.values()))
        (folder / vmdk_name(number)).write_text(descriptor(number, size, "vmfsSparse", "VMFSSPARSE", name))
    return folder / vmdk_name(len(chain) - 1)


def sesparse(folder: Path, size: int, chain: Sequence[Pages]) -> Path:
    """Write a flat base and space-efficient extents, as ESXi does on VMFS 6; zeros are unmapped grains."""
    _flat_base(folder, size, chain[0])
    tables = -(-size // (4096 * PAGE))
    tables_at = 2064
    data_at = tables_at + 64 * tables + 64
    for number, pages in enumerate(chain[1:], 1):
        held = _shuffled(pages, number)
        entries = [0] * (tables * 4096)
        for page, content in pages.items():
            entries[page] = 0 if content is not None else (1 + page % 2) << 60
        for at, page in enumerate(held):
            entries[page] = 3 << 60 | (at & 0xFFF) << 48 | at >> 12
        header = struct.pack(
            "<26Q", 0xCAFEBABE, 0x200000001, size // 512, 8, 64, 0, 0, 0, 0, 0, 1, 1, 2, 2, 4, 4, 16, 2048, tables_at,
            64 * tables, data_at - 32, 16, data_at - 16, 16, data_at, 8 * len(held),
        )  # fmt: skip
        data = header.ljust(512, b"\0") + struct.pack("<4Q", 0xCAFECAFE, 0, 0, 0).ljust(512 * 15, b"\0")
        data += struct.pack(f"<{tables}Q", *(1 << 60 | at for at in range(tables))).ljust(2048 * 512, b"\0")
        data += struct.pack(f"<{len(entries)}Q", *entries)
        name = f"vm-{number:06d}-sesparse.vmdk"
        (folder / name).write_bytes(data.ljust(data_at * 512, b"\0") + b"".join(held.values()))
        (folder / vmdk_name(number)).write_text(descriptor(number, size, "seSparse", "SESPARSE", name))
    return folder / vmdk_name(len(chain) - 1)


def qcow2(folder: Path, size: int, chain: Sequence[Pages], form: bytes = b"qcow2") -> Path:
    """Write each disk as a qcow2 of version 3 with clusters of 4 KiB."""
    tables = -(-size // (512 * PAGE))
    directory = -(-tables * 8 // PAGE)
    data_at = 2 + directory + tables
    for number, pages in enumerate(chain):
        held = _shuffled(pages, number)
        entries = [0] * (tables * 512)
        for page, content in pages.items():
            entries[page] = int(content is None)
        for at, page in enumerate(held):
            entries[page] = 1 << 63 | (data_at + at) * PAGE
        backing = f"disk-{number - 1}.qcow2".encode() if number else b""
        extension = struct.pack(">II8sQ", 0xE2792ACA, len(form), form, 0) if number and form else bytes(8)
        name_at = 104 + len(extension) if number else 0
        header = struct.pack(
            ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, name_at, len(backing), 12, size, 0, tables, 2 * PAGE, PAGE, 1, 0, 0,
            0, 0, 0, 4, 104,
        )  # fmt: skip
        level1 = struct.pack(f">{tables}Q", *(1 << 63 | (2 + directory + at) * PAGE for at in range(tables)))
        data = (header + extension + backing).ljust(2 * PAGE, b"\0") + level1.ljust(directory * PAGE, b"\0")
        data += struct.pack(f">{len(entries)}Q", *entries)
        (folder / f"disk-{number}.qcow2").write_bytes(data + b"".join(held.values()))
    return folder / f"disk-{len(chain) - 1}.qcow2"


VDI_BLOCK = 16 * PAGE


def vdi(folder: Path, size: int, chain: Sequence[Pages]) -> Path:
    """Write a dynamic base and snapshots, in the folder where VirtualBox puts them; whole blocks are held."""
    blocks = -(-size // VDI_BLOCK)
    paths = [folder / "vm.vdi", *(folder / "Snapshots" / f"{{{number}}}.vdi" for number in range(1, len(chain)))]
    if len(chain) > 1:
        (folder / "Snapshots").mkdir()
    view = bytearray(size)
    for number, pages in enumerate(chain):
        _put(view, pages)
        touched = sorted({page * PAGE // VDI_BLOCK for page in pages})
        random.Random(number).shuffle(touched)
        entries = [0xFFFFFFFF] * blocks
        held: list[bytes] = []
        for block in touched:
            content = bytes(view[block * VDI_BLOCK : (block + 1) * VDI_BLOCK]).ljust(VDI_BLOCK, b"\0")
            is_empty = content == bytes(VDI_BLOCK)
            entries[block] = 0xFFFFFFFE if is_empty else len(held)
            held += [] if is_empty else [content]
        data_at = 512 + -(-blocks * 4 // 512) * 512
        header = bytearray(512)
        header[64:72] = b"\x7f\x10\xda\xbe\x01\0\x01\0"
        struct.pack_into("<II", header, 72, 400, 4 if number else 1)
        struct.pack_into("<II", header, 340, 512, data_at)
        struct.pack_into("<I", header, 360, 512)
        struct.pack_into("<QIIII", header, 368, size, VDI_BLOCK, 0, blocks, len(held))
        for at, value in ((392, number + 1), (408, number + 101), (424, number), (440, number + 100 if number else 0)):
            header[at : at + 16] = uuid.UUID(int=value).bytes_le
        data = bytes(header) + struct.pack(f"<{blocks}I", *entries).ljust(data_at - 512, b"\0")
        paths[number].write_bytes(data + b"".join(held))
    return paths[-1]


VHD_BLOCK = 1 << 19


def vhd(folder: Path, size: int, chain: Sequence[Pages]) -> Path:
    """Write a dynamic base and differencing disks, with a bit for each sector of a block of 512 KiB."""
    blocks = -(-size // VHD_BLOCK)
    table = -(-blocks * 4 // 512) * 512
    for number, pages in enumerate(chain):
        touched = sorted({page * PAGE // VHD_BLOCK for page in pages})
        random.Random(number).shuffle(touched)
        entries, body = [0xFFFFFFFF] * blocks, bytearray()
        for block in touched:
            entries[block] = (1536 + table + len(body)) // 512
            bits, content = bytearray(512), bytearray(b"\xee" * VHD_BLOCK)
            for at in range(VHD_BLOCK // PAGE):
                page = block * (VHD_BLOCK // PAGE) + at
                if page in pages or not number:
                    bits[at] = 0xFF
                    content[at * PAGE : (at + 1) * PAGE] = pages.get(page) or bytes(PAGE)
            body += bits + content
        footer = bytearray(512)
        struct.pack_into(">8sIIQ", footer, 0, b"conectix", 2, 0x10000, 512)
        struct.pack_into(">QQ", footer, 40, size, size)
        struct.pack_into(">I", footer, 60, 4 if number else 3)
        footer[68:84] = uuid.UUID(int=number + 1).bytes
        struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
        header = bytearray(1024)
        struct.pack_into(">8sQQIII", header, 0, b"cxsparse", (1 << 64) - 1, 1536, 0x10000, blocks, VHD_BLOCK)
        if number:
            header[40:56] = uuid.UUID(int=number).bytes
            name = f"C:\\VMs\\{vhd_name(number - 1)}".encode("utf-16-be")
            header[64 : 64 + len(name)] = name
        struct.pack_into(">I", header, 36, ~sum(header) & 0xFFFFFFFF)
        data = footer + header + struct.pack(f">{blocks}I", *entries).ljust(table, b"\xff") + body + footer
        (folder / vhd_name(number)).write_bytes(data)
    return folder / vhd_name(len(chain) - 1)


def vhd_name(number: int) -> str:
    """Return the name of a disk of a chain."""
    return f"vm_{number}.avhd" if number else "vm.vhd"


FORMS: dict[str, Writer] = {
    "vmdk": vmdk,
    "vmfs": vmfs,
    "sesparse": sesparse,
    "qcow2": qcow2,
    "vdi": vdi,
    "vhd": vhd,
}
