"""The real Windows 8.1 hives, read with dissect.regf alone."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from dissect.regf import RegistryHive


@cache
def truth(realdata: Path) -> Any:
    """What independent readers say of these hives."""
    return json.loads((realdata / "student-pc8-win81.truth.json").read_text())


@cache
def hive(realdata: Path, name: str) -> Any:
    """Return the hive ``name`` of ``System32\\config``."""
    with zipfile.ZipFile(realdata / "student-pc8-win81.zip") as archive:
        return RegistryHive(io.BytesIO(archive.read(f"Windows/System32/config/{name}")))
