"""The test images, each examined once a test process; the cases are shared, so no test may change one."""

from __future__ import annotations

import json
import lzma
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import forensics
from tests.opened_files import opened_files
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


@cache
def examined(*names: str) -> forensics.Case:
    """Return the case of one image, or of several examined together, as of :data:`AS_OF`.

    Nothing else is opened meanwhile.

    Args:
        names: Names of images without suffix; a differencing chain counts as one and is examined at its leaf.
    """
    with tempfile.TemporaryDirectory() as folder:
        disks = [_disk(name, Path(folder)) for name in names]
        with opened_files() as opened:
            case = forensics.examine(*disks, as_of=AS_OF)
        assert opened.outside(IMAGES, folder) == []
        return case


def _disk(name: str, folder: Path) -> Path:
    truth = json.loads((IMAGES / f"{name}.truth.json").read_text())
    if len(truth["images"]) == 1:
        return IMAGES / f"{name}.vhdx.xz"
    for image in truth["images"]:
        (folder / image).write_bytes(lzma.decompress((IMAGES / f"{image}.xz").read_bytes()))
    disk: Path = folder / truth["examine"]
    return disk
