"""A disk that could not be read and may build on another one makes that one a state in doubt, never a quiet machine."""

from __future__ import annotations

import gzip
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.case import Case
from forensics.cli.main import cli
from forensics.disk.errors import SourceError
from forensics.disk.lineage import only_name_of_parent
from forensics.sources.older_states import examined_bases
from forensics.tables.source import SourceEntry
from tests.disk.ntfs_fixture import PACKED
from tests.paths import IMAGES

GUID = "0E6E6B5F-7D33-4F7C-9A43-3D0E5F8F5A11"
LINKAGE = "parent_linkage".encode("utf-16-le")


def content(name: str) -> bytes:
    return lzma.decompress((IMAGES / f"{name}.xz").read_bytes())


def lay(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def entry(case: Case, path: Path) -> SourceEntry:
    return next(each for each in case.sources if each.path == str(path))


def exit_code(folder: Path) -> int:
    return CliRunner().invoke(cli, ["examine", str(folder), "--as-of", "2026-11-22"]).exit_code


def child_whose_parent_is_missing(folder: Path) -> Path:
    return lay(folder / "b" / "chain-2.avhdx", content("chain-2.avhdx"))


def child_with_a_damaged_locator(folder: Path) -> Path:
    data = content("chain-1.avhdx")
    assert LINKAGE in data
    return lay(folder / "chain-1.avhdx", data.replace(LINKAGE, LINKAGE[:-2] + b"X\0"))


def child_cut_while_compressed(folder: Path) -> Path:
    return lay(folder / "chain-1.avhdx.gz", gzip.compress(content("chain-1.avhdx"))[:40])


def empty_child(folder: Path) -> Path:
    return lay(folder / f"chain_{GUID}.avhdx", b"")


def zeroed_child(folder: Path) -> Path:
    return lay(folder / "elsewhere" / f"chain_{GUID}.avhdx", bytes(4 << 20))


def forbidden_child(folder: Path) -> Path:
    path = lay(folder / "chain-1.avhdx", content("chain-1.avhdx"))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    return path


@pytest.mark.parametrize(
    "child",
    [
        child_whose_parent_is_missing,
        child_with_a_damaged_locator,
        child_cut_while_compressed,
        empty_child,
        zeroed_child,
        forbidden_child,
    ],
)
def test_a_child_that_cannot_be_read_leaves_its_base_in_doubt(tmp_path: Path, child: Callable[[Path], Path]) -> None:
    base = lay(tmp_path / "a" / "chain.vhdx", content("chain.vhdx"))
    unread = child(tmp_path)
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 1
    assert entry(case, base).older_state_of == str(unread)
    doubt = f"{base} may be an older state: {unread}, which could not be read, may build on it"
    assert doubt in case.not_examined
    assert [row.message for row in case.rows("problem") if row.kind == "older_state"] == [doubt]
    assert doubt in forensics.render(case)
    assert exit_code(tmp_path) == 3


def test_a_child_cut_behind_its_headers_says_what_it_builds_on(tmp_path: Path) -> None:
    base = lay(tmp_path / "a" / "chain.vhdx", content("chain.vhdx"))
    child = lay(tmp_path / "chain-1.avhdx.gz", gzip.compress(content("chain-1.avhdx"))[:-4000])
    with pytest.raises(SourceError) as refused:
        forensics.examine(tmp_path)
    assert f"older state of {child}, which could not be opened because it ends in the middle" in refused.value.message
    case = forensics.examine(tmp_path, base)
    assert entry(case, base).older_state_of == str(child)


@pytest.mark.parametrize("packed", ["chain.vhdx", "chain-1.avhdx"])
def test_a_base_and_its_child_of_which_one_lies_in_an_archive(tmp_path: Path, packed: str) -> None:
    names = {"chain.vhdx", "chain-1.avhdx"}
    (other,) = names - {packed}
    lay(tmp_path / other, content(other))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(packed, content(packed))
    case = forensics.examine(tmp_path)
    (base,) = [each for each in case.sources if each.path.endswith("/chain.vhdx")]
    assert base.older_state_of is not None
    assert base.older_state_of.endswith("/chain-1.avhdx")
    assert exit_code(tmp_path) == 3


def test_a_disk_of_another_form_is_not_in_doubt() -> None:
    disks = [
        SourceEntry(path, "disk", [number])
        for number, path in enumerate(("a.vmdk", "b.VHDX", "c.vhdx.xz", "d.raw", "e.qcow2", "f.vdi", "g"), 1)
    ]
    disks += [SourceEntry("h.vhdx", "disk"), SourceEntry("i.vhdx", "folder", [8])]
    for child, bases in {
        "x.avhdx": ["b.VHDX", "c.vhdx.xz", "g"],
        "x-000001.vmdk": ["a.vmdk", "g"],
        "x.qcow2": ["d.raw", "e.qcow2", "g"],
        "x": ["a.vmdk", "b.VHDX", "c.vhdx.xz", "d.raw", "e.qcow2", "f.vdi", "g"],
    }.items():
        assert [each.path for each in examined_bases(child, disks)] == bases


def test_an_overlay_that_names_a_base_in_another_folder(tmp_path: Path) -> None:
    """It knows its base by a path of another machine; one file alone bears that name."""
    backing = b"/var/lib/libvirt/images/base.img"
    header = b"QFI\xfb" + (3).to_bytes(4, "big") + (104).to_bytes(8, "big") + len(backing).to_bytes(4, "big")
    header = header.ljust(104, b"\0") + backing
    overlay = lay(tmp_path / "snap" / "over.qcow2", header.ljust(1 << 16, b"\0"))
    base = lay(tmp_path / "images" / "base.img", lzma.decompress(PACKED.read_bytes()))
    case = forensics.examine(tmp_path, strict=False)
    assert case.is_empty
    assert entry(case, base).older_state_of == str(overlay)
    assert str(entry(case, base).error).startswith(f"older state of {overlay}, which could not be opened because ")
    assert only_name_of_parent(overlay) == "base.img"
    twin = lay(tmp_path / "other" / "base.img", base.read_bytes()[:-4096] + b"a copy of another state".ljust(4096))
    case = forensics.examine(tmp_path, strict=False)
    assert not case.is_empty
    assert [entry(case, path).older_state_of for path in (base, twin)] == [str(overlay)] * 2


def test_a_parent_in_another_folder_of_what_was_named_is_found(tmp_path: Path) -> None:
    base = lay(tmp_path / "Virtual Hard Disks" / "chain.vhdx", content("chain.vhdx"))
    first = lay(tmp_path / "AVHD" / "chain-1.avhdx", content("chain-1.avhdx"))
    last = lay(tmp_path / "more" / "chain-2.avhdx", content("chain-2.avhdx"))
    case = forensics.examine(tmp_path)
    assert case.not_examined == []
    assert entry(case, last).machine_ids == [1]
    assert [(entry(case, each).error, entry(case, each).older_state_of) for each in (base, first)] == [
        (None, str(last))
    ] * 2


def test_a_parent_of_a_child_that_failed_is_not_examined(tmp_path: Path) -> None:
    """The child is cut behind its BAT: it opens, and its first blocks cannot be read."""
    base = lay(tmp_path / "chain.vhdx", content("chain.vhdx"))
    child = lay(tmp_path / "chain-1.avhdx", content("chain-1.avhdx"))
    with child.open("r+b") as file:
        for block in range(64):
            file.seek((3 << 20) + 8 * block)
            file.write((1 << 40 | 6).to_bytes(8, "little"))
    case = forensics.examine(tmp_path, strict=False)
    assert case.is_empty
    assert case.not_examined[0] == "Examined 0 of 2: not chain-1.avhdx, chain.vhdx."
    assert entry(case, base).older_state_of == str(child)
    assert str(entry(case, base).error).startswith(f"older state of {child}, which could not be opened because ")
