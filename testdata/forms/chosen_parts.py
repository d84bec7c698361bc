"""Disks of which a part is chosen or found: by its byte, its number, the backup GPT alone, or on a dynamic disk."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from testdata.forms import windows
from testdata.forms.form import Form
from testdata.forms.raw_disks import whole

LDM_DATA = uuid.UUID("af9b60a0-1431-4f62-bc68-3311714a69ad")
_LDM_MBR = 0x42
_BEGINS = (3 << 20) + 512
_FRONT = 6 * 4096
"""Bytes of a disk in which its MBR and its primary GPT lie."""


def _hidden() -> bytes:
    return random.Random(4).randbytes(_BEGINS) + windows.disk()


def _without_front() -> bytes:
    return bytes(_FRONT) + windows.disk()[_FRONT:]


def _beside_another() -> bytes:
    return windows.raw_disk([windows.collected_volume(), windows.volume()])


def _dynamic(scheme: Literal["gpt", "mbr"]) -> bytes:
    if scheme == "gpt":
        return windows.raw_disk([windows.volume()], kind=LDM_DATA)
    data = bytearray(windows.disk("mbr"))
    data[446 + 4] = _LDM_MBR
    return bytes(data)


def _form(
    name: str, content: Callable[[], bytes], options: Mapping[str, object] | None = None, second: str = ""
) -> Form:
    return Form(name, "disk", "disk", partial(whole, content, "disk.raw"), "", second, options=options or {})


FORMS = (
    _form("disk that begins at a byte of a file (`--offset`)", _hidden, {"offset": _BEGINS}),
    _form("disk that begins somewhere in a file (`--offset search`)", _hidden, {"offset": "search"}),
    Form(
        "one partition of several (`--partition`)",
        "disk",
        "part",
        partial(whole, _beside_another, "disk.raw"),
        options={"partition": 2},
    ),
    _form("GPT without MBR and primary table: its backup", _without_front),
    _form("simple volume of a dynamic disk (LDM), GPT", partial(_dynamic, "gpt"), second="dissect.ntfs"),
    _form("simple volume of a dynamic disk (LDM), MBR", partial(_dynamic, "mbr"), second="dissect.ntfs"),
)
