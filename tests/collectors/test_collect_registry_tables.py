"""Tables service, user and secret, the registered providers, and the Remote Desktop certificates."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from forensics.collectors.collect import collect
from forensics.collectors.lsa import collect_lsa, collect_secrets
from forensics.collectors.machine import collect_machine
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.providers import collect_providers
from forensics.collectors.rdp import collect_rdp_thumbprints
from forensics.collectors.services import collect_services
from forensics.collectors.users import account_kind, collect_users
from forensics.tables.machine import MachineRow, UserRow
from testdata.builder.regf import REG_NONE, HiveWriter, filetime
from tests.collectors.virtual import (
    CONFIG,
    USER_SID,
    add_profile,
    installation,
    problems,
    software_hive,
    system_hive,
)

SERVICES = "ControlSet002\\Services"
WIN_STATIONS = "ControlSet002\\Control\\Terminal Server\\WinStations"
PROFILE_LIST = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"


def test_only_services_that_exist_and_no_start_where_none_is_set() -> None:
    system = system_hive()
    system.key(f"{SERVICES}\\KeyIso").dword("Start", 4).sz("ObjectName", "LocalSystem")
    system.key(f"{SERVICES}\\CryptSvc").dword("Start", 2).dword("DelayedAutostart", 1)
    system.key(f"{SERVICES}\\NTDS")
    system.key(f"{SERVICES}\\Themes").dword("Start", 2)
    system.key("ControlSet001\\Services\\VaultSvc").dword("Start", 3)
    rows = {r.name: r for r in collect_services(installation({}, {"SYSTEM": system}))}
    assert {name: (r.start, r.delayed, r.account) for name, r in rows.items()} == {
        "KeyIso": (4, None, "LocalSystem"),
        "CryptSvc": (2, True, None),
        "NTDS": (None, None, None),
    }
    assert rows["KeyIso"].source_path == f"{CONFIG}/SYSTEM\\{SERVICES}\\KeyIso!Start"
    assert rows["KeyIso"].source_time == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_providers_are_none_where_they_were_not_examined() -> None:
    system = system_hive()
    system.key("ControlSet002\\Control\\Cryptography\\Providers\\Microsoft Software Key Storage Provider")
    providers = collect_providers(installation({}, {"SYSTEM": system, "SOFTWARE": software_hive()}))
    assert providers.cng == frozenset({"microsoft software key storage provider"})
    assert providers.capi == frozenset()
    assert collect_providers(installation({"Windows/x": b""})).cng is None


def test_bound_rdp_certificate_goes_before_the_self_signed_one() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", bytes(range(20)))
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", b"\xab" * 20)
    examined = installation({}, {"SYSTEM": system})
    assert collect_rdp_thumbprints(examined, []) == {"000102030405060708090A0B0C0D0E0F10111213"}
    assert problems(examined) == []


def test_self_signed_rdp_certificate_on_record() -> None:
    system = system_hive()
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", b"\xab" * 20)
    assert collect_rdp_thumbprints(installation({}, {"SYSTEM": system}), []) == {"AB" * 20}


def test_every_listener_may_have_a_certificate_bound() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", b"\x01" * 20)
    system.key(f"{WIN_STATIONS}\\RDP-Inside").binary("SSLCertificateSHA1Hash", b"\x02" * 20)
    assert collect_rdp_thumbprints(installation({}, {"SYSTEM": system}), []) == {"01" * 20, "02" * 20}


def test_a_second_listener_leaves_the_first_its_self_signed_certificate() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Inside").binary("SSLCertificateSHA1Hash", b"\x02" * 20)
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", b"\xab" * 20)
    assert collect_rdp_thumbprints(installation({}, {"SYSTEM": system}), []) == {"02" * 20, "AB" * 20}


def test_rdp_hash_of_another_length_is_a_problem() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", b"\x01" * 32)
    examined = installation({}, {"SYSTEM": system})
    assert collect_rdp_thumbprints(examined, []) == frozenset()
    assert problems(examined) == [(f"{CONFIG}/SYSTEM\\{WIN_STATIONS}\\RDP-Tcp!SSLCertificateSHA1Hash", "bad_length")]


def lsa_hives() -> dict[str, HiveWriter]:
    system = system_hive()
    for name, text in (("JD", "00112233"), ("Skew1", "44556677"), ("GBG", "8899aabb"), ("Data", "ccddeeff")):
        system.key(f"ControlSet002\\Control\\Lsa\\{name}", class_name=text)
    security = HiveWriter("SECURITY")
    security.key("Policy\\PolEKList").set("", REG_NONE, b"keys")
    security.key("Policy\\Secrets\\DPAPI_SYSTEM\\CurrVal").set("", REG_NONE, b"current")
    security.key("Policy\\Secrets\\DPAPI_SYSTEM\\OldVal").set("", REG_NONE, b"")
    set_at = struct.pack("<Q", filetime(datetime(2021, 2, 3, tzinfo=UTC)))
    security.key("Policy\\Secrets\\DPAPI_SYSTEM\\CupdTime").set("", REG_NONE, set_at)
    return {"SYSTEM": system, "SECURITY": security}


def test_lsa_material() -> None:
    material = collect_lsa(installation({}, lsa_hives()))
    assert material.boot_key_classes == ("00112233", "44556677", "8899aabb", "ccddeeff")
    assert (material.pol_ek_list, material.pol_secret_encryption_key) == (b"keys", None)
    assert (material.current, material.previous) == (b"current", None)
    assert material.current_time == datetime(2021, 2, 3, tzinfo=UTC)
    assert "current" not in repr(material).replace("current_time", "")


def test_a_boot_key_part_without_class_name_is_a_problem() -> None:
    hives = lsa_hives()
    hives["SYSTEM"].key("ControlSet002\\Control\\Lsa\\GBG").class_name = None
    examined = installation({}, hives)
    assert collect_lsa(examined).boot_key_classes is None
    assert problems(examined) == [(f"{CONFIG}/SYSTEM\\ControlSet002\\Control\\Lsa\\GBG", "no_class_name")]


@pytest.mark.parametrize(
    ("complete", "files", "hives", "outcomes"),
    [
        (True, {}, lsa_hives(), ["present", "absent"]),
        (True, {}, {"SYSTEM": system_hive()}, ["absent", "absent"]),
        (False, {}, {"SYSTEM": system_hive()}, ["not_examined", "not_examined"]),
        (False, {}, {"SECURITY": HiveWriter("SECURITY")}, ["absent", "absent"]),
        (True, {f"{CONFIG}/SECURITY": b"?"}, {}, ["unreadable", "unreadable"]),
    ],
    ids=["set once", "no SECURITY on a volume", "no SECURITY in a collection", "no secret", "broken SECURITY"],
)
def test_secret_outcomes(
    complete: bool, files: dict[str, bytes | None], hives: dict[str, HiveWriter], outcomes: list[str]
) -> None:
    rows = collect_secrets(installation(files, hives, complete))
    assert [r.outcome for r in rows] == outcomes
    assert [(r.generation, r.validated, r.fingerprint) for r in rows] == [
        ("current", False, None),
        ("previous", False, None),
    ]


@pytest.mark.parametrize(
    ("sid", "kind"),
    [
        ("S-1-5-18", "system"),
        ("S-1-5-20", "service"),
        ("S-1-5-82-1-2-3-4-5", "service"),
        ("S-1-5-21-1-2-3-500", "machine_account"),
        ("S-1-5-21-7-8-9-1104", "domain_account"),
        ("S-1-5-21-1-2-33-500", "unknown"),
        ("S-1-12-1-5-6-7-8", "entra_account"),
        ("S-1-11-96-3623454863-58364-18864-2661722203-1597581903-1", "microsoft_account"),
        ("S-1-12-2-5-6-7-8", "unknown"),
        ("S-1-11-9", "unknown"),
    ],
)
def test_account_kind(sid: str, kind: str) -> None:
    machine = MachineRow(machine_id=1, source_path="", machine_sid_sam="S-1-5-21-1-2-3", domain_sid="S-1-5-21-7-8-9")
    assert account_kind(sid, machine) == kind


def users_of(hives: dict[str, HiveWriter], files: dict[str, bytes | None], complete: bool = True) -> list[UserRow]:
    examined = installation(files, hives, complete)
    return collect_users(examined, collect_machine(examined), collect_profiles(examined))


def test_users_from_profiles_sam_and_protect_folders() -> None:
    software = software_hive()
    add_profile(software, USER_SID, "C:\\Users\\alice.CONTOSO")
    loaded = filetime(datetime(2025, 6, 7, 8, tzinfo=UTC))
    key = software.key(f"{PROFILE_LIST}\\{USER_SID}")
    key.dword("LocalProfileLoadTimeHigh", loaded >> 32).dword("LocalProfileLoadTimeLow", loaded & 0xFFFFFFFF)
    add_profile(software, "S-1-5-21-7-8-9-1104", "D:\\Profiles\\carol")
    sam = HiveWriter("SAM")
    sam.key("SAM\\Domains\\Account").binary("V", struct.pack("<3I", 1004336348, 1177238915, 682003330))
    sam.key("SAM\\Domains\\Account\\Users\\Names\\alice").set("", 1001, b"")
    sam.key("SAM\\Domains\\Account\\Users\\Names\\Guest").set("", 501, b"")
    stranger = "S-1-5-21-444-555-666-1010"
    files: dict[str, bytes | None] = {
        f"Users/alice.CONTOSO/AppData/Roaming/Microsoft/Protect/{stranger}/": None,
        "Users/Public/Documents/": None,
        "Users/leftover/AppData/Roaming/Microsoft/Protect/S-1-5-21-9-9-9-1000/": None,
    }
    rows = {r.sid: r for r in users_of({"SOFTWARE": software, "SAM": sam}, files)}
    alice = rows[USER_SID]
    assert (alice.name, alice.profile_path, alice.profile_outcome) == ("alice", "Users/alice.CONTOSO", "present")
    assert (alice.kind, alice.last_load) == ("machine_account", datetime(2025, 6, 7, 8, tzinfo=UTC))
    carol = rows["S-1-5-21-7-8-9-1104"]
    assert (carol.name, carol.profile_path, carol.profile_outcome) == ("carol", "D:\\Profiles\\carol", "not_examined")
    guest = rows["S-1-5-21-1004336348-1177238915-682003330-501"]
    assert (guest.name, guest.profile_path, guest.profile_outcome) == ("Guest", None, "absent")
    assert (rows[stranger].profile_path, rows[stranger].kind) == (None, "unknown")
    left = rows["S-1-5-21-9-9-9-1000"]
    assert (left.name, left.profile_path) == ("leftover", "Users/leftover")
    assert {"S-1-5-18", "S-1-5-19", "S-1-5-20"} < set(rows)
    assert len(rows) == 8


TEMPORARY, SET_ASIDE = 0x800, 0x8000


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        # What ProfileList says, by key: folder and State; then name, own profile, temporary one, others of the SID.
        (
            {"": ("TEMP", TEMPORARY), ".bak": ("alice", SET_ASIDE)},
            ("alice", "Users/alice", "Users/TEMP", []),
        ),
        ({"": ("TEMP.PC.000", None), ".bak": ("alice", None)}, ("alice", "Users/alice", "Users/TEMP.PC.000", [])),
        # Signed out of the temporary profile: only the key that was set aside is left.
        ({".bak": ("alice", SET_ASIDE)}, ("alice", "Users/alice", None, [])),
        ({"": ("alice.PC", 0), ".BAK": ("alice", SET_ASIDE)}, ("alice.PC", "Users/alice.PC", None, ["Users/alice"])),
        # A user who is called that.
        ({"": ("Temp", 0)}, ("Temp", "Users/Temp", None, [])),
        # The folder that was the user's own is not known.
        ({"": ("TEMP", TEMPORARY)}, (None, "Users/TEMP", None, [])),
    ],
    ids=["state", "folder", "signed out", "new profile", "a name", "guest"],
)
def test_a_temporary_profile_is_not_the_users_own(
    listed: dict[str, tuple[str, int | None]], said: tuple[str | None, str, str | None, list[str]]
) -> None:
    software = software_hive()
    for suffix, (folder, state) in listed.items():
        add_profile(software, f"{USER_SID}{suffix}", f"C:\\Users\\{folder}")
        if state is not None:
            software.key(f"{PROFILE_LIST}\\{USER_SID}{suffix}").dword("State", state)
    rows = [r for r in users_of({"SOFTWARE": software}, {"Windows/x": b""}) if r.sid == USER_SID]
    assert [(r.name, r.profile_path, r.temporary_profile, r.other_profiles) for r in rows] == [said]


def test_collect_survives_an_installation_without_anything() -> None:
    examined = installation({"Windows/notepad.exe": b"MZ"}, complete=False)
    evidence = collect(examined)
    assert evidence.certificates == []
    assert evidence.key_files == []
    assert {f.outcome.state for f in evidence.key_folders} == {"not_examined"}
    assert {o.state for o in evidence.master_key_folders.values()} == {"not_examined"}
    assert [s.outcome for s in evidence.secrets] == ["not_examined", "not_examined"]
    assert problems(examined) == []
