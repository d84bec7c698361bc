"""Whether Remote Desktop takes connections, and where its listener has its certificate from."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.facts.remote_desktop import remote_desktop
from forensics.facts.tables import Tables
from forensics.tables.event import PackageRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.row import Row
from forensics.tables.use import PolicyRow


def with_facts(*rows: Row) -> MachineRow:
    machine = MachineRow(machine_id=1, source_path="disk.vhdx")
    return remote_desktop(machine, Tables([machine, *rows]))


def policy(area: Any, name: str, value: str) -> PolicyRow:
    return PolicyRow(machine_id=1, source_path="SOFTWARE", area=area, name=name, value=value)


def denies(area: str, value: str) -> PolicyRow:
    return policy(area, "fDenyTSConnections", value)


def term_service(start: int) -> ServiceRow:
    return ServiceRow(machine_id=1, source_path="SYSTEM", name="TermService", start=start)


def package(**values: Any) -> PackageRow:
    return PackageRow(**{"machine_id": 1, "source_path": "SOFTWARE", "name": "p", "installed": True, **values})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), None),
        ((denies("rdp", "0"),), True),
        ((denies("rdp", "1"),), False),
        ((denies("rdp", "0"), denies("rdp_policy", "1")), False),
        ((denies("rdp", "1"), denies("rdp_policy", "0")), True),
        ((denies("rdp", "0"), term_service(4)), False),
        ((denies("rdp", "0"), term_service(3)), True),
        ((denies("rdp", "7"),), None),
    ],
)
def test_whether_remote_desktop_takes_connections(rows: tuple[Row, ...], expected: bool | None) -> None:
    assert with_facts(*rows).rdp_on is expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), None),
        ((policy("rdp_policy", "CertTemplateName", ""),), None),
        ((policy("rdp_policy", "CertTemplateName", "RemoteDesktopComputer"),), "RemoteDesktopComputer"),
        ((policy("rdp", "CertTemplateName", "x"),), None),
    ],
)
def test_template_of_the_listener(rows: tuple[Row, ...], expected: str | None) -> None:
    assert with_facts(*rows).rdp_template == expected


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ((), None),
        ((package(kb="KB4012219"),), True),
        ((package(kb="KB4012219", installed=False),), False),
        ((package(kb="KB4000000"),), False),
        ((package(build=9600, revision=18700),), True),
        ((package(build=9600, revision=18600),), None),
        ((package(build=9600, revision=18599),), False),
        ((package(build=10240, revision=18700),), False),
        ((package(build=9600, revision=18700, installed=False),), None),
        ((package(kb="KB4000000"), package(kb="KB4056895")), True),
    ],
)
def test_update_by_which_certificates_are_made_through_cng(
    packages: tuple[PackageRow, ...], expected: bool | None
) -> None:
    assert with_facts(*packages).rdp_cng_update is expected
