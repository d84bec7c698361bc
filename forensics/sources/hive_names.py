"""The names that Windows gives the hives of a machine."""

from __future__ import annotations

from forensics.disk.tree import Entry

MACHINE_HIVES = ("SYSTEM", "SOFTWARE", "SECURITY", "SAM", "DEFAULT", "COMPONENTS")


def is_named_as_hive(entry: Entry) -> bool:
    """Tell whether a file bears the exact name of one of the machine's hives."""
    return not entry.is_dir and entry.name.upper() in MACHINE_HIVES
