"""Small installations in which a bound can be reached, each read as its collector reads it."""

from __future__ import annotations

import io

from forensics.collectors.authority import collect_authorities
from forensics.collectors.certificate_stores import collect_elements
from forensics.collectors.collect import collect
from forensics.collectors.ek_lists import collect_ek_lists
from forensics.collectors.events import collect_events
from forensics.collectors.hyperv.settings import collect_hyperv_settings
from forensics.collectors.hyperv.traces import collect_guardian_traces
from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.master_keys import collect_master_keys
from forensics.collectors.packages import PACKAGES, collect_packages
from forensics.collectors.policies import collect_policies
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.providers import collect_provider_rows
from forensics.collectors.rdp import collect_rdp_thumbprints
from forensics.collectors.secure_boot import collect_secure_boot
from forensics.collectors.setup_events import collect_setup_events
from forensics.collectors.templates import collect_templates
from forensics.disk.efi import EfiPartition
from forensics.disk.ntfs.stream import VolumeReader
from forensics.sources.installation import Installation
from testdata.builder import setup_logs
from testdata.builder.dpapi import make_master_key
from testdata.builder.evtx import event_log
from testdata.builder.fat import build_fat
from testdata.builder.regf import HiveWriter
from tests.collectors.test_events_forged import SYSTEM as SYSTEM_LOG
from tests.collectors.test_events_forged import many
from tests.collectors.test_setup_events import TIME
from tests.collectors.virtual import (
    CONFIG,
    MACHINE_GUID,
    MACHINE_KEYS,
    PROTECT,
    USER_SID,
    add_profile,
    installation,
    software_hive,
    system_hive,
)

SOFTWARE, SYSTEM = f"{CONFIG}/SOFTWARE", f"{CONFIG}/SYSTEM"
CONTROL = "ControlSet002\\Control"
MY_FILES = "Users/eve/AppData/Roaming/Microsoft/SystemCertificates/My/Certificates"
HYPER_V = "ProgramData/Microsoft/Windows/Hyper-V"
TEMPLATES = "Microsoft\\Cryptography\\CertificateTemplateCache"
ENROLLMENT = "Policies\\Microsoft\\Cryptography\\AutoEnrollment"
CA = "ControlSet002\\Services\\CertSvc\\Configuration"
WMI = "ControlSet002\\Services\\TPM\\WMI"
STATIONS = f"{CONTROL}\\Terminal Server\\WinStations"


def _with_keys(hive: HiveWriter, parent: str, *names: str) -> HiveWriter:
    for name in names:
        hive.key(f"{parent}\\{name}")
    return hive


def own_certificates() -> Installation:
    examined = installation({f"{MY_FILES}/{n:040x}": b"" for n in range(3)}, {"SOFTWARE": software_hive()})
    list(collect_elements(examined, collect_profiles(examined)))
    return examined


def store() -> Installation:
    parent = "Microsoft\\SystemCertificates\\MY\\Certificates"
    examined = installation({}, {"SOFTWARE": _with_keys(software_hive(), parent, *(f"{n:040X}" for n in range(3)))})
    list(collect_elements(examined, []))
    return examined


def unlisted_profiles() -> Installation:
    examined = installation({f"Users/u{n}/NTUSER.DAT": b"" for n in range(6)}, {"SOFTWARE": software_hive()})
    collect_profiles(examined)
    return examined


def listed_profiles() -> Installation:
    software = software_hive()
    for number in range(6):
        add_profile(software, f"{USER_SID}{number}", f"C:\\Users\\u{number}")
    examined = installation({}, {"SOFTWARE": software})
    collect_profiles(examined)
    return examined


def protect_folders() -> Installation:
    base = "Windows/System32/Microsoft/Protect"
    examined = installation({f"{base}/{USER_SID}{n}/x": b"" for n in range(6)}, {"SOFTWARE": software_hive()})
    collect_master_keys(examined, [])
    return examined


def providers() -> Installation:
    parent = "Microsoft\\Cryptography\\Defaults\\Provider"
    examined = installation({}, {"SOFTWARE": _with_keys(software_hive(), parent, "A", "B", "C")})
    list(collect_provider_rows(examined))
    return examined


def templates() -> Installation:
    examined = installation({}, {"SOFTWARE": _with_keys(software_hive(), TEMPLATES, "A", "B", "C")})
    list(collect_templates(examined, []))
    return examined


def template_texts() -> Installation:
    software = software_hive()
    software.key(f"{TEMPLATES}\\User").multi_sz("ExtKeyUsageSyntax", ["1.3", "1.4", "1.5"])
    examined = installation({}, {"SOFTWARE": software})
    list(collect_templates(examined, []))
    return examined


def large_policy() -> Installation:
    software = software_hive()
    software.key(ENROLLMENT).sz("AEPolicy", "xxxx")
    examined = installation({}, {"SOFTWARE": software})
    list(collect_policies(examined, []))
    return examined


def listeners() -> Installation:
    examined = installation({}, {"SYSTEM": _with_keys(system_hive(), STATIONS, "A", "B", "C")})
    collect_rdp_thumbprints(examined, [])
    return examined


def packages() -> Installation:
    names = [f"Package_for_KB501234{n}~31bf3856ad364e35~amd64~~10.0.1.{n}" for n in range(3)]
    examined = installation({}, {"SOFTWARE": _with_keys(software_hive(), PACKAGES, *names)})
    list(collect_packages(examined))
    return examined


def _authority(*folders: str) -> HiveWriter:
    system = system_hive()
    system.key(f"{CA}\\Issuing").multi_sz("EndorsementKeyListDirectories", folders)
    return system


def directories() -> Installation:
    examined = installation({}, {"SYSTEM": _authority("C:\\1", "C:\\2", "C:\\3")})
    list(collect_authorities(examined, []))
    return examined


def ek_entries() -> Installation:
    examined = installation({f"EKList/{n:064x}": b"" for n in range(3)}, {"SYSTEM": _authority("C:\\EKList")})
    collect_ek_lists(examined, list(collect_authorities(examined, [])))
    return examined


def tpm_values() -> Installation:
    system = system_hive()
    for number in range(3):
        system.key(f"{WMI}\\TaskStates").dword(f"v{number}", number)
    return collect(installation({}, {"SYSTEM": system})).installation


def large_endorsement_key() -> Installation:
    system = system_hive()
    system.key(f"{WMI}\\Endorsement").binary("EKPub", bytes(5))
    return collect(installation({}, {"SYSTEM": system})).installation


def key_files() -> Installation:
    examined = installation({f"{MACHINE_KEYS}/{n:032x}_{MACHINE_GUID}": b"" for n in range(3)})
    collect_key_files(examined, collect_key_folders(examined, collect_profiles(examined)), None)
    return examined


def master_keys() -> Installation:
    keys = [make_master_key(f"many{n}", "S-1-5-18", bytes(20), rounds=1) for n in range(3)]
    examined = installation({f"{PROTECT}/{key.guid}": key.file for key in keys})
    collect_master_keys(examined, collect_profiles(examined))
    return examined


def setup_log() -> Installation:
    lines = setup_logs.generalize_lines(TIME)
    examined = installation({setup_logs.SYSPREP_LOG: setup_logs.log(TIME, lines)})
    collect_setup_events(examined)
    return examined


def system_log() -> Installation:
    examined = installation({SYSTEM_LOG: event_log(many(5))})
    collect_events(examined)
    return examined


def partitions() -> Installation:
    examined = installation({}, {"SYSTEM": system_hive()})
    image = bytes(build_fat({"x": b""}, 4 << 20, bits=16))
    reader = VolumeReader(io.BytesIO(image), 0, len(image))
    examined.efi = [EfiPartition(f"partition {number}", reader) for number in range(3)]
    collect_secure_boot(examined)
    return examined


def guardian_files() -> Installation:
    examined = installation({f"{HYPER_V}/{n}.txt": b"x" * 9 for n in range(3)})
    list(collect_guardian_traces(examined, []))
    return examined


def guardian_hive() -> Installation:
    examined = installation({f"{HYPER_V}/data.vmcx": b""}, {"SOFTWARE": software_hive()})
    list(collect_guardian_traces(examined, []))
    return examined


def guardian_keys() -> Installation:
    software = software_hive()
    software.key("Microsoft\\HgsClient\\a\\b")
    examined = installation({f"{HYPER_V}/data.vmcx": b""}, {"SOFTWARE": software})
    list(collect_guardian_traces(examined, []))
    return examined


def hgs_values() -> Installation:
    software = software_hive()
    for number in range(3):
        software.key("Microsoft\\HgsClient").dword(f"v{number}", number)
    examined = installation({}, {"SOFTWARE": software})
    list(collect_hyperv_settings(examined))
    return examined
