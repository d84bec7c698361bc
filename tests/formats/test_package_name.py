"""Names of update packages."""

from __future__ import annotations

import pytest

from forensics.formats.package_name import PackageName, parse_package_name

TAIL = "31bf3856ad364e35~amd64~"


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        (f"Package_for_KB4012219~{TAIL}~6.3.1.2", PackageName("KB4012219", "6.3.1.2", None, None)),
        (f"Package_for_RollupFix~{TAIL}~17763.6414.1.17", PackageName(None, "17763.6414.1.17", 17763, 6414)),
        (f"Package_for_KB4012219_RTM~{TAIL}~6.3.1.2", None),
        (f"Package_1_for_KB4012219~{TAIL}~6.3.1.2", None),
    ],
)
def test_package_names(name: str, parsed: PackageName | None) -> None:
    assert parse_package_name(name) == parsed
