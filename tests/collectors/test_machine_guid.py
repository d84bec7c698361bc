"""MachineGuid as machines hold it: in capitals, in braces, missing, or in the 32-bit view alone."""

from __future__ import annotations

import pytest

from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.machine import collect_machine
from forensics.tables.machine import MachineRow
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import MACHINE_GUID, MACHINE_KEYS, OTHER_GUID, installation, system_hive

GUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


def machine(software: HiveWriter, system: HiveWriter | None = None) -> MachineRow:
    return collect_machine(installation({}, {"SOFTWARE": software, "SYSTEM": system or system_hive()}))


def software(path: str = "Microsoft\\Cryptography", guid: str = GUID) -> HiveWriter:
    hive = HiveWriter("SOFTWARE")
    hive.key("Microsoft\\Windows NT\\CurrentVersion").sz("SystemRoot", "C:\\Windows")
    hive.key(path).sz("MachineGuid", guid)
    return hive


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), f"{{{GUID.upper()}}}", f" {GUID} "])
def test_capitals_and_braces(guid: str) -> None:
    row = machine(software(guid=guid))
    assert (row.machine_guid, row.key_suffix) == (guid, GUID)


@pytest.mark.parametrize("name_guid", [GUID, GUID.upper()])
def test_names_of_key_files_are_compared_without_case(name_guid: str) -> None:
    name = f"f686aace6942fb7f7ceb231212eef4a4_{name_guid}"
    examined = installation({f"{MACHINE_KEYS}/{name}": b""}, {"SOFTWARE": software(guid=GUID.upper())})
    row = collect_machine(examined)
    (file,) = collect_key_files(examined, collect_key_folders(examined, []), row.key_suffix).found
    assert (file.row.guid_is_current, file.row.name_guid) == (True, GUID)


def test_in_the_32_bit_view_alone_it_is_not_what_windows_reads() -> None:
    row = machine(software("WOW6432Node\\Microsoft\\Cryptography"))
    assert (row.machine_guid, row.key_suffix, row.machine_guid_time) == (None, None, None)
    both = software()
    both.key("WOW6432Node\\Microsoft\\Cryptography").sz("MachineGuid", OTHER_GUID)
    assert machine(both).key_suffix == GUID


@pytest.mark.parametrize("guid", ["", "{}", " "])
def test_an_empty_one_is_not_known(guid: str) -> None:
    assert machine(software(guid=guid)).key_suffix is None
    assert MACHINE_GUID != GUID


@pytest.mark.parametrize(
    ("text", "code_page"), [("932", 932), ("1252", 1252), ("65001", 65001), ("", None), ("x", None), ("1" * 9, None)]
)
def test_the_code_page_is_that_of_the_control_set_in_use(text: str, code_page: int | None) -> None:
    system = HiveWriter("SYSTEM")
    system.key("Select").dword("Current", 2)
    system.key("ControlSet001\\Control\\Nls\\CodePage").sz("ACP", "1251")
    system.key("ControlSet002\\Control\\Nls\\CodePage").sz("ACP", text)
    assert machine(software(), system).ansi_code_page == code_page
