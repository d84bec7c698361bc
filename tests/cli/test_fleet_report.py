"""``keymortem fleet report``: formats, filters, one disk of many, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from tests.fleet.small_fleet import add, made
from tests.fleet.test_fleet_report import one, whole_fleet
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleets") / "fleet"
    whole_fleet(folder)
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["fleet", "report", *map(str, words)])


def test_the_report_is_printed_and_the_code_says_that_a_rule_was_stopped(dataset: Path) -> None:
    result = run(dataset)
    assert result.exit_code == 3
    assert result.stdout.startswith("Fleet fleet, as of 2026-11-22\nRULE STOPPED: ")


def test_rows_are_chosen(dataset: Path) -> None:
    result = run(dataset, "--down", "--format", "json")
    assert [disk["path"] for disk in json.loads(result.stdout)["disks"]] == ["vm/web.vhdx"]
    result = run(dataset, "--ends-before", "2027-03-06", "--machine", "CALM", "--format", "csv")
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("form", ["text", "html", "csv", "json", "xlsx"])
def test_each_format_is_one_file(dataset: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / f"fleet.{form}"
    assert run(dataset, "--format", form, "-o", target).exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    again = run(dataset, "--format", form, "-o", target)
    assert (again.exit_code, "exists; choose another place" in again.stderr) == (2, True)
    assert run(dataset, "--format", form, "-o", target, "--overwrite").exit_code == 3


def test_one_disk_is_told_as_examine_tells_it(dataset: Path, tmp_path: Path) -> None:
    assert "WEB01: Windows Server 2019 Standard build 17763.5" in run(dataset, "--disk", "web.vhdx").stdout
    assert (
        json.loads(run(dataset, "--disk", "vm/web.vhdx", "--format", "json").stdout)["sources"][0]["path"]
        == "vm/web.vhdx"
    )
    run(dataset, "--disk", "web.vhdx", "--format", "csv", "-o", tmp_path / "tables")
    assert (tmp_path / "tables" / "key_chain.csv").is_file()
    lost = run(dataset, "--disk", "lost.vhdx")
    assert (lost.exit_code, "Nothing could be examined." in lost.stdout) == (3, True)


def test_pages_are_written_beside_the_page(dataset: Path, tmp_path: Path) -> None:
    assert run(dataset, "--down", "--format", "html", "-o", tmp_path / "f.html", "--pages").exit_code == 3
    assert len(list((tmp_path / "f-disks").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "ics"], "a fleet has no ics, one disk of it has: name it with --disk"),
        (["--format", "xlsx"], "--format xlsx needs -o FILE"),
        (["--format", "html"], "--format html needs -o FILE"),
        (["--pages"], "--pages needs --format html and -o FILE"),
        (["--disk", "web.vhdx", "--down"], "--disk tells all of one disk; --down is for reports on the fleet"),
        (["--disk", "web.vhdx", "--format", "xlsx", "-o", "x"], "--format xlsx is for reports on the fleet"),
        (["--disk", "nobody"], "there is no such disk in"),
        (["--ends-before", "soon"], "'soon' is no date"),
    ],
)
def test_wrong_usage(dataset: Path, words: list[str], told: str) -> None:
    result = run(dataset, *words)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.exit_code, "is no dataset of keymortem fleet run" in result.stderr) == (2, True)


def test_a_run_that_folds_meanwhile_is_told(tmp_path: Path) -> None:
    whole = made(tmp_path / "fleet")
    add(whole, "a.vhdx", one("a.vhdx", "A"))
    opened = forensics.open_fleet(whole.path)
    [part] = whole.files("summary")
    part.unlink()
    with pytest.raises(forensics.DatasetError, match="was written while it was read; open it again"):
        forensics.fleet_report(opened)


def test_nothing_is_written_into_the_dataset(dataset: Path) -> None:
    before = sorted(dataset.rglob("*"))
    result = run(dataset, "--format", "csv", "-o", dataset / "report.csv")
    assert (result.exit_code, "evidence is never written" in result.stderr) == (2, True)
    assert sorted(dataset.rglob("*")) == before


def test_exit_codes_of_a_fleet_without_fault_and_without_machine(tmp_path: Path) -> None:
    assert run(made(tmp_path / "empty").path).exit_code == 3
    quiet = made(tmp_path / "quiet")
    add(quiet, "a.vhdx", one("a.vhdx", "A"))
    assert run(quiet.path).exit_code == 0
    add(quiet, "b.vhdx", state="failed", error="its header is damaged")
    assert run(quiet.path).exit_code == 1
