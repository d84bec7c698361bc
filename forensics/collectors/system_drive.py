"""The letter that a Windows gave the drive it lies on, which no volume and no collection tells."""

from __future__ import annotations

import re

from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation

USUAL_DRIVE = "C:"

_CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
_DRIVE = re.compile(r"([A-Za-z]):\\")


def system_drive(installation: Installation) -> str | None:
    """Return the drive of an installation, such as ``C:``, from SystemRoot; None where that was not there to read."""
    root = RegistryView.of_machine(installation, "SOFTWARE").text(_CURRENT_VERSION, "SystemRoot")
    letter = _DRIVE.match(root or "")
    return f"{letter[1].upper()}:" if letter else None
