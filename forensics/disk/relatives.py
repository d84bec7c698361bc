"""Records as evidence what lies beside a disk and may belong to it, before anything of that disk can fail to open.

Which files belong to a disk is known for certain only when it was opened. A part of a split image, a parent, a child
or a segment is evidence all the same when that failed, and no output may be written over it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from forensics.disk.evidence_files import note_evidence

_IMAGE = re.compile(
    r"(.+?)(?:\.(?:raw|dd|img|bin|a?vhdx?|vmdk|vdi|qcow2?))?(?:\.(?:\d{3,4}|e[0-9a-z]{2}))?"
    r"(?:\.(?:xz|gz|bz2|zst))?",
    re.IGNORECASE | re.DOTALL,
)
_AFTER_STEM = "-_."


def note_relatives(path: Path) -> None:
    """Record the disk images beside one whose name begins as its name does, or the other way round.

    ``web.vhdx``, ``web_8F3C....avhdx`` and ``web-1.avhdx`` may belong together, as may ``disk.001`` and ``disk.004``.
    """
    stem = _stem(path.name)
    if stem is None:
        return
    try:
        with os.scandir(path.parent) as entries:
            beside = [entry.path for entry in entries if _belongs(stem, _stem(entry.name)) and entry.is_file()]
    except OSError:
        return
    for each in beside:
        note_evidence(each)


def _stem(name: str) -> str | None:
    """Return the lower-case name of an image without its suffixes; None where there is none that an image has."""
    match = _IMAGE.fullmatch(name)
    assert match is not None
    return match[1].casefold() if match[1] != name else None


def _belongs(one: str, other: str | None) -> bool:
    if other is None:
        return False
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and (short == long or long[len(short)] in _AFTER_STEM)
