"""An earlier Windows that Setup moved aside, and backup copies of hives: files that lie beside those of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from testdata.builder.files import FileSpec
from testdata.builder.machine import HIVE_FOLDER, ForgedMachine

WINDOWS_OLD = "Windows.old"


def put_aside(former: ForgedMachine, folder: str = WINDOWS_OLD) -> list[FileSpec]:
    """Return every file of a machine as Setup leaves them: below one folder of the drive."""
    return [replace(file, path=f"{folder}/{file.path}") for file in former.volume()]


def upgraded(present: ForgedMachine, former: ForgedMachine, folder: str = WINDOWS_OLD) -> list[FileSpec]:
    """Return the volume of a machine with the one that it was before moved aside on it."""
    return [*present.volume(), *put_aside(former, folder)]


def backup_hives(then: ForgedMachine, at: datetime, names: Sequence[str] = ()) -> list[FileSpec]:
    """Return the hives of a machine as the copies that Windows keeps of them in RegBack.

    Args:
        then: The machine as it was.
        at: When the copies were made.
        names: Which hives; all of them if not given.
    """
    found = [file for file in then.volume() if file.path.rpartition("/")[0] == HIVE_FOLDER and file.data is not None]
    wanted = [file for file in found if not names or file.path.rpartition("/")[2] in names]
    return [_backup(file.path.rpartition("/")[2], file.data or b"", at) for file in wanted]


def empty_backup_hives(at: datetime) -> list[FileSpec]:
    """Return RegBack as Windows leaves it since Windows 10 1803."""
    return [_backup(name, b"", at) for name in ("DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM")]


def _backup(name: str, data: bytes, at: datetime) -> FileSpec:
    path = f"{HIVE_FOLDER}/RegBack/{name}"
    return FileSpec(path, data, None, at, at)
