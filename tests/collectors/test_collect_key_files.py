"""Table key_file: every folder, every file, readable or not."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics.collectors.evidence import KeyFileEvidence
from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.profiles import collect_profiles
from forensics.formats.capi_key import CapiKeyFile
from forensics.sources.installation import Installation
from testdata.builder.acl import RDP_KEY_SD, security_descriptor
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.cng import CngKey, make_cng_key
from testdata.builder.dpapi import MasterKey, make_master_key
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.pcpkey import make_pcpkey, pcp_blob
from tests.collectors.virtual import (
    CNG_KEYS,
    MACHINE_GUID,
    MACHINE_KEYS,
    OTHER_GUID,
    USER_SID,
    add_profile,
    installation,
    problems,
    software_hive,
)

# The hash of TSSecKeySet1 and of iisCngConfigurationKey, as published.
RDP_NAME = f"f686aace6942fb7f7ceb231212eef4a4_{MACHINE_GUID}"
IIS_HASH = "f0e91f6485ac2d09485e4ec18135601e"
WRITTEN = datetime(2023, 3, 4, 5, 6, 7, tzinfo=UTC)
KEY = rsa_key("2048-01")
OTHER_KEY = rsa_key("2048-02")


def spki_sha256(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def master_key() -> MasterKey:
    return make_master_key("collect", "S-1-5-18", bytes(20), rounds=1)


def capi(**options: object) -> bytes:
    return make_capi_key("collect", "TSSecKeySet1", master_key(), exchange=Slot(KEY), **options)  # type: ignore[arg-type]


def collect(examined: Installation, machine_guid: str | None = MACHINE_GUID) -> list[KeyFileEvidence]:
    return collect_key_files(examined, collect_key_folders(examined, collect_profiles(examined)), machine_guid).found


def test_a_capi_machine_key() -> None:
    path = f"{MACHINE_KEYS}/{RDP_NAME}"
    examined = installation({path: capi()}, descriptors={path: RDP_KEY_SD}, modified={path: WRITTEN})
    (found,) = collect(examined)
    row = found.row
    assert (row.path, row.file_name, row.kind, row.scope) == (path, RDP_NAME, "capi", "machine")
    assert (row.owner_sid, row.outcome, row.size) == ("S-1-5-18", "present", len(capi()))
    assert (row.name_hash, row.name_guid) == ("f686aace6942fb7f7ceb231212eef4a4", MACHINE_GUID)
    assert (row.guid_is_current, row.name_matches, row.container) == (True, True, "TSSecKeySet1")
    assert (row.slot, row.algorithm, row.bits) == ("exchange", "RSA", 2048)
    assert (row.master_key_guid, row.blob_flags) == (master_key().guid, 4)
    assert (row.exportable, row.second_public_key_sha256) == ("unknown", None)
    assert row.acl == "S-1-5-18:F,S-1-5-32-544:F,S-1-5-20:R"
    assert (row.file_owner, row.modified, row.created) == ("S-1-5-18", WRITTEN, None)
    assert (row.source_path, row.source_time) == (path, WRITTEN)
    assert isinstance(found.parsed, CapiKeyFile)
    assert found.security is not None
    assert problems(examined) == []


def test_both_slots_and_none() -> None:
    both = make_capi_key("both", "TSSecKeySet1", master_key(), exchange=Slot(KEY), signature=Slot(OTHER_KEY))
    none = make_capi_key("none", "TSSecKeySet1", master_key())
    files: dict[str, bytes | None] = {
        f"{MACHINE_KEYS}/{RDP_NAME}": both,
        f"{MACHINE_KEYS}/{RDP_NAME[:33]}{OTHER_GUID}": none,
    }
    rows = {f.row.guid_is_current: f.row for f in collect(installation(files))}
    assert (rows[True].slot, rows[False].slot) == ("both", "none")
    assert rows[True].public_key_sha256 == spki_sha256(KEY)
    assert rows[True].second_public_key_sha256 == spki_sha256(OTHER_KEY)
    assert (rows[False].algorithm, rows[False].public_key_sha256) == (None, None)


def test_without_machine_guid_nothing_is_said_of_the_suffix() -> None:
    (found,) = collect(installation({f"{MACHINE_KEYS}/{RDP_NAME}": capi()}), machine_guid=None)
    assert found.row.guid_is_current is None


def test_a_name_that_does_not_belong_to_the_container() -> None:
    (found,) = collect(installation({f"{MACHINE_KEYS}/{'0' * 32}_{MACHINE_GUID}": capi()}))
    assert (found.row.outcome, found.row.name_matches) == ("present", False)


def test_a_cng_key() -> None:
    data = make_cng_key(
        "cng",
        "iisCngConfigurationKey",
        master_key(),
        CngKey.ec(ec_key("P-256", "collect")),
        creator="C:\\Windows\\System32\\lsass.exe",
    )
    (found,) = collect(installation({f"{CNG_KEYS}/{IIS_HASH}_{OTHER_GUID}": data}))
    row = found.row
    assert (row.kind, row.scope, row.slot) == ("cng", "machine", None)
    assert (row.container, row.name_matches, row.guid_is_current) == ("iisCngConfigurationKey", True, False)
    assert (row.algorithm, row.bits) == ("ECDSA_P256", 256)
    assert row.creator_process == "C:\\Windows\\System32\\lsass.exe"
    assert row.master_key_guid == master_key().guid
    assert row.public_key_sha256 is not None


def test_a_cng_key_with_a_broken_property_list_is_still_present() -> None:
    key = CngKey.rsa(KEY)
    data = make_cng_key("cng", "iisCngConfigurationKey", master_key(), key, public_properties=b"\xff" * 30)
    examined = installation({f"{CNG_KEYS}/{IIS_HASH}_{MACHINE_GUID}": data})
    (found,) = collect(examined)
    assert (found.row.outcome, found.row.public_key_sha256) == ("present", None)
    assert found.row.master_key_guid == master_key().guid
    assert [path for path, _ in problems(examined)] == [found.row.path]


def test_a_tpm_key_lies_one_folder_deeper() -> None:
    container = "tpm-key"
    # SHA-1 of "tpm-key" in UTF-16LE.
    name = "11e18639cd8fe9fc96781d4d549d72b3e67f4f0e.PCPKEY"
    data = make_pcpkey("tpm", container, "RSA", pcp_blob("tpm", KEY))
    (found,) = collect(installation({f"ProgramData/Microsoft/Crypto/PCPKSP/{'ab' * 20}/{name}": data}))
    row = found.row
    assert (row.kind, row.scope, row.container) == ("tpm", "machine", "tpm-key")
    assert (row.algorithm, row.bits, row.name_guid) == ("RSA", 2048, None)
    assert (row.name_hash, row.name_matches) == (name[:40], True)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (capi()[:500], "bad_length"),
        (capi()[:30], "truncated"),
        (b"\x09" + capi()[1:], "bad_magic"),
        (struct.pack("<10I", 2, 0, *[0xFFFFFFFF] * 8), "bad_length"),
    ],
    ids=["empty", "truncated", "half a header", "no key file", "lies about every length"],
)
def test_unreadable_files_have_a_row_and_a_problem(data: bytes, kind: str) -> None:
    path = f"{MACHINE_KEYS}/{RDP_NAME}"
    examined = installation({path: data, f"{MACHINE_KEYS}/{RDP_NAME[:33]}{OTHER_GUID}": capi()})
    rows = {f.row.path: f for f in collect(examined)}
    assert (rows[path].row.outcome, rows[path].parsed) == ("unreadable", None)
    assert (rows[path].row.name_guid, rows[path].row.size) == (MACHINE_GUID, len(data))
    assert problems(examined) == [(path, kind)]
    assert sorted(f.row.outcome for f in rows.values()) == ["present", "unreadable"]


def test_a_file_that_is_too_large_or_was_not_got_is_not_examined() -> None:
    path, large = f"{MACHINE_KEYS}/{RDP_NAME}", f"{MACHINE_KEYS}/{RDP_NAME[:33]}{OTHER_GUID}"
    examined = installation({path: capi(), large: bytes((1 << 20) + 1)}, not_obtained=[path])
    assert [(f.row.outcome, f.unread_because) for f in collect(examined)] == [
        ("not_examined", f"{path} was not got"),
        ("not_examined", "1048577 bytes; at most 262144 are expected here"),
    ]
    assert sorted(problems(examined)) == sorted([(path, "not_obtained"), (large, "too_large")])


def test_other_files_are_skipped_unless_they_are_keys() -> None:
    files: dict[str, bytes | None] = {
        f"{MACHINE_KEYS}/desktop.ini": b"[.ShellClassInfo]",
        f"{MACHINE_KEYS}/empty": b"",
        f"{MACHINE_KEYS}/renamed.bak": capi(),
        f"{MACHINE_KEYS}/folder/": None,
    }
    examined = installation(files)
    (found,) = collect(examined)
    assert (found.row.file_name, found.row.name_hash, found.row.name_matches) == ("renamed.bak", None, None)
    assert (found.row.container, found.row.outcome) == ("TSSecKeySet1", "present")
    assert problems(examined) == []


def test_broken_security_descriptors_do_not_hide_the_key() -> None:
    path = f"{MACHINE_KEYS}/{RDP_NAME}"
    examined = installation({path: capi()}, descriptors={path: b"\x01\0\x04\x80" + b"\xff" * 16})
    (found,) = collect(examined)
    assert (found.row.outcome, found.row.acl, found.security) == ("present", None, None)
    assert [p for p, _ in problems(examined)] == [path]


def test_null_dacl() -> None:
    path = f"{MACHINE_KEYS}/{RDP_NAME}"
    descriptor = security_descriptor(None, null_dacl=True)
    (found,) = collect(installation({path: capi()}, descriptors={path: descriptor}))
    assert found.row.acl == "NULL"


def test_every_folder_and_whose_it_is() -> None:
    software = software_hive()
    add_profile(software, USER_SID, "%SystemDrive%\\Users\\alice")
    add_profile(software, "S-1-5-21-7-8-9-1104", "E:\\Users\\carol")
    stranger = "S-1-5-21-444-555-666-1010"
    roaming = "AppData/Roaming/Microsoft/Crypto"
    crypto = "ProgramData/Microsoft/Crypto"
    homes = {
        f"{crypto}/RSA/MachineKeys": ("capi", "machine", "S-1-5-18"),
        f"{crypto}/DSS/MachineKeys": ("capi", "machine", "S-1-5-18"),
        f"{crypto}/RSA/S-1-5-18": ("capi", "system", "S-1-5-18"),
        f"{crypto}/RSA/S-1-5-20": ("capi", "service", "S-1-5-20"),
        f"{crypto}/Keys": ("cng", "machine", "S-1-5-18"),
        f"{crypto}/SystemKeys": ("cng", "system", "S-1-5-18"),
        f"Windows/ServiceProfiles/LocalService/{roaming}/Keys": ("cng", "service", "S-1-5-19"),
        f"Windows/ServiceProfiles/NetworkService/{roaming}/RSA/S-1-5-20": ("capi", "service", "S-1-5-20"),
        f"Windows/System32/config/systemprofile/{roaming}/RSA/S-1-5-18": ("capi", "system", "S-1-5-18"),
        f"Windows/System32/config/systemprofile/{roaming}/Keys": ("cng", "system", "S-1-5-18"),
        f"Users/alice/{roaming}/RSA/{USER_SID}": ("capi", "user", USER_SID),
        f"Users/alice/{roaming}/RSA/{stranger}": ("capi", "user", stranger),
        f"Users/alice/{roaming}/Keys": ("cng", "user", USER_SID),
        f"Users/left/{roaming}/RSA/S-1-5-21-9-9-9-1000": ("capi", "user", "S-1-5-21-9-9-9-1000"),
        f"Users/left/{roaming}/Keys": ("cng", "user", "S-1-5-21-9-9-9-1000"),
    }
    cng = make_cng_key("f", "iisCngConfigurationKey", master_key(), CngKey.rsa(KEY))
    names = {"capi": (RDP_NAME, capi()), "cng": (f"{IIS_HASH}_{MACHINE_GUID}", cng)}
    files: dict[str, bytes | None] = {f"{p}/{names[k][0]}": names[k][1] for p, (k, _, _) in homes.items()}
    examined = installation(files, {"SOFTWARE": software})
    folders = collect_key_folders(examined, collect_profiles(examined))
    found = collect_key_files(examined, folders, MACHINE_GUID).found
    assert {f.row.path.rpartition("/")[0]: (f.row.kind, f.row.scope, f.row.owner_sid) for f in found} == homes
    assert {f.row.outcome for f in found} == {"present"}
    outcomes = {f.path: f.outcome.state for f in folders}
    assert outcomes[f"{crypto}/PCPKSP"] == "absent"
    assert outcomes[f"{crypto}/DSS/S-1-5-18"] == "absent"
    away = [(f.kind, f.outcome.state) for f in folders if f.owner_sid == "S-1-5-21-7-8-9-1104"]
    assert away == [("capi", "not_examined"), ("cng", "not_examined"), ("tpm", "not_examined")]
    assert {(c.source_path, c.outcome) for c in examined.coverage if c.area == "folder"} >= set(outcomes.items())


def test_a_folder_that_was_not_collected_is_not_absent() -> None:
    examined = installation({f"{MACHINE_KEYS}/{RDP_NAME}": capi(), f"{CNG_KEYS}/": None}, complete=False)
    outcomes = {f.path: f.outcome.state for f in collect_key_folders(examined, collect_profiles(examined))}
    assert outcomes[MACHINE_KEYS] == "present"
    assert outcomes[CNG_KEYS] == "not_examined"
    assert outcomes["ProgramData/Microsoft/Crypto/SystemKeys"] == "not_examined"


def test_an_unreadable_folder_is_a_problem() -> None:
    examined = installation({f"{MACHINE_KEYS}/{RDP_NAME}": capi()}, unreadable=[MACHINE_KEYS])
    folders = {f.path: f.outcome.state for f in collect_key_folders(examined, collect_profiles(examined))}
    assert folders[MACHINE_KEYS] == "unreadable"
    assert (MACHINE_KEYS, "unreadable") in problems(examined)


def test_windows_xp() -> None:
    shared = "Documents and Settings/All Users/Application Data/Microsoft/Crypto/RSA/MachineKeys"
    own = f"Documents and Settings/alice/Application Data/Microsoft/Crypto/RSA/{USER_SID}"
    examined = installation({f"{shared}/{RDP_NAME}": capi(), f"{own}/{RDP_NAME}": capi()})
    found = {f.row.path.rpartition("/")[0]: (f.row.scope, f.row.owner_sid) for f in collect(examined)}
    assert found == {shared: ("machine", "S-1-5-18"), own: ("user", USER_SID)}
    kinds = {f.kind for f in collect_key_folders(examined, collect_profiles(examined))}
    assert kinds == {"capi"}


SHELL_FOLDERS = "Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders"


def test_windows_xp_in_another_language() -> None:
    shared = "Dokumente und Einstellungen/All Users/Anwendungsdaten/Microsoft/Crypto/RSA/MachineKeys"
    own = f"Dokumente und Einstellungen/alice/Anwendungsdaten/Microsoft/Crypto/RSA/{USER_SID}"
    software = software_hive()
    software.key("Microsoft\\Windows NT\\CurrentVersion").sz("CurrentVersion", "5.2").sz("SystemRoot", "C:\\WINDOWS")
    profiles = software.key("Microsoft\\Windows NT\\CurrentVersion\\ProfileList")
    profiles.expand_sz("ProfilesDirectory", "%SystemDrive%\\Dokumente und Einstellungen")
    data = "C:\\Dokumente und Einstellungen\\All Users\\Anwendungsdaten"
    software.key(SHELL_FOLDERS).sz("Common AppData", data)
    files = {f"{shared}/{RDP_NAME}": capi(), f"{own}/{RDP_NAME}": capi()}
    examined = installation(files, {"SOFTWARE": software})
    found = {f.row.path.rpartition("/")[0]: (f.row.scope, f.row.owner_sid) for f in collect(examined)}
    assert found == {shared: ("machine", "S-1-5-18"), own: ("user", USER_SID)}
    assert {f.kind for f in collect_key_folders(examined, collect_profiles(examined))} == {"capi"}
