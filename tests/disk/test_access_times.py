"""Reading evidence leaves the time of its last access where the system allows that; else it is read all the same."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.evidence_files import open_evidence
from tests.exports import machine, write_export
from tests.paths import IMAGES

LONG_AGO = 1_000_000_000_000_000_000
pytestmark = pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="the system knows no such way of opening")


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Path]:
    """A file system that notes every access."""
    mount = shutil.which("mount")
    if os.geteuid() or mount is None:
        pytest.skip("only root mounts file systems")
    folder = tmp_path / "strict"
    folder.mkdir()
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64m,strictatime", "tmpfs", folder], check=False)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_access_is_noted_of_what_is_examined(strict: Path) -> None:
    shutil.copy(IMAGES / "no-security.vhdx.xz", strict / "disk.vhdx.xz")
    write_export(strict, machine())
    sources = [strict / "disk.vhdx.xz", *strict.rglob("*.vmcx")]
    for path in files(strict):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
    case = forensics.examine(*sources)
    assert len(case.rows("machine")) == 1
    assert case.rows("vm")
    assert CliRunner().invoke(cli, ["examine", str(sources[0])]).exit_code == 3
    assert {path.name: path.stat().st_atime_ns for path in files(strict)} == {p.name: LONG_AGO for p in files(strict)}
    (strict / "disk.vhdx.xz").read_bytes()
    assert (strict / "disk.vhdx.xz").stat().st_atime_ns > LONG_AGO  # it would have been noted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
def test_a_file_of_another_owner_is_read_too(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root becomes another user")
    tmp_path.chmod(0o755)
    (tmp_path / "disk").write_bytes(b"root's")
    (tmp_path / "disk").chmod(0o644)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    child = os.fork()
    if not child:
        try:
            os.fchdir(descriptor)  # the folders above are closed to others
            os.setuid(65534)
            with open_evidence("disk") as file:
                os._exit(0 if file.read() == b"root's" else 1)
        finally:
            os._exit(2)
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_may_not_be_asked_for_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").write_bytes(b"x")
    original, asked = os.open, list[bool]()

    def refusing(path: str, flags: int, *more: int) -> int:
        asked.append(bool(flags & os.O_NOATIME))
        if asked[-1]:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return original(path, flags, *more)

    monkeypatch.setattr(os, "open", refusing)
    with open_evidence(tmp_path / "disk") as file:
        assert file.read() == b"x"
    assert asked == [True, False]
