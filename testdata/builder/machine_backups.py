"""Backups and exports of whole machines as bytes: Proxmox VMA and XenServer XVA.

References:
    - Proxmox, pve-qemu, vma_spec.txt
    - xapi-project, xen-api, ocaml/xapi/stream_vdi.ml; XenServer VM import/export format
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
import tarfile
import uuid
from collections.abc import Callable, Mapping

_CLUSTER, _BLOCK, _IN_EXTENT = 65536, 4096, 59
_CHUNK = 1 << 20
Sums = tuple[str, Callable[[bytes], str]]
"""Suffix of the members with checksums, and what makes them."""
SHA1: Sums = ("checksum", lambda data: hashlib.sha1(data).hexdigest())
_BACKUP = uuid.UUID("5b1c2d3e-0000-4000-8000-00000000abcd")


def vma(disks: Mapping[str, bytes], *, seed: int | None = None, configuration: str = "name: web01\n") -> bytes:
    """Write a Proxmox backup.

    Args:
        disks: Content by name, such as ``drive-scsi0``.
        seed: Mixes the order of the clusters, as a machine that writes during its backup does.
        configuration: Content of ``qemu-server.conf``.
    """
    blob = bytearray(b"\0")

    def stored(data: bytes) -> int:
        at = len(blob)
        blob.extend(struct.pack("<H", len(data)) + data)
        return at

    configuration_name = stored(b"qemu-server.conf\0")
    configuration_data = stored(configuration.encode())
    names = [stored(name.encode() + b"\0") for name in disks]
    size = 12288 + -(-len(blob) // 512) * 512
    header = bytearray(size)
    header[:32] = struct.pack(">4sI16sq", b"VMA\0", 1, _BACKUP.bytes, 1_700_000_000)
    struct.pack_into(">III", header, 48, 12288, size - 12288, size)
    struct.pack_into(">I", header, 2044, configuration_name)
    struct.pack_into(">I", header, 3068, configuration_data)
    for number, (name_at, content) in enumerate(zip(names, disks.values(), strict=True), 1):
        struct.pack_into(">I4xQ", header, 4096 + 32 * number, name_at, len(content))
    header[12288 : 12288 + len(blob)] = blob
    header[32:48] = hashlib.md5(header).digest()
    clusters = [
        (device, number)
        for device, content in enumerate(disks.values(), 1)
        for number in range(-(-len(content) // _CLUSTER))
    ]
    if seed is not None:
        random.Random(seed).shuffle(clusters)
    contents = list(disks.values())
    extents = [
        _vma_extent([(device, number, contents[device - 1]) for device, number in clusters[at : at + _IN_EXTENT]])
        for at in range(0, len(clusters), _IN_EXTENT)
    ]
    return bytes(header) + b"".join(extents)


def _vma_extent(clusters: list[tuple[int, int, bytes]]) -> bytes:
    data, infos = bytearray(), bytearray()
    for device, number, content in clusters:
        mask = 0
        cluster = content[number * _CLUSTER : (number + 1) * _CLUSTER].ljust(_CLUSTER, b"\0")
        for bit in range(16):
            block = cluster[bit * _BLOCK : (bit + 1) * _BLOCK]
            if block != bytes(len(block)):
                mask |= 1 << bit
                data += block
        infos += struct.pack(">HxBI", mask, device, number)
    header = bytearray(
        struct.pack(">4sxxH16s16x", b"VMAE", len(data) // _BLOCK, _BACKUP.bytes) + infos.ljust(472, b"\0")
    )
    header[24:40] = hashlib.md5(header).digest()
    return bytes(header + data)


def xva(
    disks: Mapping[str, bytes],
    *,
    sums: Sums = SHA1,
    silent: int | None = None,
    described: Mapping[str, Mapping[str, str]] | None = None,
) -> bytes:
    """Write a XenServer export.

    Args:
        disks: Content by reference, such as ``Ref:12``.
        sums: Suffix of the members with checksums, and what makes them.
        silent: Before each block of this number a block without content is sent, as after five silent seconds.
        described: Further fields of the description of a disk, by reference; of one that is not among ``disks`` too.
    """
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _member(tar, "ova.xml", _ova_xml(disks, described or {}).encode())
        for reference, content in disks.items():
            number = 0
            count = -(-len(content) // _CHUNK)
            for chunk in range(count):
                data = content[chunk * _CHUNK : (chunk + 1) * _CHUNK]
                is_edge = chunk in (0, count - 1)
                if silent is not None and number == silent and not is_edge:
                    _block(tar, reference, number, b"", sums)
                    number += 1
                if is_edge or data != bytes(len(data)):
                    _block(tar, reference, number, data, sums)
                number += 1
    return target.getvalue()


def _block(
    tar: tarfile.TarFile, folder: str, number: int, data: bytes, sums: tuple[str, Callable[[bytes], str]]
) -> None:
    name = f"{folder}/{number:08d}"
    _member(tar, name, data)
    _member(tar, f"{name}.{sums[0]}", sums[1](data).encode())


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _ova_xml(disks: Mapping[str, bytes], described: Mapping[str, Mapping[str, str]]) -> str:
    def struct_of(values: Mapping[str, str]) -> str:
        members = "".join(f"<member><name>{n}</name><value>{v}</value></member>" for n, v in values.items())
        return f"<struct>{members}</struct>"

    def thing(kind: str, reference: str, record: Mapping[str, str]) -> str:
        return f"<value>{struct_of({'class': kind, 'id': reference, 'snapshot': struct_of(record)})}</value>"

    vdis = {
        reference: {"virtual_size": str(len(content)), "type": "user", "is_a_snapshot": "<boolean>0</boolean>"}
        for reference, content in disks.items()
    }
    for reference, more in described.items():
        vdis[reference] = {**vdis.get(reference, {}), **more}
    objects = [thing("VM", "Ref:0", {"name_label": "web01"})]
    for number, reference in enumerate(vdis):
        objects.append(thing("VBD", f"Ref:{1000 + number}", {"VDI": reference, "type": "Disk"}))
    objects += [thing("VDI", reference, record) for reference, record in vdis.items()]
    listed = f"<array><data>{''.join(objects)}</data></array>"
    whole = struct_of({"version": struct_of({"export_vsn": "2"}), "objects": listed})
    return f"<?xml version='1.0'?><value>{whole}</value>"
