"""How long a Windows is supported, against the days that Microsoft's lifecycle pages name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forensics.collectors.lifecycle import support_of


@pytest.mark.parametrize(
    ("product_name", "edition", "build", "ends"),
    [
        ("Windows Server 2012 Datacenter", "ServerDatacenter", "9200", (2023, 10, 10)),
        ("Windows Server 2012 R2 Standard", "ServerStandard", "9600", (2023, 10, 10)),
        ("Windows Server 2016 Standard", "ServerStandard", "14393", (2027, 1, 12)),
        ("Windows Server 2019 Standard", None, "17763", (2029, 1, 9)),
        ("Windows Server 2022 Datacenter Azure Edition", "ServerTurbine", "20348", (2031, 10, 14)),
        ("Windows Server 2025 Datacenter", "ServerDatacenter", "26100", (2034, 11, 14)),
        # The registry of Windows 11 still says Windows 10.
        ("Windows 10 Enterprise", "Enterprise", "26100", (2027, 10, 12)),
        ("Windows 10 Pro", "Professional", "26100", (2026, 10, 13)),
        ("Windows 10 Pro", "Professional", "19045", (2025, 10, 14)),
        ("Windows 10 Enterprise 2016 LTSB", "EnterpriseS", "14393", (2026, 10, 13)),
        ("Windows 10 Enterprise LTSC 2019", "EnterpriseS", "17763", (2029, 1, 9)),
        ("Windows 10 Enterprise LTSC 2021", "EnterpriseS", "19044", (2027, 1, 12)),
    ],
)
def test_listed(product_name: str, edition: str | None, build: str, ends: tuple[int, int, int]) -> None:
    support = support_of(product_name, edition, build)
    assert support is not None
    assert support.ends == datetime(*ends, tzinfo=UTC)
    assert support.as_of == "2026-11-21"


@pytest.mark.parametrize(
    ("product_name", "edition", "build"),
    [
        ("Windows Server 2008 R2 Standard", "ServerStandard", "7601"),
        ("Windows Server Datacenter", "ServerDatacenterACor", "17763"),  # version 1809, which ended in 2020
        ("Hyper-V Server", "ServerHyperCore", "17763"),
        ("Windows 10 Enterprise", "Enterprise", "17763"),
        ("Windows 10 Pro", None, "19045"),
        (None, None, None),
    ],
)
def test_not_listed(product_name: str | None, edition: str | None, build: str | None) -> None:
    assert support_of(product_name, edition, build) is None
