"""Images ``secure-boot``, ``clone-one`` and ``clone-two``: what the changes of 2025 and 2026 meet on a disk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from testdata.builder import evtx
from testdata.builder.filetime import filetime_bytes
from testdata.builder.machine import ForgedMachine, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.pe import PCA_2011, UEFI_CA_2023, signed_pe
from testdata.builder.scenario import Disk, Scenario, Script
from testdata.builder.scenarios.dated import issued, put

_SECURE_BOOT = f"{CONTROL_SET}\\Control\\SecureBoot"
_TPM_WMI = "Microsoft-Windows-TPM-WMI"
_WINDOWS_11: dict[str, Any] = {
    "product_name": "Windows 10 Enterprise",
    "edition": "Enterprise",
    "build": "26100",
}
_HARDWARE = {
    "CLONE-1": "{0f1e2d3c-4b5a-4697-8877-665544332211}",
    "CLONE-2": "{11223344-5566-4788-99aa-bbccddeeff00}",
}


def secure_boot() -> Scenario:
    """The new certificates are being brought in; the boot manager is still the old one, the fallback the new."""
    script = Script(machine("secure-boot", computer_name="PC-SB", ubr=6584, **_WINDOWS_11))
    put(script, issued("pc-sb.contoso.test", "2048-03", "2028-01-15"), "sound")
    hives = script.machine.hives
    hives.system.key(_SECURE_BOOT).dword("AvailableUpdates", 0x5104).dword("HighConfidenceOptOut", 0)
    hives.system.key(f"{_SECURE_BOOT}\\State").dword("UEFISecureBootEnabled", 1)
    servicing = hives.system.key(f"{_SECURE_BOOT}\\Servicing")
    servicing.sz("UEFICA2023Status", "InProgress").dword("WindowsUEFICA2023Capable", 1)
    servicing.dword("AvailableUpdates", 0x5904).sz("ConfidenceLevel", "High Confidence")
    attributes = hives.system.key(f"{_SECURE_BOOT}\\Servicing\\DeviceAttributes").sz("OEMManufacturerName", "Contoso")
    attributes.binary("CanAttemptUpdateAfter", filetime_bytes(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)))
    calais, wintrust = "Microsoft\\Cryptography\\Calais", "Microsoft\\Cryptography\\Wintrust\\Config"
    hives.software.key(calais).dword("DisableCapiOverrideForRSA", 0)
    hives.software.key(wintrust).dword("DisableCapiOverrideForRSA", 0)
    _log(
        script.machine,
        [
            _event(1801, datetime(2026, 1, 5, 7, tzinfo=UTC), _TPM_WMI),
            _event(1801, datetime(2026, 1, 6, 7, tzinfo=UTC), _TPM_WMI),
            _event(1800, datetime(2026, 1, 7, 7, tzinfo=UTC), _TPM_WMI),
            _event(624, datetime(2025, 9, 9, 8, tzinfo=UTC), "Microsoft-Windows-Smartcard-Server"),
        ],
    )
    efi = {
        "EFI/Microsoft/Boot/bootmgfw.efi": signed_pe(PCA_2011, b"boot manager" * 900),
        "EFI/Boot/bootx64.efi": signed_pe(UEFI_CA_2023, b"fallback" * 900),
        "EFI/Microsoft/Boot/BCD": b"regf forged",
    }
    return Scenario(
        "secure-boot",
        "EFI system partition and Windows: the Secure Boot certificates of 2023 are on their way",
        [Disk([script.machine.volume()], efi=efi)],
        [script.truth()],
    )


def clone_one() -> Scenario:
    """The original of two computers."""
    script = _clone("CLONE-1")
    return Scenario("clone-one", "One of two computers made without generalize", [_disk(script)], [script.truth()])


def clone_two() -> Scenario:
    """Its copy: renamed, with a certificate of its own, and refused by others since."""
    script = _clone("CLONE-2")
    put(script, issued("own.contoso.test", "2048-02", "2028-01-15", "2026-02-15"), "issued after the copy")
    _log(
        script.machine,
        [_event(6167, datetime(2026, 3, day, 6, tzinfo=UTC), "LsaSrv", "CLONE-2.contoso.test") for day in (1, 2, 9)],
    )
    return Scenario("clone-two", "Copy of clone-one, renamed", [_disk(script)], [script.truth()])


def _clone(name: str) -> Script:
    script = Script(machine("clone", computer_name=name, ubr=7000, **_WINDOWS_11))
    script.machine.hives.system.key("HardwareConfig").sz("LastConfig", _HARDWARE[name])
    put(script, issued("shared.contoso.test", "2048-01", "2028-01-15"), "issued before the copy: on both disks")
    return script


def _disk(script: Script) -> Disk:
    return Disk([script.machine.volume()])


def _event(number: int, time: datetime, provider: str, computer: str = "PC-SB.contoso.test") -> evtx.Event:
    return evtx.Event(provider, number, time, computer)


def _log(machine: ForgedMachine, events: list[evtx.Event]) -> None:
    ordered = sorted(events, key=lambda event: event.time)
    machine.write("Windows/System32/winevt/Logs/System.evtx", evtx.event_log(ordered))
