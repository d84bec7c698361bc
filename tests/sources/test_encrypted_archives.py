"""A zip with a password is read with it; without it, or with another one, its members are not examined."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.tree import NotObtained
from forensics.disk.unlock import Unlock
from forensics.sources.open import open_source
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from forensics.tables.source import leaves
from testdata.builder.encrypted_zip import Method, encrypted_zip
from tests.oracles import other_reader
from tests.sources.folder_of_everything import disk, files_of

SYSTEM = "Windows/System32/config/SYSTEM"
NOTES = "Windows/System32/config/notes"
HIVE = b"regf" + bytes(4092 + 4096)
UNPACK = "unpack the archive and examine the folder"
MISSING = f"encrypted with a password: give it with --archive-password-file, or {UNPACK}"
OTHER = f"encrypted, and the password of --archive-password-file does not open it: give the right one, or {UNPACK}"
UNSURE = (
    "encrypted, and the password of --archive-password-file is another one, or the archive is damaged there: give the "
    f"right one, or {UNPACK}"
)
METHODS: tuple[Method, ...] = ("zipcrypto", "zipcrypto, checksum behind", "ae-1", "ae-2")


def needs(how: Method) -> None:
    if how.startswith("ae"):
        other_reader("pyzipper", "pyzipper")


def opened(path: Path, password: str | None) -> Source:
    return open_source(path, Unlock(archive_password=password))


@pytest.mark.parametrize("how", METHODS)
def test_a_member_is_read_with_its_password(tmp_path: Path, how: Method) -> None:
    needs(how)
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip({SYSTEM: HIVE, NOTES: b"read me"}, b"secret", how))
    with opened(path, "secret") as source:
        assert source.problems == []
        (machine,) = source.installations
        assert machine.tree.open(SYSTEM).read() == HIVE
        assert machine.tree.open(NOTES).read() == b"read me"


def test_the_archives_are_what_others_take_them_for(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    for how in METHODS:
        needs(how)
        path.write_bytes(encrypted_zip({"a": b"content" * 99}, b"secret", how))
        reader = other_reader("pyzipper", "pyzipper").AESZipFile if how.startswith("ae") else zipfile.ZipFile
        with reader(path) as archive:
            assert archive.read("a", b"secret") == b"content" * 99


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize(("password", "why"), [(None, MISSING), ("wrong", OTHER)])
def test_what_no_password_opens_is_not_examined(tmp_path: Path, how: Method, password: str | None, why: str) -> None:
    needs(how)
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip({SYSTEM: HIVE, NOTES: b"read me"}, b"secret", how))
    with opened(path, password) as source:
        assert [(row.kind, row.message) for row in source.problems] == [("encrypted", f"2 members are {why}")]
        (machine,) = source.installations
        assert machine.read(SYSTEM).outcome == Outcome("not_examined", why)
        assert machine.hive_outcome("SYSTEM") == Outcome("not_examined", why)


@pytest.mark.parametrize("how", METHODS)
def test_a_damaged_member_with_a_password_may_have_another_one(tmp_path: Path, how: Method) -> None:
    needs(how)
    path = tmp_path / "x.zip"
    data = bytearray(encrypted_zip({SYSTEM: HIVE, NOTES: bytes(range(256))}, b"secret", how))
    data[data.index(b"PK\1\2") - 40] ^= 1
    path.write_bytes(data)
    with opened(path, "secret") as source:
        (machine,) = source.installations
        assert machine.tree.open(SYSTEM).read() == HIVE
        with pytest.raises(NotObtained) as error:
            machine.tree.open(NOTES)
        assert str(error.value) == UNSURE


def test_a_wrong_password_that_passes_the_short_check_is_not_damage(tmp_path: Path) -> None:
    """One byte is all that ZipCrypto checks: of a few hundred passwords one passes it."""
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip({SYSTEM: HIVE}, b"secret", "zipcrypto"))
    told = set()
    for number in range(900):
        with opened(path, f"wrong {number}") as source:
            outcome = source.installations[0].read(SYSTEM).outcome
        assert outcome.state == "not_examined"
        told.add(outcome.why)
    assert told == {OTHER, UNSURE}


@pytest.mark.parametrize(
    ("spelled", "password"), [("cp437", "pässwörd"), ("cp1252", "pässwörd"), ("utf-8", "pässwörd"), ("cp932", "パス")]
)
def test_a_password_is_tried_as_programs_of_any_age_spell_it(tmp_path: Path, spelled: str, password: str) -> None:
    path = tmp_path / "x.zip"
    files = {SYSTEM: HIVE, **{f"{NOTES}{number}": b"x" for number in range(9)}}
    path.write_bytes(encrypted_zip(files, password.encode(spelled), "zipcrypto"))
    (tmp_path / "pw.txt").write_text(f"{password}\r\n", encoding="utf-8-sig")
    case = forensics.examine(path, archive_password_file=tmp_path / "pw.txt")
    assert [row for row in case.rows("problem") if row.kind == "encrypted"] == []


def test_what_decrypts_aes_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip({SYSTEM: HIVE}, b"secret", "ae-2"))
    monkeypatch.setitem(sys.modules, "pyzipper.zipfile_aes", None)
    why = f"encrypted with AES, for which pyzipper is missing: pip install 'keymortem[archives]', or {UNPACK}"
    with opened(path, "secret") as source:
        assert [row.message for row in source.problems] == [f"1 member is {why}"]
        assert source.installations[0].read(SYSTEM).outcome == Outcome("not_examined", why)


def test_strong_encryption_is_no_matter_of_the_password(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    data = bytearray(encrypted_zip({SYSTEM: HIVE}, b"secret", "zipcrypto"))
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + at] |= 0x40
    path.write_bytes(data)
    why = f"encrypted as only PKZIP does it, which is not read here: {UNPACK}"
    for password in (None, "secret"):
        with opened(path, password) as source:
            assert [row.message for row in source.problems] == [f"1 member is {why}"]
            assert source.installations[0].read(SYSTEM).outcome == Outcome("not_examined", why)


def test_only_the_members_that_stay_closed_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    files = {SYSTEM: HIVE, NOTES: b"open"}
    path.write_bytes(encrypted_zip(files, b"secret", {SYSTEM: "zipcrypto"}))
    with opened(path, None) as source:
        assert [row.message for row in source.problems] == [f"1 member is {MISSING}"]
        assert source.installations[0].tree.open(NOTES).read() == b"open"


def test_members_that_stay_closed_leave_the_answer_open(tmp_path: Path) -> None:
    """All is well where nothing is found with the password; without it that is not known."""
    files = files_of("healthy")
    path = tmp_path / "x.zip"
    path.write_bytes(
        encrypted_zip(files, b"secret", {name: "zipcrypto" for name in files if name.startswith("Users/")})
    )
    (tmp_path / "right").write_text("secret\n")
    as_of = ["--as-of", "2026-11-22"]
    assert CliRunner().invoke(cli, ["examine", str(path), *as_of]).exit_code == 1
    given = ["--archive-password-file", str(tmp_path / "right"), *as_of]
    assert CliRunner().invoke(cli, ["examine", str(path), *given]).exit_code == 0


def test_a_disk_in_an_encrypted_zip_is_accounted_for(tmp_path: Path) -> None:
    other_reader("pyzipper", "pyzipper")
    image = disk(tmp_path / "sample.vhdx").read_bytes()
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip({"sample.vhdx": image, "notes": b"x"}, b"secret", "ae-2"))
    case = forensics.examine(path, strict=False)
    assert case.is_empty
    assert [(e.path, e.error) for e in leaves(case.sources)] == [(f"{path}/sample.vhdx", MISSING)]
    (tmp_path / "pw.txt").write_bytes(b"secret\n")
    case = forensics.examine(path, archive_password_file=tmp_path / "pw.txt")
    assert [row.computer_name for row in case.rows("machine")] == ["WEB01"]


def test_an_archive_in_an_encrypted_zip_is_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    inner = encrypted_zip(files_of("healthy"), b"", "none")
    path.write_bytes(encrypted_zip({"HOST1.zip": inner}, b"secret", "zipcrypto"))
    case = forensics.examine(path, strict=False)
    assert [(e.path, e.error) for e in leaves(case.sources)] == [(f"{path}/HOST1.zip", MISSING)]


def test_the_option_is_named_and_works(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(encrypted_zip(files_of("healthy"), b"secret", "zipcrypto"))
    (tmp_path / "right").write_text("secret\nsecond line\n")
    (tmp_path / "empty").write_text("\n")
    for arguments, code, told in (
        ([], 3, "--archive-password-file"),
        (["--archive-password-file", str(tmp_path / "empty")], 2, "holds no password: its first line is empty"),
    ):
        result = CliRunner().invoke(cli, ["examine", str(path), *arguments])
        assert (result.exit_code, told in result.output) == (code, True), result.output
    result = CliRunner().invoke(cli, ["examine", str(path), "--archive-password-file", str(tmp_path / "right")])
    assert "WEB01" in result.output
    assert "secret" not in result.output
    assert "secret" not in repr(Unlock(archive_password="secret"))
