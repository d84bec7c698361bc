"""What collectors make of the files of a drive: where each puts them, and how it stores them.

References:
    - Velocidex, velociraptor, uploads and accessors; its server's file store since 0.75
    - fox-it, acquire; tclahr, uac; orlikoski, CyLR; Kroll, KAPE
    - DFIR-ORC, GetThis, columns of GetThis.csv
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping

RAW_C = "%5C%5C.%5CC%3A"
Layout = Callable[[str], str]
"""Returns where a collector puts a file of the drive."""


def by_kind(hives: str, keys: str, users: str, rest: str) -> Layout:
    """Put hives, keys, what users have, and the rest each into a folder."""

    def place(path: str) -> str:
        lower = path.lower()
        kinds = (("/config/", hives), ("/crypto/", keys), ("users/", users))
        return f"{next((folder for part, folder in kinds if part in lower), rest)}/{path}"

    return place


def below(folder: str) -> Layout:
    """Put the whole drive into one folder."""
    return lambda path: f"{folder}/{path}"


def velociraptor(hives: str, keys: str, users: str, rest: str, top: str = "uploads") -> Layout:
    """Lay out what several accessors of Velociraptor uploaded."""
    return by_kind(*(f"{top}/{each}" for each in (hives, keys, users, rest)))


LAYOUTS: Mapping[str, Layout] = {
    "kape": below("C"),
    "kape with name and date": below("2026-11-29T101112/SRV01/C"),
    "cylr": below("C"),
    "velociraptor, one accessor": below("uploads/auto/C%3A"),
    "velociraptor, raw disk": below(f"uploads/ntfs/{RAW_C}"),
    "velociraptor, split": velociraptor(f"mft/{RAW_C}", "auto/C%3A", f"lazy_ntfs/{RAW_C}", "file/C%3A"),
    "velociraptor, split in another way": velociraptor(
        f"raw_reg/{RAW_C}", "file/c%3A", "auto/C%3A", f"ntfs_vss/{RAW_C}"
    ),
    "velociraptor, two cases of one drive": velociraptor(
        f"ntfs/{RAW_C}", "ntfs/%5C%5C.%5Cc%3A", "auto/c%3A", "auto/C%3A"
    ),
    "velociraptor server": velociraptor(
        f"ntfs/{RAW_C}", "auto/C%3A", "auto/C%3A", "auto/C%3A", "clients/C.1f/collections/F.2e/uploads"
    ),
    "acquire": below("fs/C:"),
    "acquire, lower case": lambda path: f"fs/c:/{path}".lower(),
    "acquire in a folder on Windows": below("fs/C_"),
    "acquire before 3.12": by_kind("sysvol", "sysvol", "C:", "sysvol"),
    "uac of a mounted Windows": below("[root]/mnt/windows"),
    "a copy by hand": below("backup/SRV01"),
    "a program of which nothing is published": below("Saved_Files/Partition 2 (NTFS, 237 GB)/root"),
}
BESIDE = {
    "velociraptor": ("uploads.json", "client_info.json", "log.json", "results/Windows.KapeFiles.Targets.json"),
    "kape": ("2026-11-29T10_11_12_ConsoleLog.txt", "2026-11-29T10_11_12_CopyLog.csv"),
    "acquire": ("$metadata$/file-collection/command_output.txt",),
    "uac": ("uac.log", "live_response/process/ps.txt"),
}
"""What else a collector writes."""


def compressed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Store uploads as Velociraptor's server does since 0.75: zlib streams, and an index beside them."""
    stored: dict[str, bytes] = {}
    for name, data in files.items():
        content, index = b"", b""
        for start in range(0, len(data), 5000):
            piece = zlib.compress(data[start : start + 5000], 1)
            index += struct.pack("<qqqqQ", start, len(content), len(piece), len(data[start : start + 5000]), 0)
            content += piece
        stored |= {name: content, f"{name}.chunk": index} if data else {name: data}
    return stored


def without_holes(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Store what is sparse as Velociraptor does: the holes are in an index of its ranges only."""
    stored: dict[str, bytes] = {}
    for name, data in files.items():
        content, ranges = b"", []
        for start in range(0, len(data), 512):
            block = data[start : start + 512]
            kept = block if block != bytes(len(block)) else b""
            each = {
                "original_offset": start,
                "length": len(block),
                "file_offset": len(content),
                "file_length": len(kept),
            }
            ranges.append({key: value for key, value in each.items() if value})
            content += kept
        is_sparse = len(content) < len(data)
        stored |= {name: content, f"{name}.idx": json.dumps({"ranges": ranges}).encode()} if is_sparse else {name: data}
    return stored


LIVE, OLDER = "{00000000-0000-0000-0000-000000000000}", "{1F0D6C58-3D2B-4D0C-9C40-11F1A2A3B4C5}"
GET_THIS = (
    *("ComputerName", "VolumeID", "ParentFRN", "FRN", "FullName", "SampleName", "SizeInBytes", "MD5", "SHA1"),
    *("FindMatch", "ContentType", "SampleCollectionDate", "AttrType", "AttrName", "AttrID", "SnapshotID"),
)


def get_this(files: Mapping[str, bytes], computer: str = "WEB01", snapshot: str = LIVE) -> dict[str, bytes]:
    """Store files as GetThis of DFIR-ORC does: under names of its own, with a list of what they are."""
    lines, stored = [",".join(GET_THIS)], {}
    for number, (path, data) in enumerate(files.items()):
        name = path.rpartition("/")[2].replace(" ", "_")
        sample = f"kept\\48D05F3AD05F2B1E_50000000002B1_{number:X}_4_{name}_{snapshot}.data"
        windows = "\\" + path.replace("/", "\\")
        values: tuple[object, ...] = (
            computer,
            "0x48D05F3AD05F2B1E",
            "0x5",
            f"0x{number:X}",
            windows,
            sample,
            len(data),
            "",
            "",
            "Name",
        )
        values = (*values, "data", "2026-11-20 10:00:00.000", "$DATA", "", 1, snapshot)
        lines.append(",".join(f'"{value}"' for value in values))
        stored[sample.replace("\\", "/")] = data
    return stored | {"GetThis.csv": "\r\n".join(lines).encode("utf-8-sig"), "GetThis.log": b"x"}
