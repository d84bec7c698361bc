"""Settings that outlived their service name certificates that nobody misses; those of a disabled one may come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.iis import administer_remotely, install_iis
from testdata.builder.ordinary.windows import SERVER_2022, SERVICES, Windows
from tests.ordinary import examined
from tests.test_ordinary_machines import first_screen

GONE = "AB" * 20
Left = Callable[[Windows], None]


def sql_server(windows: Windows) -> None:
    network = "Microsoft\\Microsoft SQL Server\\MSSQL12.OLD\\MSSQLServer\\SuperSocketNetLib"
    windows.software.key(network).sz("Certificate", GONE)


def network_policy(windows: Windows) -> None:
    eap = (bytes([0x19]) + bytes(35) + bytes.fromhex(GONE) + bytes(16)).hex()
    policy = f'<Policy name="old"><Properties><msEAPConfiguration>{eap}</msEAPConfiguration></Properties></Policy>'
    windows.machine.write("Windows/System32/ias/ias.xml", f"<Root>{policy}</Root>".encode())


def configuration_manager(windows: Windows) -> None:
    windows.machine.write("Windows/SMSCFG.INI", f"[C]\r\nSMS Certificate Identifier=SMS;{GONE}\r\n".encode())


LEFT: tuple[tuple[Left, str], ...] = (
    (sql_server, "MSSQL$OLD"),
    (network_policy, "IAS"),
    (configuration_manager, "CcmExec"),
)
"""What is left, and the service that it was for."""


@pytest.mark.parametrize(("left", "service"), LEFT, ids=[left.__name__ for left, _ in LEFT])
@pytest.mark.parametrize(("start", "severity"), [(None, None), (4, "medium"), (2, "critical")])
def test_what_names_a_certificate_that_is_gone(
    left: Left, service: str, start: int | None, severity: str | None
) -> None:
    windows = Windows("SRV01", SERVER_2022)
    left(windows)
    if start is not None:
        windows.service(service, start=start)
    told = {f.rule: f.severity for f in examined(windows.machine).finding_list if f.severity != "info"}
    assert told == ({"binding-names-missing-certificate": severity} if severity else {})


def test_an_ended_certificate_of_remote_administration_that_is_switched_off() -> None:
    windows = Windows("WEB01", SERVER_2022)
    administer_remotely(windows, "2014-03-04", "2024-03-02")
    windows.system.key(f"{SERVICES}\\WMSVC").dword("Start", 4)
    case = examined(windows.machine)
    assert {f.severity for f in case.finding_list} <= {"low", "info"}
    assert "SERVICES DOWN" not in first_screen(case)


def test_an_ended_certificate_of_a_web_server_that_is_switched_off() -> None:
    windows = Windows("WEB02", SERVER_2022)
    install_iis(windows, ("Shop", "*:443:"))
    ended = windows.put(windows.issue("shop.contoso.test", "2024-02-01", "2026-02-01"))
    windows.bind("0.0.0.0:443", ended.thumbprint)
    windows.service("W3SVC", start=4)
    case = examined(windows.machine)
    assert {f.severity for f in case.finding_list} <= {"low", "info"}
    assert "SERVICES DOWN" not in first_screen(case)


def test_what_is_bound_as_iis_binds_counts_where_iis_is_not_installed() -> None:
    windows = Windows("WEB03", SERVER_2022)
    windows.bind("0.0.0.0:443", GONE)
    told = {f.rule: f.severity for f in examined(windows.machine).finding_list if f.severity != "info"}
    assert told == {"binding-names-missing-certificate": "critical"}


@pytest.mark.parametrize(("is_enabled", "severity"), [(0, "low"), (1, "high")])
def test_a_listener_of_remote_desktop_that_is_switched_off_by_itself(is_enabled: int, severity: str) -> None:
    windows = Windows("RDS02", SERVER_2022)
    listener = windows.system.key(f"{CONTROL_SET}\\Control\\Terminal Server\\WinStations\\Old-Tcp")
    listener.dword("PortNumber", 3390).dword("fEnableWinStation", is_enabled)
    listener.binary("SSLCertificateSHA1Hash", bytes.fromhex(GONE))
    told = {f.rule: f.severity for f in examined(windows.machine).finding_list if f.severity != "info"}
    assert told == {"rdp-listener-certificate-missing": severity}
