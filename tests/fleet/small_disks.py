"""Makes many small disks, each a Windows of its own: 2 MiB of NTFS in a qcow2 file of some 80 KB.

Every secret, GUID and SID follows from the number of a disk, so they are the same whenever they are made.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from pathlib import Path

from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine
from testdata.builder.ntfs import build_ntfs
from testdata.builder.scenario import SOUND, Script
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN, OLD_GUID
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

VOLUME = 2 << 20
_CLUSTER = 1 << 16
_BLOCK = 4096
_KINDS = ("sound", "gone", "foreign", "cng")


def make_disk(folder: Path, number: int, clones: int = 10) -> Path:
    """Make a disk that is not there yet; returns its path.

    Args:
        folder: Where.
        number: Of the disk.
        clones: Of how many disks one is a clone of the one before, under another name.
    """
    path = folder / f"disk{number:05d}.qcow2"
    if not path.exists():
        own = number - 1 if number % clones == clones - 1 else number
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
            volume = Path(place) / "volume"
            build_ntfs(_files(own, number), volume, VOLUME, label="Windows", default_sd=acl.DEFAULT_SD)
            content = qcow2(volume.read_bytes())
        with path.open("wb") as file:
            for at in range(0, len(content), _BLOCK):
                if any(block := content[at : at + _BLOCK]):
                    file.seek(at)
                    file.write(block)
            file.truncate(len(content))
    return path


def _files(own: int, number: int) -> list[FileSpec]:
    script = Script(machine(f"fleet {own}", computer_name=f"FLEET{number:05d}"))
    kind, key = _KINDS[own % len(_KINDS)], f"2048-{1 + own % 4:02d}"
    host = f"h{own}.contoso.test"
    if kind == "cng":
        cng_certificate(script, host, "fleet", SOUND, "sound")
    elif kind == "gone":
        capi_certificate(script, host, key, ABSENT, "deleted", written=False, master_key=None, exportable="unknown")
    elif kind == "foreign":
        path = script.machine.put_capi(container_of(host), exchange=Slot(rsa_key(key)), suffix=OLD_GUID)
        capi_certificate(script, host, key, FOREIGN, "of an earlier identity", path=path)
    else:
        capi_certificate(script, host, key, SOUND, "sound")
    return script.machine.volume()


def qcow2(content: bytes) -> bytes:
    """Return a disk as a qcow2 file of compressed clusters.

    References:
        QEMU, docs/interop/qcow2 (compressed clusters descriptor)
    """
    clusters = [content[at : at + _CLUSTER] for at in range(0, len(content), _CLUSTER)]
    first, second, data = _CLUSTER, 2 * _CLUSTER, 3 * _CLUSTER
    bits = 62 - (16 - 8)
    table, packed = [], bytearray()
    for cluster in clusters:
        if not any(cluster):
            table.append(0)
            continue
        deflate = zlib.compressobj(6, zlib.DEFLATED, -12)
        piece = deflate.compress(cluster) + deflate.flush()
        at = data + len(packed)
        sectors = (at % 512 + len(piece) - 1) // 512
        table.append(1 << 62 | sectors << bits | at)
        packed += piece
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, len(content), 0, 1, first, 0, 0, 0, 0)
    parts = (
        header.ljust(_CLUSTER, b"\0"),
        struct.pack(">Q", 1 << 63 | second).ljust(_CLUSTER, b"\0"),
        struct.pack(f">{len(table)}Q", *table).ljust(_CLUSTER, b"\0"),
        bytes(packed).ljust(-(-len(packed) // 512) * 512, b"\0"),
    )
    return b"".join(parts)
