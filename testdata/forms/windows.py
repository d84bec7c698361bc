"""The small Windows that is put into every form: a volume of 24 MiB, six certificates, and what is true of their keys.

Two volumes are committed, so that most forms are made without any tool: Windows on its own, and its files as KAPE
collects them, in a folder ``C``. ``python -m testdata.forms --volumes`` makes them anew (``mkntfs``, ``libntfs-3g``).
"""

from __future__ import annotations

import lzma
import struct
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from testdata.builder import acl, gpt, lone_profiles
from testdata.builder.capi import Slot
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine
from testdata.builder.ntfs import build_ntfs
from testdata.builder.scenario import SOUND, UNREACHED, Judged, Script
from testdata.builder.scenarios.broken_access import DENIED, TOO_OPEN
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN, OLD_GUID
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of
from testdata.forms.form import Carries

VOLUMES = Path(__file__).parent / "samples" / "volumes.xz"
"""Both volumes, one behind the other, so that what both hold takes room once."""
VOLUME_SIZE = 24 << 20
PARTITION_START = 2048
HIVES = "/System32/config/"
GONE = "CN=gone.contoso.test"
"""The certificate whose key file was deleted."""


@cache
def script() -> Script:
    """Return the machine with its truth."""
    return forged()


def forged() -> Script:
    """Forge the machine anew, to which more can be added."""
    made = Script(machine("forms", computer_name="FORMS01"))
    capi_certificate(made, "sound.contoso.test", "2048-01", SOUND, "sound")
    cng_certificate(made, "sound-cng.contoso.test", "forms", SOUND, "sound, in the software key storage provider")
    for host, key, sd, judged, why in _ACCESS:
        path = made.machine.put_capi(container_of(host), exchange=Slot(rsa_key(key)), sd=sd)
        capi_certificate(made, host, key, judged, why, path=path)
    host = "foreign.contoso.test"
    path = made.machine.put_capi(container_of(host), exchange=Slot(rsa_key("2048-04")), suffix=OLD_GUID)
    capi_certificate(made, host, "2048-04", FOREIGN, "key file of an earlier identity", path=path)
    host = "gone.contoso.test"
    capi_certificate(
        made, host, "2048-05", ABSENT, "key file deleted", written=False, master_key=None, exportable="unknown"
    )
    return made


_ACCESS: tuple[tuple[str, str, bytes, Judged, str], ...] = (
    (
        "denied.contoso.test",
        "2048-02",
        acl.security_descriptor([acl.Ace(acl.SYSTEM, acl.FULL, acl.DENY), acl.Ace(acl.ADMINISTRATORS)]),
        DENIED,
        "SYSTEM is denied its key",
    ),
    (
        "open.contoso.test",
        "2048-03",
        acl.security_descriptor([acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS), acl.Ace(acl.EVERYONE, acl.READ)]),
        TOO_OPEN,
        "Everyone may read the key",
    ),
)


_ELSEWHERE: Judged = {"recoverable": None}
"""What is said of a key that is gone where copies of it may lie in what is not at hand."""
_IN_FILES: dict[str, Judged] = {
    "CN=denied.contoso.test": {
        "verdict": "usable",
        "broken_at": None,
        "recoverable": None,
        "known_by": "decryption",
    },
    GONE: _ELSEWHERE,
}
"""What else is said of a key where the access lists, and the rest of the disk, are not at hand."""
_IN_HIVES: Judged = UNREACHED | {
    "verdict": "unknown",
    "broken_at": None,
    "recoverable": None,
    "known_by": "inference",
    "exportable": "unknown",
    "master_key_guid": None,
    "key_file_path": None,
}
"""What is said of every key where no key file is at hand."""


def truth(carries: Carries) -> list[dict[str, Any]]:
    """Return the rows of ``key_chain`` that a form must give which carries that much."""
    if carries == "disk":
        return script().rows
    if carries == "part":
        return [row | (_ELSEWHERE if row["subject"] == GONE else {}) for row in script().rows]
    if carries == "profile":
        return lone_profiles.truth()
    if carries == "profile files":
        return [row | {"access": "not_examined"} for row in lone_profiles.truth()]
    if carries in ("hives", "exports"):
        return [row | _IN_HIVES for row in script().rows]
    return [row | {"access": "not_examined"} | _IN_FILES.get(row["subject"], {}) for row in script().rows]


@cache
def content() -> tuple[FileSpec, ...]:
    """Return everything on the system drive."""
    return tuple(script().machine.volume())


def files() -> dict[str, bytes]:
    """Return the files of the system drive by their path on it."""
    return {file.path: file.data for file in content() if file.data is not None}


@cache
def _volumes() -> bytes:
    return lzma.decompress(VOLUMES.read_bytes())


def volume() -> bytes:
    """Return the NTFS volume of Windows."""
    return _volumes()[:VOLUME_SIZE]


def collected_volume() -> bytes:
    """Return an NTFS volume onto which its files were collected: they lie in a folder ``C``."""
    return _volumes()[VOLUME_SIZE:]


def make_volumes() -> None:
    """Make the committed volumes anew."""
    collected = [FileSpec(f"C/{path}", data) for path, data in files().items()]
    written = []
    for label, specs in (("Windows", content()), ("Collected", collected)):
        image = VOLUMES.with_suffix(f".{label}")
        build_ntfs(
            specs,
            image,
            VOLUME_SIZE,
            label=label,
            default_sd=acl.DEFAULT_SD,
            serial=0x4B45_594D_464F_524D,
            partition_start=PARTITION_START,
        )
        written.append(image.read_bytes())
        image.unlink()
    VOLUMES.write_bytes(lzma.compress(b"".join(written), preset=9 | lzma.PRESET_EXTREME))


@cache
def disk(scheme: Literal["gpt", "mbr"] = "gpt", sector_size: int = 512) -> bytes:
    """Return the raw disk with the volume of Windows.

    Args:
        scheme: Its partition table.
        sector_size: 4096 makes a native disk of such sectors of it (4Kn).
    """
    return raw_disk([volume() if sector_size == 512 else with_large_sectors(volume())], scheme, sector_size)


@cache
def ordinary_disk() -> bytes:
    """Return the raw disk as Setup lays it out: EFI, reserved, Windows and recovery partitions."""
    small = 1 << 20
    return raw_disk(
        [
            Volume(None, gpt.EFI_SYSTEM, "EFI system partition", small),
            Volume(None, gpt.MICROSOFT_RESERVED, "Microsoft reserved partition", small),
            volume(),
            Volume(None, gpt.WINDOWS_RECOVERY, "Recovery", small),
        ]
    )


@cache
def collected_disk() -> bytes:
    """Return the raw disk with the volume onto which was collected."""
    return raw_disk([collected_volume()])


def raw_disk(
    volumes: Sequence[bytes | Volume],
    scheme: Literal["gpt", "mbr"] = "gpt",
    sector_size: int = 512,
    *,
    kind: UUID = gpt.BASIC_DATA,
    seed: str = "forms",
) -> bytes:
    """Return a raw disk with volumes.

    Args:
        volumes: What lies in its partitions.
        scheme: Its partition table.
        sector_size: Bytes of a sector.
        kind: What GPT calls the partitions of volumes that are given as bytes.
        seed: What its GUIDs are derived from.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for number, content in enumerate(volumes):
            if isinstance(content, bytes):
                image = Path(folder, str(number))
                image.write_bytes(content)
                made.append(Volume(image, kind))
            else:
                made.append(content)
        out = Path(folder, "disk")
        build_disk(made, out, scheme=scheme, sector_size=sector_size, seed=seed)
        return out.read_bytes()


def with_large_sectors(written: bytes) -> bytes:
    """Return an NTFS volume as it stands on a disk with sectors of 4096 bytes: only its boot sectors tell them."""
    out = bytearray(written)
    for boot in (0, len(written) - 512):
        cluster = out[boot + 13] * 512
        (sectors,) = struct.unpack_from("<Q", out, boot + 40)
        struct.pack_into("<HB", out, boot + 11, 4096, cluster // 4096)
        struct.pack_into("<I", out, boot + 28, PARTITION_START // 8)
        struct.pack_into("<Q", out, boot + 40, (sectors + 1) // 8 - 1)
    copy, out[-512:] = out[-512:], bytes(512)
    out[-4096:-3584] = copy
    return bytes(out)
