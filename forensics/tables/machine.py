"""Tables about the installation itself: machine, service, user."""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

AccountKind = Literal[
    "system", "service", "machine_account", "domain_account", "entra_account", "microsoft_account", "unknown"
]
InstallationKind = Literal["windows", "former", "profile"]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GENERALIZED = ("IMAGE_STATE_GENERALIZE_RESEAL", "IMAGE_STATE_SPECIALIZE_RESEAL")


@dataclass(kw_only=True, slots=True)
class MachineRow(Row):
    """One Windows installation."""

    table: ClassVar[str] = "machine"
    description: ClassVar[str] = "One Windows installation: who it is, how old, and what was done to its identity"

    kind: InstallationKind = column(
        "What it is: windows; former, what Setup put aside (Windows.old) or left unfinished; profile, users' folders "
        "alone, without the Windows that they belong to",
        "windows",
    )
    profiles_of: list[str] = column(
        "Of profiles alone: users, each with the SID; likely, where only a name tells it", factory=list
    )
    profile_folder: str | None = column(
        "Of one profile alone: its folder in the source, empty for the whole of it; null: the folders of a drive", None
    )
    key_guids: list[str] = column(
        "Of profiles alone: MachineGuids in the names of key files, of the computers that made them", factory=list
    )
    computer_name: str | None = column("Name of the computer (ComputerName in SYSTEM)", None)
    host_name: str | None = column("Tcpip host name", None)
    domain_name: str | None = column("DNS domain (Tcpip Parameters Domain)", None)
    netbios_domain: str | None = column("NetBIOS domain or workgroup (PolPrDmN)", None)
    product_name: str | None = column("Product, such as 'Windows Server 2019 Standard'", None)
    edition: str | None = column("EditionID", None)
    version: str | None = column("CurrentVersion or DisplayVersion", None)
    build: str | None = column("CurrentBuild", None)
    ubr: int | None = column("Update build revision", None)
    install_date: datetime | None = column("InstallDate, UTC; feature updates rewrite it", None)
    machine_guid: str | None = column(
        "MachineGuid, the suffix of key file names; of profiles alone that of all their key files, where it is one",
        None,
    )
    ansi_code_page: int | None = column(
        "ANSI code page (Control\\Nls\\CodePage, ACP): names of CryptoAPI containers are stored and hashed in it", None
    )
    machine_guid_time: datetime | None = column("Last write of the key that holds MachineGuid, UTC", None)
    machine_sid: str | None = column("Machine SID from SAM, else from PolAcDmS", None)
    machine_sid_sam: str | None = column("Machine SID from SAM\\Domains\\Account V", None)
    machine_sid_policy: str | None = column("Machine SID from SECURITY\\Policy\\PolAcDmS", None)
    domain_sid: str | None = column("SID of the joined domain (PolPrDmS)", None)
    image_state: str | None = column("ImageState, such as IMAGE_STATE_COMPLETE", None)
    generalization_state: int | None = column("SysprepStatus GeneralizationState; 7 is also the untouched value", None)
    cleanup_state: int | None = column("SysprepStatus CleanupState", None)
    clone_tag: str | None = column("SYSTEM\\Setup CloneTag: when Sysprep sealed the image, as written there", None)
    setup_in_progress: bool | None = column("SystemSetupInProgress or OOBEInProgress is set", None)
    upgrades: list[str] = column("Names of the 'Source OS (Updated on ...)' keys: in-place upgrades", factory=list)
    physical_host: str | None = column("Hyper-V host of the last boot (PhysicalHostName)", None)
    vm_name: str | None = column("Name of this machine on its Hyper-V host", None)
    time_zone: str | None = column("TimeZoneKeyName", None)
    hardware_id: str | None = column("HardwareConfig\\LastConfig: likely the firmware's UUID at the last boot", None)
    last_shutdown: datetime | None = column("ShutdownTime, UTC", None)
    last_seen_alive: datetime | None = column(
        "When Windows last ran here as far as this source tells, UTC: the newest of last_shutdown, of the event logs "
        "and of the write times of its registry keys",
        None,
    )
    last_seen_by: str | None = column("What tells last_seen_alive: where that time was read", None)
    generalized_at: datetime | None = column(
        "Last line of a generalize in Sysprep's own log, by the clock of the machine", None
    )
    sealed_at: datetime | None = column(
        "clone_tag as a time, by the clock of the machine; null: none, or not one", None
    )
    sysprep_succeeded_at: datetime | None = column("Sysprep's tag file of a run that succeeded, UTC", None)
    sysprep_failure: str | None = column(
        "Line of Sysprep's log about a module that failed in its last generalize", None
    )
    specialize_skips_crypto: bool | None = column(
        "Specialize.xml does not call CryptoSysPrep_Specialize, so clones keep this identity; null: it was not read",
        None,
    )
    machine_guid_assigned_at: datetime | None = column(
        "Line of Setup's log that assigned the present MachineGuid, by the clock of the machine", None
    )
    earlier_identity_at: datetime | None = column(
        "When the oldest key file of the machine was made that carries another MachineGuid, UTC; null: none does", None
    )
    dpapi_system_set_at: datetime | None = column("When the current DPAPI_SYSTEM was set (CupdTime), UTC", None)
    rdp_on: bool | None = column(
        "Remote Desktop takes connections: TermService is not disabled, and fDenyTSConnections, of policy before "
        "that of the machine, is 0; null: not known",
        None,
    )
    rdp_template: str | None = column(
        "Template from which policy has Remote Desktop's listener take its certificate (CertTemplateName)", None
    )
    rdp_cng_update: bool | None = column(
        "Windows Server 2012 R2: KB4012219 or a later rollup is installed, by which Remote Desktop makes its "
        "certificates through CNG; null: not known",
        None,
    )
    regback_at: datetime | None = column(
        "When the newest backup copy of its hives (RegBack) was written, UTC; null: there is none that holds anything",
        None,
    )
    regback_machine_guid: str | None = column("MachineGuid in these copies", None)
    regback_computer_name: str | None = column("Name of the computer in them", None)
    regback_machine_sid: str | None = column("Machine SID in them", None)
    regback_dpapi_system_set_at: datetime | None = column("When the DPAPI_SYSTEM in them was set (CupdTime), UTC", None)
    source: str | None = column("Source that it was found in, as in `sources`", None)
    volume: str | None = column(
        "Volume of that disk, such as 'partition 3', or image of a WIM; null: the source has none", None
    )
    system_root: str | None = column("Windows folder in the source", None)
    drive: str | None = column("Drive of Windows by its own letter (SystemRoot), such as C:; null: not known", None)
    support_ends: datetime | None = column("Last day of Microsoft's support, from a dated list; null: not listed", None)
    support_as_of: str | None = column("Day on which that list was made, such as 2026-11-21", None)

    @property
    def called(self) -> str | None:
        """Its name as names are compared; None where it is not known."""
        return None if self.computer_name is None else self.computer_name.casefold()

    @property
    def hardware(self) -> str | None:
        """Its hardware as that is compared; None where it is not known."""
        return None if self.hardware_id is None else self.hardware_id.casefold()

    @property
    def is_generalized(self) -> bool:
        """It gets an identity of its own at its next start."""
        return (self.image_state or "").startswith(_GENERALIZED)

    @property
    def is_domain_controller(self) -> bool:
        """Its account domain is the AD domain: only on controllers of that it is."""
        return self.domain_sid is not None and self.domain_sid in (self.machine_sid_policy, self.machine_sid)

    @property
    def key_suffix(self) -> str | None:
        """MachineGuid as the names of key files end in it; None where it is not known, or is no GUID.

        Profiles alone do not know it: their key files may be of any computer of their user.
        """
        if self.kind == "profile":
            return None
        guid = (self.machine_guid or "").strip().strip("{}").lower()
        return guid if _GUID.fullmatch(guid) else None


@dataclass(kw_only=True, slots=True)
class ServiceRow(Row):
    """One service that keys depend on."""

    table: ClassVar[str] = "service"
    description: ClassVar[str] = "Services that private keys or their users depend on"

    name: str = column("Service name")
    start: int | None = column("0 boot, 1 system, 2 automatic, 3 manual, 4 disabled; null: not set", None)
    delayed: bool | None = column("DelayedAutostart", None)
    account: str | None = column("ObjectName: the account it runs as", None)
    image_path: str | None = column("ImagePath", None)
    sid_type: int | None = column(
        "ServiceSidType: 1 or 3, the service's own SID (NT SERVICE\\name) is in its token; null and 0: it is not", None
    )


@dataclass(kw_only=True, slots=True)
class UserRow(Row):
    """One account with a profile."""

    table: ClassVar[str] = "user"
    description: ClassVar[str] = "Accounts with a profile, a local account, or a Protect folder"

    sid: str = column("Security identifier")
    name: str | None = column("Account name, from SAM or the profile folder", None)
    profile_path: str | None = column("Profile folder in the source", None)
    profile_outcome: State = column("what was seen of its profile folder", "not_examined")
    temporary_profile: str | None = column(
        "Folder of the temporary profile that Windows used the last time instead of the user's own", None
    )
    other_profiles: list[str] = column("Further profile folders of this SID in the source", factory=list)
    kind: AccountKind = column("what kind of account its SID says", "unknown")
    last_load: datetime | None = column("Last profile load, UTC", None)
