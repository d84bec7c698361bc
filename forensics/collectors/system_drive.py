"""The letter that a Windows gave the drive it lies on, which no volume and no collection tells."""

from __future__ import annotations

from forensics.sources.installation import Installation

USUAL_DRIVE = "C:"


def system_drive(installation: Installation) -> str | None:
    """Return the drive of an installation, such as ``C:``, from SystemRoot; None where that was not there to read."""
    return installation.mounted.system_drive()
