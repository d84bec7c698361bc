"""WIM images, as golden images and installation media hold them, with the access lists of what was captured."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from testdata.forms import windows
from testdata.forms.form import Form


def _capture(name: str, options: tuple[str, ...], folder: Path) -> Path:
    volume, path = folder.with_name(f"{folder.name}.ntfs"), folder / name
    volume.write_bytes(windows.volume())
    command = ["wimcapture", str(volume), str(path), "Windows", *options]
    subprocess.run(command, check=True, capture_output=True)
    volume.unlink()
    return path


def _split(folder: Path) -> Path:
    whole = _capture("whole.wim", ("--compress=none",), folder)
    subprocess.run(["wimsplit", str(whole), str(folder / "install.swm"), "0.03"], check=True, capture_output=True)
    whole.unlink()
    return folder / "install.swm"


def _form(name: str, file: str, *options: str, reader: str = "") -> Form:
    make = partial(_capture, file, options)
    return Form(name, "wim", "disk", make, reader, second_reader="wimapply", needs=("wimcapture",))


FORMS = (
    _form("WIM, not compressed", "install.wim", "--compress=none"),
    _form("WIM, XPRESS", "install.wim", "--compress=XPRESS", reader="libwim"),
    _form("WIM, LZX", "install.wim", "--compress=LZX", reader="libwim"),
    _form("ESD (solid, LZMS)", "install.esd", "--solid", reader="libwim"),
    Form("WIM in parts (.swm)", "wim", "disk", _split, second_reader="wimapply", needs=("wimcapture",)),
)
