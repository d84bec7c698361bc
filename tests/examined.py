"""The test images, each examined once a test process; the cases are shared, so no test may change one."""

from __future__ import annotations

import json
import lzma
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import forensics
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


@cache
def examined(*names: str) -> forensics.Case:
    """Return the case of one image, or of several examined together, as of :data:`AS_OF`.

    Args:
        names: Names of images without suffix; a differencing chain counts as one and is examined at its leaf.
    """
    with tempfile.TemporaryDirectory() as folder:
        return forensics.examine(*(_disk(name, Path(folder)) for name in names), as_of=AS_OF)


def _disk(name: str, folder: Path) -> Path:
    truth = json.loads((IMAGES / f"{name}.truth.json").read_text())
    if len(truth["images"]) == 1:
        return IMAGES / f"{name}.vhdx.xz"
    for image in truth["images"]:
        (folder / image).write_bytes(lzma.decompress((IMAGES / f"{image}.xz").read_bytes()))
    disk: Path = folder / truth["examine"]
    return disk
