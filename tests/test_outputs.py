"""How files are written: whole or not at all, an older one replaced only when asked, and never through a link."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics import outputs
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
from forensics.report.exports import flat
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


@pytest.fixture(params=["without a name", "with one"])
def begun(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have files begun as on Linux, or as where the file system gives none without a name."""
    if request.param == "with one":
        monkeypatch.setattr(outputs, "_without_name", lambda folder, mode: None)
    return str(request.param)


@pytest.mark.usefixtures("begun")
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
    monkeypatch.setattr(outputs._Unborn, "sync", fail_while_writing)
    with pytest.raises(OSError, match="no space left on the disk"):
        forensics.write(case(), form, target, overwrite=True)
    assert names(tmp_path) == ({str(p.relative_to(tmp_path)) for p in {target, older}} if is_there else set())
    if is_there:
        assert older.read_bytes() == b"older"


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("form", [*FORMATS, *FOLDERS])
def test_every_format_is_there_however_its_file_was_begun(form: str, tmp_path: Path) -> None:
    forensics.write(case(), form, tmp_path / "out" if form in FOLDERS else tmp_path / FORMATS[form])
    made = {name: (tmp_path / name).stat().st_size for name in names(tmp_path) if (tmp_path / name).is_file()}
    assert len(made) == (len(flat.TABLES) if form in FOLDERS else 1)
    assert all(made.values())
    assert not any(".keymortem-" in name for name in names(tmp_path))


@pytest.mark.usefixtures("begun")
def test_folders_above_appear_with_the_folder_or_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forensics.write(case(), "csv", tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c" / "machine.csv").is_file()
    monkeypatch.setattr(outputs._Unborn, "_link", fail_while_writing)
    with pytest.raises(OSError, match="no space left on the disk"):
        forensics.write(case(), "csv", tmp_path / "d" / "e")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.usefixtures("begun")
def test_who_makes_the_folder_first_keeps_it(tmp_path: Path) -> None:
    def write(somebody: Callable[[], object]) -> None:
        with new_files(tmp_path / "a" / "b", NOTHING) as file_of:
            file_of("x").write_bytes(b"mine")
            somebody()

    def folder() -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "x").write_bytes(b"another's")

    with pytest.raises(FileExistsError, match=r"a'$"):
        write(lambda: (tmp_path / "a").write_bytes(b"another's"))
    assert names(tmp_path) == {"a"}
    (tmp_path / "a").unlink()
    with pytest.raises(FileExistsError, match=r"x'$"):
        write(folder)
    assert names(tmp_path) == {"a", "a/b", "a/b/x"}
    assert (tmp_path / "a" / "b" / "x").read_bytes() == b"another's"


@pytest.mark.usefixtures("begun")
def test_of_files_that_replace_none_all_take_their_places_or_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    take = outputs._Unborn.take

    def taken(self: Any, target: Path, overwrite: bool) -> None:
        if target.name == "c":
            fail_while_writing()
        take(self, target, overwrite)

    monkeypatch.setattr(outputs._Unborn, "take", taken)

    def write() -> None:
        with new_files(tmp_path, NOTHING) as file_of:
            for name in "abc":
                file_of(name).write_bytes(b"x")

    with pytest.raises(OSError, match="no space left on the disk"):
        write()
    assert names(tmp_path) == set()


@pytest.mark.skipif(os.name == "nt", reason="there what is open cannot be removed")
def test_what_a_dead_run_left_is_removed_and_what_a_living_one_writes_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outputs, "_without_name", lambda folder, mode: None)
    (tmp_path / f".keymortem-{'a' * 16}").write_bytes(b"half of i")
    (tmp_path / f".keymortem-{'b' * 16}").mkdir()
    (tmp_path / f".keymortem-{'b' * 16}" / "machine.csv").write_bytes(b"half of i")
    evidence = EvidenceFiles([tmp_path / f".keymortem-{'e' * 16}"])
    others = {".keymortem-notes", f".keymortem-{'c' * 17}", f".keymortem-{'e' * 16}"}
    for name in others:
        (tmp_path / name).write_bytes(b"a user's, or a source")
    os.mkfifo(tmp_path / f".keymortem-{'d' * 16}")
    others.add(f".keymortem-{'d' * 16}")
    with new_file(tmp_path / "first", evidence) as first:
        first.write_bytes(b"1")
        with new_files(tmp_path / "second", evidence) as second:
            second("x").write_bytes(b"2")
            assert len(names(tmp_path)) == len(others) + 2  # both are begun, and the dead one's are gone
    assert names(tmp_path) == others | {"first", "second", "second/x"}


@pytest.mark.skipif(os.name == "nt", reason="links are another thing there")
def test_a_file_system_without_hard_links_is_written_to_also(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_arguments: object, **_named: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(outputs, "_without_name", lambda folder, mode: None)
    monkeypatch.setattr(os, "link", refused)
    forensics.write(case(), "json", tmp_path / "out.json")
    with pytest.raises(FileExistsError):
        forensics.write(case(), "json", tmp_path / "out.json")
    forensics.write(case(), "json", tmp_path / "out.json", overwrite=True)
    assert names(tmp_path) == {"out.json"}


def test_a_failing_case_file_leaves_the_older_one(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    content = saved.read_bytes()
    monkeypatch.setattr("forensics.tables.database._write", fail_while_writing)
    with pytest.raises(forensics.CaseFileError, match=r"saved.sqlite cannot be written: no space left on the disk"):
        case().save(saved, overwrite=True)
    assert saved.read_bytes() == content
    assert names(saved.parent) == {"saved.sqlite"}


def test_a_full_temporary_folder_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    def fill(database: sqlite3.Connection, content: object) -> None:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("CREATE TABLE a (x)")
        database.execute("INSERT INTO a VALUES (zeroblob(100000))")

    monkeypatch.setattr("forensics.tables.database._write", fill)
    with pytest.raises(forensics.CaseFileError, match=f"no space left in the temporary folder {tempfile.gettempdir()}"):
        case().save(saved, overwrite=True)
    assert names(saved.parent) == {"saved.sqlite"}


@pytest.mark.usefixtures("begun")
def test_whoever_is_faster_keeps_the_file(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "x", NOTHING) as place:
            place.write_bytes(b"mine")
            (tmp_path / "x").write_bytes(b"another's")

    with pytest.raises(FileExistsError):
        write()
    assert (tmp_path / "x").read_bytes() == b"another's"
    assert names(tmp_path) == {"x"}


@pytest.mark.usefixtures("begun")
def test_what_becomes_evidence_meanwhile_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"evidence")
    evidence = EvidenceFiles()

    def write() -> None:
        with new_files(tmp_path, evidence, overwrite=True) as file_of:
            for name in ("a.csv", "b.csv"):
                file_of(name).write_bytes(b"mine")
            with recording(evidence):
                note_evidence(tmp_path / "b.csv")

    with pytest.raises(EvidenceTargetError):
        write()
    assert names(tmp_path) == {"b.csv"}
    assert (tmp_path / "b.csv").read_bytes() == b"evidence"


@pytest.mark.usefixtures("begun")
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
def test_a_folder_that_is_not_there_is_told_by_the_name_that_was_given(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "none" / "out.json"
    with pytest.raises(FileNotFoundError) as before:
        forensics.check_target("json", target)
    with pytest.raises(FileNotFoundError) as caught:
        forensics.write(forensics.open_case(saved), "json", target)
    assert {Path(error.value.filename) for error in (before, caught)} == {target}
    forensics.check_target("csv", tmp_path / "none" / "tables")


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
    original = Path.write_text

    def full(self: Path, text: str, *arguments: Any, **named: Any) -> int:
        if text.startswith("title:"):
            fail_while_writing()
        return original(self, text, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space left on the disk"):
        forensics.new_rule(tmp_path / "other")
    assert names(tmp_path) == {"mine.yaml"}
