"""Table secure_boot: Windows' own record of the certificate exchange, and the signer of the boot manager.

References:
    KB5068202, KB5085046 (registry values), KB5062710 (the certificates and their ends).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from forensics.collectors.guard import guard
from forensics.collectors.registry_view import RegistryView
from forensics.disk.efi import EfiPartition
from forensics.disk.tree import NotFound, NotObtained, Unreadable
from forensics.formats.authenticode import PeSignature, parse_authenticode
from forensics.formats.errors import FormatError
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation, outcome_of
from forensics.tables.outcome import State
from forensics.tables.secure_boot import BootManagerCa, SecureBootRow

SECURE_BOOT = "Control\\SecureBoot"
BOOT_MANAGER = ("EFI/Microsoft/Boot/bootmgfw.efi",)
FALLBACK = ("EFI/Boot/bootx64.efi", "EFI/Boot/bootaa64.efi", "EFI/Boot/bootia32.efi")
MAX_BOOT_FILE = 16 << 20
"""Format: bytes of a boot manager."""
MAX_PARTITIONS = 8
"""Evidence: EFI system partitions of one disk."""

# KB5068202 says all of them are under Servicing, scripts of administrators read these from the parent.
_EITHER = {
    "AvailableUpdates": "available_updates",
    "AvailableUpdatesPolicy": "available_updates_policy",
    "HighConfidenceOptOut": "high_confidence_opt_out",
    "MicrosoftUpdateManagedOptIn": "managed_opt_in",
}
_AUTHORITIES: dict[str, BootManagerCa] = {
    "microsoft windows production pca 2011": "pca_2011",
    "windows uefi ca 2023": "windows_uefi_ca_2023",
}


def collect_secure_boot(installation: Installation) -> SecureBootRow:
    """Read what Windows noted of Secure Boot, and who signed what the firmware starts."""
    system = RegistryView.of_machine(installation, "SYSTEM")
    key = f"{installation.control_set()}\\{SECURE_BOOT}"
    row = SecureBootRow(
        machine_id=installation.machine_id,
        source_path=system.where(key),
        registry="present" if system.saw(key).is_there else system.saw(key).state,
    )
    with guard(installation, row.source_path):
        _fill_from_registry(system, key, row)
    with guard(installation, "EFI system partition"):
        _fill_from_boot_files(installation, row)
    return row


def _fill_from_registry(system: RegistryView, key: str, row: SecureBootRow) -> None:
    opened = system.key(key)
    if opened is None:
        return
    servicing = f"{key}\\Servicing"
    row.source_time = opened.timestamp
    for name, attribute in _EITHER.items():
        for place, text in ((key, "SecureBoot"), (servicing, "SecureBoot\\Servicing")):
            number = system.number(place, name)
            if number is not None:
                row.read_at.append(f"{name}={text}")
                if getattr(row, attribute) is None:
                    setattr(row, attribute, number)
    enabled = system.number(f"{key}\\State", "UEFISecureBootEnabled")
    row.enabled = None if enabled is None else enabled != 0
    row.status = system.text(servicing, "UEFICA2023Status")
    row.error = system.number(servicing, "UEFICA2023Error")
    row.error_event = system.number(servicing, "UEFICA2023ErrorEvent")
    row.capable = system.number(servicing, "WindowsUEFICA2023Capable")
    row.confidence_level = system.text(servicing, "ConfidenceLevel")
    row.manufacturer = system.text(f"{servicing}\\DeviceAttributes", "OEMManufacturerName")
    row.not_before = system.time(f"{servicing}\\DeviceAttributes", "CanAttemptUpdateAfter")


def _fill_from_boot_files(installation: Installation, row: SecureBootRow) -> None:
    found = _find(installation, BOOT_MANAGER)
    row.boot_manager, row.boot_manager_path = found.outcome, found.path
    row.boot_manager_ca, row.boot_manager_sha256 = found.authority, found.sha256
    if found.signature is not None:
        row.boot_manager_signer, row.boot_manager_issuer = found.signature.signer, found.signature.issuer
        row.boot_manager_issuer_thumbprint = found.signature.issuer_thumbprint
        row.boot_manager_signature = found.signature.check
    found = _find(installation, FALLBACK)
    row.fallback, row.fallback_path, row.fallback_ca = found.outcome, found.path, found.authority
    if found.signature is not None:
        row.fallback_issuer, row.fallback_signature = found.signature.issuer, found.signature.check


@dataclass(slots=True)
class _BootFile:
    """A boot manager, or why there is none."""

    outcome: State
    path: str | None = None
    sha256: str | None = None
    authority: BootManagerCa | None = None
    signature: PeSignature | None = None


def _find(installation: Installation, paths: tuple[str, ...]) -> _BootFile:
    """Look for the first of several files on the disk's EFI system partitions."""
    if not installation.efi:
        # Another disk of the computer may hold it.
        return _BootFile("not_examined")
    outcome: State = "absent"
    there: _BootFile | None = None
    if len(installation.efi) > MAX_PARTITIONS:
        message = sentence(
            "only the first {max_partitions} of {count} EFI system partitions were looked into",
            max_partitions=MAX_PARTITIONS,
            count=len(installation.efi),
        )
        installation.cut("folder", "EFI system partitions", installation.source_path, message)
        outcome = "not_examined"
    for found in _candidates(installation, installation.efi, paths):
        if found.outcome == "present":
            return found
        there = there or found
    return there or _BootFile(outcome)


def _candidates(
    installation: Installation, partitions: Sequence[EfiPartition], paths: tuple[str, ...]
) -> Iterator[_BootFile]:
    for partition in partitions[:MAX_PARTITIONS]:
        for path in paths:
            where = f"{partition.name}/{path}"
            try:
                yield _read(installation, partition, path, where)
            except NotFound:
                continue
            except Unreadable as reason:
                installation.problem(where, reason.kind, said_by(reason))
                yield _BootFile(outcome_of(reason).state, where)


def _read(installation: Installation, partition: EfiPartition, path: str, where: str) -> _BootFile:
    tree = partition.tree()
    entry = tree.entry(path)
    if entry.size > MAX_BOOT_FILE:
        raise NotObtained(
            sentence(
                "{size} bytes; at most {max_boot_file} are expected of a boot manager",
                size=entry.size,
                max_boot_file=MAX_BOOT_FILE,
            )
        )
    with tree.open(entry) as stream:
        data = stream.read()
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        signatures = parse_authenticode(data)
    except FormatError as error:
        installation.problem(where, error.kind, error.message, error.offset)
        return _BootFile("present", where, sha256)
    if not signatures:
        return _BootFile("present", where, sha256, "unsigned")
    # A file with two signatures starts on firmware that believes either: the newer authority's is the one that counts.
    ranked = sorted(signatures, key=lambda s: (s.check != "mismatch", _authority(s) != "pca_2011"))
    return _BootFile("present", where, sha256, _authority(ranked[-1]), ranked[-1])


def _authority(signature: PeSignature) -> BootManagerCa:
    return _AUTHORITIES.get((signature.issuer or "").lower(), "other")
