"""A BitLocker recovery key on its way into the command: by a file or standard input, checked, and never shown."""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.case_tables import CaseTables
from forensics.cli.main import cli
from testdata.builder.bitlocker import RECOVERY_KEY, encrypt
from tests.disk.ntfs_fixture import PACKED
from tests.hand_made import case
from tests.paths import PROJECT

WRONG = "-".join(["000011"] * 8)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bitlocker") / "disk"
    path.write_bytes(encrypt(lzma.decompress(PACKED.read_bytes())))
    return path


def told_nothing_but_whether_it_opens(key: str, is_right: bool, code: int, stdout: str, stderr: str) -> None:
    assert ("not opened by the recovery password" in stderr) != is_right, stderr
    assert code == (1 if is_right else 3)
    assert "shell's history" not in stderr
    assert key not in stdout + stderr


@pytest.mark.parametrize(("key", "is_right"), [(WRONG, False), (RECOVERY_KEY, True)], ids=["wrong", "right"])
def test_it_comes_from_a_file_without_a_warning(key: str, is_right: bool, disk: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{key}\r\nsecond line")
    result = run("examine", disk, "--recovery-key-file", tmp_path / "key")
    told_nothing_but_whether_it_opens(key, is_right, result.exit_code, result.stdout, result.stderr)


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="standard input has no name here")
@pytest.mark.parametrize(("key", "is_right"), [(WRONG, False), (RECOVERY_KEY, True)], ids=["wrong", "right"])
def test_it_comes_from_standard_input_without_a_warning(key: str, is_right: bool, disk: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "forensics", "examine", str(disk), "--recovery-key-file", "-"],
        input=f"{key}\r\nsecond line",
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        check=False,
        text=True,
    )
    told_nothing_but_whether_it_opens(key, is_right, result.returncode, result.stdout, result.stderr)


def test_on_the_command_line_it_works_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forensics, "examine", lambda *sources, **options: case())
    result = run("examine", "d", "--recovery-key", WRONG)
    assert result.exit_code == 1
    assert "keymortem: a recovery key on the command line is seen by everybody who lists the processes" in result.stderr
    assert "give it with --recovery-key-file FILE, or - for standard input" in result.stderr
    assert WRONG not in result.output


def test_mistyped_it_is_wrong_usage_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(forensics, "examine", lambda *sources, **options: pytest.fail("was opened"))
    mistyped = WRONG.replace("000011", "000012", 1)
    (tmp_path / "key").write_text(mistyped)
    for option, value in (("--recovery-key", mistyped), ("--recovery-key-file", tmp_path / "key")):
        result = run("examine", "d", option, value)
        assert result.exit_code == 2
        assert f"Invalid value for '{option}': the BitLocker recovery password is mistyped in group 1" in result.stderr
        assert "000012" not in result.output


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="standard input is read as it comes here")
def test_a_password_of_standard_input_is_read_for_every_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[bytes] = []

    def examined(*sources: str, **options: Any) -> CaseTables:
        read.append(options["password_file"].read_bytes())
        return case()

    monkeypatch.setattr(forensics, "examine", examined)
    words = ["compare", "before", "after", "--bitlocker-password-file", "-"]
    assert CliRunner().invoke(cli, words, input="secret\n").exit_code == 0
    assert read == [b"secret\n", b"secret\n"]
    assert CliRunner().invoke(cli, words, input="x" * (2 << 20)).exit_code == 2


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="standard input has no name here")
def test_there_is_one_recovery_key_and_one_secret_of_standard_input(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(WRONG)
    both = run("examine", "d", "--recovery-key", WRONG, "--recovery-key-file", tmp_path / "key")
    assert (both.exit_code, "are the same: give one of them" in both.stderr) == (2, True)
    twice = CliRunner().invoke(cli, ["examine", "d", "--password", "anna:-", "--bek", "-"], input="secret")
    assert (twice.exit_code, "standard input can be read once" in twice.stderr) == (2, True)
