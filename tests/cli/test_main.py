"""The command line: exit codes, streams, and words for every way to get it wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.case import open_case
from forensics.case_tables import CaseTables
from forensics.cli.main import cli
from forensics.tables.source import SourceEntry
from tests.hand_made import ALIVE, AS_OF, DEAD, case, chain, machine, utc
from tests.paths import PROJECT


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A case file to report on, so that no disk is needed."""
    path = tmp_path / "saved.sqlite"
    case().save(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["examine"], "Missing argument 'SOURCE...'"),
        (["autopsy"], "No such command 'autopsy'"),
        (["examine", "x", "--format", "xml"], "'xml' is not one of"),
        (["examine", "x", "--as-of", "soon"], "'soon' is no date; write 2026-11-22 or 2026-11-22T08:00:00Z"),
        (["expiring", "x", "--within", "a while"], "'a while' is no span of time; write 180d, 26w or 1y"),
        (["examine", "x", "--password", "anna"], "write USER:FILE, where the first line of FILE holds the secret"),
        (["examine", "x", "--password", "anna:none"], "none cannot be read (No such file or directory)"),
        (["examine", "x", "--bek", "none.bek"], "File 'none.bek' does not exist"),
        (["examine", "x", "-o", "no/such/folder/out.txt"], "the folder of no/such/folder/out.txt does not exist"),
        (["explain", "x"], "Missing argument 'SUBJECT'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_missing_file_is_exit_code_3(tmp_path: Path) -> None:
    result = run("examine", tmp_path / "lost.vhdx")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"keymortem: {tmp_path}/lost.vhdx does not exist: check its name\n"


@pytest.mark.parametrize("command", [["explain"], ["expiring"]])
def test_missing_file_is_exit_code_3_for_every_command(command: list[str], tmp_path: Path) -> None:
    wanted = [DEAD] if command == ["explain"] else []
    assert run(*command, tmp_path / "lost.vhdx", *wanted).exit_code == 3


def test_file_that_is_no_disk_is_exit_code_3_and_a_document_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a disk")
    result = run("examine", tmp_path / "notes.txt", "--format", "json")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert document["sources"][0]["error"]
    assert [row["source_path"] for row in document["tables"]["problem"]] == [str(tmp_path / "notes.txt")]
    assert document["tables"]["machine"] == []


def test_findings_are_exit_code_1(saved: Path) -> None:
    result = run("examine", saved)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == forensics.render(case(), "screen")


def test_all_of_the_text_is_had_with_v(saved: Path) -> None:
    whole = forensics.render(case(), "text")
    assert run("examine", saved, "-v").stdout == whole
    assert run("examine", saved, "--format", "text").stdout == whole
    assert run("examine", saved, "-v", "--format", "text").stdout == whole
    assert run("examine", saved, "--format", "screen").stdout == forensics.render(case(), "screen")


def test_a_section_and_a_severity_are_chosen(saved: Path, tmp_path: Path) -> None:
    result = run("examine", saved, "--only", "ending")
    assert (result.exit_code, result.stdout) == (1, forensics.render(case(), only="ending"))
    assert run("examine", saved, "--only", "broken", "-o", tmp_path / "part.txt").exit_code == 1
    assert (tmp_path / "part.txt").read_text() == forensics.render(case(), only="broken")
    severe = run("examine", saved, "-v", "--min-severity", "high")
    assert severe.stdout == forensics.render(case(), "text", min_severity="high")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-v", "--format", "json"], "-v is the whole text, and --format json is not: choose one"),
        (["-v", "--format", "screen"], "-v is the whole text, and --format screen is not: choose one"),
        (["--only", "ending", "--format", "json"], "--only and --min-severity are for text, not for --format json"),
        (["--min-severity", "low", "--format", "prom"], "are for text, not for --format prom"),
        (["--only", "all"], "'all' is not one of 'services', 'savable'"),
    ],
)
def test_what_cannot_be_chosen_is_wrong_usage(saved: Path, arguments: list[str], message: str) -> None:
    result = run("examine", saved, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_help_names_every_section() -> None:
    told = run("examine", "--help").stdout.split()
    assert [name for name in forensics.SECTIONS if not {name, f"{name},", f"{name}."} & set(told)] == []


@pytest.mark.parametrize(
    ("variables", "is_styled"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals(
    saved: Path, variables: dict[str, str], is_styled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.cli.output._width", lambda: 80)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["examine", str(saved)], color=True)
    assert result.stdout == forensics.render(case(), "screen", width=80, styled=is_styled)
    assert ("\x1b[1m" in result.stdout) is is_styled


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], 0),
        ([chain()], 0),
        ([chain(verdict="unknown", private_key="sealed_tpm")], 0),
        ([chain(verdict="unusable", broken_at="claim")], 1),
        ([chain(verdict="unusable", broken_at="master_key", thumbprint=None, not_after=None)], 1),
        ([chain(verdict="unusable", broken_at="key_file", thumbprint=None, not_after=None)], 0),
        ([chain(access="too_open")], 1),
        ([chain(access="too_open", verdict="unknown")], 1),
        ([chain(not_after=utc(2026, 11, 21))], 1),
        ([chain(not_after=utc(2026, 11, 23))], 0),
        ([chain(not_after=None)], 0),
    ],
)
def test_exit_code_of_what_was_found(tmp_path: Path, rows: list[Any], code: int) -> None:
    CaseTables([machine(), *rows], [SourceEntry("d", "disk", [1])], AS_OF).save(tmp_path / "c.sqlite")
    assert run("examine", tmp_path / "c.sqlite").exit_code == code


def test_another_date_changes_what_is_expired(tmp_path: Path) -> None:
    CaseTables([machine(), chain()], [SourceEntry("d", "disk", [1])], AS_OF).save(tmp_path / "c.sqlite")
    assert run("examine", tmp_path / "c.sqlite", "--as-of", "2026-12-01").exit_code == 0
    assert run("examine", tmp_path / "c.sqlite", "--as-of", "2026-12-03").exit_code == 1


def test_json_on_stdout(saved: Path) -> None:
    document = json.loads(run("examine", saved, "--format", "json").stdout)
    assert [row["verdict"] for row in document["tables"]["key_chain"]] == ["unusable", "usable", "usable"]


def test_output_file(saved: Path, tmp_path: Path) -> None:
    result = run("examine", saved, "-o", tmp_path / "report.txt")
    assert (result.exit_code, result.output) == (1, "")
    assert (tmp_path / "report.txt").read_text() == forensics.render(case(), "text")


def test_case_file(saved: Path, tmp_path: Path) -> None:
    run("examine", saved, "--case", tmp_path / "again.sqlite")
    assert open_case(tmp_path / "again.sqlite").rows("key_chain") == case().rows("key_chain")


def test_evidence_is_known_under_its_other_names(tmp_path: Path) -> None:
    (tmp_path / "disk.vhdx").write_bytes(b"evidence")
    (tmp_path / "hard").hardlink_to(tmp_path / "disk.vhdx")
    (tmp_path / "soft").symlink_to(tmp_path / "disk.vhdx")
    for name in ("hard", "soft"):
        assert run("examine", tmp_path / "disk.vhdx", "-o", tmp_path / name).exit_code == 2
    assert (tmp_path / "disk.vhdx").read_bytes() == b"evidence"


@pytest.mark.parametrize("option", ["-o", "--case"])
def test_evidence_is_never_written(tmp_path: Path, option: str) -> None:
    disk = tmp_path / "disk.vhdx"
    disk.write_bytes(b"evidence")
    for source, target in ((disk, disk), (tmp_path, tmp_path / "new"), (tmp_path, tmp_path / "sub" / ".." / "new")):
        result = run("examine", source, option, target)
        assert result.exit_code == 2
        assert "evidence is never written, choose another place" in result.stderr
    assert disk.read_bytes() == b"evidence"
    assert list(tmp_path.iterdir()) == [disk]


def test_one_file_cannot_be_report_and_case_file(saved: Path, tmp_path: Path) -> None:
    result = run("examine", saved, "-o", tmp_path / "x", "--case", tmp_path / "x")
    assert result.exit_code == 2
    assert "-o and --case name the same file; choose two" in result.stderr


def test_what_cannot_be_written_is_said_before_the_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(forensics, "examine", lambda *sources, **options: pytest.fail("examined all the same"))
    (tmp_path / "letter.txt").write_text("dear")
    assert run("examine", "disk.vhdx", "--case", tmp_path / "letter.txt").exit_code == 2


def test_case_option_leaves_other_files_alone(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    result = run("examine", saved, "--case", tmp_path / "letter.txt")
    assert result.exit_code == 2
    assert "exists and is no keymortem case file; choose another name" in result.stderr
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_explain(saved: Path) -> None:
    result = run("explain", saved, "AAAAAA")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"CN=dead.contoso.test\n  on WEB01, store MY, thumbprint {DEAD}\n")
    assert run("explain", saved, ALIVE).exit_code == 0


def test_explain_of_an_unknown_thumbprint(saved: Path) -> None:
    result = run("explain", saved, "EEEEEE")
    assert result.exit_code == 2
    assert f"nothing here is called 'EEEEEE'; keymortem examine {saved} lists what there is" in result.stderr


def test_explain_by_a_part_of_the_name(saved: Path) -> None:
    result = run("explain", saved, "DEAD.contoso")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"CN=dead.contoso.test\n  on WEB01, store MY, thumbprint {DEAD}\n")
    assert "\nWhat the rules say of it\n" in result.stdout


def test_explain_lists_what_an_ambiguous_name_may_mean(saved: Path) -> None:
    result = run("explain", saved, ".contoso.test")
    assert result.exit_code == 2
    assert f"CN=dead.contoso.test, {DEAD} (" in result.stdout
    assert f"CN=alive.contoso.test, {ALIVE} (" in result.stdout
    assert "'.contoso.test' is the name of several; write more of one of those above" in result.stderr


def test_expiring(saved: Path) -> None:
    result = run("expiring", saved, "--within", "2w")
    assert result.exit_code == 1
    assert [line[:10] for line in result.stdout.splitlines()] == ["2026-11-21", "2026-12-02"]


def test_nothing_expiring(saved: Path) -> None:
    result = run("expiring", saved, "--within", "1d", "--as-of", "2026-11-01")
    assert result.exit_code == 0
    assert result.stdout == "No certificate with a private key expires within 1 day after 2026-11-01.\n"


def test_tables() -> None:
    plain = run("tables")
    assert plain.exit_code == 0
    assert re.search("  broken_at +text +claim, provider, key_file, public_key", plain.stdout)
    markdown = run("tables", "--markdown").stdout
    assert "## key_chain\n" in markdown
    assert "| `recoverable` | boolean or null | The private key can be had from this disk although" in markdown


def test_version() -> None:
    assert run("--version").output == f"keymortem {forensics.__version__}\n"


@pytest.mark.parametrize("command", [[], *([name] for name in cli.commands)])
def test_every_help_has_an_example(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    keymortem {' '.join(command)}".rstrip() in result.output.replace(
        "  Example:\n  ", "Example:\n  "
    )


def test_unforeseen_failure_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*sources: str, **options: Any) -> CaseTables:
        raise RuntimeError("secret \x1b[31mdetail")

    monkeypatch.setattr(forensics, "examine", fail)
    result = run("examine", "disk.vhdx")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("keymortem: keymortem itself failed (RuntimeError). This is a bug")
    assert "--debug" in result.stderr
    assert "detail" not in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("examine", "disk.vhdx", "--debug").stderr


def test_interrupt_is_not_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*sources: str, **options: Any) -> CaseTables:
        raise KeyboardInterrupt

    monkeypatch.setattr(forensics, "examine", interrupt)
    assert run("examine", "disk.vhdx").exit_code == 130


def test_secrets_are_read_from_files_and_reach_the_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def remember(*sources: str, **options: Any) -> CaseTables:
        seen.update(options)
        return case()

    monkeypatch.setattr(forensics, "examine", remember)
    (tmp_path / "pw").write_bytes("\ufeffgeheim ä \r\nsecond line".encode())
    (tmp_path / "nt").write_text("00112233445566778899aabbccddeeff\n")
    secrets = ["--password", f"CONTOSO\\anna:{tmp_path}/pw", "--nt-hash", f"S-1-5-21-1:{tmp_path}/nt"]
    assert run("examine", "d", *secrets, "--recovery-key", "000011 " * 8).exit_code == 1
    assert seen["passwords"] == {"anna": "geheim ä "}
    assert seen["nt_hashes"] == {"S-1-5-21-1": "00112233445566778899aabbccddeeff"}
    assert seen["recovery_key"] == "-".join(["000011"] * 8)


def test_a_wrong_nt_hash_is_wrong_usage_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "nt").write_text("0011223344")
    result = run("examine", "d", "--nt-hash", f"anna:{tmp_path}/nt")
    assert result.exit_code == 2
    assert "the NT hash of anna is not 32 hexadecimal digits" in result.stderr
    assert "0011223344" not in result.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("secret\n".encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
        ("secret\n".encode("utf-16-le"), "holds characters that nobody can type; save it as UTF-8 text"),
        (b"secret\rsecond", "holds characters that nobody can type"),
        (b"secret" * 1000, "is too long for a password"),
    ],
)
def test_a_users_password_that_nobody_could_type_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "pw").write_bytes(content)
    for option in (("--password", f"anna:{tmp_path}/pw"), ("--password-file", f"{tmp_path}/pw")):
        result = run("examine", "d", *option)
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.split())
        assert "secret\n" not in result.stderr
        assert "secretsecret" not in result.stderr


@pytest.mark.parametrize("option", ["--password", "--nt-hash"])
def test_two_secrets_of_one_user_are_refused_not_one_of_them_forgotten(tmp_path: Path, option: str) -> None:
    (tmp_path / "pw").write_text("geheim")
    result = run("examine", "d", option, f"CONTOSO\\Anna:{tmp_path}/pw", option, f"anna:{tmp_path}/pw")
    assert result.exit_code == 2
    assert "anna is named twice, and only one secret of a user is tried" in " ".join(result.stderr.split())


def test_a_large_file_named_as_a_backup_key_is_not_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "disk.vhdx", "wb") as file:
        file.truncate(1 << 42)
    result = run("examine", "d", "--domain-backup-key", tmp_path / "disk.vhdx")
    assert result.exit_code == 2
    assert "a .pvk file has no more than 16384 bytes" in " ".join(result.stderr.split())


def test_a_file_that_is_no_backup_key_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "k.pvk").write_bytes(bytes(100))
    result = run("examine", "d", "--domain-backup-key", tmp_path / "k.pvk")
    assert result.exit_code == 2
    assert "k.pvk is no domain DPAPI backup key (.pvk): no .pvk magic" in result.stderr


@pytest.mark.parametrize("entry", [["-m", "forensics"], ["-c", "from forensics.cli.main import main; main()"]])
def test_runs_as_a_process(entry: list[str], saved: Path) -> None:
    done = subprocess.run(
        [sys.executable, *entry, "examine", str(saved)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, forensics.render(case(), "screen"), "")


def test_python_looks_for_cycles_late_and_not_at_the_end() -> None:
    told = "print(gc.get_threshold()[0], gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)"
    script = f"import gc\nfrom forensics.cli.main import main\ntry:\n main()\nfinally:\n {told}"
    command = [sys.executable, "-c", script, "tables"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "100000 True True"


def test_a_reader_that_leaves_early_gets_no_complaint(saved: Path) -> None:
    command = f"{sys.executable} -m forensics tables | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("machine: ")


@pytest.mark.parametrize("option", ["--from", "--vm"])
def test_a_host_that_is_not_there_is_no_host_without_virtual_machines(option: str) -> None:
    target = PROJECT / "testdata" / "images" / "hyperv-target.vhdx.xz"
    result = run("migrate", "--to", target, option, "lost.vhdx")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "lost.vhdx does not exist: check its name" in result.stderr
