"""Several case files in one command, and one that more is added to."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from forensics.joining.turn import turn
from forensics.report.json import document
from tests.examined import examined
from tests.hand_made import case as hand_made
from tests.paths import IMAGES

ONE, TWO = IMAGES / "clone-one.vhdx.xz", IMAGES / "clone-two.vhdx.xz"
AS_OF = ("--as-of", "2026-11-22")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def one(tmp_path: Path) -> Path:
    examined("clone-one").save(tmp_path / "one.sqlite")
    return tmp_path / "one.sqlite"


@pytest.fixture
def two(tmp_path: Path) -> Path:
    examined("clone-two").save(tmp_path / "two.sqlite")
    return tmp_path / "two.sqlite"


def test_case_files_and_disks_are_joined_in_their_order(one: Path, two: Path) -> None:
    for sources, whole in (
        ((one, two), examined("clone-one", "clone-two")),
        ((two, one), examined("clone-two", "clone-one")),
        ((ONE, two), examined("clone-one", "clone-two")),
        ((one, TWO), examined("clone-one", "clone-two")),
    ):
        result = run("examine", *sources, "--format", "json", *AS_OF)
        assert (result.exit_code, result.stderr) == (1, "")
        assert json.loads(result.stdout) == json.loads(forensics.render(whole, "json"))


def test_a_disk_between_case_files(one: Path, two: Path) -> None:
    result = run("examine", one, IMAGES / "mbr.vhdx.xz", two, "--format", "json", *AS_OF)
    names = [row["source"] for row in json.loads(result.stdout)["tables"]["machine"]]
    assert names == [str(ONE), str(IMAGES / "mbr.vhdx.xz"), str(TWO)]


def test_other_commands_join_too(one: Path, two: Path, tmp_path: Path) -> None:
    hand_made().save(tmp_path / "web.sqlite")
    web = tmp_path / "web.sqlite"
    assert "WEB01" in run("expiring", one, web, *AS_OF).stdout
    explained = run("explain", one, web, "AAAAAA", *AS_OF).stdout
    assert explained.startswith("CN=dead.contoso.test\n  on WEB01 in disk.vhdx, store MY")
    unknown = run("explain", one, two, "EEEEEE", *AS_OF)
    assert unknown.exit_code == 2
    assert f"nothing here is called 'EEEEEE'; keymortem examine {one} {two} lists what there is" in unknown.stderr
    target = IMAGES / "hyperv-target.vhdx.xz"
    told = run("migrate", "--to", target, "--vm", one, "--vm", two).stderr
    assert "there is nothing to move in what --vm names" in told


def test_what_is_named_twice_or_cannot_be_read_ends_the_command(one: Path, two: Path, tmp_path: Path) -> None:
    twice = run("examine", one, two, one)
    assert (twice.exit_code, twice.stdout) == (2, "")
    assert f"{one} is named twice" in twice.stderr
    with closing(sqlite3.connect(two)) as database:
        database.execute("PRAGMA user_version = 1")
    foreign = run("examine", one, two)
    assert (foreign.exit_code, foreign.stdout) == (3, "")
    assert "has format 1" in foreign.stderr


def test_a_date_that_differs_is_told(one: Path, tmp_path: Path) -> None:
    forensics.join_cases([examined("clone-two")], as_of=forensics.parse_utc("2027-01-01")).save(
        tmp_path / "later.sqlite"
    )
    result = run("examine", one, tmp_path / "later.sqlite", "--format", "json")
    assert json.loads(result.stdout)["as_of"] == "2027-01-01T00:00:00Z"
    assert f"{ONE}, {TWO}: examined for 2026-11-22; what hangs on the date is reckoned for 2027-01-01." in result.stderr


def test_append_makes_the_file_and_then_adds(tmp_path: Path) -> None:
    path = tmp_path / "all.sqlite"
    made = run("examine", ONE, "--case", path, "--append", *AS_OF)
    assert f"{path} was not there, and is made" in made.stderr
    added = run("examine", TWO, "--case", path, "--append", *AS_OF)
    assert added.stderr == ""
    # Printed is what was examined now.
    assert added.stdout == run("examine", TWO, *AS_OF).stdout
    assert document(forensics.open_case(path)) == document(examined("clone-one", "clone-two"))
    assert [each.name for each in tmp_path.iterdir()] == ["all.sqlite"]
    # What was added to is no evidence, what was added stays such.
    assert "evidence is never written" in run("examine", path, "--case", path, "--append").stderr


def test_twenty_disks_one_by_one_are_twenty_disks(tmp_path: Path) -> None:
    path = tmp_path / "all.sqlite"
    names = ["clone-one", "clone-two", "sample", "expiring"]
    cases = [examined(names[number % len(names)]) for number in range(20)]
    for case in cases:
        forensics.append_to_case_file(case, path)
    joined = document(forensics.open_case(path))
    assert joined["tables"] == document(examined(*names))["tables"]
    assert joined["findings"] == document(examined(*names))["findings"]
    assert len(joined["sources"]) == 2 * len(names)
    assert joined == document(forensics.join_cases(cases))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--append",), "--append adds to a case file: name it with --case"),
        (("--append", "--overwrite", "--case", "c.sqlite"), "and --overwrite replaces it: choose one"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], message: str) -> None:
    result = run("examine", "x.vhdx", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_case_file_is_replaced_only_when_asked_and_that_is_told(one: Path, two: Path) -> None:
    before = two.read_bytes()
    refused = run("examine", one, "--case", two)
    assert refused.exit_code == 2
    assert f"{two} exists; choose another place, or add --overwrite to have it replaced, or --append to add to it" in (
        refused.stderr
    )
    assert two.read_bytes() == before
    replaced = run("examine", one, "--case", two, "--overwrite")
    assert f"{two} was there, and is replaced" in replaced.stderr
    assert len(forensics.open_case(two).sources) == 1


def test_only_to_a_sound_case_file_is_added(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forensics, "examine", lambda *sources, **options: pytest.fail("examined all the same"))
    (tmp_path / "letter.txt").write_text("dear")
    torn = tmp_path / "torn.sqlite"
    torn.write_bytes(one.read_bytes()[:9000])
    for path, message in ((tmp_path / "letter.txt", "is no keymortem case file"), (torn, "is damaged")):
        before = path.read_bytes()
        result = run("examine", "disk.vhdx", "--case", path, "--append")
        assert result.exit_code == 2
        assert message in result.stderr
        assert path.read_bytes() == before


def test_nothing_examined_adds_nothing(one: Path, tmp_path: Path) -> None:
    before = one.read_bytes()
    result = run("examine", tmp_path / "lost.vhdx", "--case", one, "--append")
    assert result.exit_code == 3
    assert f"nothing was examined, and nothing replaced: {one}" in result.stderr
    assert one.read_bytes() == before


def test_what_was_changed_meanwhile_is_left_alone(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from forensics.joining import join

    whole = join._joined

    def slow(*arguments: object) -> forensics.Case:
        forensics.open_case(one)
        examined("sample").save(one.with_name("other"))
        one.with_name("other").replace(one)
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(join, "_joined", slow)
    with pytest.raises(
        forensics.CaseFileError, match="was changed meanwhile, and is left as it is now; append once more"
    ):
        forensics.append_to_case_file(examined("clone-two"), one)
    assert document(forensics.open_case(one)) == document(examined("sample"))


def test_what_was_changed_meanwhile_is_no_wrong_usage(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.case_tables._changed", lambda *_: True)
    before = one.read_bytes()
    result = run("examine", TWO, "--case", one, "--append")
    assert (result.exit_code, one.read_bytes()) == (5, before)
    assert result.stderr == f"keymortem: {one} was changed meanwhile, and is left as it is now; append once more\n"


def test_who_adds_waits_for_another_who_does(one: Path) -> None:
    """What the other one put in the place meanwhile is what is added to."""
    with ThreadPoolExecutor() as threads:
        with turn(one):
            waiting = threads.submit(forensics.append_to_case_file, examined("clone-two"), one)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            examined("sample").save(one, overwrite=True)
        waiting.result(30)
    assert [Path(entry.path).name for entry in forensics.open_case(one).sources] == [
        "sample.vhdx.xz",
        "clone-two.vhdx.xz",
    ]


def test_who_makes_the_file_second_adds_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.sqlite"
    save = forensics.Case.save

    def slow(case: forensics.Case, target: Path, **options: object) -> None:
        monkeypatch.undo()
        save(examined("sample"), path)
        save(case, target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(forensics.Case, "save", slow)
    forensics.append_to_case_file(examined("clone-two"), path)
    assert len(forensics.open_case(path).sources) == 2


def test_a_failure_while_writing_leaves_the_old_file(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = one.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("forensics.case_tables.write_case_file", fail)
    with pytest.raises(forensics.CaseFileError, match="cannot be written: no space left on the disk"):
        forensics.append_to_case_file(examined("clone-two"), one)
    assert one.read_bytes() == before
    assert [each.name for each in one.parent.iterdir()] == ["one.sqlite"]
