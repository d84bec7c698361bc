"""``keymortem fleet``: what it says, and the code with which it ends."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from forensics.cli.main import cli
from forensics.engine.run import RunResult
from forensics.fleet import stored
from forensics.fleet.cluster import SchedulerLostError
from forensics.fleet.cluster import client_of as real_client_of
from forensics.tables.record import ProblemRow
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")
other_reader("distributed", "distributed")


@pytest.fixture
def disk(tmp_path: Path, small_disks: list[Path]) -> Path:
    folder = tmp_path / "disks"
    folder.mkdir()
    return Path(shutil.copyfile(small_disks[0], folder / "disk.qcow2"))


def run(*words: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["fleet", *map(str, words)], input=stdin, prog_name="keymortem")


@pytest.mark.usefixtures("apart")
def test_sources_of_a_list(disk: Path, worked: list[str], tmp_path: Path) -> None:
    result = run(
        "run", "--from", "-", "-o", tmp_path / "fleet", "--as-of", "2026-11-22", stdin=f"# of today\n\n{disk}\r\n"
    )
    assert (result.exit_code, result.stderr) == (1, "")
    assert f"{tmp_path / 'fleet'}: no run is going on\nas of 2026-11-22 00:00:00 UTC, " in result.stdout
    assert "\n1 input: 1 examined\n1 machine, 1 finding\n" in result.stdout
    assert worked == ["disk.qcow2"]
    status = run("status", tmp_path / "fleet", "--format", "json")
    told = json.loads(status.stdout)
    assert (status.exit_code, told["inputs"], told["states"]["examined"], told["failures"]) == (1, 1, 1, [])
    assert told["across_out_of_date"]


def test_all_examined_and_nothing_found(disk: Path, worked: list[str], tmp_path: Path) -> None:
    # The one finding is information: that nothing uses a certificate.
    assert run("run", disk, "-o", tmp_path / "fleet", "--as-of", "2024-06-01").exit_code == 0
    status = run("status", tmp_path / "fleet")
    assert (status.exit_code, status.stderr) == (0, "")


@pytest.mark.usefixtures("apart")
def test_nothing_could_be_examined(tmp_path: Path, worked: list[str]) -> None:
    result = run("run", tmp_path / "gone.vhdx", "-o", tmp_path / "fleet")
    assert result.exit_code == 3
    assert "1 failed (source): it does not exist: check its name; such as " in result.stdout
    assert run("status", tmp_path / "fleet").exit_code == 1
    assert run("retry", tmp_path / "fleet").exit_code == 3
    assert worked == ["gone.vhdx", "gone.vhdx"]


def test_a_stopped_rule_heads_all_and_is_3(
    disk: Path, worked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ProblemRow(machine_id=0, source_path="rules/a/slow.yaml", kind="rule_stopped", message="the rule slow ...")
    monkeypatch.setattr("forensics.fleet.across.ask_across", lambda dataset, folders: RunResult(problems=[row]))
    result = run("run", disk, "-o", tmp_path / "fleet")
    first = "Rules that were not asked to their end, so what they would have found is not known: slow (across machines)"
    assert (result.exit_code, result.stdout.splitlines()[0]) == (3, first)
    assert run("status", tmp_path / "fleet").exit_code == 3


@pytest.mark.usefixtures("apart")
def test_wrong_usage(disk: Path, worked: list[str], tmp_path: Path) -> None:
    result = run("run", "-o", tmp_path / "fleet")
    assert (result.exit_code, "name a SOURCE, or a LIST of them with --from" in result.stderr) == (2, True)
    result = run("run", disk.parent, "-o", disk.parent / "fleet")
    assert (result.exit_code, "evidence is never written" in result.stderr) == (2, True)
    result = run("status", disk.parent)
    assert (result.exit_code, "is no dataset of keymortem fleet run" in result.stderr) == (2, True)
    result = run("run", "https://user:hush@contoso.test/a", "-o", tmp_path / "fleet")
    assert (result.exit_code, "hush" in result.output) == (2, False)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "bad.yaml").write_text("format: 1\n")
    assert run("run", disk, "-o", tmp_path / "fleet", "--rules", rules).exit_code == 4
    assert worked == []


@pytest.mark.usefixtures("apart")
def test_a_scheduler_that_is_lost_is_3_and_nothing_is_lost_with_it(
    disk: Path, worked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*given: object) -> None:
        raise SchedulerLostError("the scheduler is gone")

    with monkeypatch.context() as patched:
        patched.setattr("forensics.fleet.run.give_out", lost)
        result = run("run", disk, "-o", tmp_path / "fleet")
    told = "keymortem: the scheduler is gone; what was done is kept, run again for the others\n"
    assert (result.exit_code, result.stderr) == (3, told)
    assert run("run", disk, "-o", tmp_path / "fleet").exit_code == 1


@pytest.mark.usefixtures("apart")
def test_an_address_where_no_scheduler_is(
    disk: Path, worked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.fleet.run.client_of", real_client_of)
    result = run("run", disk, "-o", tmp_path / "fleet", "--scheduler", "nowhere://here")
    assert result.exit_code == 3
    assert result.stderr.startswith("keymortem: no scheduler of dask answers at nowhere://here: ")


def test_without_its_packages_it_says_what_to_install(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    result = run("run", disk, "-o", tmp_path / "fleet")
    assert result.exit_code == 2
    assert "fleets need the Python package duckdb: pip install 'keymortem[fleet]'" in result.stderr


@pytest.mark.usefixtures("apart")
def test_a_dataset_that_cannot_be_written_is_5(
    disk: Path, worked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("forensics.fleet.run.give_out", full)
    result = run("run", disk, "-o", tmp_path / "fleet")
    told = "keymortem: the dataset cannot be written: No space left on device; what was done is kept\n"
    assert (result.exit_code, result.stderr) == (5, told)


@pytest.mark.usefixtures("apart", "worked")
def test_a_name_that_is_no_utf_8_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "disks").mkdir()
    (tmp_path / "disks" / os.fsdecode(b"t\xff.vhdx")).write_bytes(b"vhdxfile" + bytes(100))
    assert run("run", tmp_path / "disks", "-o", tmp_path / "fleet").exit_code == 3
    before = json.loads(run("status", tmp_path / "fleet", "--format", "json").stdout)
    assert run("retry", tmp_path / "fleet").exit_code == 3
    after = json.loads(run("status", tmp_path / "fleet", "--format", "json").stdout)
    assert (before["inputs"], after["inputs"]) == (1, 1)
    assert after["failures"] == before["failures"]
    assert "does not exist" not in str(after["failures"])


@pytest.mark.usefixtures("apart", "worked")
def test_a_status_that_meets_a_folding_is_asked_again(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run", disk, "-o", tmp_path / "fleet", "--as-of", "2026-11-22")
    whole = run("status", tmp_path / "fleet", "--format", "json").stdout
    failing = [FileNotFoundError("folded"), FileNotFoundError("folded")]

    def connect(*given: Any, **named: Any) -> Any:
        if failing:
            with stored.reading(given[0]):
                raise failing.pop()
        return stored.connect(*given, **named)

    monkeypatch.setattr("forensics.fleet.status.connect", connect)
    assert run("status", tmp_path / "fleet", "--format", "json").stdout == whole
    failing += [FileNotFoundError("gone")] * 6
    told = run("status", tmp_path / "fleet")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "was written while it was read; open it again when no run is going on" in told.stderr
