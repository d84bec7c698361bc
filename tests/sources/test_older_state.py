"""A disk on which another one builds is an older state: that is said, and never ends as if all were well."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from forensics.disk.errors import SourceError
from forensics.sources.open import open_source
from testdata.builder.chain_disks import FORMS, layers
from testdata.builder.vhdx import write_differencing
from tests.disk.ntfs_fixture import PACKED
from tests.disk.test_lineage import VMWARE
from tests.paths import IMAGES

MIB = 1 << 20


def examine(path: Path) -> Result:
    return CliRunner().invoke(cli, ["examine", str(path), "--as-of", "2026-11-22"])


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(lzma.decompress((IMAGES / f"{name}.xz").read_bytes()))
    return path


def test_a_base_beside_its_checkpoints_is_named_as_older(tmp_path: Path) -> None:
    base, first, last = (unpacked(name, tmp_path) for name in ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx"))
    message = f"{base} is an older state: {last} builds on it and is the present one; examine {last}"
    case = forensics.examine(base)
    (entry,) = case.sources
    assert entry.older_state_of == str(last)
    assert entry.machine_ids == [1]
    assert case.shows_older_state
    assert [row.message for row in case.rows("problem") if row.kind == "older_state"] == [message]
    assert examine(base).exit_code == 3
    assert forensics.examine(first).sources[0].older_state_of == str(last)
    assert not forensics.examine(last).shows_older_state


def test_the_exit_code_of_an_older_state_is_never_0(tmp_path: Path) -> None:
    """Without findings 3 instead of 0, with findings 1 as ever."""
    clean = unpacked("chain.vhdx", tmp_path)
    assert examine(clean).exit_code == 0
    write_differencing(clean, [], tmp_path / "chain_0F.avhdx")
    assert examine(clean).exit_code == 3
    (tmp_path / "other").mkdir()
    broken = unpacked("sample.vhdx", tmp_path / "other")
    write_differencing(broken, [], tmp_path / "other" / "sample_0F.avhdx")
    assert examine(broken).exit_code == 1


@pytest.mark.parametrize("form", ["qcow2", "vmdk"])
def test_a_base_named_by_itself_names_its_snapshot(tmp_path: Path, form: str) -> None:
    raw = lzma.decompress(PACKED.read_bytes())
    child = FORMS[form](tmp_path, len(raw), layers(raw, 2))
    (base,) = (path for path in tmp_path.iterdir() if path != child)
    case = forensics.examine(base)
    (entry,) = case.sources
    assert entry.older_state_of == str(child)
    message = f"{base} is an older state: {child} builds on it and is the present one; examine {child}"
    assert [row.message for row in case.rows("problem") if row.kind == "older_state"] == [message]


def test_an_empty_base_says_where_the_machine_is(tmp_path: Path) -> None:
    base, child = tmp_path / "x.vmdk", tmp_path / "x-000001.vmdk"
    text = VMWARE.format(cid="fffffffe", parent="ffffffff", hint="").replace("83886080 VMFSSPARSE", "16384 FLAT")
    base.write_text(text.replace("x-000001-delta", "x-flat"))
    (tmp_path / "x-flat.vmdk").write_bytes(bytes(8 * MIB))
    child.write_text(VMWARE.format(cid="5e1f0a77", parent="fffffffe", hint="x.vmdk"))
    with pytest.raises(SourceError) as caught:
        open_source(base)
    zeros = "so it was never written, was wiped, or nothing was copied into it; examine another copy"
    assert caught.value.message == (
        f"{base} has no partitions: it holds only zeros, {zeros}; {base} is an older state: {child} builds on it and "
        f"is the present one; examine {child}"
    )
    assert examine(base).exit_code == 3
