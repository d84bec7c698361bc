"""A Windows that Setup put aside, beside another one or alone, and backup copies of hives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.former import backup_hives, put_aside, upgraded
from testdata.builder.machine import ForgedMachine, machine
from testdata.builder.ntfs import build_ntfs
from testdata.forms import windows
from testdata.forms.archives import zipped
from testdata.forms.collections import write_files
from testdata.forms.form import Form, Machine

_SIZE = 48 << 20
_BACKED_UP = datetime(2026, 10, 5, 7, 8, tzinfo=UTC)


def _disk(files: Callable[[], Sequence[FileSpec]], folder: Path) -> Path:
    with tempfile.TemporaryDirectory() as work:
        build_ntfs(files(), volume := Path(work, "volume"), _SIZE, default_sd=acl.DEFAULT_SD)
        path = folder / "disk.raw"
        path.write_bytes(windows.raw_disk([volume.read_bytes()]))
    return path


def _other() -> ForgedMachine:
    return machine("forms/old", computer_name="OLD01")


def _beside_old() -> list[FileSpec]:
    return upgraded(windows.script().machine, _other())


def _put_aside() -> list[FileSpec]:
    return put_aside(windows.script().machine)


def _with_backup_hives() -> list[FileSpec]:
    return [*windows.content(), *backup_hives(windows.script().machine, _BACKED_UP)]


def _other_hives_than_in_backup() -> list[FileSpec]:
    """Return the drive with the hives of another machine: only in RegBack are those that its keys belong to."""
    other = {file.path: file for file in _other().volume()}
    files = [other.get(file.path, file) if windows.HIVES in file.path else file for file in windows.content()]
    return [*files, *backup_hives(windows.script().machine, _BACKED_UP)]


def _files() -> dict[str, bytes]:
    return {file.path: file.data for file in _put_aside() if file.data is not None}


def _folder(folder: Path) -> Path:
    return write_files(_files(), folder)


def _zip(folder: Path) -> Path:
    path = folder / "old.zip"
    path.write_bytes(zipped(_files()))
    return path


def _form(
    name: str,
    content: Callable[[], Sequence[FileSpec]],
    *machines: Machine,
    told: tuple[str, ...] = (),
    options: Mapping[str, object] | None = None,
) -> Form:
    make = partial(_disk, content)
    return Form(name, "disk", "disk", make, needs=("mkntfs",), options=options or {}, told=told, machines=machines)


_PRESENT: Machine = ("windows", "FORMS01", "C:")
_FORMER: Machine = ("former", "FORMS01", "C:")
_SET_UP_ANEW = ("the present one is the Windows that was set up in its place, which was not found",)
FORMS = (
    _form("Windows beside an earlier one (Windows.old)", _beside_old, _PRESENT, ("former", "OLD01", "C:")),
    _form("Windows.old alone", _put_aside, _FORMER, told=_SET_UP_ANEW),
    Form("folder with Windows.old", "folder", "files", _folder, told=_SET_UP_ANEW, machines=(_FORMER,)),
    Form("zip of Windows.old", "archive", "files", _zip, "", "7z", told=_SET_UP_ANEW, machines=(_FORMER,)),
    _form("Windows with backup copies of its hives (RegBack)", _with_backup_hives, _PRESENT),
    _form(
        "backup copies of hives that stand for the machine (`--regback`)",
        _other_hives_than_in_backup,
        _PRESENT,
        told=("this is of the backup hives in RegBack, of 2026-10-05",),
        options={"regback": True},
    ),
)
