"""When a Windows was sealed, got its identity, and was last seen alive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from forensics.facts.machine_life import machine_life
from forensics.facts.tables import Tables
from forensics.tables.certificate import KeyFileRow, KeyFileScope
from forensics.tables.event import EventRow, SetupEventRow
from forensics.tables.machine import MachineRow, ServiceRow, UserRow
from forensics.tables.row import Row
from forensics.tables.secrets import SecretRow

GUID = "6f1c9a52-0000-4000-8000-000000000001"
CONFIG = "Windows/System32/config"


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def life(*rows: Row, **values: Any) -> MachineRow:
    machine = MachineRow(machine_id=1, source_path="disk.vhdx", **values)
    return machine_life(machine, Tables([machine, *rows]))


def event(time: datetime | None, machine_id: int = 1) -> EventRow:
    return EventRow(
        machine_id=machine_id,
        source_path="System.evtx",
        channel="System",
        provider="Schannel",
        event_id=36870,
        time=time,
    )


def setup_event(kind: Any, phase: Any, time: datetime | None, **values: Any) -> SetupEventRow:
    return SetupEventRow(machine_id=1, source_path="setupact.log", phase=phase, kind=kind, time=time, **values)


def service(path: str, time: datetime) -> ServiceRow:
    return ServiceRow(machine_id=1, source_path=path, source_time=time, name="W3SVC")


def key_file(scope: KeyFileScope, is_current: bool | None, day: int | None) -> KeyFileRow:
    row = KeyFileRow(machine_id=1, source_path="k", path="k", file_name="k", kind="capi", scope=scope)
    return replace(row, guid_is_current=is_current, created=at(day) if day else None)


def secret(generation: Any, day: int) -> SecretRow:
    row = SecretRow(machine_id=1, source_path="SECURITY", name="DPAPI_SYSTEM", generation=generation, outcome="present")
    return replace(row, set_at=at(day))


def test_nothing_tells_when_windows_last_ran() -> None:
    row = life(event(None), event(at(9), machine_id=2))
    assert (row.last_seen_alive, row.last_seen_by) == (None, None)


@pytest.mark.parametrize(
    ("rows", "values", "expected"),
    [
        ((event(at(2)),), {"last_shutdown": at(3)}, (at(3), "ShutdownTime")),
        ((event(at(4)), event(at(1))), {"last_shutdown": at(3)}, (at(4), "System.evtx")),
        ((), {"last_shutdown": at(3), "machine_guid_time": at(5)}, (at(5), "the registry key of MachineGuid")),
        (
            (service(f"{CONFIG}/SYSTEM\\ControlSet001\\Services\\W3SVC", at(6)),),
            {"last_shutdown": at(3)},
            (at(6), f"{CONFIG}/SYSTEM\\ControlSet001\\Services\\W3SVC"),
        ),
    ],
    ids=["shutdown", "event", "MachineGuid", "registry key"],
)
def test_the_newest_sign_of_life_counts(
    rows: tuple[Row, ...], values: dict[str, Any], expected: tuple[datetime, str]
) -> None:
    row = life(*rows, **values)
    assert (row.last_seen_alive, row.last_seen_by) == expected


def test_a_file_and_a_profile_that_roams_are_no_sign_of_life() -> None:
    file = service("Windows/System32/inetsrv/config/applicationHost.config", at(7))
    roaming = service("Users/alice/NTUSER.DAT\\Software\\x", at(8))
    user = UserRow(machine_id=1, source_path=f"{CONFIG}/SOFTWARE\\ProfileList", source_time=at(9), sid="S-1-5-21-1")
    assert life(file, roaming, user, last_shutdown=at(3)).last_seen_alive == at(3)


def test_times_of_other_zones_are_compared_by_what_they_mean() -> None:
    late = datetime(2026, 5, 3, 1, tzinfo=timezone(timedelta(hours=9)))
    assert life(event(late), last_shutdown=at(2, 12)).last_seen_by == "System.evtx"


def test_sealing_and_first_boot() -> None:
    row = life(
        setup_event("option_generalize", "generalize", at(1)),
        setup_event("module_run", "generalize", at(2)),
        setup_event("sysprep_succeeded", "tag", at(3)),
        setup_event("machine_guid_assigned", "specialize", at(4), machine_guid=GUID),
        setup_event("machine_guid_assigned", "specialize", at(9), machine_guid="another"),
        clone_tag="Fri May 01 05:48:31 2026",
        machine_guid=GUID.upper(),
    )
    assert row.sealed_at == datetime(2026, 5, 1, 5, 48, 31, tzinfo=UTC)
    assert (row.generalized_at, row.sysprep_succeeded_at, row.machine_guid_assigned_at) == (at(2), at(3), at(4))


VALIDATION = "SYSPRP RunPlatformActions:Failed while validating Sysprep session actions; dwRet = 0x3cf2"


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("error", VALIDATION, None),
        ("module_failed", "Failure occurred while executing 'SysprepGeneralizeValidate' from AppxSysprep.dll", None),
        ("module_failed", "Failure occurred while executing 'SysprepGeneralize' from AppxSysprep.dll", 2),
        ("error", "Failed to remove apps for the current user", 2),
    ],
)
def test_a_run_that_failed_in_validation_generalized_nothing(kind: str, message: str, expected: int | None) -> None:
    failed = [
        setup_event("sysprep_begun", "cleanup", at(2)),
        setup_event("option_generalize", "generalize", at(2)),
        setup_event(kind, "cleanup", at(2), message=message),
    ]
    assert life(*failed).generalized_at == (at(expected) if expected else None)
    earlier = [setup_event("option_generalize", "generalize", at(1))]
    assert life(*earlier, *failed).generalized_at == at(expected or 1)
    again = [setup_event("sysprep_begun", "cleanup", at(3)), setup_event("option_generalize", "generalize", at(3))]
    assert life(*failed, *again).generalized_at == at(3)


@pytest.mark.parametrize(
    "tag", [None, "", "yesterday", "Fri May 99 05:48:31 2026", "Fri Mai 01 05:48:31 2026", "2026-05-01"]
)
def test_a_clone_tag_that_is_no_time_tells_no_day(tag: str | None) -> None:
    assert life(clone_tag=tag).sealed_at is None


def test_a_clone_tag_may_have_a_blank_before_the_day() -> None:
    assert life(clone_tag="Fri May  1 05:48:31 2026").sealed_at == datetime(2026, 5, 1, 5, 48, 31, tzinfo=UTC)


def test_only_a_failure_of_the_last_generalize_is_told() -> None:
    failed = [setup_event("module_failed", "cleanup", at(n), message=f"failure {n}") for n in (1, 4)]
    assert life(*failed, setup_event("module_run", "generalize", at(3))).sysprep_failure == "failure 4"
    assert life(*failed).sysprep_failure is None


@pytest.mark.parametrize(
    ("kinds", "expected"), [((), None), (("crypto_specialize_present",), False), (("crypto_specialize_missing",), True)]
)
def test_whether_specialize_skips_crypto(kinds: tuple[str, ...], expected: bool | None) -> None:
    assert life(*(setup_event(kind, "action_file", at(1)) for kind in kinds)).specialize_skips_crypto is expected


def test_an_earlier_identity_is_told_by_the_oldest_key_file_under_another_machine_guid() -> None:
    keys = [
        key_file("machine", False, 4),
        key_file("system", False, 3),
        key_file("system", False, None),
        key_file("user", False, 1),
        key_file("machine", True, 2),
        key_file("machine", None, 2),
    ]
    assert life(*keys).earlier_identity_at == at(3)
    assert life(keys[4]).earlier_identity_at is None


def test_dpapi_system_was_set_when_its_current_value_was() -> None:
    assert life(secret("current", 5), secret("previous", 7)).dpapi_system_set_at == at(5)
