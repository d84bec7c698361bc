"""A base and what builds on it, named as two sources: one machine, of which the base is the older state."""

from __future__ import annotations

import struct
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.sources.named_disks import disks_named, newest_first
from forensics.tables.source import leaves
from testdata.builder.chain_disks import layers, qcow2
from tests.sources.folder_of_everything import disk, hives

NAMES = ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")


def scattered(folder: Path) -> list[Path]:
    """Put each disk of a chain into a folder of its own, where none finds another by itself."""
    return [disk(folder / str(number) / name, name) for number, name in enumerate(NAMES)]


def became(case: forensics.Case) -> dict[str, tuple[int, str | None, str | None]]:
    """Return of each piece of evidence how many machines it gave, of what it is the older state, and its error."""
    return {Path(e.path).name: (len(e.machine_ids), e.older_state_of, e.error) for e in leaves(case.sources)}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_chain_named_disk_by_disk_is_one_machine(tmp_path: Path, order: tuple[int, ...]) -> None:
    paths = scattered(tmp_path)
    case = forensics.examine(*(paths[number] for number in order))
    newest = str(paths[2])
    assert became(case) == {
        "chain.vhdx": (0, newest, None),
        "chain-1.avhdx": (0, newest, None),
        "chain-2.avhdx": (1, None, None),
    }
    assert [e.path for e in case.sources] == [str(paths[number]) for number in order]
    assert [e.kind for e in case.sources if e.machine_ids] == ["disk"]
    assert len(case.rows("machine")) == 1
    assert case.not_examined == []
    told = {c.source_path: c.detail for c in case.rows("coverage") if c.name in NAMES}
    assert told == dict.fromkeys(map(str, paths[:2]), "read as the parent of a differencing disk")


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("folder_holds", ["base", "child"])
def test_one_of_them_in_a_folder_that_is_named(tmp_path: Path, folder_holds: str, swap: bool) -> None:
    base = disk(tmp_path / "0" / NAMES[0], NAMES[0])
    child = disk(tmp_path / "1" / NAMES[1], NAMES[1])
    sources = [base.parent, child] if folder_holds == "base" else [base, child.parent]
    case = forensics.examine(*(reversed(sources) if swap else sources))
    assert became(case) == {"chain.vhdx": (0, str(child), None), "chain-1.avhdx": (1, None, None)}
    assert len(case.rows("machine")) == 1


def test_side_by_side(tmp_path: Path) -> None:
    base, child = (disk(tmp_path / name, name) for name in NAMES[:2])
    case = forensics.examine(base, child)
    assert became(case) == {"chain.vhdx": (0, str(child), None), "chain-1.avhdx": (1, None, None)}
    assert [row for row in case.rows("problem") if row.kind == "older_state"] == []
    folder = forensics.examine(tmp_path)
    assert became(folder) == became(case)


def overlay_of_another_folder(folder: Path, image: Path, encryption: int = 0) -> tuple[Path, Path]:
    raw = image.read_bytes()
    child = qcow2(folder, len(raw), [*layers(raw, 1), {}])
    base, moved = folder / "a" / "disk-0.qcow2", folder / "b" / child.name
    for each in (base, moved):
        each.parent.mkdir()
        (folder / each.name).rename(each)
    name = b"../a/disk-0.qcow2"
    data = bytearray(moved.read_bytes())
    data[3000 : 3000 + len(name)] = name
    struct.pack_into(">QI", data, 8, 3000, len(name))
    struct.pack_into(">I", data, 32, encryption)
    moved.write_bytes(data)
    return base, moved


def test_a_child_that_is_not_read_leaves_the_base_an_older_state(tmp_path: Path, ntfs_image: Path) -> None:
    base, child = overlay_of_another_folder(tmp_path, ntfs_image, encryption=1)
    result = CliRunner().invoke(cli, ["examine", str(base), str(child)])
    told = f"{base} may be an older state: {child}, which could not be read, may build on it"
    assert told in result.stderr
    assert "Examined 1 of 2: not " in result.stderr
    assert result.exit_code == 1, "the volume has a finding of its own"


def test_a_qcow2_whose_base_was_named_too(tmp_path: Path, ntfs_image: Path) -> None:
    base, child = overlay_of_another_folder(tmp_path, ntfs_image)
    case = forensics.examine(base, child, strict=False)
    assert became(case) == {base.name: (0, str(child), None), child.name: (1, None, None)}


def test_disks_that_do_not_build_on_each_other_keep_their_order(tmp_path: Path) -> None:
    one, two = disk(tmp_path / "one.vhdx"), disk(tmp_path / "two.vhdx", "mbr.vhdx")
    case = forensics.examine(two, one)
    assert [(machine.machine_id, machine.source) for machine in case.rows("machine")] == [(1, str(two)), (2, str(one))]


def test_what_is_no_disk_is_asked_nothing(tmp_path: Path) -> None:
    sources = [hives(tmp_path / "hives"), tmp_path / "gone.vhdx", disk(tmp_path / "a.vhdx")]
    assert newest_first(disks_named(sources)) == [0, 1, 2]
    assert disks_named(sources[:1]) == [[]]
