"""Table master_key: every Protect folder, every file, readable or not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forensics.collectors.master_keys import MasterKeys, collect_master_keys
from forensics.collectors.profiles import collect_profiles
from forensics.sources.installation import Installation
from testdata.builder import acl
from testdata.builder.dpapi import TDES_SHA1, make_master_key, preferred
from tests.collectors.virtual import PROTECT, USER_SID, add_profile, installation, problems, software_hive

SYSTEM_KEY = make_master_key("system", "S-1-5-18", bytes(20), rounds=8000)
USER_KEY = make_master_key("user", USER_SID, bytes(20), rounds=17400, suite=TDES_SHA1, flags=0, domain=True)
RENEWAL = datetime(2025, 6, 1, 12, tzinfo=UTC)


def collect(examined: Installation) -> MasterKeys:
    return collect_master_keys(examined, collect_profiles(examined))


def test_system_keys_have_the_half_of_their_folder() -> None:
    other = make_master_key("other", "S-1-5-18", bytes(20), rounds=1)
    examined = installation(
        {
            f"{PROTECT}/{SYSTEM_KEY.guid}": SYSTEM_KEY.file,
            f"{PROTECT}/Preferred": preferred(SYSTEM_KEY.guid, RENEWAL),
            f"{PROTECT}/BK-CONTOSO": b"a cached public key",
            f"{PROTECT}/User/{other.guid}": other.file,
        }
    )
    keys = collect(examined)
    rows = {m.row.guid: m.row for m in keys.found}
    row = rows[SYSTEM_KEY.guid]
    assert (row.owner_sid, row.half, row.outcome) == ("S-1-5-18", "machine", "present")
    assert (row.flags, row.rounds, row.hash_algorithm, row.cipher_algorithm) == (6, 8000, "SHA-512", "AES-256")
    assert (row.has_backup, row.has_credhist, row.has_domain_backup, row.domain_key_guid) == (True, True, False, None)
    assert (row.preferred, row.preferred_until) == (True, RENEWAL)
    assert (row.unlocked_by, row.intact) == ("not_tried", "unknown")
    assert (rows[other.guid].half, rows[other.guid].preferred) == ("user", None)
    assert len(rows) == 2
    assert keys.folders["S-1-5-18", "machine"].state == keys.folders["S-1-5-18", "user"].state == "present"
    assert keys.folders["S-1-5-19", None].state == "absent"
    assert problems(examined) == []


@pytest.mark.parametrize(
    ("descriptor", "text"),
    [
        (acl.security_descriptor([acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS)]), "S-1-5-18:F,S-1-5-32-544:F"),
        (
            acl.security_descriptor([acl.Ace(acl.SYSTEM, type=acl.DENY), acl.Ace(acl.SYSTEM)]),
            "-S-1-5-18:F,S-1-5-18:F",
        ),
        (acl.security_descriptor([]), "EMPTY"),
        (acl.security_descriptor(None, null_dacl=True), "NULL"),
        (None, None),
    ],
)
def test_the_access_list_of_the_file(descriptor: bytes | None, text: str | None) -> None:
    path = f"{PROTECT}/{SYSTEM_KEY.guid}"
    examined = installation({path: SYSTEM_KEY.file}, descriptors={path: descriptor} if descriptor else {})
    (found,) = collect(examined).found
    assert (found.row.acl, found.access_unread) == (text, None)


def test_a_broken_access_list_is_a_problem_and_the_key_is_read() -> None:
    path = f"{PROTECT}/{SYSTEM_KEY.guid}"
    examined = installation({path: SYSTEM_KEY.file}, descriptors={path: b"\x01\0\x04\x80" + b"\xff" * 16})
    (found,) = collect(examined).found
    assert (found.row.outcome, found.security) == ("present", None)
    assert found.access_unread is not None
    assert [place for place, _ in problems(examined)] == [path]


def test_user_keys_of_a_domain() -> None:
    software = software_hive()
    add_profile(software, USER_SID, "C:\\Users\\alice")
    path = f"Users/alice/AppData/Roaming/Microsoft/Protect/{USER_SID}/{USER_KEY.guid}"
    keys = collect(installation({path: USER_KEY.file}, {"SOFTWARE": software}))
    (found,) = keys.found
    row = found.row
    assert (row.path, row.source_path, row.owner_sid, row.half) == (path, path, USER_SID, None)
    assert (row.flags, row.rounds, row.cipher_algorithm, row.hash_algorithm) == (0, 17400, "3DES", "SHA-1")
    assert (row.has_domain_backup, row.domain_key_guid) == (True, "3f0b7a5e-0d1c-4b7e-9a55-6c2d8f10e4b1")
    assert found.parsed is not None
    assert keys.folders[USER_SID, None].state == "present"


def test_the_keys_of_a_stranger_in_a_profile_are_read() -> None:
    software = software_hive()
    add_profile(software, USER_SID, "C:\\Users\\alice")
    stranger = "S-1-5-21-444-555-666-1010"
    base = "Users/alice/AppData/Roaming/Microsoft/Protect"
    keys = collect(installation({f"{base}/{stranger}/{USER_KEY.guid}": USER_KEY.file}, {"SOFTWARE": software}))
    assert [m.row.owner_sid for m in keys.found] == [stranger]
    assert (keys.folders[stranger, None].state, keys.folders[USER_SID, None].state) == ("present", "absent")


def test_service_accounts_in_either_place() -> None:
    elsewhere = "Windows/System32/Microsoft/Protect/S-1-5-20"
    usual = "Windows/ServiceProfiles/LocalService/AppData/Roaming/Microsoft/Protect/S-1-5-19"
    files: dict[str, bytes | None] = {f"{p}/{SYSTEM_KEY.guid}": SYSTEM_KEY.file for p in (elsewhere, usual)}
    keys = collect(installation(files))
    assert {(m.row.owner_sid, m.row.half) for m in keys.found} == {("S-1-5-20", None), ("S-1-5-19", None)}
    assert (keys.folders["S-1-5-20", None].state, keys.folders["S-1-5-19", None].state) == ("present", "present")


def test_windows_xp_profile() -> None:
    path = f"Documents and Settings/alice/Application Data/Microsoft/Protect/{USER_SID}/{USER_KEY.guid}"
    assert [m.row.path for m in collect(installation({path: USER_KEY.file})).found] == [path]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        (SYSTEM_KEY.guid, b"", "empty"),
        (SYSTEM_KEY.guid, SYSTEM_KEY.file[:200], "truncated"),
        (SYSTEM_KEY.guid, bytes(468), "bad_magic"),
        ("00000000-1111-2222-3333-444444444444", SYSTEM_KEY.file, "other_guid"),
    ],
    ids=["empty", "truncated", "zeroes", "another GUID inside"],
)
def test_unreadable_master_keys_have_a_row_and_a_problem(name: str, data: bytes, kind: str) -> None:
    sound = make_master_key("sound", "S-1-5-18", bytes(20), rounds=1)
    path = f"{PROTECT}/{name}"
    examined = installation({path: data, f"{PROTECT}/{sound.guid}": sound.file})
    found = {m.row.guid: m for m in collect(examined).found}
    assert (found[name].row.outcome, found[name].parsed) == ("unreadable", None)
    assert found[sound.guid].row.outcome == "present"
    assert problems(examined) == [(path, kind)]


def test_a_broken_preferred_file_costs_nothing_else() -> None:
    examined = installation({f"{PROTECT}/{SYSTEM_KEY.guid}": SYSTEM_KEY.file, f"{PROTECT}/Preferred": b"short"})
    (found,) = collect(examined).found
    assert (found.row.outcome, found.row.preferred) == ("present", None)
    assert problems(examined) == [(f"{PROTECT}/Preferred", "bad_length")]


def test_folders_that_were_not_collected_are_not_absent() -> None:
    examined = installation({f"{PROTECT}/{SYSTEM_KEY.guid}": SYSTEM_KEY.file}, complete=False)
    folders = collect(examined).folders
    assert folders["S-1-5-18", "machine"].state == "present"
    assert folders["S-1-5-18", "user"].state == "not_examined"
    assert folders["S-1-5-20", None].state == "not_examined"


def test_an_unreadable_folder() -> None:
    examined = installation({f"{PROTECT}/User/{SYSTEM_KEY.guid}": SYSTEM_KEY.file}, unreadable=[f"{PROTECT}/User"])
    keys = collect(examined)
    assert (keys.found, keys.folders["S-1-5-18", "user"].state) == ([], "unreadable")
    assert problems(examined) == [(f"{PROTECT}/User", "unreadable")]
