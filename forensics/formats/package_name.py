"""Names of update packages, as Component Based Servicing writes them.

References:
    Keys below ``Component Based Servicing\\Packages``, as real machines have them.
"""

from __future__ import annotations

import re

from forensics.late_methods import dataclass

# The whole update, such as Package_for_KB4012219~...; not its parts, Package_1_for_KB4012219~... and ..._RTM~...
_NAME = re.compile(r"Package_for_(?:(KB\d{5,8})|RollupFix)~[^~]*~[^~]*~[^~]*~([0-9.]+)", re.IGNORECASE)
_ROLLUP_VERSION = re.compile(r"(\d{4,6})\.(\d{1,6})\b")


@dataclass(frozen=True, slots=True)
class PackageName:
    """What the name of a whole update says.

    Attributes:
        kb: Number of its article, such as KB4012219; None for a rollup.
        version: Its version.
        build: Build of Windows that a rollup brings; None for other updates, which number themselves as they like.
        revision: Likewise the revision.
    """

    kb: str | None
    version: str
    build: int | None
    revision: int | None


def parse_package_name(name: str) -> PackageName | None:
    """Take the name of a package apart; None for what is no whole update."""
    found = _NAME.match(name)
    if found is None:
        return None
    kb, version = found[1], found[2]
    rollup = None if kb else _ROLLUP_VERSION.match(version)
    return PackageName(
        kb=kb.upper() if kb else None,
        version=version,
        build=int(rollup[1]) if rollup else None,
        revision=int(rollup[2]) if rollup else None,
    )
