"""Application data on a share or another drive: what the usual place lacks is not absent."""

from __future__ import annotations

import pytest

from forensics.collectors.certificate_stores import collect_elements
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.moved_data import with_moved_data
from forensics.collectors.profiles import SHELL_FOLDERS, collect_profiles
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from testdata.builder.regf import HiveWriter
from testdata.builder.seeded import Seeded
from tests.collectors.virtual import CNG_KEYS, MACHINE_KEYS, USER_SID, add_profile, installation, software_hive
from tests.memory_tree import MemoryTree

EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
ROAMING = "Users/anna/AppData/Roaming"


def folders(software: HiveWriter, anna: HiveWriter | None = None) -> dict[str, str]:
    """Return what is said of each folder of keys."""
    files: dict[str, bytes | None] = {
        f"{MACHINE_KEYS}/one": Seeded("one").bytes(9),
        f"{ROAMING}/Microsoft/Crypto/RSA/{USER_SID}/two": Seeded("two").bytes(9),
        f"Data/anna/Microsoft/Crypto/RSA/{USER_SID}/three": Seeded("three").bytes(9),
    }
    if anna is not None:
        files["Users/anna/NTUSER.DAT"] = anna.build()
    add_profile(software, USER_SID, "C:\\Users\\anna")
    examined = installation(files, {"SOFTWARE": software})
    found = collect_key_folders(examined, with_moved_data(examined, collect_profiles(examined)))
    return {folder.path: folder.outcome.state for folder in found}


@pytest.mark.parametrize("data", ["D:\\ProgramData", "\\\\fs01\\data"])
def test_shared_data_elsewhere(data: str) -> None:
    software = software_hive()
    software.key(SHELL_FOLDERS).sz("Common AppData", data)
    found = folders(software)
    assert (found[MACHINE_KEYS], found[CNG_KEYS]) == ("partial", "not_examined")


def test_a_users_data_on_a_share() -> None:
    anna = HiveWriter("ntuser.dat")
    anna.key(f"{EXPLORER}\\User Shell Folders").expand_sz("AppData", "\\\\fs01\\profiles$\\anna\\AppData\\Roaming")
    found = folders(software_hive(), anna)
    assert found[f"{ROAMING}/Microsoft/Crypto/RSA/{USER_SID}"] == "partial"
    assert found[f"{ROAMING}/Microsoft/Crypto/Keys"] == "not_examined"
    assert found[MACHINE_KEYS] == "present"


def test_a_users_data_in_another_folder_of_the_drive() -> None:
    anna = HiveWriter("ntuser.dat")
    anna.key(f"{EXPLORER}\\User Shell Folders").expand_sz("AppData", "C:\\Data\\anna")
    found = folders(software_hive(), anna)
    assert found[f"Data/anna/Microsoft/Crypto/RSA/{USER_SID}"] == "present"


def test_data_where_windows_makes_them() -> None:
    anna = HiveWriter("ntuser.dat")
    anna.key(f"{EXPLORER}\\User Shell Folders").expand_sz("AppData", "%USERPROFILE%\\AppData\\Roaming")
    software = software_hive()
    software.key(SHELL_FOLDERS).sz("Common AppData", "C:\\ProgramData")
    found = folders(software, anna)
    assert found[f"{ROAMING}/Microsoft/Crypto/Keys"] == "absent"
    assert (found[MACHINE_KEYS], found[CNG_KEYS]) == ("present", "absent")


def test_a_profile_on_another_drive() -> None:
    """In a collection a folder stands for the drive; where there is none, its certificates are told as not seen."""
    mine = f"Users/anna/AppData/Roaming/Microsoft/SystemCertificates/My/Certificates/{'A' * 40}"
    software = software_hive()
    add_profile(software, USER_SID, "D:\\Users\\anna")
    folder = f"My certificates of {USER_SID}"
    hives = {"C/Windows/System32/config/SOFTWARE": software.build()}
    for files, state in (({f"D/{mine}": b"x"}, "present"), ({f"E/{mine}": b"x"}, "not_examined")):
        tree = MemoryTree({**hives, **files}, complete=False)
        examined = Installation(1, "memory", tree, "C/Windows", "C", open_hive)
        found = [element.name for element in collect_elements(examined, collect_profiles(examined))]
        assert found == (["A" * 40] if state == "present" else [])
        assert [row.outcome for row in examined.coverage.rows if row.name == folder] == [state]
