"""Files that were collected: as folders, in the layout of each collector, and hives or exports alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from testdata.builder.reg_text import reg_export
from testdata.forms import windows
from testdata.forms.archives import collected, hives, zipped
from testdata.forms.form import Form

_VELOCIRAPTOR_HIVES, _VELOCIRAPTOR_FILES = "uploads/ntfs/%5C%5C.%5CC%3A/", "uploads/auto/C%3A/"


def write_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files by their paths."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _folder(drive: str, folder: Path) -> Path:
    return write_files(collected(drive), folder)


def _velociraptor() -> dict[str, bytes]:
    return {
        (_VELOCIRAPTOR_HIVES if windows.HIVES in path else _VELOCIRAPTOR_FILES) + path: data
        for path, data in windows.files().items()
    }


def _velociraptor_zip(folder: Path) -> Path:
    path = folder / "Collection-FORMS01.zip"
    path.write_bytes(zipped(_velociraptor()))
    return path


def _hives(folder: Path) -> Path:
    return write_files(hives(), folder)


def _exports(folder: Path) -> Path:
    made = windows.script().machine.hives
    for name, hive in (("SYSTEM", made.system), ("SOFTWARE", made.software)):
        (folder / f"{name}.reg").write_bytes(reg_export(hive.root, f"HKEY_LOCAL_MACHINE\\{name}"))
    return folder


FORMS = (
    Form("folder with Windows, ProgramData, Users", "folder", "files", partial(_folder, "")),
    Form("folder C", "folder", "files", partial(_folder, "C/")),
    Form("folder of Velociraptor", "folder", "files", lambda folder: write_files(_velociraptor(), folder)),
    Form("zip of Velociraptor", "archive", "files", _velociraptor_zip, second_reader="7z"),
    Form("hives alone", "hives", "hives", _hives),
    Form("registry exports (.reg)", "reg", "exports", _exports),
)
