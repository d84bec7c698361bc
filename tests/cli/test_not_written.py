"""What cannot be written ends with exit code 5 and a plain sentence; what stops a run, with the code of its signal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from tests.hand_made import case
from tests.paths import IMAGES, PROJECT

FORMATS = ["text", "html", "json", "ics", "prom", "records", "csv", "parquet", "case"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    case().save(tmp_path / "saved.sqlite")
    return tmp_path / "saved.sqlite"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = shutil.which("mount")
    if not sys.platform.startswith("linux") or os.geteuid() or mount is None:
        pytest.skip("only root mounts file systems")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def words(form: str, target: Path) -> list[str | Path]:
    return ["--case", target] if form == "case" else ["--format", form, "-o", target]


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_told_and_what_was_there_stays(form: str, saved: Path, small: Path) -> None:
    target, is_folder = small / "out", form in forensics.FOLDER_FORMATS
    older = target / f"machine.{form}" if is_folder else target
    older.parent.mkdir(exist_ok=True)
    if form == "case":
        shutil.copy(saved, older)
    else:
        older.write_bytes(b"older")
    content = older.read_bytes()
    with (small / "full").open("wb") as full:
        full.write(bytes(shutil.disk_usage(small).free))
    result = run("examine", saved, *words(form, target), "--overwrite")
    assert result.exit_code == 5, result.output
    sentence = f"keymortem: {target} cannot be written: no space left on the disk; what was there before is as it was"
    assert result.stderr.splitlines()[-1] == sentence
    assert older.read_bytes() == content
    assert {path.name for path in small.rglob("*")} == {"full", "out"} | ({older.name} if is_folder else set())
    (small / "full").unlink()
    assert run("examine", saved, *words(form, target), "--overwrite").exit_code == 1


@pytest.mark.parametrize("form", [*FORMATS, "runbook"])
def test_a_missing_permission_is_told_before_anything_is_examined(
    form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(forensics, "examine", lambda *sources, **options: pytest.fail("was examined"))
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    if os.access(tmp_path / "closed", os.W_OK):  # root may
        original = os.open

        def refused(path: str, flags: int, *more: int, **named: int) -> int:
            if str(path).startswith(str(tmp_path / "closed")):
                raise PermissionError(13, "Permission denied", path)
            return original(path, flags, *more, **named)

        monkeypatch.setattr(os, "open", refused)
    target = tmp_path / "closed" / "out"
    given = ["--runbook", target] if form == "runbook" else words(form, target)
    result = run("examine", "disk.vhdx", *given)
    assert result.exit_code == 5, result.output
    assert (
        result.stderr
        == f"keymortem: {target} cannot be written: Permission denied; what was there before is as it was\n"
    )
    assert list((tmp_path / "closed").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk is always full here")
@pytest.mark.parametrize(
    "command", ["examine SAVED --format json", "rules list", "tables", "--help", "--version", "examine --help"]
)
def test_a_full_standard_output_is_told(command: str, saved: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "forensics", *command.replace("SAVED", str(saved)).split()],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=PROJECT,
            check=False,
        )
    assert result.returncode == 5
    assert result.stderr == b"keymortem: standard output cannot be written: no space left on the disk\n"


def _opened(parent: int) -> Iterator[str]:
    """Yield the names of the files that the children of a process have open."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                yield from [os.readlink(file) for file in (process / "fd").iterdir()]


@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_what_is_stopped_says_so_and_leaves_nothing(
    number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "out.json").write_text("older")
    program = [sys.executable, "-m", "forensics", "examine", str(IMAGES / "mixed.vhdx.xz"), "--overwrite"]
    with subprocess.Popen(
        [*program, "--format", "json", "-o", str(tmp_path / "out.json")],
        stderr=subprocess.PIPE,
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
    ) as running:
        assert running.stderr is not None
        # It has begun to examine when a child of it has a temporary file open, which has a number for a name.
        while running.poll() is None and not any(f"{tmp_path}/temporary/#" in name for name in _opened(running.pid)):
            time.sleep(0.01)
        running.send_signal(number)
        told = running.stderr.read().decode()
    assert (running.returncode, told) == (code, f"keymortem: {said}\n")
    assert (tmp_path / "out.json").read_text() == "older"
    assert {path.name for path in tmp_path.rglob("*")} == {"out.json", "temporary"}
