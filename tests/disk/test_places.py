"""Paths of this machine and URLs told apart, and what the paths of this machine cost no one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forensics.disk.places import is_url, not_listed, place_of
from forensics.sources.listed_files import listed_files
from tests.paths import PROJECT


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/disk.vhdx", True),
        ("HTTPS://host/disk", True),
        ("C:\\disks\\disk.vhdx", False),
        ("C://disks/disk.vhdx", False),
        ("\\\\server\\share\\disk.vhdx", False),
        ("/evidence/s3://odd", False),
        ("disk.vhdx", False),
    ],
)
def test_urls_are_told_from_paths(place: str, expected: bool) -> None:
    assert is_url(place) is expected


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert place_of(str(tmp_path)) == tmp_path
    assert not_listed(tmp_path / "disk.vhdx") is None


def test_what_lies_here_is_examined_without_what_reads_from_servers() -> None:
    code = (
        "import sys, forensics; forensics.examine('testdata/images/no-security.vhdx.xz'); "
        "print([m for m in sys.modules if m.split('.')[0] in ('fsspec', 'aiohttp', 'asyncio') "
        "or m.startswith('forensics.disk.remote.') and m != 'forensics.disk.remote.errors'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_pattern_means_files_of_this_machine_too(tmp_path: Path) -> None:
    for name in ("a/one.vhdx", "a/b/two.vhdx", "c/three.vhd", "c/four.vhdx"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    (tmp_path / "c" / "loop").symlink_to(tmp_path)

    def named(pattern: str) -> list[str]:
        return sorted(path.relative_to(tmp_path).as_posix() for path in listed_files(tmp_path / pattern).files)

    assert named("") == ["a/b/two.vhdx", "a/one.vhdx", "c/four.vhdx", "c/three.vhd"]
    assert named("*/*.vhdx") == ["a/one.vhdx", "c/four.vhdx"]
    assert named("**/*.vhdx") == ["a/b/two.vhdx", "a/one.vhdx", "c/four.vhdx"]
    assert named("a/**") == ["a/b/two.vhdx", "a/one.vhdx"]
    assert named("c/three.vhd") == ["c/three.vhd"]
    gone = listed_files(tmp_path / "none" / "*")
    assert gone.files == []
    assert [reason for _, reason in gone.left_out] == ["it cannot be listed: No such file or directory"]


def test_what_is_too_much_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "disk").write_bytes(b"x")
    monkeypatch.setattr("forensics.sources.listed_files.MAX_FOLDERS", 3)
    found = listed_files(tmp_path)
    assert len(found.files) == 2
    assert found.left_out == [(str(tmp_path / "2"), "not listed: only 3 folders and 100000 files are, name it itself")]
