"""Bad virtual machines, bad lists and endless folders: problems, never a traceback, never more than seconds."""

from __future__ import annotations

import os
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.collectors.hyperv.collect import collect_hyperv
from forensics.hyperv.judge import judge_hyperv
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import GuardianRow, VmRow
from testdata.builder.hyperv_storage import build_image
from testdata.builder.key_protector import write_guardian_metadata, write_key_protector
from testdata.builder.scenarios.hyperv_host import FIRST, GUEST_STATE, SECOND
from testdata.builder.virtual_machine import INVENTORY, VirtualMachine, inventory
from tests.exports import APP, add_useless_backup, machine, write_export
from tests.memory_tree import MemoryTree
from tests.time_bound import within

OTHER = "eeeeeeee-1111-4222-8333-444444444444"
OTHER_VM = machine(SECOND, OTHER, "SOUND01")


@contextmanager
def _in_time() -> Iterator[None]:
    with within(1):
        yield


def _collected(
    files: Mapping[str, bytes | None], *, is_host: bool = False, windows: bool = True
) -> tuple[Source, list[Any]]:
    """Collect and judge a folder or a host's volume that exists in memory only."""
    source = Source("memory")
    if is_host:
        files = {"Windows/System32/ntoskrnl.exe": b"", **files}
        place = SearchedTree(MemoryTree(files), "memory", "", ("Windows",))
    else:
        place = SearchedTree(MemoryTree(files, complete=False), None, "memory")
    source.searched.append(place)
    rows = judge_hyperv(collect_hyperv(source), [])
    return source, rows


def _vms(rows: list[Any]) -> list[VmRow]:
    return [row for row in rows if isinstance(row, VmRow)]


def _kinds(source: Source) -> set[str]:
    return {problem.kind for problem in source.problems}


def _damage(data: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Cut and changed versions of a file."""
    chance = random.Random(seed)
    for number in range(count):
        if number % 3 == 0:
            yield data[: chance.randrange(len(data))]
            continue
        changed = bytearray(data)
        for _ in range(chance.choice((1, 4, 60))):
            at = chance.randrange(len(changed))
            changed[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", chance.randbytes(4)))
        yield bytes(changed[: len(data)])


# --- damage


def test_damaged_configurations_leave_the_sound_one_alone() -> None:
    data = machine().vmcx()
    files: dict[str, bytes | None] = {f"vm/Virtual Machines/{OTHER}.vmcx": OTHER_VM.vmcx()}
    for number, damaged in enumerate(_damage(data, 240, "vmcx")):
        files[f"vm/Virtual Machines/{uuid.UUID(int=number)}.vmcx"] = damaged
    with _in_time():
        source, rows = _collected(files)
    vms = {vm.vm_id: vm for vm in _vms(rows)}
    assert vms[OTHER].needs == [SECOND.encryption.thumbprint, SECOND.signing.thumbprint]
    assert "unexpected" not in _kinds(source)
    # Whatever is left of a configuration, nobody is told that it starts, or needs nothing, where a part was lost.
    told = {problem.source_path for problem in source.problems}
    for vm in vms.values():
        if vm.vm_id != OTHER and vm.needs != [FIRST.encryption.thumbprint, FIRST.signing.thumbprint]:
            assert vm.source_path in told
            assert vm.starts_here == "unknown"
    assert len(told) > 150


def test_pages_that_are_gone() -> None:
    """Each page of 4 KiB zeroed in turn."""
    data = machine().vmcx()
    files: dict[str, bytes | None] = {}
    for page in range(len(data) // 4096):
        holed = data[: page * 4096] + bytes(4096) + data[page * 4096 + 4096 :]
        files[f"Virtual Machines/{uuid.UUID(int=page)}.vmcx"] = holed
    source, rows = _collected(files)
    assert len(_vms(rows)) == len(files)
    assert "unexpected" not in _kinds(source)
    assert {vm.starts_here for vm in _vms(rows)} == {"unknown"}


def test_damaged_guest_states() -> None:
    files: dict[str, bytes | None] = {}
    vmcx = machine().vmcx()
    for number, damaged in enumerate(_damage(GUEST_STATE[:12288], 90, "vmgs")):
        files[f"Virtual Machines/{uuid.UUID(int=number)}.vmcx"] = vmcx
        files[f"Virtual Machines/{uuid.UUID(int=number)}.vmgs"] = damaged
    with _in_time():
        source, rows = _collected(files)
    assert len(_vms(rows)) == 90
    assert "unexpected" not in _kinds(source)
    assert {vm.guest_state for vm in _vms(rows)} == {"present", "unreadable"}
    told = {problem.source_path for problem in source.problems}
    assert {vm.guest_state_file for vm in _vms(rows) if vm.guest_state == "unreadable"} <= told


def test_damaged_key_protectors() -> None:
    whole = write_key_protector(FIRST, [SECOND])
    files: dict[str, bytes | None] = {}
    for number, damaged in enumerate(_damage(whole, 90, "protector")):
        vm = VirtualMachine("APP01", APP, protector=damaged)
        files[f"Virtual Machines/{uuid.UUID(int=number)}.vmcx"] = vm.vmcx()
    with _in_time():
        source, rows = _collected(files)
    assert len(_vms(rows)) == 90
    assert "unexpected" not in _kinds(source)
    assert {vm.starts_here for vm in _vms(rows)} == {"unknown"}


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Metadata xmlns="http://schemas.microsoft.com/kps/2014/07"><GuardianInformation>&b;</GuardianInformation></Metadata>"""
FAR = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>
<Protector xmlns="http://schemas.microsoft.com/kps/2014/07"><Wrappings>&e;</Wrappings></Protector>"""


def test_documents_of_strangers(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    add_useless_backup(export)
    (export / "guardian bomb.xml").write_bytes(BOMB + b" " * 2000)
    (export / "guardian deep.xml").write_bytes(
        b'<a xmlns="http://schemas.microsoft.com/kps/2014/07">' + b"<a>" * 200_000
    )
    for number, damaged in enumerate(_damage(write_guardian_metadata(FIRST), 60, "metadata")):
        (export / f"guardian {number}.xml").write_bytes(damaged)
    for number, damaged in enumerate(_damage(FIRST.signing.der, 60, "certificate")):
        (export / f"guardian {number}.cer").write_bytes(damaged)
    with _in_time():
        case = forensics.examine(export)
    problems = {p.source_path: p.kind for p in case.rows("problem")}
    assert problems[f"{export}/guardian bomb.xml"] == "forbidden_xml"
    assert f"{export}/guardian deep.xml" in problems
    assert not {"unexpected", "internal_error"} & {*problems.values()}
    sound = [r for r in case.rows("guardian") if "/Guardian backup/" in r.source_path]
    assert len(sound) == 5


def test_an_external_entity_in_a_key_protector_is_not_followed() -> None:
    source, rows = _collected({"a.vmcx": VirtualMachine("APP01", APP, protector=FAR).vmcx()})
    (vm,) = _vms(rows)
    assert (vm.key_protector, vm.starts_here) == ("damaged", "unknown")
    # The document is cut out from its root on: no DTD comes with it, and the entity is one that nobody defined.
    assert _kinds(source) == {"bad_xml"}


def test_a_node_that_is_above_itself() -> None:
    image = build_image(machine().values())
    for path in ("configuration", "configuration/properties"):
        at = image.keys[path]
        table, offset = 1, at - image.tables[1]
        # The parent of each node becomes the node itself.
        image.data[at + 6 : at + 8] = table.to_bytes(2, "little")
        image.data[at + 8 : at + 12] = offset.to_bytes(4, "little")
        length = 21 + len(path.rpartition("/")[2]) + 1 + 12
        image.stamp_key(path, length)
    with _in_time():
        source, rows = _collected({f"{APP}.vmcx": bytes(image.data)})
    (vm,) = _vms(rows)
    assert vm.outcome == "unreadable"
    assert vm.starts_here == "unknown"
    assert "cycle" in _kinds(source)


# --- too much


def test_a_key_protector_of_thousands_of_guardians() -> None:
    many = write_key_protector(FIRST, [SECOND] * 300)
    with _in_time():
        source, rows = _collected({"a.vmcx": VirtualMachine("APP01", APP, protector=many).vmcx()})
    assert _kinds(source) == {"too_many"}
    assert _vms(rows)[0].needs[:2] == [FIRST.encryption.thumbprint, FIRST.signing.thumbprint]
    assert "names more guardians than are read" in (_vms(rows)[0].key_protector_doubt or "")
    huge = many * 4
    source, rows = _collected({"a.vmcx": VirtualMachine("APP01", APP, protector=huge).vmcx()})
    assert _kinds(source) == {"too_large"}
    assert (_vms(rows)[0].key_protector, _vms(rows)[0].starts_here) == ("damaged", "unknown")


def test_a_configuration_with_hundreds_of_key_protectors() -> None:
    one = write_key_protector(SECOND)
    further = {f"configuration/_0_/{number}": one for number in range(400)}
    vm = VirtualMachine("APP01", APP, protector=write_key_protector(FIRST), further=further)
    with _in_time():
        source, rows = _collected({"a.vmcx": vm.vmcx()})
    assert _kinds(source) == {"too_many"}
    # That of the value whose name says so counts.
    assert _vms(rows)[0].needs == [FIRST.encryption.thumbprint, FIRST.signing.thumbprint]


@pytest.mark.parametrize("folder", ["Virtual Machines", "Snapshots"])
def test_ten_thousand_configurations(folder: str) -> None:
    data = machine().vmcx()
    files: dict[str, bytes | None] = {f"{folder}/{uuid.UUID(int=n)}.vmcx": data for n in range(10_000)}
    with _in_time():
        source, rows = _collected(files)
    assert len(_vms(rows)) == 1000
    assert _kinds(source) == {"too_many"}


def test_checkpoints_do_not_crowd_out_machines() -> None:
    data = machine().vmcx()
    files: dict[str, bytes | None] = {f"A/Snapshots/{uuid.UUID(int=n)}.vmcx": data for n in range(1_500)}
    files["B/below/Virtual Machines/sound.vmcx"] = OTHER_VM.vmcx()
    source, rows = _collected(files)
    assert [vm.name for vm in _vms(rows) if not vm.is_checkpoint] == ["SOUND01"]
    assert _kinds(source) == {"too_many"}


def test_fifty_thousand_folders_and_links_in_circles(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    for number in range(20_000):
        (export / f"a{number % 20}" / f"b{number // 20 % 20}" / f"c{number}").mkdir(parents=True)
    os.symlink("..", export / "a1" / "round")
    os.symlink("/", export / "a2" / "everything")
    os.symlink(export / "Virtual Machines" / f"{APP.upper()}.vmcx", export / "a3" / "again.vmcx")
    with _in_time():
        case = forensics.examine(export)
    (vm,) = [row for row in case.rows("vm") if row.outcome == "present"]
    assert vm.needs == [FIRST.encryption.thumbprint, FIRST.signing.thumbprint]
    assert "too_many" in {p.kind for p in case.rows("problem")}
    files: dict[str, bytes | None] = {f"{n % 50}/{n % 2500 // 50}/{n}/": None for n in range(50_000)}
    with _in_time():
        source, rows = _collected({**files, "vm/a.vmcx": machine().vmcx()})
    assert len(_vms(rows)) == 1
    assert _kinds(source) == {"too_many"}


@pytest.mark.parametrize("drive", ["C", "D"])
def test_a_list_of_sixty_thousand_machines(drive: str) -> None:
    listed = {str(uuid.UUID(int=n)): f"{drive}:\\VMs\\{n}\\{uuid.UUID(int=n)}.vmcx" for n in range(60_000)}
    with _in_time():
        source, rows = _collected({INVENTORY: inventory(listed)}, is_host=True)
    assert len(_vms(rows)) == 2000
    assert {vm.outcome for vm in _vms(rows)} == {"absent" if drive == "C" else "not_examined"}
    assert _kinds(source) == {"too_many"}


PATHS: dict[str, str] = {
    "C:\\..\\..\\Windows\\System32\\config\\SAM": "not_examined",
    "C:\\Windows\\System32": "absent",
    "C:\\": "not_examined",
    "": "not_examined",
    "\\\\server\\share\\x.vmcx": "not_examined",
    "\\\\?\\C:\\VMs\\x.vmcx": "absent",
    "C:\\ClusterStorage\\Volume1\\VMs\\x.vmcx": "not_examined",
    "c:/VMs/x.vmcx": "absent",
    "nul\0\x1b[31m": "not_examined",
    "\u202eC:\\VMs\\x.vmcx": "not_examined",
}


def test_odd_paths_in_the_list() -> None:
    listed = {str(uuid.UUID(int=n)): path for n, path in enumerate(PATHS)}
    files: dict[str, bytes | None] = {INVENTORY: inventory(listed), "Windows/System32/config/SAM": b"x"}
    source, rows = _collected(files, is_host=True)
    found = {vm.vm_id: vm.outcome for vm in _vms(rows)}
    assert found == {str(uuid.UUID(int=n)): outcome for n, outcome in enumerate(PATHS.values())}
    assert source.problems == []


def test_a_damaged_list_leaves_what_was_found() -> None:
    files: dict[str, bytes | None] = {
        INVENTORY: inventory({APP: "C:\\VMs\\x.vmcx"})[:9000],
        f"VMs/{APP}.vmcx": machine().vmcx(),
    }
    source, rows = _collected(files, is_host=True)
    (vm,) = _vms(rows)
    assert (vm.outcome, vm.registered) == ("present", None)
    assert {p.source_path for p in source.problems} == {INVENTORY}


# --- what cannot be read


def test_a_configuration_that_cannot_be_opened_is_not_absent() -> None:
    path = f"VMs/{APP}.vmcx"
    tree = MemoryTree(
        {
            "Windows/System32/x": b"",
            INVENTORY: inventory({APP: f"C:\\VMs\\{APP}.vmcx"}),
            path: machine().vmcx(),
        },
        unreadable=[path],
    )
    source = Source("memory")
    source.searched.append(SearchedTree(tree, "memory", "", ("Windows",)))
    (vm,) = _vms(judge_hyperv(collect_hyperv(source), []))
    assert (vm.outcome, vm.starts_here, vm.source_path) == ("unreadable", "unknown", path)
    assert [(p.source_path, p.kind) for p in source.problems] == [(path, "unreadable")]


def test_hundreds_of_folders_that_cannot_be_listed() -> None:
    files: dict[str, bytes | None] = {f"{n}/x": b"" for n in range(1000)}
    files["1001/a.vmcx"] = machine().vmcx()
    source = Source("memory")
    tree = MemoryTree(files, complete=False, unreadable=[str(n) for n in range(1000)])
    source.searched.append(SearchedTree(tree, None, "memory"))
    assert len(_vms(judge_hyperv(collect_hyperv(source), []))) == 1
    assert len(source.problems) == 101
    assert source.problems[-1].message == "more than 100 folders could not be listed"


def _in_part(source: Source) -> list[tuple[str, str, str | None]]:
    return [(row.area, row.name, row.detail) for row in source.coverage if row.outcome == "partial"]


@pytest.mark.parametrize(
    ("bound", "value", "message"),
    [
        (
            "vm_files._MAX_FOLDERS",
            2,
            "too many folders or files: the search for virtual machines ended early, and only what a host's list names "
            "was looked up beyond that",
        ),
        (
            "vm_files._MAX_DEPTH",
            1,
            "too many folders or files: the search for virtual machines ended early, and only what a host's list names "
            "was looked up beyond that",
        ),
        ("vm_files.MAX_FILES", 2, "only the first 2 files of kind documents are taken"),
    ],
)
def test_a_search_that_ended_early_saw_a_part(
    bound: str, value: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes | None] = {"a.vmcx": machine().vmcx(), "1/1/1/": None, "2/": None}
    files |= {f"{number}.xml": b"<x/>" for number in range(3)}
    source, _ = _collected(files)
    assert (_kinds(source), _in_part(source)) == (set(), [])
    monkeypatch.setattr(f"forensics.sources.{bound}", value)
    if bound.endswith("MAX_FILES"):
        monkeypatch.setattr("forensics.collectors.hyperv.place_reader.MAX_FILES", value)
    source, _ = _collected(files)
    assert [(p.source_path, p.kind, p.message) for p in source.problems] == [("memory", "too_many", message)]
    assert _in_part(source) == [("folder", "virtual machines", message)]


def test_virtual_machines_and_guardians_that_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, bytes | None] = {f"{uuid.UUID(int=n)}.vmcx": machine().vmcx() for n in range(2)}
    files |= {f"{number}.xml": bytes(2000) for number in range(2)}
    monkeypatch.setattr("forensics.collectors.hyperv.place_reader.MAX_VMS", 1)
    monkeypatch.setattr("forensics.collectors.hyperv.guardian_files.MAX_GUARDIAN_FILES", 1)
    source, _ = _collected(files)
    assert [(p.source_path, p.kind, p.message) for p in source.problems] == [
        ("memory", "too_many", "only 1 of 2 configurations of virtual machines are read"),
        ("memory", "too_many", "only 1 of 2 files that may hold a guardian are read"),
    ]
    assert _in_part(source) == [
        ("folder", "virtual machines", "only 1 of 2 configurations of virtual machines are read")
    ]


def test_disks_and_settings_of_a_virtual_machine_that_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.formats.hyperv.vm_configuration._MAX_SETTINGS", 0)
    source, rows = _collected({"a.vmcx": machine().vmcx()})
    (row,) = _vms(rows)
    assert row.security_settings == []
    (message,) = [p.message for p in source.problems if p.kind == "too_many"]
    assert re.fullmatch(r"only the first 0 of \d+ security settings are kept", message)


# --- what others pay


def _counted(tree: MemoryTree) -> list[str]:
    """Listings of a tree from now on."""
    asked: list[str] = []
    listed: Callable[[Any], Any] = tree.entries

    def entries(folder: Any) -> Any:
        asked.append(folder if isinstance(folder, str) else folder.path)
        return listed(folder)

    tree.entries = entries  # type: ignore[method-assign]
    return asked


def test_a_disk_that_is_no_host_is_not_searched() -> None:
    """One look for the folder of Hyper-V; an empty one makes no host either, nor is the data volume searched."""
    hyper_v = INVENTORY.rpartition("/")[0]
    files: dict[str, bytes | None] = {f"Users/{n}/x.txt": b"" for n in range(100)}
    trees = [MemoryTree({"Windows/System32/x": b"", f"{hyper_v}/": None, **files}), MemoryTree({"VMs/a.vmcx": b""})]
    asked = [_counted(tree) for tree in trees]
    source = Source("memory")
    source.searched.append(SearchedTree(trees[0], "memory", "", ("Windows",)))
    source.searched.append(SearchedTree(trees[1], "memory", "partition 2"))
    assert collect_hyperv(source) == []
    # No listing of the data volume but the one that looks for a host's folder, which it does not have.
    assert asked == [[hyper_v], [hyper_v]]
    assert trees[1].opened == []


def test_a_host_with_two_hundred_thousand_files() -> None:
    files: dict[str, bytes | None] = {
        f"Data/{n % 1000}/{n % 20_000 // 1000}/{n}.{'xml' if n % 2 else 'txt'}": b"<x/>" * 300 for n in range(200_000)
    }
    files |= {
        INVENTORY: inventory({APP: f"C:\\ProgramData\\far\\away\\{APP}.vmcx"}),
        f"ProgramData/far/away/{APP}.vmcx": machine().vmcx(),
    }
    with _in_time():
        source, rows = _collected(files, is_host=True)
    (vm,) = _vms(rows)
    assert (vm.outcome, vm.registered) == ("present", True)
    assert [r for r in rows if isinstance(r, GuardianRow)] == []
    assert _kinds(source) == {"too_many"}
