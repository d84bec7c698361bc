"""``examine --runbook``: a file beside the other outputs, whole or not at all, and never over evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from tests.examined import examined
from tests.runbooks import SCRIPTS


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["examine", *(str(a) for a in arguments)], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    examined("web-server").save(tmp_path / "web.sqlite")
    return tmp_path / "web.sqlite"


def test_it_stands_beside_the_other_outputs(saved: Path, tmp_path: Path) -> None:
    target, page = tmp_path / "fix.ps1", tmp_path / "out.html"
    result = run(saved, "--runbook", target, "--format", "html", "-o", page)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")
    assert target.read_bytes() == (SCRIPTS / "web-server.ps1").read_bytes()
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(saved, "--runbook", tmp_path / "two.ps1").stdout == forensics.render(examined("web-server"), "screen")


def test_an_older_one_is_replaced_only_when_that_is_asked_for(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "fix.ps1"
    target.write_bytes(b"older")
    refused = run(saved, "--runbook", target)
    assert refused.exit_code == 2
    assert f"{target} exists; choose another place, or add --overwrite to have it replaced" in refused.stderr
    assert target.read_bytes() == b"older"
    assert run(saved, "--runbook", target, "--overwrite").exit_code == 1
    assert target.read_bytes() == (SCRIPTS / "web-server.ps1").read_bytes()


def test_evidence_is_never_written(saved: Path, tmp_path: Path) -> None:
    kept = saved.read_bytes()
    for target in (saved, tmp_path / "x" / "fix.ps1"):
        assert run(saved, "--runbook", target, "--overwrite").exit_code == 2
    assert saved.read_bytes() == kept
    with pytest.raises(forensics.EvidenceTargetError):
        forensics.write(forensics.open_case(saved), "runbook", saved, overwrite=True)


@pytest.mark.parametrize("other", ["-o", "--case"])
def test_two_outputs_in_one_file_are_refused(saved: Path, tmp_path: Path, other: str) -> None:
    result = run(saved, "--runbook", tmp_path / "one", other, tmp_path / "one")
    assert result.exit_code == 2
    assert "--runbook names a file that -o or --case names too; choose two" in result.stderr


def test_where_nothing_is_down_none_is_written_and_the_exit_code_stays(tmp_path: Path) -> None:
    examined("healthy").save(tmp_path / "healthy.sqlite")
    target = tmp_path / "fix.ps1"
    alone = run(tmp_path / "healthy.sqlite")
    result = run(tmp_path / "healthy.sqlite", "--runbook", target)
    assert (result.exit_code, result.stdout) == (alone.exit_code, alone.stdout)
    assert result.stderr == "keymortem: no runbook: nothing that a runbook would repair is known to be down\n"
    assert not target.exists()
    target.write_bytes(b"older")
    result = run(tmp_path / "healthy.sqlite", "--runbook", target, "--overwrite")
    assert f"known to be down; {target} is left as it was, and is not about this" in result.stderr
    assert target.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two-windows", "a runbook is for one computer; 2 are in this case: LEFT, RIGHT"),
        ("server-2003", "a runbook needs PowerShell 5.1, which there is none of for this Windows (build 3790)"),
    ],
)
def test_what_cannot_have_one_is_wrong_usage_after_everything_else(name: str, words: str, tmp_path: Path) -> None:
    examined(name).save(tmp_path / "c.sqlite")
    result = run(tmp_path / "c.sqlite", "--runbook", tmp_path / "fix.ps1")
    assert result.exit_code == 2
    assert f"no runbook: {words}" in result.stderr
    assert result.stdout == forensics.render(examined(name), "screen")
    assert not (tmp_path / "fix.ps1").exists()
