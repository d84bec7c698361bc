"""What table coverage is written under: its areas, and the names that the program itself gives to places.

A rule that asks for another name would never be answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from forensics.tables.certificate import KeyFileScope

CoverageArea = Literal["hive", "registry", "folder", "volume", "log", "file", "certificate", "proof", "uses"]

ANY_TEXT = "*"
"""Stands in a name for a part that the evidence gives."""

NAMES: Mapping[CoverageArea, tuple[str, ...]] = {
    "hive": ("SYSTEM", "SOFTWARE", "SECURITY", "SAM", "DEFAULT", "NTUSER.DAT of *"),
    "registry": ("ACPI devices (TPM)", "TPM"),
    "folder": (
        "RSA/MachineKeys (capi, machine)",
        "DSS/MachineKeys (capi, machine)",
        *(f"RSA/S-1-* (capi, {scope})" for scope in get_args(KeyFileScope)),
        *(f"DSS/S-1-* (capi, {scope})" for scope in get_args(KeyFileScope)),
        "Crypto/RSA (capi, user)",
        *(f"Crypto/Keys (cng, {scope})" for scope in get_args(KeyFileScope)),
        "Crypto/SystemKeys (cng, system)",
        *(f"Crypto/PCPKSP (tpm, {scope})" for scope in get_args(KeyFileScope)),
        "Protect\\S-1-*",
        "My certificates of *",
        "list of endorsement keys *",
        "profiles of users",
        "virtual machines",
        "beside the disk",
        "Windows.old*",
        "NewOS",
        "DATA",
        "RegBack",
        "collection",
        "hives",
        "exports",
        "archive",
        "disk images",
        "virtual disks",
        "Windows installations",
        "EFI system partitions",
    ),
    "volume": (
        "disk",
        "partition *",
        "drive *",
        "a volume without a letter",
        "shadow copies",
        "deleted file records",
        "remains of names in folders",
        "$LogFile",
    ),
    "log": (
        "change journal",
        "setupact.log",
        "setuperr.log",
        "System.evtx",
        "Security.evtx",
        "Application.evtx",
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System%4Operational.evtx",
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-User%4Operational.evtx",
        "Microsoft-Windows-Crypto-DPAPI%4Operational.evtx",
        "Microsoft-Windows-Crypto-DPAPI%4BackUpKeySvc.evtx",
        "Microsoft-Windows-Crypto-NCrypt%4Operational.evtx",
        "Microsoft-Windows-CAPI2%4Operational.evtx",
        "Microsoft-Windows-HostGuardian*.evtx",
        "Microsoft-Windows-Hyper-V-VMMS-Admin.evtx",
        "Microsoft-Windows-Hyper-V-Worker-Admin.evtx",
    ),
    "file": (
        "Sysprep_succeeded.tag",
        "State.ini",
        "Specialize.xml",
        "applicationHost.config",
        "ias.xml",
        "data.vmcx",
        "ComputerName",
        "MachineGuid",
        "rasphone.pbk",
        "traces of guardians",
    ),
    "certificate": ("*",),
    "proof": ("second opinion",),
    # A reader of uses, the service that reads a file, or a key: where not every use of a certificate was seen.
    "uses": ("*",),
}
