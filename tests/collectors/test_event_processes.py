"""From the process that Schannel names to its service and account."""

from __future__ import annotations

import pytest

from forensics.collectors.event_processes import fill_processes
from forensics.collectors.service_identities import ServiceIdentity, program_name
from forensics.formats.event_fields import event_fields
from forensics.tables.event import EventRow

NETWORK_SERVICE, SYSTEM, SQL = "S-1-5-20", "S-1-5-18", "S-1-5-80-1-2-3-4-5"
SERVICES = {
    name.lower(): ServiceIdentity(name, "account", sid, None, None, image)
    for name, sid, image in (
        ("WindowsAdminCenter", NETWORK_SERVICE, "windowsadmincenter"),
        ("MSSQL$A", SQL, "sqlservr"),
        ("MSSQL$B", SQL, "sqlservr"),
        ("Two", NETWORK_SERVICE, "two"),
        ("Zwei", None, "two"),
        ("TermService", NETWORK_SERVICE, "svchost"),
        ("Elsewhere", None, "elsewhere"),
    )
}


@pytest.mark.parametrize(
    ("process", "service", "account"),
    [
        ("WindowsAdminCenter", "WindowsAdminCenter", NETWORK_SERVICE),
        ("WINDOWSADMINCENTER.EXE", "WindowsAdminCenter", NETWORK_SERVICE),
        (
            "\\Device\\HarddiskVolume2\\Program Files\\WAC\\WindowsAdminCenter.exe",
            "WindowsAdminCenter",
            NETWORK_SERVICE,
        ),
        ("sqlservr.exe", None, SQL),
        ("two.exe", None, None),
        ("svchost.exe", None, None),
        ("System", None, SYSTEM),
        ("lsass.exe", None, SYSTEM),
        ("w3wp", None, None),
        ("Elsewhere", "Elsewhere", None),
        (None, None, None),
    ],
    ids=[
        "by name",
        "case and extension",
        "with its folder",
        "two services, one account",
        "two services, two accounts",
        "a program of many services, though one is known",
        "the kernel, in which http.sys serves",
        "LSASS",
        "no service's",
        "an account that is not known",
        "none is named",
    ],
)
def test_process_to_account(process: str | None, service: str | None, account: str | None) -> None:
    row = EventRow(
        machine_id=1, source_path="x", channel="System", provider="Schannel", event_id=36870, process=process
    )
    fill_processes([row], SERVICES)
    assert (row.service, row.account) == (service, account)


def test_without_the_services_nothing_is_told_but_of_windows_own() -> None:
    rows = [
        EventRow(machine_id=1, source_path="x", channel="System", provider="Schannel", event_id=36870, process=process)
        for process in ("sqlservr", "System")
    ]
    fill_processes(rows, None)
    assert [row.account for row in rows] == [None, SYSTEM]


def test_other_services_of_events_stay() -> None:
    row = EventRow(machine_id=1, source_path="x", channel="System", provider="SCM", event_id=7040, service="KeyIso")
    fill_processes([row], SERVICES)
    assert (row.service, row.account) == ("KeyIso", None)


def test_the_process_is_a_field_of_newer_records() -> None:
    data = {"Type": "server", "ErrorCode": "0x8009030d", "CallerProcessId": 4, "CallerProcessImageName": "System"}
    assert event_fields({"EventData": data}).process == "System"
    assert event_fields({"EventData": {"Type": "server", "CallerProcessImageName": ""}}).process is None
    assert event_fields({"EventData": {"Type": "server", "CallerProcessId": "4"}}).process == "System"
    assert event_fields({"EventData": {"Type": "server", "CallerProcessId": "44"}}).process is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ('"C:\\Program Files\\SQL\\sqlservr.exe" -sA', "sqlservr"),
        ("C:\\Program Files\\My App\\app.exe -service", "app"),
        ("%SystemRoot%\\system32\\svchost.exe -k netsvcs", "svchost"),
        ("system32\\drivers\\http.sys", "http.sys"),
        ("   ", None),
        (".exe", None),
    ],
)
def test_names_of_programs(path: str, name: str | None) -> None:
    assert program_name(path) == name
