"""What a refusal tells to do leads to a disk that is examined, where the program that it names is at hand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from testdata.forms import windows
from testdata.forms.refused import REFUSED
from tests.oracles import tool

Step = Callable[[Path], Path]


def ntfsclone(folder: Path) -> tuple[Path, Step]:
    program, image = tool("ntfsclone", "ntfs-3g"), folder / "c.img"
    (folder / "c.ntfs").write_bytes(windows.volume())
    run(program, "--save-image", "--output", str(image), str(folder / "c.ntfs"))

    def restore(path: Path) -> Path:
        run(program, "-r", "-O", str(folder / "raw"), str(path))
        return folder / "raw"

    return image, restore


def lz4(folder: Path) -> tuple[Path, Step]:
    program, packed = tool("lz4", "lz4"), folder / "disk.raw.lz4"
    (folder / "disk.raw").write_bytes(windows.disk())
    run(program, "-q", "--rm", str(folder / "disk.raw"), str(packed))

    def unpack(path: Path) -> Path:
        run(program, "-q", "-d", str(path), str(folder / "disk.raw"))
        return folder / "disk.raw"

    return packed, unpack


def qed(folder: Path) -> tuple[Path, Step]:
    program, image = tool("qemu-img", "qemu-utils"), folder / "disk.qed"
    (folder / "disk.raw").write_bytes(windows.disk())
    run(program, "convert", "-f", "raw", "-O", "qed", str(folder / "disk.raw"), str(image))

    def convert(path: Path) -> Path:
        run(program, "convert", "-O", "raw", str(path), str(folder / "out.raw"))
        return folder / "out.raw"

    return image, convert


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize(("name", "make"), [("ntfsclone", ntfsclone), ("disk in .lz4", lz4), ("QED", qed)])
def test_the_step_works(tmp_path: Path, name: str, make: Callable[[Path], tuple[Path, Step]]) -> None:
    (refused,) = [each for each in REFUSED if each.name == name]
    path, step = make(tmp_path)
    with pytest.raises(SourceError) as caught:
        forensics.examine(path)
    assert caught.value.message == f"{path} is {refused.says}"
    case = forensics.examine(step(path))
    assert {row.thumbprint: row.verdict for row in case.rows("key_chain")} == {
        row["thumbprint"]: row["verdict"] for row in windows.truth("disk")
    }
