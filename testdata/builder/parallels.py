"""Writes Parallels disks: expanding images whose clusters lie in any order, and the descriptions that join them."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID, uuid5

TOP = "5fbaabe3-6958-40ff-92a7-860e329aab41"
_NONE = "00000000-0000-0000-0000-000000000000"
_NAMES = UUID("c2a4e0f0-1111-4222-8333-444444444444")


def expanding(
    clusters: Mapping[int, bytes], size: int, *, tracks: int = 8, is_ext: bool = True, in_use: int = 0, seed: int = 1
) -> bytes:
    """Write an expanding image from the clusters that it holds."""
    count = -(-size // (tracks * 512))
    data_at = -(-(64 + 4 * count) // (tracks * 512)) * tracks
    held = list(clusters)
    random.Random(seed).shuffle(held)
    places = {number: data_at + at * tracks for at, number in enumerate(held)}
    table = [places.get(number, 0) // (tracks if is_ext else 1) for number in range(count)]
    magic = b"WithouFreSpacExt" if is_ext else b"WithoutFreeSpace"
    header = struct.pack("<16sIIIIIQIIIQ", magic, 2, 16, 1, tracks, count, size // 512, in_use, data_at, 0, 0)
    body = b"".join(clusters[number].ljust(tracks * 512, b"\0") for number in held)
    return (header + struct.pack(f"<{count}I", *table)).ljust(data_at * 512, b"\0") + body


def cut(raw: bytes, tracks: int = 8) -> dict[int, bytes]:
    """Return the clusters of a disk that are not empty."""
    step = tracks * 512
    parts = {at // step: raw[at : at + step] for at in range(0, len(raw), step)}
    return {number: part for number, part in parts.items() if part != bytes(len(part))}


def guid(number: int) -> str:
    """Return the GUID of a snapshot."""
    return str(uuid5(_NAMES, str(number)))


def storage(start: int, end: int, files: Sequence[tuple[str, str, str]]) -> str:
    """Describe a stretch.

    Args:
        start: Its first sector.
        end: The sector behind it.
        files: GUID, type and name of each file.
    """
    images = "".join(
        f"<Image><GUID>{{{g}}}</GUID><Type>{kind}</Type><File>{name}</File></Image>" for g, kind, name in files
    )
    return f"<Storage><Start>{start}</Start><End>{end}</End><Blocksize>8</Blocksize>{images}</Storage>"


def descriptor(
    storages: str, chain: Sequence[str], *, top: bool = False, engine: str = _NONE, padding: int = 0, more: str = ""
) -> str:
    """Write DiskDescriptor.xml.

    Args:
        storages: Its stretches.
        chain: GUIDs of the snapshots, that of today first.
        top: It says which is that of today; else that is known by its GUID.
        engine: What encrypts it.
        padding: As written.
        more: Further snapshots.
    """
    shots = "".join(
        f"<Shot><GUID>{{{one}}}</GUID><ParentGUID>{{{below}}}</ParentGUID></Shot>"
        for one, below in zip(chain, (*chain[1:], _NONE), strict=True)
    )
    named = f"<TopGUID>{{{chain[0]}}}</TopGUID>" if top else ""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n<Parallels_disk_image Version=\"1.0\"><Disk_Parameters>"
        f"<Padding>{padding}</Padding><Encryption><Engine>{{{engine}}}</Engine><Data></Data></Encryption>"
        f"</Disk_Parameters><StorageData>{storages}</StorageData><Snapshots>{named}{shots}{more}</Snapshots>"
        "</Parallels_disk_image>\n"
    )


def write_hdd(folder: Path, size: int, chain: Sequence[Mapping[int, bytes]], *, top: bool = False) -> Path:
    """Write a disk of one stretch with its snapshots, the first of them first; returns its description."""
    folder.mkdir(parents=True, exist_ok=True)
    guids = [TOP if number == len(chain) - 1 and not top else guid(number) for number in range(len(chain))]
    names = [f"{folder.name}.0.{{{one}}}.hds" for one in guids]
    for number, clusters in enumerate(chain):
        (folder / names[number]).write_bytes(expanding(clusters, size, seed=number, is_ext=number % 2 == 0))
    (folder / folder.name).write_bytes(b"")
    files = [(one, "Compressed", name) for one, name in zip(guids, names, strict=True)]
    text = descriptor(storage(0, size // 512, files), guids[::-1], top=top)
    (folder / "DiskDescriptor.xml").write_text(text)
    (folder / "DiskDescriptor.xml.Backup").write_text(text)
    return folder / "DiskDescriptor.xml"
