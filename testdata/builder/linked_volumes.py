"""Folders that moved from Windows' volume to another place, with what is needed to find them there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from testdata.builder.files import FileSpec


def gpt_identity(number: int, seed: str) -> bytes:
    """Return what MountedDevices notes of a partition of a disk that was built with a seed."""
    return b"DMIO:ID:" + uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{number - 1}").bytes_le


def split(specs: Sequence[FileSpec], moved: Mapping[str, str]) -> tuple[list[FileSpec], list[FileSpec]]:
    """Return what stays, and what lies below the folders that were moved, under its new path."""
    stays: list[FileSpec] = []
    gone: list[FileSpec] = []
    for spec in specs:
        folder = next((f for f in moved if f"{spec.path}/".lower().startswith(f"{f.lower()}/")), None)
        if folder is None:
            stays.append(spec)
        else:
            gone.append(replace(spec, path=f"{moved[folder]}{spec.path[len(folder) :]}".strip("/")))
    return stays, [spec for spec in gone if spec.path]
