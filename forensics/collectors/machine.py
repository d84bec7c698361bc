"""Table machine: who this Windows is, and what was done to its identity.

References:
    Windows Setup states (Microsoft Learn): ImageState.
    KeyValuePair exchange: SOFTWARE\\Microsoft\\Virtual Machine\\Guest\\Parameters.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from forensics.collectors.guard import guard
from forensics.collectors.lifecycle import support_of
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.system_drive import system_drive
from forensics.formats.errors import FormatError
from forensics.formats.policy_name import parse_policy_name
from forensics.formats.sid import parse_sid, sid_of_account_domain
from forensics.sources.installation import Installation
from forensics.tables.machine import MachineRow

CRYPTOGRAPHY = "Microsoft\\Cryptography"
CRYPTOGRAPHY_32 = "WOW6432Node\\Microsoft\\Cryptography"
CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
SETUP_STATE = "Microsoft\\Windows\\CurrentVersion\\Setup\\State"
GUEST_PARAMETERS = "Microsoft\\Virtual Machine\\Guest\\Parameters"
SAM_ACCOUNT = "SAM\\Domains\\Account"

_CODE_PAGE = re.compile("[0-9]{1,5}", re.ASCII)
_STATE_INI = "Setup/State/State.ini"
_UPGRADE = "source os (updated on "


def collect_machine(installation: Installation) -> MachineRow:
    """Read the identity of an installation; what its hives do not hold, or were not there to hold, stays None."""
    alone = installation.kind == "profile" and installation.profile is not None
    row = MachineRow(
        machine_id=installation.machine_id,
        source_path=(installation.profile if alone else installation.windows) or installation.source_path,
        kind=installation.kind,
        source=installation.source_path,
        volume=installation.volume,
        system_root=None if alone else installation.windows,
        profile_folder=installation.profile if alone else None,
    )
    for fill in (_fill_from_system, _fill_from_setup, _fill_from_software, _fill_from_policy, _fill_from_sam):
        with guard(installation, row.source_path):
            fill(installation, row)
    row.machine_sid = row.machine_sid_sam or row.machine_sid_policy
    return row


def _fill_from_system(installation: Installation, row: MachineRow) -> None:
    system = RegistryView.of_machine(installation, "SYSTEM")
    if system.hive is None:
        return
    control_set = installation.control_set()
    control = f"{control_set}\\Control"
    tcpip = f"{control_set}\\Services\\Tcpip\\Parameters"
    row.computer_name = system.text(f"{control}\\ComputerName\\ComputerName", "ComputerName")
    row.host_name = system.text(tcpip, "Hostname") or system.text(tcpip, "NV Hostname")
    row.domain_name = system.text(tcpip, "Domain") or system.text(tcpip, "NV Domain")
    row.time_zone = system.text(f"{control}\\TimeZoneInformation", "TimeZoneKeyName")
    code_page = system.text(f"{control}\\Nls\\CodePage", "ACP") or ""
    row.ansi_code_page = int(code_page) if _CODE_PAGE.fullmatch(code_page) else None
    row.hardware_id = system.text("HardwareConfig", "LastConfig")
    row.last_shutdown = system.time(f"{control}\\Windows", "ShutdownTime")


def _fill_from_setup(installation: Installation, row: MachineRow) -> None:
    system = RegistryView.of_machine(installation, "SYSTEM")
    setup = system.key("Setup")
    if setup is None:
        return
    sysprep = "Setup\\Status\\SysprepStatus"
    row.generalization_state = system.number(sysprep, "GeneralizationState")
    row.cleanup_state = system.number(sysprep, "CleanupState")
    tag = system.value(setup, "CloneTag")
    row.clone_tag = (", ".join(tag.texts) or tag.text or None) if tag else None
    flags = [system.number(setup, name) for name in ("SystemSetupInProgress", "OOBEInProgress")]
    row.setup_in_progress = any(flags) if any(flag is not None for flag in flags) else None
    row.upgrades = [k.name for k in system.subkeys(setup) if k.name.lower().startswith(_UPGRADE)]


def _fill_from_software(installation: Installation, row: MachineRow) -> None:
    software = RegistryView.of_machine(installation, "SOFTWARE")
    row.image_state = software.text(SETUP_STATE, "ImageState") or _image_state_file(installation)
    if software.hive is None:
        return
    version = software.key(CURRENT_VERSION)
    if version is not None:
        row.product_name = software.text(version, "ProductName")
        row.edition = software.text(version, "EditionID")
        row.version = software.text(version, "DisplayVersion") or software.text(version, "CurrentVersion")
        row.build = software.text(version, "CurrentBuild") or software.text(version, "CurrentBuildNumber")
        row.ubr = software.number(version, "UBR")
        row.drive = system_drive(installation)
        installed = software.number(version, "InstallDate")
        row.install_date = datetime.fromtimestamp(installed, UTC) if installed else None
        support = support_of(row.product_name, row.edition, row.build)
        if support is not None:
            row.support_ends, row.support_as_of = support.ends, support.as_of
    software.tell(CRYPTOGRAPHY)
    cryptography = software.key(CRYPTOGRAPHY)
    if cryptography is not None:
        row.machine_guid = software.text(cryptography, "MachineGuid")
        row.machine_guid_time = cryptography.timestamp if row.machine_guid else None
    row.physical_host = software.text(GUEST_PARAMETERS, "PhysicalHostName")
    row.vm_name = software.text(GUEST_PARAMETERS, "VirtualMachineName")


def _image_state_file(installation: Installation) -> str | None:
    """ImageState as Windows\\Setup\\State\\State.ini repeats it, for sources without SOFTWARE."""
    content = installation.read(installation.in_windows(_STATE_INI))
    utf16 = content.data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.data.decode("utf-16" if utf16 else "utf-8-sig", "replace")
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "imagestate":
            return value.strip() or None
    return None


def _fill_from_policy(installation: Installation, row: MachineRow) -> None:
    security = RegistryView.of_machine(installation, "SECURITY")
    row.machine_sid_policy = _policy_sid(security, "PolAcDmS")
    row.domain_sid = _policy_sid(security, "PolPrDmS")
    row.netbios_domain = _policy_name(security, "PolPrDmN")
    row.domain_name = row.domain_name or _policy_name(security, "PolDnDDN")


def _policy_sid(security: RegistryView, name: str) -> str | None:
    path = f"Policy\\{name}"
    data = security.data(path, "")
    if data is None:
        return None
    with guard(security.installation, security.where(path, "")):
        return parse_sid(data)
    return None


def _policy_name(security: RegistryView, name: str) -> str | None:
    path = f"Policy\\{name}"
    data = security.data(path, "")
    if data is None:
        return None
    with guard(security.installation, security.where(path, "")):
        return parse_policy_name(data)
    return None


def _fill_from_sam(installation: Installation, row: MachineRow) -> None:
    sam = RegistryView.of_machine(installation, "SAM")
    data = sam.data(SAM_ACCOUNT, "V")
    if data is None:
        return
    try:
        row.machine_sid_sam = sid_of_account_domain(data)
    except FormatError as error:
        installation.problem(sam.where(SAM_ACCOUNT, "V"), error.kind, error.message)
