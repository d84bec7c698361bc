"""Texts that one wrong bit keeps from being what another place holds, and values that every Windows has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import forensics
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.services import collect_services
from forensics.sources.coverage import Place
from tests.collectors.virtual import CONFIG, installation, problems, system_hive
from tests.test_damaged_hives import examined

Damage = Callable[[Path], None]
ENHANCED = "Microsoft Enhanced Cryptographic Provider v1.0"
STRONG = "Microsoft Strong Cryptographic Provider"
SERVICE = "ControlSet002\\Services\\KeyIso"


def flip_text(text: str, at: int = 2, bit: int = 0) -> Damage:
    """Flip one bit wherever a text stands as a value or in one."""

    def damage(hive: Path) -> None:
        data = hive.read_bytes()
        whole = text.encode("utf-16-le")
        wrong = bytearray(whole)
        wrong[2 * at] ^= 1 << bit
        assert whole in data
        hive.write_bytes(data.replace(whole, bytes(wrong)))

    return damage


def told(case: forensics.Case) -> set[tuple[str, str]]:
    """Return the values in which a wrong bit was told, and where it says they are."""
    return {(p.source_path.rpartition("!")[2], p.message) for p in case.rows("problem") if p.kind == "wrong_bit"}


def test_a_machine_guid_one_bit_from_what_key_files_are_named_for(tmp_path: Path) -> None:
    whole = examined("odd-server", tmp_path / "whole", "SOFTWARE", lambda hive: None)
    (machine,) = whole.rows("machine")
    assert told(whole) == set()
    case = examined("odd-server", tmp_path / "part", "SOFTWARE", flip_text(machine.machine_guid, at=9))
    ((value, message),) = told(case)
    assert value == "MachineGuid"
    assert message.endswith(f"is one bit away from {machine.machine_guid}, for which key files are named")
    # One certificate's container was made anew, which its key file shows whatever its name.
    assert {c.broken_at for c in case.rows("key_chain") if c.thumbprint} == {None, "public_key"}
    assert {c.verdict for c in case.rows("key_chain") if c.thumbprint and not c.broken_at} == {"unknown"}


@pytest.mark.parametrize(("text", "what"), [(ENHANCED, "provider"), ("TSSecKeySet1", "container")])
def test_a_link_one_bit_from_what_it_would_lead_to(tmp_path: Path, text: str, what: str) -> None:
    case = examined("odd-server", tmp_path, "SOFTWARE", flip_text(text, at=3, bit=1))
    found = told(case)
    assert {value for value, _ in found} == {"Blob"}
    assert all(message.startswith(f"the {what} ") for _, message in found)
    # The provider of one certificate is gone, whatever bit is wrong.
    assert {c.provider for c in case.rows("key_chain") if c.broken_at == "provider"} <= {STRONG}


def test_a_service_without_start_was_not_read_whole() -> None:
    hive = system_hive()
    hive.key(SERVICE).sz("ImagePath", "lsass.exe")
    windows = installation({}, {"SYSTEM": hive})
    (row,) = collect_services(windows)
    assert row.start is None
    assert problems(windows) == [(f"{CONFIG}/SYSTEM\\{SERVICE}!Start", "no_value")]
    assert windows.coverage.saw(Place.of_key("SYSTEM", SERVICE)).state == "partial"


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        (4, b"\3\0\0\0", None),
        (5, b"\3\0\0\0", "bad_type"),
        (0x80000004, b"\3\0\0\0", "bad_type"),
        (1, b"3\0\0\0", None),
        (4, b"", "bad_length"),
        (11, bytes(8), None),
    ],
)
def test_a_number_of_another_type_or_size(kind: int, data: bytes, problem: str | None) -> None:
    hive = system_hive()
    hive.key(SERVICE).set("Start", kind, data)
    windows = installation({}, {"SYSTEM": hive})
    RegistryView.of_machine(windows, "SYSTEM").number(SERVICE, "Start")
    assert problems(windows) == ([(f"{CONFIG}/SYSTEM\\{SERVICE}!Start", problem)] if problem else [])
    whole = windows.coverage.saw(Place.of_key("SYSTEM", SERVICE)).is_whole
    assert whole is (problem is None)


@pytest.mark.parametrize(("kind", "is_told"), [(1, False), (2, False), (3, True), (0x101, True), (7, False)])
def test_a_text_of_another_type(kind: int, is_told: bool) -> None:
    hive = system_hive()
    hive.key(SERVICE).set("ImagePath", kind, "lsass.exe\0".encode("utf-16-le"))
    windows = installation({}, {"SYSTEM": hive})
    RegistryView.of_machine(windows, "SYSTEM").text(SERVICE, "ImagePath")
    assert [k for _, k in problems(windows)] == (["bad_type"] if is_told else [])


def test_a_control_set_that_is_not_named() -> None:
    hive = system_hive()
    hive.key("Select").values.clear()
    windows = installation({}, {"SYSTEM": hive})
    assert [windows.control_set() for _ in range(3)] == ["ControlSet001"] * 3
    assert problems(windows) == [(f"{CONFIG}/SYSTEM\\Select!Current", "no_value")]


def test_places_that_were_lost_stand_in_coverage() -> None:
    hive = system_hive()
    hive.key(f"{SERVICE}\\Parameters")
    windows = installation({}, {"SYSTEM": hive})
    opened = windows.hive("SYSTEM")
    assert opened is not None
    opened.lose_value(SERVICE)
    windows.tell_lost_places()
    rows = [(r.area, r.name, r.outcome, r.source_path) for r in windows.coverage if "\\" in r.source_path]
    assert rows == [("hive", SERVICE, "partial", f"{CONFIG}/SYSTEM\\{SERVICE}")]
