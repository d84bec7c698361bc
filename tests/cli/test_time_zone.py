"""Texts and pages are written by the clock that is asked for; case files and documents stay UTC."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from tests.paths import IMAGES

IMAGE = IMAGES / "copies-sysprep.vhdx.xz"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="keymortem")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("case") / "case.sqlite"
    result = run("examine", IMAGE, "--as-of", "2026-12-01", "--case", path, "--tz", "Asia/Tokyo", "-v")
    assert result.exit_code == 1
    assert "Sysprep_succeeded.tag: 2026-11-07 14:48:31 JST" in result.stdout
    return path


def test_the_case_file_holds_utc(saved: Path) -> None:
    because = [str(block) for finding in forensics.open_case(saved).finding_list for block in finding.because]
    assert any("2026-11-07 05:48:31 UTC" in text for text in because)
    assert not any("JST" in text for text in because)


def test_texts_and_pages_are_in_the_zone(saved: Path, tmp_path: Path) -> None:
    text = run("examine", saved, "-v", "--tz", "Asia/Tokyo").stdout
    assert " of 2026-11-07 07:30:00 JST)" in text
    assert "UTC" not in text
    page = tmp_path / "page.html"
    assert run("examine", saved, "--format", "html", "-o", page, "--tz", "America/New_York").exit_code == 1
    assert "2026-11-07 00:48:31 EST" in page.read_text(encoding="utf-8")
    assert "Time (America/New_York)" in page.read_text(encoding="utf-8")


def test_days_go_by_the_calendar_of_the_zone(saved: Path) -> None:
    def days(*options: str) -> set[str]:
        return {line[:10] for line in run("expiring", saved, "--within", "1y", *options).stdout.splitlines()}

    assert days() == {"2027-03-04"}
    assert days("--tz", "Pacific/Kiritimati") == {"2027-03-04"}
    assert days("--tz", "Pacific/Honolulu") == {"2027-03-03"}


def test_explain_and_compare_take_it(saved: Path) -> None:
    assert "written 2026-11-07 15:30:02 JST" in run("explain", saved, "mail.contoso", "--tz", "Asia/Tokyo").stdout
    assert run("compare", saved, saved, "--tz", "Asia/Tokyo").exit_code == 0


@pytest.mark.parametrize("form", ["json", "ics", "prom", "csv"])
def test_documents_stay_utc(form: str) -> None:
    result = run("expiring", "lost.vhdx", "--format", form, "--tz", "Asia/Tokyo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--tz is for texts and pages; times in --format {form} are UTC" in result.stderr


def test_a_zone_that_is_not_there_is_wrong_usage() -> None:
    result = run("examine", "lost.vhdx", "--tz", "Tokyo")
    assert result.exit_code == 2
    assert "there is no time zone 'Tokyo'; zones are called as Europe/Berlin or Asia/Tokyo" in result.stderr


def test_json_of_a_case_is_the_same_within_a_zone(saved: Path) -> None:
    case = forensics.open_case(saved)
    plain = forensics.render(case, "json")
    with forensics.times_in("Asia/Tokyo"):
        assert json.loads(forensics.render(case, "json")) == json.loads(plain)
