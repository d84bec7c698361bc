"""Virtual machines of several cases, judged from their rows, are what one examination of all disks says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forensics.collectors.hyperv.collect import collect_hyperv
from forensics.hyperv.judge import judge_hyperv
from forensics.hyperv.judged_rows import is_judged, judged_anew
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.machine_numbers import renumbered
from forensics.tables.row import Row
from testdata.builder.key_protector import write_key_protector
from testdata.builder.scenarios.hyperv_host import BRANCH, FIRST
from testdata.builder.virtual_machine import INVENTORY, VirtualMachine, inventory
from tests.memory_tree import MemoryTree

IDS = [f"{n:08x}-9999-4999-8999-999999999999" for n in range(8)]


def _host(disk: str, listed: dict[str, str], files: dict[str, bytes] | None = None) -> Source:
    """Return the disk of a host with its list."""
    source = Source(disk)
    tree = MemoryTree({"Windows/System32/x": b"", INVENTORY: inventory(listed), **(files or {})})
    source.add(Installation(1, disk, tree, "Windows", "", open_hive))
    source.searched.append(SearchedTree(tree, disk, "", ("Windows",)))
    return source


def _data(disk: str, files: dict[str, bytes], source: Source | None = None) -> Source:
    source = source or Source(disk)
    source.searched.append(SearchedTree(MemoryTree(files), disk, "partition 2"))
    return source


def _export(folder: str, files: dict[str, bytes]) -> Source:
    source = Source(folder)
    source.searched.append(SearchedTree(MemoryTree(files), None, folder))
    return source


def _vmcx(number: int, folder: str = "VMs") -> dict[str, bytes]:
    pair = BRANCH if number % 2 else FIRST
    vm = VirtualMachine(f"VM{number}", IDS[number], protector=write_key_protector(pair))
    return {f"{folder}/{IDS[number]}.vmcx": vm.vmcx()}


def _at(number: int, drive: str = "D") -> dict[str, str]:
    return {IDS[number]: f"{drive}:\\VMs\\{IDS[number]}.vmcx"}


def _case(source: Source, first: int) -> list[Row]:
    """Return the rows of a case of one source, whose machines are numbered from ``first``."""
    machines: list[Row] = [
        MachineRow(machine_id=i.machine_id, source_path="Windows", source=i.source_path) for i in source.installations
    ]
    judged = judge_hyperv(collect_hyperv(source), machines)
    return [renumbered(row, lambda number: number + first - 1) for row in (*machines, *source.coverage, *judged)]


def _both(*sources: Source) -> tuple[list[Row], list[Row]]:
    """Return what judging from the disks of all sources says, and what judging the rows of each case says."""
    cases: list[Sequence[Row]] = []
    first = 1
    for source in sources:
        cases.append(_case(source, first))
        first += len(source.installations)
    first = 1
    machines: list[Row] = []
    for source in sources:
        for installation in source.installations:
            installation.machine_id = first
            machines.append(MachineRow(machine_id=first, source_path="Windows", source=installation.source_path))
            first += 1
    found = [evidence for source in sources for evidence in collect_hyperv(source)]
    return judge_hyperv(found, machines), judged_anew(cases)


def _told(rows: Sequence[Row]) -> dict[str | None, tuple[int, str, bool | None]]:
    return {
        row.name or row.vm_id: (row.machine_id, row.outcome, row.registered) for row in rows if isinstance(row, VmRow)
    }


def test_a_data_disk_whose_machines_one_host_lists_is_that_hosts() -> None:
    whole, joined = _both(_host("c.vhdx", _at(1), _vmcx(2)), _data("d.vhdx", _vmcx(1) | _vmcx(3)))
    assert joined == whole
    # What the host forgot lies on its disk all the same.
    assert _told(joined) == {
        "VM2": (1, "present", False),
        "VM1": (1, "present", True),
        "VM3": (1, "present", False),
    }
    assert {row.machine_id for row in joined if isinstance(row, VmGuardianRow)} == {1}


def test_a_machine_that_the_host_of_another_case_lists_too_is_nobodys() -> None:
    first, data = _host("a.vhdx", _at(1)), _data("csv.vhdx", _vmcx(1))
    whole, joined = _both(first, data, _host("b.vhdx", _at(1)))
    told = [(row.machine_id, row.outcome, row.starts_here) for row in joined if isinstance(row, VmRow)]
    assert told == [(0, "present", "unknown"), (1, "not_examined", "unknown"), (2, "not_examined", "unknown")]
    assert joined == whole
    # Two of the three were examined together, and joined with the third later.
    together, _ = _both(_host("a.vhdx", _at(1)), _data("csv.vhdx", _vmcx(1)))
    one = [MachineRow(machine_id=1, source_path="Windows", source="a.vhdx"), *together]
    other = [renumbered(row, lambda _: 2) for row in _case(_host("b.vhdx", _at(1)), 1)]
    again = [row for row in judged_anew([one, other]) if isinstance(row, VmRow)]
    assert [(row.machine_id, row.outcome, row.registered) for row in again] == [
        (0, "present", None),
        (1, "not_examined", True),
        (2, "not_examined", True),
    ]
    assert again[1].starts_because == (
        f"the host lists it, and its configuration D:\\VMs\\{IDS[1]}.vmcx lies where these sources do not reach"
    )


def test_of_an_export_only_what_a_host_lists_is_its_own() -> None:
    whole, joined = _both(_export("exports", _vmcx(1) | _vmcx(2)), _host("c.vhdx", _at(1)))
    assert joined == whole
    assert _told(joined) == {"VM1": (1, "present", True), "VM2": (0, "present", None)}


def test_the_configuration_at_the_path_that_the_list_names_is_the_registered_one() -> None:
    whole, joined = _both(_host("c.vhdx", _at(1)), _data("d.vhdx", _vmcx(1) | _vmcx(1, "Old")))
    assert joined == whole
    registered = {row.source_path: row.registered for row in joined if isinstance(row, VmRow)}
    assert registered == {
        f"partition 2/Old/{IDS[1]}.vmcx": False,
        f"partition 2/VMs/{IDS[1]}.vmcx": True,
    }


def test_two_hosts_keep_their_own() -> None:
    whole, joined = _both(
        _data("a.vhdx", _vmcx(2), _host("a.vhdx", _at(1) | _at(2, "C"), _vmcx(1))), _host("b.vhdx", _at(3), _vmcx(4))
    )
    assert joined == whole


def test_two_at_one_path_of_two_disks_are_not_told_apart_and_not_judged() -> None:
    hosts = _host("a.vhdx", _at(1))
    for disk in ("d.vhdx", "e.vhdx"):
        _data(disk, _vmcx(1), hosts)
    whole, joined = _both(hosts)
    assert [row.configuration_doubt for row in whole if isinstance(row, VmRow)] == [None, None]
    for row in joined:
        if isinstance(row, VmRow):
            assert row.starts_here == "unknown"
            assert row.starts_because == (
                "two configurations of it lie at this path of two disks, and the case file does not tell apart whose "
                "guardians are whose: examine both disks together"
            )


def test_virtual_disks_of_another_case_stay_missing() -> None:
    vm = VirtualMachine("VM1", IDS[1], vtpm=False, disks=("D:\\VMs\\one.vhdx",))
    host = _host("c.vhdx", _at(2), {f"VMs/{IDS[1]}.vmcx": vm.vmcx()})
    whole, joined = _both(host, _data("d.vhdx", _vmcx(2) | {"VMs/one.vhdx": b"x"}))
    assert [row.missing_disks for row in whole if isinstance(row, VmRow)] == [[], []]
    assert [row.missing_disks for row in joined if isinstance(row, VmRow)] == [["D:\\VMs\\one.vhdx"], []]
    alike = [replace(row, missing_disks=[]) if isinstance(row, VmRow) else row for row in joined]
    assert alike == whole


def test_what_judging_made_is_told_from_what_was_read() -> None:
    rows = _case(_host("c.vhdx", _at(1), _vmcx(2)), 1)
    assert {row.table for row in rows if not is_judged(row)} == {"machine", "coverage"}
