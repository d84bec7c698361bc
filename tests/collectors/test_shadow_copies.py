"""Shadow copies in rows and coverage: of a volume that Windows made, and where something hides how many there are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from forensics.collectors.shadow_copies import (
    FOLDER,
    collect_shadow_copies,
    known_copies,
    shadow_copies_beside,
)
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Entry, NotObtained, Tree, Unreadable
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from tests.disk.test_ntfs_shadow_copies import CATALOG, ENTRIES, HEADER, NEWER, OLDER, REAL, STORE, changed, present
from tests.memory_tree import MemoryTree
from tests.oracles import needs_shared

assert present
pytestmark = needs_shared(REAL)
NEEDLESS = "shadow copies are searched only for what a broken key lacks"


def installation(tree: Tree, volume: str | None = None, *disk: DiskVolume) -> Installation:
    return Installation(1, "disk.raw", tree, "Windows", "", open_hive, volume=volume, disk_volumes=disk)


def coverage(machine: Installation) -> list[tuple[str, str, str, str | None]]:
    return [(row.source_path, row.name, row.outcome, row.detail) for row in machine.coverage]


def problems(machine: Installation) -> list[tuple[str, str, str]]:
    return [(row.source_path, row.kind, row.message) for row in machine.problems]


def test_each_copy_of_the_volume_has_a_row(present: NtfsTree) -> None:
    machine = installation(present, "partition 3")
    rows = collect_shadow_copies(machine)
    assert [(r.source_path, r.id, r.created, r.volume, r.examined, r.why) for r in rows] == [
        (
            f"{FOLDER}/{{{NEWER}}}{STORE}",
            NEWER,
            datetime(2013, 12, 3, 6, 37, 48, 919058, tzinfo=UTC),
            "partition 3",
            "not_examined",
            NEEDLESS,
        ),
        (
            f"{FOLDER}/{{{OLDER}}}{STORE}",
            OLDER,
            datetime(2013, 12, 3, 6, 35, 9, 736378, tzinfo=UTC),
            "partition 3",
            "not_examined",
            NEEDLESS,
        ),
    ]
    assert coverage(machine) == []
    assert problems(machine) == []


def test_a_volume_that_never_had_one_says_nothing(ntfs_tree: NtfsTree) -> None:
    machine = installation(ntfs_tree)
    assert collect_shadow_copies(machine) == []
    assert coverage(machine) == []


def test_what_is_no_volume_has_none() -> None:
    tree = MemoryTree({f"{FOLDER}/{{{NEWER}}}{STORE}": b""})
    machine = installation(tree)
    assert collect_shadow_copies(machine) == []
    assert coverage(machine) == []


def test_a_copy_has_none_of_its_own(present: NtfsTree) -> None:
    tree = present.shadow_copies()[0].open()
    machine = installation(tree)
    assert collect_shadow_copies(machine) == []
    assert coverage(machine) == []


@pytest.mark.parametrize("patches", [{HEADER: bytes(512)}, {HEADER + 48: bytes(8)}, {CATALOG + 128: bytes(512)}])
def test_stores_that_no_catalog_names_are_told(present: NtfsTree, patches: dict[int, bytes]) -> None:
    tree = changed(present, patches)
    machine = installation(tree)
    assert collect_shadow_copies(machine) == []
    assert coverage(machine) == [
        (
            FOLDER,
            "shadow copies",
            "not_examined",
            f"System Volume Information keeps 2 shadow copies, {OLDER} among them, which the catalog of this volume "
            "does not name: they belong to another volume, or the catalog has lost them",
        )
    ]


def test_one_that_the_catalog_does_not_name_beside_one_that_it_does(present: NtfsTree) -> None:
    tree = changed(present, {ENTRIES["newer"]: b"\1", ENTRIES["newer store"]: b"\1"})
    machine = installation(tree)
    assert [row.id for row in collect_shadow_copies(machine)] == [OLDER]
    assert coverage(machine) == [
        (
            FOLDER,
            "shadow copies",
            "partial",
            f"System Volume Information keeps shadow copy {NEWER}, which the catalog of this volume does not name: it "
            "belongs to another volume, or the catalog has lost it",
        )
    ]


def test_a_catalog_that_is_damaged_is_a_problem(present: NtfsTree) -> None:
    machine = installation(changed(present, {CATALOG + 40: struct.pack("<Q", CATALOG)}))
    assert collect_shadow_copies(machine) == []
    why = f"the catalog of its shadow copies is damaged: its blocks lead in a circle (at byte {CATALOG})"
    assert coverage(machine) == [(FOLDER, "shadow copies", "unreadable", why)]
    assert problems(machine) == [(FOLDER, "unreadable", why)]


def test_a_catalog_that_was_not_got_is_no_damage(present: NtfsTree) -> None:
    machine = installation(changed(present, {}, lost=(CATALOG, CATALOG + 512)))
    assert collect_shadow_copies(machine) == []
    ((_, _, outcome, why),) = coverage(machine)
    assert outcome == "not_examined"
    assert why is not None
    assert why.endswith("a bad sector")
    assert [row.kind for row in machine.problems] == ["not_obtained"]


class DamagedFolder(MemoryTree):
    """A volume without a catalog whose folder of stores is damaged."""

    def __init__(self, reason: str | None, refused: Unreadable | None = None) -> None:
        super().__init__({f"{FOLDER}/tracking.log": b""})
        self.reason, self.refused = reason, refused

    def shadow_copies(self) -> tuple[()]:
        return ()

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        if self.refused is not None:
            raise self.refused
        return super().entries(folder)

    def damage(self, folder: Entry | str) -> str | None:
        return self.reason


@pytest.mark.parametrize(
    "tree", [DamagedFolder("an index node is torn"), DamagedFolder(None, NotObtained("an index node is torn"))]
)
def test_a_damaged_folder_proves_no_absence(tree: DamagedFolder) -> None:
    machine = installation(tree)
    assert collect_shadow_copies(machine) == []
    why = "whether it has any is not known: System Volume Information: an index node is torn"
    assert coverage(machine) == [(FOLDER, "shadow copies", "not_examined", why)]
    assert collect_shadow_copies(installation(DamagedFolder(None))) == []


def test_the_other_volumes_of_a_disk(present: NtfsTree, ntfs_tree: NtfsTree) -> None:
    def refuse() -> Tree:
        raise NotObtained("encrypted")

    unnamed = changed(present, {HEADER: bytes(512)})
    machine = installation(
        ntfs_tree,
        "partition 2",
        DiskVolume("partition 1", not_read="not NTFS"),
        DiskVolume("partition 2", lambda: present),
        DiskVolume("partition 3", lambda: present),
        DiskVolume("partition 4", refuse),
        DiskVolume("partition 5", lambda: unnamed),
    )
    rows = shadow_copies_beside(machine)
    assert [(row.source_path, row.id, row.volume) for row in rows] == [
        (f"partition 3/{FOLDER}/{{{NEWER}}}{STORE}", NEWER, "partition 3"),
        (f"partition 3/{FOLDER}/{{{OLDER}}}{STORE}", OLDER, "partition 3"),
    ]
    assert [(path, outcome) for path, _, outcome, _ in coverage(machine)] == [(f"partition 5/{FOLDER}", "not_examined")]


def test_known_copies_open(present: NtfsTree) -> None:
    opened = [copy.open() for copy in known_copies(present).copies]
    assert [[entry.name for entry in tree.entries("")] for tree in opened] == [
        ["another_file", "syslog.gz", FOLDER],
        ["syslog", FOLDER],
    ]
