"""Windows' own image backup (``WindowsImageBackup``): the date of a backup, and which file is which volume.

References:
    Microsoft Learn, wbadmin; published copies of ``BackupSpecs.xml`` and of the names of the folders
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.formats.xml_text import at_path, parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SPECS = "BackupSpecs.xml"
_FOLDER = re.compile(r"Backup (\d{4}-\d\d-\d\d) (\d{6})", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def backup_time(folder: str) -> datetime | None:
    """Return when a backup was made, by the name of its folder and without a zone; None where it bears no such name."""
    match = _FOLDER.fullmatch(folder)
    if match is None:
        return None
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H%M%S")
    except ValueError:
        return None


def parse_backup_specs(data: bytes) -> dict[str, str]:
    """Return the drive letter of each volume of a backup by its GUID, lower case; raises FormatError.

    A volume without a letter has the empty text.
    """
    if data[1:2] == b"\0":
        data = data.decode("utf-16-le", "replace").encode()
    root = parse_xml(data)
    found: dict[str, str] = {}
    for volume in at_path(root, "FileSpecs", "Volume"):
        match = _GUID.search(volume.get("Name", ""))
        if match is not None:
            found[match[0].lower()] = _letter(volume)
    return found


def _letter(volume: Element) -> str:
    path = volume.get("OriginalAccessPath", "") or volume.get("AccessPath", "")
    return path[:2].upper() if re.fullmatch(r"[A-Za-z]:\\?", path) else ""
