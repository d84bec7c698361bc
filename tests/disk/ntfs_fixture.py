"""What the committed NTFS volumes hold; run it (``python -m tests.disk.ntfs_fixture``) to build them again.

Building needs mkntfs and libntfs-3g (testdata/builder/ntfs.py); reading the committed ``data/*.ntfs.xz`` does not.
"""

from __future__ import annotations

import lzma
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from testdata.builder.acl import DEFAULT_SD
from testdata.builder.files import FileSpec

PACKED = Path(__file__).parent / "data" / "volume.ntfs.xz"
SIZE = 24 << 20
PACKED_COMPRESSED = PACKED.with_name("compressed.ntfs.xz")
COMPRESSED_SIZE = 4 << 20
PACKED_LINKS = PACKED.with_name("links.ntfs.xz")
LINKS_SIZE = 4 << 20
LABEL = "System"

KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
CREATED = datetime(2021, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
MODIFIED = datetime(2023, 8, 9, 10, 11, 12, 654321, tzinfo=UTC)
# O:SY G:SY D:P(A;;FA;;;SY) as bytes: owner and group S-1-5-18, one ACE that allows SYSTEM everything.
KEY_SD = bytes.fromhex(
    "0100049430000000"
    "3c00000000000000"
    "14000000"
    "02001c0001000000"
    "000014"
    "00ff011f00"
    "010100000000000512000000"
    "010100000000000512000000"
    "010100000000000512000000"
)
BIG = bytes(range(256)) * 1200
NAMES = (
    "Größe.txt",
    "straße.txt",
    "İstanbul.txt",
    "ılık.txt",
    "日本語.txt",
    "😀.txt",
    "percent%41.txt",
    "L" * 251 + ".txt",
)
MANY = 1500
DELETED = 1200


def key_name(number: int) -> str:
    return f"{number:032x}_0d1c2b3a-0000-4000-8000-000000000001"


def files() -> list[FileSpec]:
    """The files of the volume."""
    found = [
        FileSpec("Windows/System32/config/SYSTEM", b"regf" + bytes(4092)),
        FileSpec("Windows/System32/ntoskrnl.exe", b"MZ"),
        FileSpec("Users/Default/NTUSER.DAT", b"regf" + bytes(4092)),
        FileSpec("notes/empty.txt", b""),
        FileSpec("notes/streams.txt", b"main", streams={"Zone.Identifier": b"[ZoneTransfer]", "big": BIG}),
        FileSpec("notes/attribute list.bin", BIG, streams={f"stream{n}": bytes([n]) * 900 for n in range(40)}),
    ]
    found += [FileSpec(f"names/{name}", name.encode()) for name in NAMES]
    found += [
        FileSpec(
            f"{KEYS}/{key_name(n)}",
            bytes([n]) * (100 + 20 * n),
            sd=KEY_SD,
            created=CREATED,
            modified=MODIFIED + timedelta(seconds=n),
        )
        for n in range(200)
    ]
    found += [FileSpec(f"many/Component-{n:05d}-with-a-rather-long-name.manifest", b"") for n in range(MANY)]
    return found


def deleted() -> list[FileSpec]:
    """Files that were in ``many`` once: enough to free nodes of its index."""
    return [FileSpec(f"many/Zz-deleted-{n:05d}-with-a-rather-long-name.manifest", b"") for n in range(DELETED)]


def junctions() -> dict[str, str]:
    return {"Documents and Settings": "C:\\Users", "Windows/loop": "C:\\Windows"}


def compressed() -> dict[str, bytes]:
    """Files of a folder with the attribute "compressed", in units of 16 clusters of 4 KiB."""
    text = b"".join(b"line %06d of a text that compresses well\r\n" % number for number in range(5000))
    noise = random.Random(1).randbytes(70_000)
    return {
        "text.txt": text,
        "mixed.bin": text[:70_000] + bytes(140_000) + noise[:20_000] + text[:30_001],
        "noise.bin": noise,
        "zeros.bin": bytes(200_000),
        "resident.txt": b"too small to leave its file record",
    }


def build_compressed(out: Path) -> None:
    from testdata.builder.ntfs import NtfsExtras, build_ntfs

    specs = [FileSpec(f"packed/{name}", content) for name, content in compressed().items()]
    build_ntfs(specs, out, COMPRESSED_SIZE, default_sd=DEFAULT_SD, extras=NtfsExtras(attributes={"packed": 0x800}))


def links() -> tuple[dict[str, str], dict[str, str]]:
    """Junctions and symbolic links; one target of each is too long for a file record."""
    long = "\\".join(["a rather long name of a folder"] * 30)
    junctions = {
        "to a drive": "D:\\Keys",
        "to a volume": "Volume{f0a2e1c4-0000-0000-0000-100000000000}\\",
        "to a long path": f"C:\\{long}",
        "Größe": "C:\\Schlüssel\\日本語",
    }
    symlinks = {
        "folder": "..\\Keys",
        "at the root": "\\Keys",
        "on a drive": "E:\\Keys",
        "a long way": f"..\\{long}",
        "file.txt": "folder\\other.txt",
    }
    return {f"junctions/{name}": to for name, to in junctions.items()}, {
        f"symlinks/{n}": to for n, to in symlinks.items()
    }


def build_links(out: Path) -> None:
    from testdata.builder.ntfs import NtfsExtras, build_ntfs

    junctions, symlinks = links()
    extras = NtfsExtras(junctions=junctions, symlinks=symlinks)
    build_ntfs([FileSpec("symlinks/file.txt", b"")], out, LINKS_SIZE, default_sd=DEFAULT_SD, extras=extras)


def build(out: Path) -> None:
    from testdata.builder.ntfs import NtfsExtras, build_ntfs

    extras = NtfsExtras(junctions=junctions(), deleted=deleted())
    build_ntfs(files(), out, SIZE, label=LABEL, default_sd=DEFAULT_SD, extras=extras)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "volume.ntfs")
        PACKED.parent.mkdir(exist_ok=True)
        for packed, builder in (
            (PACKED, build),
            (PACKED_COMPRESSED, build_compressed),
            (PACKED_LINKS, build_links),
        ):
            builder(image)
            packed.write_bytes(lzma.compress(image.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
            print(packed, packed.stat().st_size)
