"""How files are written: whole or not at all, an older one replaced only when asked, and never through a link."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics import rendering
from forensics.cli.main import cli
from forensics.disk.evidence_files import (
    EvidenceFiles,
    EvidenceTargetError,
    note_evidence,
    open_evidence,
    open_given,
    recording,
)
from forensics.outputs import new_file, new_files
from tests.hand_made import case

NOTHING = EvidenceFiles()
FORMATS = {
    "text": "out.txt",
    "html": "out.html",
    "json": "out.json",
    "records": "out.rec.gz",
    "ics": "out.ics",
    "prom": "out.prom",
}
FOLDERS = {"csv": "machine.csv", "parquet": "source.parquet"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "cases").mkdir()
    case().save(tmp_path / "cases" / "saved.sqlite")
    return tmp_path / "cases" / "saved.sqlite"


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_replaced_only_when_that_is_asked_for(form: str, saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / FORMATS[form]
    target.parent.mkdir()
    target.write_bytes(b"older")
    refused = run("examine", saved, "--format", form, "-o", target)
    assert refused.exit_code == 2
    assert f"{target} exists; choose another place, or add --overwrite to have it replaced" in refused.stderr
    with pytest.raises(FileExistsError, match="overwrite was not asked for"):
        forensics.write(case(), form, target)
    assert target.read_bytes() == b"older"
    assert run("examine", saved, "--format", form, "-o", target, "--overwrite").exit_code == 1
    assert target.read_bytes() != b"older"
    forensics.write(case(), form, target, overwrite=True)
    assert names(target.parent) == {FORMATS[form]}


@pytest.mark.parametrize("form", FOLDERS)
def test_a_table_file_of_a_folder_is_replaced_only_when_that_is_asked_for(
    form: str, saved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / FOLDERS[form]).write_bytes(b"older")
    (folder / f"notes.{form}").write_bytes(b"no table")
    refused = run("examine", saved, "--format", form, "-o", folder)
    assert refused.exit_code == 2
    assert f"{folder / FOLDERS[form]} exists; choose another place, or add --overwrite" in refused.stderr
    with pytest.raises(FileExistsError, match="overwrite was not asked for"):
        forensics.write(case(), form, folder)
    assert names(folder) == {FOLDERS[form], f"notes.{form}"}
    assert (folder / FOLDERS[form]).read_bytes() == b"older"
    assert run("examine", saved, "--format", form, "-o", folder, "--overwrite").exit_code == 1
    assert (folder / FOLDERS[form]).read_bytes() != b"older"
    assert (folder / f"notes.{form}").read_bytes() == b"no table"
    assert not [name for name in names(folder) if name.startswith(".")]


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("kind", ["symbolic", "hard", "leading nowhere"])
def test_nothing_is_written_through_a_link(form: str, kind: str, saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    target = tmp_path / "tables" / "machine.csv" if form == "csv" else tmp_path / "tables"
    target.parent.mkdir(exist_ok=True)
    if kind != "leading nowhere":
        other.write_bytes(b"another file")
    target.hardlink_to(other) if kind == "hard" else target.symlink_to(other)
    command: list[str | Path] = ["examine", saved, "--format", form, "-o", tmp_path / "tables"]
    assert run(*command).exit_code == 2
    assert run(*command, "--overwrite").exit_code == 1
    assert target.is_file()
    assert not target.is_symlink()
    assert other.read_bytes() == b"another file" if kind != "leading nowhere" else not other.exists()


@pytest.mark.parametrize(
    ("command", "sources"),
    [("compare", 2), ("migrate", 1), ("attest", 2)],
)
def test_the_other_commands_refuse_too(command: str, sources: int, saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "answer"
    target.write_bytes(b"older")
    words: dict[str, list[str | Path]] = {
        "compare": [saved, saved],
        "migrate": ["--from", saved, "--to", saved],
        "attest": ["--ca", saved, "--device", saved],
    }
    refused = run(command, *words[command], "-o", target)
    assert refused.exit_code == 2
    assert f"{target} exists; choose another place, or add --overwrite to have it replaced" in refused.stderr
    evidence = run(command, *words[command], "-o", saved, "--overwrite")
    assert evidence.exit_code == 2
    assert f"{saved} is, or lies in, the source {saved}; evidence is never written" in evidence.stderr
    assert target.read_bytes() == b"older"


def test_results_of_every_kind_know_the_evidence_of_their_cases(saved: Path) -> None:
    whole = forensics.open_case(saved)
    results: list[forensics.Result] = [
        forensics.compare(whole, case()),
        forensics.compare(case(), whole),
        forensics.explain(whole, "dead.contoso"),
        forensics.explain_symptom(whole, "0x80090016"),
        forensics.plan_migration(None, whole),
    ]
    for result in results:
        with pytest.raises(EvidenceTargetError, match="is, or lies in, the source"):
            forensics.write(result, "text", saved, overwrite=True)


def test_case_file_and_report_cannot_be_one_file_of_a_folder(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    command: list[str | Path] = ["examine", saved, "--format", "csv", "-o", tmp_path / "tables", "--case"]
    assert "-o and --case name the same file" in run(*command, tmp_path / "tables" / "machine.csv").stderr
    assert run(*command, tmp_path / "tables" / "case.sqlite").exit_code == 1


def fail_while_writing(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("form", [*FORMATS, *FOLDERS])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_failure_leaves_what_was_there_and_nothing_else(
    form: str, is_there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "new" if form in FOLDERS else tmp_path / FORMATS[form]
    older = target / FOLDERS[form] if form in FOLDERS else target
    if is_there:
        older.parent.mkdir(exist_ok=True)
        older.write_bytes(b"older")

    def half_of_it(_case: object, place: Path) -> None:
        (place / FOLDERS[form] if form in FOLDERS else place).write_bytes(b"half of i")
        fail_while_writing()

    monkeypatch.setitem(rendering._FILES, form, half_of_it)
    with pytest.raises(OSError, match="No space left"):
        forensics.write(case(), form, target, overwrite=True)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == ({older} if is_there else set())
    assert names(tmp_path) == ({str(p.relative_to(tmp_path)) for p in {target, older}} if is_there else set())
    if is_there:
        assert older.read_bytes() == b"older"


def test_a_failing_case_file_leaves_the_older_one(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    content = saved.read_bytes()
    monkeypatch.setattr("forensics.tables.database._write", fail_while_writing)
    with pytest.raises(forensics.CaseFileError, match=r"saved.sqlite cannot be written: No space left on device"):
        case().save(saved, overwrite=True)
    assert saved.read_bytes() == content
    assert names(saved.parent) == {"saved.sqlite"}


def test_whoever_is_faster_keeps_the_file(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "x", NOTHING) as place:
            place.write_bytes(b"mine")
            (tmp_path / "x").write_bytes(b"another's")

    with pytest.raises(FileExistsError):
        write()
    assert (tmp_path / "x").read_bytes() == b"another's"
    assert names(tmp_path) == {"x"}


def test_what_becomes_evidence_meanwhile_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"evidence")
    evidence = EvidenceFiles()

    def write() -> None:
        with new_files(tmp_path, evidence, overwrite=True) as place:
            for name in ("a.csv", "b.csv"):
                (place / name).write_bytes(b"mine")
            with recording(evidence):
                note_evidence(tmp_path / "b.csv")

    with pytest.raises(EvidenceTargetError):
        write()
    assert names(tmp_path) == {"b.csv"}
    assert (tmp_path / "b.csv").read_bytes() == b"evidence"


def test_permissions_are_those_of_the_file_that_was_replaced(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "old").chmod(0o640)
    for name in ("old", "new"):
        with new_file(tmp_path / name, NOTHING, overwrite=True) as place:
            place.write_bytes(b"x")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_no_target(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(OSError, match="it is no file"), new_file(tmp_path / "x", NOTHING, overwrite=True):
        pytest.fail("was begun")


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev")
def test_devices_are_never_replaced(saved: Path) -> None:
    for device in ("/dev/null", "/dev/stdout", "/dev/fd/1"):
        result = run("examine", saved, "-o", device, "--overwrite")
        assert (result.exit_code, "it is no file" in result.stderr) == (2, True)
    assert Path("/dev/null").is_char_device()


def test_evidence_is_known_by_inode_folder_and_name(tmp_path: Path) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "extent").write_bytes(b"x")
    (tmp_path / "free").write_bytes(b"x")
    evidence = EvidenceFiles([tmp_path / "folder", tmp_path / "lost.vhdx", "no\0name"])
    with recording(evidence):
        note_evidence(tmp_path / "extent")
        note_evidence(tmp_path / "absent")
    (tmp_path / "moved").hardlink_to(tmp_path / "extent")
    for name in ("folder", "folder/below/new", "link/new", "folder/below/../../folder/x", "lost.vhdx", "moved"):
        with pytest.raises(EvidenceTargetError, match="evidence is never written"):
            evidence.refuse(tmp_path / name)
    for name in ("free", "absent", "folder2", "folder/../new"):
        evidence.refuse(tmp_path / name)


def test_nothing_waits_for_a_pipe_and_no_link_is_followed_unasked(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="neither a file nor a disk"):
        open_evidence(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_evidence(tmp_path / "link") as file:
        assert file.read() == b"x"
    with pytest.raises(OSError, match="symbolic links"):
        open_evidence(tmp_path / "link", follow_symlinks=False)


def test_a_key_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"key",))
    writer.start()
    with open_given(tmp_path / "pipe") as file:
        assert file.read() == b"key"
    writer.join()


def test_a_new_rule_is_written_through_no_link_and_leaves_no_half(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        forensics.new_rule(tmp_path / "mine")
    assert names(tmp_path) == {"mine.yaml"}
    original = Path.open

    def full(self: Path, *arguments: Any, **named: Any) -> Any:
        if ".ja" in self.name:
            fail_while_writing()
        return original(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        forensics.new_rule(tmp_path / "other")
    assert names(tmp_path) == {"mine.yaml"}
