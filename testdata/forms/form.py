"""What a form is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Carries = Literal["disk", "part", "files", "hives", "exports", "profile", "profile files"]
"""What of the machine a form holds.

``disk`` is all of it with the access lists, ``part`` one partition of several, ``files`` what a collector takes,
without access lists, ``hives`` no key file, and ``exports`` no times of registry keys either. ``profile`` is that of a
user without the Windows that it belongs to, ``profile files`` the same without access lists.
"""

Maker = Callable[[Path], Path]
"""Writes a form into an empty folder, and returns what is to be named."""

Machine = tuple[str, str | None, str | None]
"""Kind, name and drive of an installation."""
PROGRAMS = {"qemu-img": "qemu-utils", "ewfacquire": "ewf-tools", "wimcapture": "wimtools", "mkntfs": "ntfs-3g"}
"""Programs that make a form, and the Debian packages that bring them."""
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Debian puts mkntfs where an ordinary user's PATH does not lead."""
MODULES = ("py7zr", "pyzipper")
"""Modules that make a form, each by the name of its distribution."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form in which people hold a Windows, and which is read.

    Attributes:
        name: What people call it.
        kind: What the source is called when it is opened: ``source.kind``.
        carries: What of the machine it holds.
        make: Writes it.
        reader: The library that reads it; empty where keymortem itself does.
        second_reader: Which other program reads it too, as ``tests/second_readers.py`` knows it; empty for none.
        needs: Programs and modules without which it cannot be made.
        options: What ``examine`` needs to open it.
        told: Words of each line that an examination tells of it besides: ``Case.not_examined``.
        machines: What is found in it, the one whose keys are judged first.
    """

    name: str
    kind: str
    carries: Carries
    make: Maker
    reader: str = ""
    second_reader: str = ""
    needs: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    machines: tuple[Machine, ...] = (("windows", "FORMS01", "C:"),)

    @property
    def lacking(self) -> str:
        """What is needed to make it and not at hand, with what brings it; empty when it can be made."""
        lacking = next((each for each in self.needs if not _is_at_hand(each)), "")
        brought = f"pip: {lacking}" if lacking in MODULES else f"Debian package {PROGRAMS.get(lacking)}"
        return lacking and f"{lacking} ({brought})"


def _is_at_hand(name: str) -> bool:
    return find_spec(name) is not None if name in MODULES else shutil.which(name, path=_PATH) is not None
