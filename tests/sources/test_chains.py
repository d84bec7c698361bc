"""One Windows in each form of a chain of snapshots: the same chains of keys as the plain disk, and one machine."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import zipfile
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from forensics.sources.source import Source
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.source import leaves
from testdata.builder.chain_disks import FORMS, PAGE, layers, vmdk, vmdk_name
from tests.disk.test_containers import opened
from tests.paths import IMAGES

pytestmark = pytest.mark.usefixtures("rows_alone")

NAME = "broken-claim.vhdx"


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """Return a disk with Windows, and what is said of its keys."""
    return plain(tmp_path_factory.mktemp("plain"), NAME)


def plain(folder: Path, name: str) -> tuple[bytes, list[str]]:
    path = folder / name
    path.write_bytes(lzma.decompress((IMAGES / f"{name}.xz").read_bytes()))
    with Source(str(path)) as source:
        disk = opened(path, source)
        disk.stream.seek(0)
        raw = disk.stream.read(disk.size)
    return raw, chains(forensics.examine(path), path)


def chains(case: Case, disk: Path) -> list[str]:
    rows = sorted(repr(row) for table in ("key_chain", "machine") for row in case.rows(table))
    return [row.replace(str(disk), "DISK") for row in rows]


def verdicts(case: Case, disk: Path) -> list[tuple[object, ...]]:
    """Return what is said of the keys of one of several disks."""
    numbers = [number for entry in leaves(case.sources) if entry.path == str(disk) for number in entry.machine_ids]
    rows = (row for row in case.rows("key_chain") if isinstance(row, KeyChainRow) and row.machine_id in numbers)
    return sorted((row.subject or "", row.key_file_path or "", row.verdict, row.broken_at or "") for row in rows)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_chains_as_the_plain_disk(tmp_path: Path, windows: tuple[bytes, list[str]], form: str) -> None:
    raw, expected = windows
    assert len(expected) > 5
    newest = FORMS[form](tmp_path, len(raw), layers(raw, 3))
    before = digests(tmp_path)
    case = forensics.examine(newest)
    assert chains(case, newest) == expected
    assert not case.shows_older_state
    folder = forensics.examine(tmp_path)
    assert chains(folder, newest) == expected
    assert folder.not_examined == []
    assert {entry.older_state_of for entry in folder.sources if not entry.machine_ids} == {str(newest)}
    assert digests(tmp_path) == before


def pages(raw: bytes) -> dict[int, bytes]:
    return {at // PAGE: raw[at : at + PAGE] for at in range(0, len(raw), PAGE)}


def digests(folder: Path) -> dict[Path, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_vmx_names_the_disk_of_today_among_all_that_are_there(
    tmp_path: Path, windows: tuple[bytes, list[str]]
) -> None:
    """The .vmx names the last disk, the .vmsd the one that its snapshot froze."""
    raw, expected = windows
    vmdk(tmp_path, len(raw), layers(raw, 2))
    today = tmp_path / vmdk_name(1)
    (tmp_path / "vm.vmx").write_text(f'scsi0:0.fileName = "{today.name}"\nscsi0:0.present = "TRUE"\n')
    (tmp_path / "vm.vmsd").write_text('snapshot.numSnapshots = "1"\nsnapshot0.disk0.fileName = "vm.vmdk"\n')
    case = forensics.examine(tmp_path)
    assert chains(case, today) == expected
    assert not case.shows_older_state


@pytest.mark.parametrize("vmsd", [True, False])
def test_a_machine_that_went_back_to_a_snapshot(tmp_path: Path, windows: tuple[bytes, list[str]], vmsd: bool) -> None:
    """Two disks build on one base: the .vmx says which of them is the machine."""
    before, _ = windows
    (tmp_path / "plain").mkdir()
    after, expected = plain(tmp_path / "plain", "healthy.vhdx")
    shutil.rmtree(tmp_path / "plain")
    assert len(after) == len(before)
    base = {page: content for page, content in pages(before).items() if content != bytes(len(content))}
    changed = {page: content for page, content in pages(after).items() if content != base.get(page, bytes(PAGE))}
    today, left = tmp_path / vmdk_name(2), tmp_path / vmdk_name(1)
    vmdk(tmp_path, len(before), [base, changed])
    left.replace(today)
    vmdk(tmp_path, len(before), [base, {}])
    (tmp_path / "vm.vmx").write_text(f'scsi0:0.fileName = "{today.name}"\nscsi0:0.present = "TRUE"\n')
    if vmsd:
        text = 'snapshot.numSnapshots = "2"\nsnapshot0.disk0.fileName = "vm.vmdk"\n'
        (tmp_path / "vm.vmsd").write_text(f'{text}snapshot1.disk0.fileName = "{left.name}"\n')
    case = forensics.examine(tmp_path, strict=False)
    states = {Path(entry.path).name: entry.older_state_of for entry in leaves(case.sources) if entry.machine_ids}
    assert states == {today.name: None, left.name: str(today)}
    assert chains(forensics.examine(today), today) == expected
    assert [row.message for row in case.rows("problem") if row.kind == "older_state"] == [
        f"{left} is an older state: it was made on the same base as {today}, and vm.vmx says that the machine writes "
        "to that"
    ]


def test_a_missing_base_leaves_nothing_judged_and_is_named(tmp_path: Path, windows: tuple[bytes, list[str]]) -> None:
    raw, _ = windows
    newest = vmdk(tmp_path, len(raw), layers(raw, 3))
    (tmp_path / "vm.vmdk").unlink()
    case = forensics.examine(tmp_path, strict=False)
    assert case.is_empty
    middle = tmp_path / vmdk_name(1)
    why = f"{middle}: this VMDK is a snapshot that holds only changes to 'vm.vmdk', and that is not there"
    assert f"a parent of {newest} cannot be read: {why}: put 'vm.vmdk' beside it" in " ".join(case.not_examined)


def of_windows(folder: Path) -> list[tuple[object, ...]]:
    """Return what is said of the keys of the disk with Windows where it is the only one."""
    path = folder / NAME
    path.write_bytes(lzma.decompress((IMAGES / f"{NAME}.xz").read_bytes()))
    expected = verdicts(forensics.examine(path), path)
    assert len(expected) > 5
    path.unlink()
    return expected


def leftover(folder: Path, raw: bytes) -> tuple[Path, Path]:
    """Lay a machine whose .vmx names its disk, and a snapshot that was left over and builds on that disk."""
    base, other = pages(raw), pages(plain(folder, "healthy.vhdx")[0])
    (folder / "healthy.vhdx").unlink()
    left = vmdk(folder, len(raw), [base, {page: content for page, content in other.items() if content != base[page]}])
    (folder / "vm.vmx").write_text('scsi0:0.fileName = "vm.vmdk"\nscsi0:0.present = "TRUE"\n')
    return folder / "vm.vmdk", left


def test_a_leftover_snapshot_is_not_the_machine(tmp_path: Path, windows: tuple[bytes, list[str]]) -> None:
    """The .vmx names the base as the disk to which the machine writes: what builds on it is of another day."""
    raw, expected = windows[0], of_windows(tmp_path)
    today, left = leftover(tmp_path, raw)
    why = f"{left} is an older state: it builds on {today}, and {tmp_path}/vm.vmx says that the machine writes to that"
    for named in (tmp_path, today):
        case = forensics.examine(named)
        states = {Path(entry.path).name: entry.older_state_of for entry in leaves(case.sources) if entry.machine_ids}
        assert states[today.name] is None
        assert verdicts(case, today) == expected
    case = forensics.examine(left, strict=False)
    assert [row.message for row in case.rows("problem") if row.kind == "older_state"] == [f"{why}; examine {today}"]
    case = forensics.examine(left, today, strict=False)
    assert {entry.path: entry.older_state_of for entry in case.sources} == {str(left): str(today), str(today): None}


def test_a_leftover_snapshot_in_a_zip_is_not_the_machine(tmp_path: Path, windows: tuple[bytes, list[str]]) -> None:
    raw, expected = windows[0], of_windows(tmp_path)
    (tmp_path / "vm").mkdir()
    today, left = leftover(tmp_path / "vm", raw)
    with zipfile.ZipFile(tmp_path / "vm.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (tmp_path / "vm").iterdir():
            archive.write(path, path.name)
    case = forensics.examine(tmp_path / "vm.zip", strict=False)
    assert verdicts(case, tmp_path / "vm.zip" / today.name) == expected
    (entry,) = (each for each in leaves(case.sources) if Path(each.path).name == left.name)
    assert entry.older_state_of == str(tmp_path / "vm.zip" / today.name)


def test_a_leftover_snapshot_that_fits_no_longer_costs_nothing(
    tmp_path: Path, windows: tuple[bytes, list[str]]
) -> None:
    """The machine went on in its base: the CID that the snapshot names is gone."""
    raw, expected = windows[0], of_windows(tmp_path)
    today, left = leftover(tmp_path, raw)
    data = today.read_bytes()
    at = data.index(b"\nCID=") + 5
    today.write_bytes(data[:at] + b"deadbeef" + data[at + 8 :])
    for named in (tmp_path, today):
        case = forensics.examine(named, strict=False)
        assert verdicts(case, today) == expected
        assert not case.shows_older_state
    assert f"{left}: {today} is not the parent of {left}" in forensics.examine(tmp_path, strict=False).not_examined[1]


def test_the_base_of_a_linked_clone_is_a_machine_too(tmp_path: Path, windows: tuple[bytes, list[str]]) -> None:
    """Each of two machines has its .vmx, and the disk of one builds on that of the other."""
    raw, expected = windows[0], of_windows(tmp_path)
    base, clone = leftover(tmp_path, raw)
    (tmp_path / "clone.vmx").write_text(f'scsi0:0.fileName = "{clone.name}"\nscsi0:0.present = "TRUE"\n')
    case = forensics.examine(tmp_path, strict=False)
    entries = {Path(entry.path).name: entry for entry in leaves(case.sources)}
    assert verdicts(case, base) == expected
    assert [entries[each.name].older_state_of for each in (base, clone)] == [None, None]
