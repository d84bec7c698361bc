"""Where a domain controller keeps the directory of its domain, NTDS.dit."""

from __future__ import annotations

from forensics.collectors.drives import Drive, Drives, Elsewhere
from forensics.collectors.machine import CURRENT_VERSION
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation

_DATABASE = "DSA Database file"


def directory_path(installation: Installation) -> str | None:
    """Return the path of NTDS.dit as Windows spells it; None for what is no domain controller."""
    parameters = f"{installation.control_set()}\\Services\\NTDS\\Parameters"
    return RegistryView.of_machine(installation, "SYSTEM").text(parameters, _DATABASE) or None


def directory_place(installation: Installation, path: str) -> tuple[Drive, str] | Elsewhere:
    """Return the drive on which NTDS.dit lies, and its path in the tree there."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    return Drives(installation, software.text(CURRENT_VERSION, "SystemRoot") or "C:\\Windows").place(path)
