"""Table secure_boot: registry values in either key, and boot files on forged EFI system partitions."""

from __future__ import annotations

import hashlib
import io
import random
import struct
from datetime import UTC, datetime

import pytest

from forensics.collectors.secure_boot import collect_secure_boot
from forensics.disk.efi import EfiPartition
from forensics.disk.ntfs.stream import VolumeReader
from forensics.sources.installation import Installation
from testdata.builder.fat import build_fat
from testdata.builder.filetime import filetime_bytes
from testdata.builder.pe import PCA_2011, UEFI_CA_2023, make_pe, sign_pe, signed_pe
from tests.collectors.virtual import installation, problems, system_hive
from tests.time_bound import within

MIB = 1 << 20
KEY = "ControlSet002\\Control\\SecureBoot"
MANAGER, FALLBACK = "EFI/Microsoft/Boot/bootmgfw.efi", "EFI/Boot/bootx64.efi"
SHIM = "Microsoft Corporation UEFI CA 2011"


def partition(files: dict[str, bytes], name: str = "partition 1", size: int = 4 * MIB) -> EfiPartition:
    image = build_fat(files, size, bits=16)
    return EfiPartition(name, VolumeReader(io.BytesIO(bytes(image)), 0, size))


def with_boot_files(*partitions: EfiPartition) -> Installation:
    made = installation({}, {"SYSTEM": system_hive()})
    made.efi = list(partitions)
    return made


def test_values_of_both_keys() -> None:
    system = system_hive()
    system.key(KEY, datetime(2026, 1, 2, tzinfo=UTC)).dword("AvailableUpdates", 0x4100).dword("HighConfidenceOptOut", 1)
    system.key(f"{KEY}\\State").dword("UEFISecureBootEnabled", 1)
    servicing = (
        system.key(f"{KEY}\\Servicing").dword("AvailableUpdates", 0x5944).dword("AvailableUpdatesPolicy", 0x5944)
    )
    servicing.dword("MicrosoftUpdateManagedOptIn", 1).sz("UEFICA2023Status", "InProgress")
    servicing.dword("UEFICA2023Error", 0x80070005).dword("UEFICA2023ErrorEvent", 1795)
    servicing.dword("WindowsUEFICA2023Capable", 1).sz("ConfidenceLevel", "High Confidence")
    attributes = system.key(f"{KEY}\\Servicing\\DeviceAttributes").sz("OEMManufacturerName", "Contoso")
    attributes.binary("CanAttemptUpdateAfter", filetime_bytes(datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)))
    row = collect_secure_boot(installation({}, {"SYSTEM": system}))
    assert (row.registry, row.enabled, row.status) == ("present", True, "InProgress")
    assert (row.available_updates, row.available_updates_policy) == (0x4100, 0x5944)
    assert (row.high_confidence_opt_out, row.managed_opt_in) == (1, 1)
    assert (row.error, row.error_event, row.capable) == (0x80070005, 1795, 1)
    assert (row.confidence_level, row.manufacturer) == ("High Confidence", "Contoso")
    assert row.not_before == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert row.read_at == [
        "AvailableUpdates=SecureBoot",
        "AvailableUpdates=SecureBoot\\Servicing",
        "AvailableUpdatesPolicy=SecureBoot\\Servicing",
        "HighConfidenceOptOut=SecureBoot",
        "MicrosoftUpdateManagedOptIn=SecureBoot\\Servicing",
    ]
    assert row.source_path == "Windows/System32/config/SYSTEM\\ControlSet002\\Control\\SecureBoot"
    assert row.source_time == datetime(2026, 1, 2, tzinfo=UTC)
    assert (row.boot_manager, row.fallback) == ("not_examined", "not_examined")


def test_nothing_noted_and_nothing_to_note_it_in() -> None:
    row = collect_secure_boot(installation({}, {"SYSTEM": system_hive()}))
    assert (row.registry, row.enabled, row.status, row.read_at) == ("absent", None, None, [])
    row = collect_secure_boot(installation({}, complete=False))
    assert (row.registry, row.boot_manager) == ("not_examined", "not_examined")


def test_signers_of_the_boot_files() -> None:
    manager = signed_pe(UEFI_CA_2023, b"m" * 5000)
    made = with_boot_files(partition({MANAGER: manager, FALLBACK: signed_pe(SHIM, b"shim")}))
    row = collect_secure_boot(made)
    assert (row.boot_manager, row.boot_manager_path) == ("present", f"partition 1/{MANAGER}")
    assert (row.boot_manager_ca, row.boot_manager_signature) == ("windows_uefi_ca_2023", "verified")
    assert (row.boot_manager_signer, row.boot_manager_issuer) == ("Microsoft Windows", "Windows UEFI CA 2023")
    assert row.boot_manager_sha256 == hashlib.sha256(manager).hexdigest()
    assert (row.fallback, row.fallback_ca, row.fallback_issuer) == ("present", "other", SHIM)
    assert problems(made) == []


@pytest.mark.parametrize(
    ("authorities", "expected"),
    [((PCA_2011,), "pca_2011"), ((UEFI_CA_2023, PCA_2011), "windows_uefi_ca_2023"), ((), "unsigned")],
)
def test_authority_of_the_boot_manager(authorities: tuple[str, ...], expected: str) -> None:
    data = sign_pe(make_pe(b"m"), authorities) if authorities else make_pe(b"m")
    assert collect_secure_boot(with_boot_files(partition({MANAGER: data}))).boot_manager_ca == expected


def test_no_boot_manager_there() -> None:
    row = collect_secure_boot(with_boot_files(partition({"EFI/ubuntu/grubx64.efi": b"MZ"})))
    assert (row.boot_manager, row.boot_manager_path, row.fallback) == ("absent", None, "absent")


def test_second_partition_holds_it_and_another_processor() -> None:
    second = partition({MANAGER: signed_pe(PCA_2011), "EFI/Boot/bootaa64.efi": signed_pe(PCA_2011)}, "partition 4")
    row = collect_secure_boot(with_boot_files(partition({"README": b""}), second))
    assert row.boot_manager_path == f"partition 4/{MANAGER}"
    assert row.fallback_path == "partition 4/EFI/Boot/bootaa64.efi"


def test_damaged_files_are_problems() -> None:
    made = with_boot_files(partition({MANAGER: b"no program", FALLBACK: signed_pe(PCA_2011)[:-900]}))
    row = collect_secure_boot(made)
    assert (row.boot_manager, row.boot_manager_ca, row.boot_manager_sha256) == (
        "present",
        None,
        hashlib.sha256(b"no program").hexdigest(),
    )
    assert (row.fallback, row.fallback_ca) == ("present", None)
    assert problems(made) == [(f"partition 1/{MANAGER}", "bad_pe"), (f"partition 1/{FALLBACK}", "bad_length")]


def test_damaged_partition_is_a_problem() -> None:
    made = with_boot_files(EfiPartition("partition 1", VolumeReader(io.BytesIO(bytes(MIB)), 0, MIB)))
    row = collect_secure_boot(made)
    assert (row.boot_manager, row.fallback) == ("unreadable", "unreadable")
    assert {kind for _, kind in problems(made)} == {"unreadable"}


def test_boot_manager_of_unlikely_size_is_not_read() -> None:
    image = build_fat({MANAGER: signed_pe(PCA_2011)}, 4 * MIB, bits=16)
    at = image.index(b"BOOTMG~1EFI") + 28
    struct.pack_into("<I", image, at, 40 * MIB)
    made = with_boot_files(EfiPartition("partition 1", VolumeReader(io.BytesIO(bytes(image)), 0, len(image))))
    row = collect_secure_boot(made)
    assert (row.boot_manager, row.boot_manager_path) == ("not_examined", f"partition 1/{MANAGER}")
    assert [p.message for p in made.problems] == ["41943040 bytes; at most 16777216 are expected of a boot manager"]


def test_any_damage_to_partition_and_file_is_told_and_soon() -> None:
    files = {MANAGER: signed_pe(UEFI_CA_2023, b"m" * 3000), FALLBACK: signed_pe(PCA_2011, b"f" * 3000)}
    sound = bytes(build_fat(files, 4 * MIB, bits=16))
    used = len(sound.rstrip(b"\0"))
    chance = random.Random(2026)
    told = 0
    with within(3):
        for _ in range(150):
            image = bytearray(sound)
            for _ in range(chance.randrange(1, 30)):
                image[chance.choice([chance.randrange(512), used - 1 - chance.randrange(15_000)])] = chance.randrange(
                    256
                )
            made = with_boot_files(EfiPartition("partition 1", VolumeReader(io.BytesIO(bytes(image)), 0, len(image))))
            row = collect_secure_boot(made)
            assert row.registry == "absent"
            kinds = {kind for _, kind in problems(made)}
            assert kinds <= {"unreadable", "not_obtained", "bad_pe", "bad_length", "bad_signature"}
            told += bool(kinds)
    assert told > 30
