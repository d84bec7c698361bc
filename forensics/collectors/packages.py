"""Table package: the patch level, as Component Based Servicing has it in SOFTWARE."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.registry_view import RegistryView
from forensics.formats.filetime import filetime
from forensics.formats.package_name import PackageName, parse_package_name
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.event import PackageRow

PACKAGES = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages"
INSTALLED = 0x70
MAX_KEYS = 200_000
"""Evidence: packages of one installation, parts of updates among them."""
MAX_ROWS = 5000
"""Evidence: update packages of one installation."""


def collect_packages(installation: Installation) -> Iterator[PackageRow]:
    """Yield the update packages that servicing knows of: installed, staged, superseded."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    packages = software.key(PACKAGES)
    if packages is None:
        return
    count = 0
    # Thousands of packages, few of them whole updates: the others are not even looked at.
    for key in software.subkeys(packages, MAX_KEYS, beginning="Package_for_"):
        name = parse_package_name(key.name)
        if name is None:
            continue
        if count == MAX_ROWS:
            software.cut(packages, sentence("only the first {max_rows} update packages are kept", max_rows=MAX_ROWS))
            return
        count += 1
        yield _row(installation, software, key, name)


def _row(installation: Installation, software: RegistryView, key: Key, name: PackageName) -> PackageRow:
    state = software.number(key, "CurrentState")
    high, low = software.number(key, "InstallTimeHigh"), software.number(key, "InstallTimeLow")
    ticks = None if high is None or low is None else (high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF
    return PackageRow(
        machine_id=installation.machine_id,
        name=key.name,
        kb=name.kb,
        version=name.version,
        build=name.build,
        revision=name.revision,
        state=state,
        installed=None if state is None else state == INSTALLED,
        install_time=None if ticks is None else filetime(ticks),
        source_path=software.where(key, "CurrentState"),
        source_time=key.timestamp,
    )
