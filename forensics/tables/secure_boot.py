"""Table secure_boot: how far a Windows got with the exchange of the Secure Boot certificates of 2011."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

BootManagerCa = Literal["pca_2011", "windows_uefi_ca_2023", "other", "unsigned"]
FileSignature = Literal["verified", "mismatch", "not_verified"]


@dataclass(kw_only=True, slots=True)
class SecureBootRow(Row):
    """What one installation and the EFI system partition of its disk say of Secure Boot."""

    table: ClassVar[str] = "secure_boot"
    description: ClassVar[str] = (
        "Secure Boot: the exchange of the 2011 certificates for those of 2023, and who signed the boot manager"
    )

    registry: State = column("Control\\SecureBoot in SYSTEM", "not_examined")
    enabled: bool | None = column("State\\UEFISecureBootEnabled: likely the state at the last boot", None)
    status: str | None = column("UEFICA2023Status: NotStarted, InProgress or Updated", None)
    available_updates: int | None = column(
        "AvailableUpdates: its bits 0x1944 are work to be done; 22852 (0x5944) all of it, 16384 (0x4000) none, "
        "16388 (0x4004) no signed KEK",
        None,
    )
    available_updates_policy: int | None = column("AvailableUpdatesPolicy: the same, as a policy orders it", None)
    high_confidence_opt_out: int | None = column("HighConfidenceOptOut: 1 refuses the update that Windows starts", None)
    managed_opt_in: int | None = column("MicrosoftUpdateManagedOptIn: Microsoft may manage the update", None)
    error: int | None = column("UEFICA2023Error: 0 or null, none", None)
    error_event: int | None = column("UEFICA2023ErrorEvent: event ID of that error", None)
    capable: int | None = column(
        "WindowsUEFICA2023Capable: 0 Windows UEFI CA 2023 not in DB, 1 in DB, 2 in DB and booted from its boot manager",
        None,
    )
    confidence_level: str | None = column("ConfidenceLevel: Microsoft's word on this kind of device", None)
    manufacturer: str | None = column("OEMManufacturerName in DeviceAttributes", None)
    not_before: datetime | None = column("CanAttemptUpdateAfter in DeviceAttributes, UTC", None)
    read_at: list[str] = column("Where AvailableUpdates and the opt-in values were found, as name=key", factory=list)
    boot_manager: State = column("\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "not_examined")
    boot_manager_path: str | None = column("Where it lies: volume and path", None)
    boot_manager_ca: BootManagerCa | None = column("who issued its signer's certificate, by name", None)
    boot_manager_issuer: str | None = column("That authority's name", None)
    boot_manager_issuer_thumbprint: str | None = column(
        "SHA-1 of that authority's certificate, where the file holds it and it signed the signer's, upper hex", None
    )
    boot_manager_signer: str | None = column("Name in the signer's certificate", None)
    boot_manager_signature: FileSignature | None = column(
        "signature and digest against this file; whom the firmware trusts is not asked", None
    )
    boot_manager_sha256: str | None = column("SHA-256 of the file, lower hex", None)
    fallback: State = column("\\EFI\\Boot\\bootx64.efi or that of another processor", "not_examined")
    fallback_path: str | None = column("Where it lies", None)
    fallback_ca: BootManagerCa | None = column("as boot_manager_ca", None)
    fallback_issuer: str | None = column("As boot_manager_issuer", None)
    fallback_signature: FileSignature | None = column("as boot_manager_signature", None)
