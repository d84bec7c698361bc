"""Whose a virtual machine is: of several Windows and volumes on one disk, and of several disks."""

from __future__ import annotations

from forensics.collectors.hyperv.collect import collect_hyperv
from forensics.hyperv.judge import judge_hyperv
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from testdata.builder.virtual_machine import INVENTORY, VirtualMachine, inventory
from tests.exports import machine
from tests.memory_tree import MemoryTree

IDS = [f"{n:08x}-9999-4999-8999-999999999999" for n in range(8)]


def _windows(source: Source, disk: str, listed: dict[str, str] | None, files: dict[str, bytes] | None = None) -> None:
    """Add a volume with Windows; a host has a list, if only an empty one."""
    content: dict[str, bytes | None] = {"Windows/System32/x": b"", **(files or {})}
    if listed is not None:
        content[INVENTORY] = inventory(listed)
    tree = MemoryTree(content)
    number = len(source.installations) + 1
    source.add(Installation(number, disk, tree, "Windows", "", open_hive))
    source.searched.append(SearchedTree(tree, disk, "", ("Windows",)))


def _data(source: Source, disk: str, files: dict[str, bytes]) -> None:
    source.searched.append(SearchedTree(MemoryTree(files), disk, f"{disk} data"))


def _vmcx(number: int, disks: tuple[str, ...] = ()) -> dict[str, bytes]:
    vm = VirtualMachine(f"VM{number}", IDS[number], vtpm=False, disks=disks)
    return {f"VMs/{IDS[number]}.vmcx": vm.vmcx()}


def _judged(*sources: Source) -> dict[str | None, VmRow]:
    machines: list[Row] = []
    for source in sources:
        machines += [MachineRow(machine_id=i.machine_id, source_path="") for i in source.installations]
    found = [evidence for source in sources for evidence in collect_hyperv(source)]
    return {row.name: row for row in judge_hyperv(found, machines) if isinstance(row, VmRow)}


def test_of_two_windows_on_a_disk_each_has_its_own() -> None:
    source = Source("disk")
    _windows(source, "disk", None)
    _windows(source, "disk", {}, _vmcx(1))
    _data(source, "disk", _vmcx(2))
    assert {name: vm.machine_id for name, vm in _judged(source).items()} == {"VM1": 2, "VM2": 2}


def test_a_data_volume_beside_two_hosts_is_of_those_that_list_its_machines() -> None:
    source = Source("disk")
    _windows(source, "disk", {IDS[3]: f"D:\\VMs\\{IDS[3]}.vmcx"}, _vmcx(1))
    _windows(source, "disk", {IDS[4]: f"E:\\VMs\\{IDS[4]}.vmcx"}, _vmcx(2))
    _data(source, "disk", _vmcx(3) | _vmcx(4) | _vmcx(5))
    found = {name: (vm.machine_id, vm.registered) for name, vm in _judged(source).items()}
    # Which of the two forgot the fifth cannot be told.
    assert found == {"VM1": (1, False), "VM2": (2, False), "VM3": (1, True), "VM4": (2, True), "VM5": (0, None)}


def test_what_no_host_lists_on_a_data_disk_of_its_own_is_its_hosts() -> None:
    system, data = Source("system"), Source("data")
    _windows(system, "system", {IDS[3]: f"D:\\VMs\\{IDS[3]}.vmcx"})
    _data(data, "data", _vmcx(3) | _vmcx(4))
    found = {name: (vm.machine_id, vm.registered) for name, vm in _judged(system, data).items()}
    assert found == {"VM3": (1, True), "VM4": (1, False)}


def test_a_machine_that_two_hosts_list_is_nobodys() -> None:
    first, second = Source("first"), Source("second")
    listed = {IDS[3]: f"D:\\VMs\\{IDS[3]}.vmcx"}
    _windows(first, "first", listed)
    _windows(second, "second", listed)
    second.installations[0].machine_id = 2
    data = Source("cluster")
    _data(data, "cluster", _vmcx(3))
    found = judge_hyperv([e for s in (first, second, data) for e in collect_hyperv(s)], [])
    rows = [row for row in found if isinstance(row, VmRow)]
    assert sorted((row.machine_id, row.outcome) for row in rows) == [
        (0, "present"),
        (1, "not_examined"),
        (2, "not_examined"),
    ]


def test_disks_on_other_volumes_and_other_disks_are_not_missing() -> None:
    disks = ("D:\\VMs\\one.vhdx", "E:\\VMs\\two.vhdx", "C:\\ProgramData\\three.vhdx", "F:\\four.vhdx")
    system, data = Source("system"), Source("data")
    _windows(system, "system", {}, _vmcx(1, disks) | {"ProgramData/three.vhdx": b"x"})
    _data(system, "system", {"VMs/one.vhdx": b"x"})
    _data(data, "data", {"VMs/two.vhdx": b"x"} | _vmcx(2, ("D:\\VMs\\one.vhdx",)))
    rows = _judged(system, data)
    # Nothing says that the second image is of this host: nobody lists its machine.
    assert rows["VM1"].missing_disks == [disks[1], disks[3]]
    assert rows["VM2"].missing_disks == ["D:\\VMs\\one.vhdx"]
    system, data = Source("system"), Source("data")
    _windows(system, "system", {IDS[2]: f"E:\\VMs\\{IDS[2]}.vmcx"}, _vmcx(1, disks) | {"ProgramData/three.vhdx": b"x"})
    _data(system, "system", {"VMs/one.vhdx": b"x"})
    _data(data, "data", {"VMs/two.vhdx": b"x"} | _vmcx(2, ("D:\\VMs\\one.vhdx",)))
    rows = _judged(system, data)
    assert rows["VM1"].missing_disks == [disks[3]]
    assert rows["VM2"].missing_disks == []


def test_the_configuration_at_the_path_that_the_list_names_is_the_registered_one() -> None:
    source = Source("disk")
    live = machine().vmcx()
    vm_id = machine().vm_id
    files = {f"Old/{vm_id}.vmcx": live, f"VMs/APP01/Virtual Machines/{vm_id}.vmcx": live}
    _windows(source, "disk", {vm_id: f"D:\\VMs\\APP01\\Virtual Machines\\{vm_id.upper()}.VMCX"})
    _data(source, "disk", files)
    rows = [row for row in judge_hyperv(collect_hyperv(source), []) if isinstance(row, VmRow)]
    assert {row.source_path: row.registered for row in rows} == {
        f"disk data/Old/{vm_id}.vmcx": False,
        f"disk data/VMs/APP01/Virtual Machines/{vm_id}.vmcx": True,
    }


def test_a_clustered_machine_is_found_on_the_clusters_volume() -> None:
    system, cluster = Source("system"), Source("cluster")
    path = f"C:\\ClusterStorage\\Volume1\\VMs\\{IDS[3]}.vmcx"
    _windows(system, "system", {IDS[3]: path, IDS[4]: path.replace(IDS[3], IDS[4])})
    _data(cluster, "cluster", _vmcx(3))
    rows = judge_hyperv([e for s in (system, cluster) for e in collect_hyperv(s)], [])
    assert {row.vm_id: (row.outcome, row.registered) for row in rows if isinstance(row, VmRow)} == {
        IDS[3]: ("present", True),
        IDS[4]: ("not_examined", True),
    }
