"""Table machine from written hives."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from forensics.collectors.machine import collect_machine
from testdata.builder.regf import REG_NONE, HiveWriter, filetime
from testdata.builder.sid import sid_bytes
from tests.collectors.virtual import CONFIG, MACHINE_GUID, installation, problems, software_hive, system_hive

MACHINE_SID = "S-1-5-21-1-2-4294967295"
DOMAIN_SID = "S-1-5-21-7-8-9"
GUID_TIME = datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)
SHUTDOWN = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def lsa_name(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return struct.pack("<HHI", len(data), len(data) + 2, 8) + data + b"\0\0"


def security_hive() -> HiveWriter:
    hive = HiveWriter("SECURITY")
    hive.key("Policy\\PolAcDmS").set("", REG_NONE, sid_bytes(MACHINE_SID))
    hive.key("Policy\\PolPrDmS").set("", REG_NONE, sid_bytes(DOMAIN_SID))
    hive.key("Policy\\PolPrDmN").set("", REG_NONE, lsa_name("CONTOSO"))
    hive.key("Policy\\PolDnDDN").set("", REG_NONE, lsa_name("contoso.example"))
    return hive


def sam_hive() -> HiveWriter:
    hive = HiveWriter("SAM")
    hive.key("SAM\\Domains\\Account").binary("V", bytes(60) + struct.pack("<3I", 1, 2, 0xFFFFFFFF))
    return hive


def test_everything_is_read_from_the_current_control_set() -> None:
    system = system_hive()
    system.key("ControlSet001\\Control\\ComputerName\\ComputerName").sz("ComputerName", "OLD")
    system.key("ControlSet002\\Control\\ComputerName\\ComputerName").sz("ComputerName", "WEB01")
    tcpip = system.key("ControlSet002\\Services\\Tcpip\\Parameters")
    tcpip.sz("NV Hostname", "web01").sz("Domain", "contoso.example")
    system.key("ControlSet002\\Control\\TimeZoneInformation").sz("TimeZoneKeyName", "W. Europe Standard Time\0junk")
    system.key("ControlSet002\\Control\\Windows").binary("ShutdownTime", struct.pack("<Q", filetime(SHUTDOWN)))
    setup = system.key("Setup").dword("SystemSetupInProgress", 0).dword("OOBEInProgress", 1)
    setup.multi_sz("CloneTag", ["Tue Mar 18 03:21:00 2014"])
    system.key("Setup\\Status\\SysprepStatus").dword("GeneralizationState", 4).dword("CleanupState", 2)
    system.key("Setup\\Source OS (Updated on 5/6/2024 07:08:09)")
    system.key("Setup\\Pid")
    software = software_hive()
    software.key("Microsoft\\Cryptography", timestamp=GUID_TIME)
    version = software.key("Microsoft\\Windows NT\\CurrentVersion")
    version.sz("ProductName", "Windows Server 2022 Standard").sz("EditionID", "ServerStandard")
    version.sz("CurrentVersion", "6.3").sz("DisplayVersion", "21H2").sz("CurrentBuild", "20348").dword("UBR", 2113)
    version.dword("InstallDate", 1700000000)
    state = software.key("Microsoft\\Windows\\CurrentVersion\\Setup\\State")
    state.sz("ImageState", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
    guest = software.key("Microsoft\\Virtual Machine\\Guest\\Parameters")
    guest.sz("PhysicalHostName", "HV07").sz("VirtualMachineName", "web (new)")
    hives = {"SYSTEM": system, "SOFTWARE": software, "SECURITY": security_hive(), "SAM": sam_hive()}

    examined = installation({}, hives)
    row = collect_machine(examined)

    assert (row.computer_name, row.host_name, row.domain_name) == ("WEB01", "web01", "contoso.example")
    assert (row.time_zone, row.last_shutdown) == ("W. Europe Standard Time", SHUTDOWN)
    assert row.setup_in_progress is True
    assert row.clone_tag == "Tue Mar 18 03:21:00 2014"
    assert (row.generalization_state, row.cleanup_state) == (4, 2)
    assert row.upgrades == ["Source OS (Updated on 5/6/2024 07:08:09)"]
    assert (row.product_name, row.edition) == ("Windows Server 2022 Standard", "ServerStandard")
    assert (row.version, row.build, row.ubr) == ("21H2", "20348", 2113)
    assert row.install_date == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (row.machine_guid, row.machine_guid_time) == (MACHINE_GUID, GUID_TIME)
    assert row.image_state == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert (row.physical_host, row.vm_name) == ("HV07", "web (new)")
    assert row.machine_sid == row.machine_sid_sam == row.machine_sid_policy == MACHINE_SID
    assert (row.domain_sid, row.netbios_domain) == (DOMAIN_SID, "CONTOSO")
    assert problems(examined) == []


def test_without_hives_everything_stays_unknown() -> None:
    row = collect_machine(installation({"Windows/notepad.exe": b"MZ"}, complete=False))
    unknown = ("computer_name", "machine_guid", "machine_sid", "domain_sid", "image_state", "setup_in_progress")
    assert [getattr(row, name) for name in unknown] == [None] * len(unknown)
    assert row.system_root == "Windows"


def test_machine_sid_comes_from_sam_and_the_policy_value_is_kept_beside_it() -> None:
    sam = HiveWriter("SAM")
    sam.key("SAM\\Domains\\Account").binary("V", struct.pack("<3I", 4, 5, 6))
    row = collect_machine(installation({}, {"SAM": sam, "SECURITY": security_hive()}))
    assert row.machine_sid == row.machine_sid_sam == "S-1-5-21-4-5-6"
    assert row.machine_sid_policy == MACHINE_SID
    assert collect_machine(installation({}, {"SECURITY": security_hive()})).machine_sid == MACHINE_SID


def test_image_state_from_the_file_when_the_registry_has_none() -> None:
    text = "[State]\r\nImageState=IMAGE_STATE_UNDEPLOYABLE\r\n"
    for data in (text.encode(), b"\xff\xfe" + text.encode("utf-16-le")):
        examined = installation({"Windows/Setup/State/State.ini": data})
        assert collect_machine(examined).image_state == "IMAGE_STATE_UNDEPLOYABLE"


def test_domain_name_from_the_policy_when_tcpip_has_none() -> None:
    assert collect_machine(installation({}, {"SECURITY": security_hive()})).domain_name == "contoso.example"


def test_broken_policy_values_are_problems_and_nothing_else() -> None:
    security = HiveWriter("SECURITY")
    security.key("Policy\\PolAcDmS").set("", REG_NONE, b"\x01\xff\0\0\0\0\0\x05")
    security.key("Policy\\PolPrDmN").set("", REG_NONE, struct.pack("<HHI", 4000, 4000, 8) + b"A\0")
    security.key("Policy\\PolPrDmS").set("", REG_NONE, sid_bytes(DOMAIN_SID))
    sam = HiveWriter("SAM")
    sam.key("SAM\\Domains\\Account").binary("V", b"short")
    examined = installation({}, {"SECURITY": security, "SAM": sam})
    row = collect_machine(examined)
    assert (row.machine_sid, row.netbios_domain, row.domain_sid) == (None, None, DOMAIN_SID)
    assert {path for path, _ in problems(examined)} == {
        f"{CONFIG}/SECURITY\\Policy\\PolAcDmS!(default)",
        f"{CONFIG}/SECURITY\\Policy\\PolPrDmN!(default)",
        f"{CONFIG}/SAM\\SAM\\Domains\\Account!V",
    }


def test_a_broken_hive_does_not_stop_the_others() -> None:
    examined = installation({f"{CONFIG}/SYSTEM": b"not a hive"}, {"SOFTWARE": software_hive()})
    row = collect_machine(examined)
    assert (row.computer_name, row.machine_guid) == (None, MACHINE_GUID)
    assert [(c.name, c.outcome) for c in examined.coverage if c.name == "SYSTEM"] == [("SYSTEM", "unreadable")]
    assert f"{CONFIG}/SYSTEM" in [path for path, _ in problems(examined)]
