"""Installations that exist in memory only: written hives and files on a MemoryTree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from testdata.builder.regf import HiveWriter
from tests.memory_tree import MemoryTree

CONFIG = "Windows/System32/config"
MACHINE_GUID = "11111111-2222-3333-4444-555555555555"
OTHER_GUID = "99999999-8888-7777-6666-555555555555"
USER_SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
MACHINE_KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
CNG_KEYS = "ProgramData/Microsoft/Crypto/Keys"
PROTECT = "Windows/System32/Microsoft/Protect/S-1-5-18"


def installation(
    files: Mapping[str, bytes | None],
    hives: Mapping[str, HiveWriter] | None = None,
    complete: bool = True,
    unreadable: Sequence[str] = (),
    descriptors: Mapping[str, bytes] | None = None,
    modified: Mapping[str, datetime] | None = None,
    not_obtained: Sequence[str] = (),
) -> Installation:
    """Put files and hives (by name, or by path when it has a slash) on a tree."""
    content = dict(files)
    for name, hive in (hives or {}).items():
        content[name if "/" in name else f"{CONFIG}/{name}"] = hive.build()
    tree = MemoryTree(content, complete, unreadable, descriptors, modified, not_obtained=not_obtained)
    return Installation(1, "memory", tree, "Windows", "", open_hive)


def system_hive() -> HiveWriter:
    """SYSTEM whose current control set is the second."""
    hive = HiveWriter("SYSTEM")
    hive.key("Select").dword("Current", 2)
    return hive


def software_hive() -> HiveWriter:
    """SOFTWARE with MachineGuid and the place of Windows."""
    hive = HiveWriter("SOFTWARE")
    hive.key("Microsoft\\Cryptography").sz("MachineGuid", MACHINE_GUID)
    hive.key("Microsoft\\Windows NT\\CurrentVersion").sz("SystemRoot", "C:\\Windows")
    return hive


def add_profile(software: HiveWriter, sid: str, path: str) -> None:
    """Name a profile in ProfileList."""
    software.key(f"Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\{sid}").expand_sz("ProfileImagePath", path)


def problems(examined: Installation) -> list[tuple[str, str]]:
    """Return path and kind of every problem."""
    return [(p.source_path, p.kind) for p in examined.problems]
