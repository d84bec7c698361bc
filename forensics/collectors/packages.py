"""Table package: the patch level, as Component Based Servicing has it in SOFTWARE."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.collectors.registry_view import RegistryView
from forensics.formats.filetime import filetime
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.event import PackageRow

PACKAGES = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages"
INSTALLED = 0x70
MAX_KEYS = 200_000
MAX_ROWS = 5000

# The whole update, such as Package_for_KB4012219~...; not its parts, Package_1_for_KB4012219~... and ..._RTM~...
_NAME = re.compile(r"Package_for_(?:(KB\d{5,8})|RollupFix)~[^~]*~[^~]*~[^~]*~([0-9.]+)", re.IGNORECASE)
_ROLLUP_VERSION = re.compile(r"(\d{4,6})\.(\d{1,6})\b")


def collect_packages(installation: Installation) -> Iterator[PackageRow]:
    """Yield the update packages that servicing knows of: installed, staged, superseded."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    packages = software.key(PACKAGES)
    if packages is None:
        return
    count = 0
    # Thousands of packages, few of them whole updates: the others are not even looked at.
    for key in software.subkeys(packages, MAX_KEYS, beginning="Package_for_"):
        found = _NAME.match(key.name)
        if found is None:
            continue
        if count == MAX_ROWS:
            installation.problem(software.where(packages), "too_many", f"more than {MAX_ROWS} update packages")
            return
        count += 1
        yield _row(installation, software, key, found[1], found[2])


def _row(installation: Installation, software: RegistryView, key: Key, kb: str | None, version: str) -> PackageRow:
    state = software.number(key, "CurrentState")
    high, low = software.number(key, "InstallTimeHigh"), software.number(key, "InstallTimeLow")
    ticks = None if high is None or low is None else (high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF
    # Only a rollup's version is that of the whole Windows; a single update numbers itself as it likes.
    rollup = None if kb else _ROLLUP_VERSION.match(version)
    return PackageRow(
        machine_id=installation.machine_id,
        name=key.name,
        kb=kb.upper() if kb else None,
        version=version,
        build=int(rollup[1]) if rollup else None,
        revision=int(rollup[2]) if rollup else None,
        state=state,
        installed=None if state is None else state == INSTALLED,
        install_time=None if ticks is None else filetime(ticks),
        source_path=software.where(key, "CurrentState"),
        source_time=key.timestamp,
    )
