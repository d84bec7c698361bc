"""Bytes that could not be got say nothing: such keys are undecided with the reason, never damaged, dead or lost."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import forensics
from forensics.disk.ntfs.stream import VolumeReader
from forensics.sources import archive_tree
from tests.examined import AS_OF
from tests.ntfs_surgery import flag_encrypted, raw_disk, tear_record
from tests.test_less_evidence import CONFIG, _blamed, _chains, _files, _matches, _says_more, collect
from tests.zip_surgery import Damage, encrypt, flip, make_zip, pack_with, spoil

CRYPTO, PROTECT = "/Microsoft/Crypto/", "/Microsoft/Protect/"
PASSWORD = (
    "encrypted with a password: give it with --archive-password-file, or unpack the archive and examine the folder"
)
HOW: dict[str, tuple[Damage, str]] = {
    "bad checksum": (flip, "the archive is damaged there, which says nothing about the file itself: "),
    "Deflate64": (pack_with(9), "packed with Deflate64, which is not unpacked here: unpack the archive and examine"),
    "AES": (
        encrypt,
        PASSWORD,
    ),
    "implode": (pack_with(6), "packed with implode, which is not unpacked here: unpack the archive and examine"),
}
DAMAGED = {"key-blob-damaged", "master-key-damaged", "key-file-missing", "master-key-missing"}


@cache
def contents(name: str) -> dict[str, bytes]:
    return {file.path: file.data for file in _files(name) if file.data is not None}


def zipped(name: str, out: Path, part: str, damage: Damage | None = None) -> forensics.Case:
    """Examine an archive in which the members whose path holds a part cannot be got."""
    path = make_zip(contents(name), out)
    if damage is not None:
        spoil(path, [member for member in contents(name) if part in member and contents(name)[member]], damage)
    return forensics.examine(path, as_of=AS_OF)


def says_no_more(less: forensics.Case, whole: forensics.Case) -> None:
    """Hold that a case with less evidence blames, loses and finds nothing that the other does not."""
    assert _says_more(less, whole) == []
    assert _matches(less) - _matches(whole) == set()
    undecided = {c.thumbprint for c in _chains(less).values() if c.verdict == "unknown"}
    assert not _blamed(less) & undecided
    changes = [key.fate for machine in forensics.compare(whole, less).machines for key in machine.keys]
    assert set(changes) <= {"undecided now"}
    assert changes.count("undecided now") == len(_newly_undecided(less, whole))


def _newly_undecided(less: forensics.Case, whole: forensics.Case) -> list[str]:
    before = {c.source_path.lower(): c.verdict for c in whole.rows("key_chain")}
    now = {c.source_path.lower(): c.verdict for c in less.rows("key_chain")}
    return [path for path, verdict in now.items() if verdict == "unknown" != before.get(path, "unknown")]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["broken-files", "healthy"])
def test_key_files_that_an_archive_does_not_give(name: str, how: str, tmp_path: Path) -> None:
    damage, why = HOW[how]
    whole = zipped(name, tmp_path / "whole.zip", "")
    less = zipped(name, tmp_path / "less.zip", CRYPTO, damage)
    says_no_more(less, whole)
    unread = {row.path: row for row in less.rows("key_file") if row.outcome != "unreadable"}
    assert {row.outcome for row in unread.values()} == {"not_examined"}
    chains = [c for c in less.rows("key_chain") if c.key_file_path in unread]
    assert chains
    assert {c.key_file for c in chains} <= {"not_examined", "other_machine_guid"}
    assert {c.recoverable for c in chains} == {None}
    open_ones = [c for c in chains if c.key_file == "not_examined" and c.broken_at is None]
    assert {c.verdict for c in open_ones} == {"unknown"}
    assert all(c.reason.startswith(f"the key file could not be read: {why}") for c in open_ones)
    assert {p.kind for p in less.rows("problem") if p.source_path in unread} == {"not_obtained"}
    assert not {f.rule for f in less.finding_list if f.verdict == "match"} & DAMAGED - {
        f.rule for f in whole.finding_list if f.verdict == "match"
    }


@pytest.mark.parametrize("how", ["bad checksum", "AES"])
def test_master_keys_that_an_archive_does_not_give(how: str, tmp_path: Path) -> None:
    damage, why = HOW[how]
    whole = zipped("broken-secrets", tmp_path / "whole.zip", "")
    less = zipped("broken-secrets", tmp_path / "less.zip", PROTECT, damage)
    says_no_more(less, whole)
    assert {row.outcome for row in less.rows("master_key")} == {"not_examined", "unreadable"}
    chains = [c for c in less.rows("key_chain") if c.master_key == "not_examined" and c.master_key_guid]
    assert {(c.verdict, c.broken_at, c.recoverable, c.private_key) for c in chains} == {
        ("unknown", None, None, "not_examined")
    }
    assert {c.reason.partition(": ")[2][: len(why)] for c in chains} == {why}
    assert chains[0].reason.startswith(f"master key {chains[0].master_key_guid} could not be read: ")


@pytest.mark.parametrize("hive", ["SYSTEM", "SECURITY"])
def test_a_hive_with_a_password_beside_others(hive: str, tmp_path: Path) -> None:
    whole = zipped("healthy", tmp_path / "whole.zip", "")
    less = zipped("healthy", tmp_path / "less.zip", f"{CONFIG}/{hive}", encrypt)
    says_no_more(less, whole)
    (row,) = [r for r in less.rows("coverage") if (r.area, r.name) == ("hive", hive)]
    why = PASSWORD
    assert (row.outcome, row.detail) == ("not_examined", why)
    computer = [c for c in less.rows("key_chain") if c.store_scope == "machine" and c.provider_kind == "capi"]
    assert {(c.verdict, c.reason) for c in computer} == {("unknown", f"{hive}: {why}")}


def test_loose_hives_of_which_one_has_a_password(tmp_path: Path) -> None:
    hives = {name: contents("healthy")[f"{CONFIG}/{name}"] for name in ("SYSTEM", "SOFTWARE", "SECURITY")}
    path = spoil(make_zip(hives, tmp_path / "hives.zip"), ["SECURITY"], encrypt)
    told = {r.name: r.outcome for r in forensics.examine(path).rows("coverage") if r.area == "hive"}
    assert (told["SYSTEM"], told["SOFTWARE"], told["SECURITY"]) == ("present", "present", "not_examined")


def _forbid(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Let the system refuse files, as it does for everybody but root."""
    allowed = os.open

    def refusing(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if part in str(path).replace(os.sep, "/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return allowed(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)


@pytest.mark.parametrize("part", [CRYPTO, PROTECT, f"{CONFIG}/SECURITY"])
def test_files_that_the_examiner_may_not_read(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = collect("healthy", tmp_path)
    whole = forensics.examine(folder, as_of=AS_OF)
    _forbid(monkeypatch, part)
    less = forensics.examine(folder, as_of=AS_OF)
    says_no_more(less, whole)
    computer = [c for c in less.rows("key_chain") if c.store_scope == "machine" and c.provider_kind == "capi"]
    assert {c.verdict for c in computer} == {"unknown"}
    assert all(c.reason.endswith("Permission denied: run keymortem as a user who may read it") for c in computer)


def test_a_folder_that_the_examiner_may_not_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = collect("healthy", tmp_path)
    whole = forensics.examine(folder, as_of=AS_OF)
    allowed = os.scandir

    def refusing(path: str) -> os._ScandirIterator[str]:
        if str(path).endswith("MachineKeys"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return allowed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    less = forensics.examine(folder, as_of=AS_OF)
    says_no_more(less, whole)
    outcomes = {r.outcome for r in less.rows("coverage") if r.source_path.endswith("RSA/MachineKeys")}
    assert outcomes == {"not_examined"}


class _Full(io.BytesIO):
    """A file in a folder that has no room left."""

    def write(self, data: object, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zipped("healthy", tmp_path / "archive.zip", "")
    monkeypatch.setattr(archive_tree, "IN_MEMORY", 1000)
    monkeypatch.setattr(archive_tree, "temporary", _Full)
    monkeypatch.setattr("forensics.sources.archive_tree.tempfile.gettempdir", lambda: "/full")
    less = forensics.examine(tmp_path / "archive.zip", as_of=AS_OF)
    said = {p.message for p in less.rows("problem") if p.kind == "not_obtained"}
    assert said == {"no room to unpack it in /full: make room there, or set TMPDIR to a folder that has some"}
    assert {r.outcome for r in less.rows("coverage") if r.name in ("SYSTEM", "SOFTWARE")} == {"not_examined"}
    assert not _matches(less) - _matches(whole)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The healthy disk as a raw image."""
    return raw_disk("healthy", tmp_path_factory.mktemp("disk") / "healthy.raw")


def _capi_key(disk: Path) -> tuple[str, int]:
    """Return path and offset on the disk of a key file of the computer that lies outside its file record."""
    data = disk.read_bytes()
    paths = [path for path, content in contents("healthy").items() if "/MachineKeys/" in path and len(content) > 1024]
    at = {path: data.index(contents("healthy")[path][:512]) for path in paths}
    path = max(paths, key=lambda path: at[path])
    return path, at[path]


def _of(case: forensics.Case, path: str) -> tuple[str, str, str | None, bool | None, str]:
    (chain,) = [c for c in case.rows("key_chain") if (c.key_file_path or "").lower() == path.lower()]
    return chain.key_file, chain.verdict, chain.broken_at, chain.recoverable, chain.reason


class _BadSectors(io.RawIOBase):
    """A disk that gives an error where it cannot read, as a damaged chunk of an image does."""

    def __init__(self, disk: object, at: int) -> None:
        self.disk, self.at = disk, at

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self.disk.seek(offset, whence))  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> bytes:
        begin = self.disk.tell()  # type: ignore[attr-defined]
        if begin <= self.at < begin + size:
            raise OSError(errno.EIO, "checksum of chunk 17 is wrong")
        return bytes(self.disk.read(size))  # type: ignore[attr-defined]


def test_a_chunk_of_an_image_that_cannot_be_read(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, at = _capi_key(disk)
    whole = forensics.examine(disk, as_of=AS_OF)
    begin = VolumeReader.__init__

    def reader(self: VolumeReader, stream: object, offset: int = 0, size: int | None = None) -> None:
        begin(self, stream if isinstance(stream, _BadSectors) else _BadSectors(stream, at), offset, size)  # type: ignore[arg-type]

    monkeypatch.setattr(VolumeReader, "__init__", reader)
    less = forensics.examine(disk, as_of=AS_OF)
    says_no_more(less, whole)
    key_file, verdict, broken_at, recoverable, reason = _of(less, path)
    assert (key_file, verdict, broken_at, recoverable) == ("not_examined", "unknown", None, None)
    assert reason.startswith("the key file could not be read: the image cannot be read at byte ")
    assert reason.endswith("checksum of chunk 17 is wrong")
    (told,) = [p for p in less.rows("problem") if p.kind == "not_obtained"]
    assert told.source_path.lower() == path.lower()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (flag_encrypted, "encrypted by EFS: only who holds its key can read it"),
        (tear_record, "file record "),
        (lambda disk, name, at: os.truncate(disk, at), "the image ends before byte "),
    ],
    ids=["EFS", "torn file record", "truncated image"],
)
def test_a_file_that_a_volume_does_not_give(
    damage: Callable[[Path, str, int], None], why: str, disk: Path, tmp_path: Path
) -> None:
    path, at = _capi_key(disk)
    copy = Path(shutil.copy(disk, tmp_path))
    damage(copy, path.rpartition("/")[2], at)
    less = forensics.examine(copy, as_of=AS_OF)
    says_no_more(less, forensics.examine(disk, as_of=AS_OF))
    key_file, verdict, broken_at, recoverable, reason = _of(less, path)
    assert (key_file, verdict, broken_at, recoverable) == ("not_examined", "unknown", None, None)
    assert reason.startswith(f"the key file could not be read: {why}")


def test_a_lost_certificate_file_is_not_gone(tmp_path: Path) -> None:
    part = "/SystemCertificates/My/Certificates/"
    whole = zipped("healthy", tmp_path / "whole.zip", "")
    less = zipped("healthy", tmp_path / "less.zip", part, flip)
    lost = [path.rpartition("/")[2] for path in contents("healthy") if part in path]
    assert lost
    assert {r.outcome for r in less.rows("coverage") if r.name in lost} == {"not_examined"}
    assert [key.fate for machine in forensics.compare(whole, less).machines for key in machine.keys] == []


def test_the_head_does_not_call_undecided_keys_well(tmp_path: Path) -> None:
    less = zipped("healthy", tmp_path / "less.zip", "/MachineKeys/", pack_with(9))
    why = (
        "The commonest reason (7): The key file could not be read: packed with Deflate64, which is not unpacked here: "
        "unpack the archive and examine the folder."
    )
    summary = (
        "Of 21 certificates that have or should have a private key: 0 proved broken, 10 usable, 11 undecided, 7 of "
        "them because evidence was not read, is not whole or does not tell, 0 expired. The next to expire is "
        "CN=WEB01.contoso.test, on 2027-02-01."
    )
    lines = str(forensics.render(less, "text")).splitlines()
    assert lines[3:5] == [summary, why]
    page = str(forensics.render(less, "html"))
    told = "11 undecided, 7 of them because evidence was not read, is not whole or does not tell."
    assert f"known to be broken; {told}" in page
    assert f'<p class="why">{why}</p>' in page


def test_a_hive_of_certificates_that_was_not_got_is_in_the_head(tmp_path: Path) -> None:
    less = zipped("healthy", tmp_path / "less.zip", f"{CONFIG}/SOFTWARE", encrypt)
    lines = str(forensics.render(less, "text")).splitlines()
    assert "5 certificates that have or should have a private key: 0 proved broken, 0 usable, 5 undecided" in lines[3]
    assert lines[5] == (
        "There may be more: the SOFTWARE hive, which holds the computer's certificate stores, was not read: encrypted "
        "with a password: give it with --archive-password-file, or unpack the archive and examine the folder."
    )


def test_a_comparison_says_why_keys_are_undecided_now(tmp_path: Path) -> None:
    whole = zipped("healthy", tmp_path / "whole.zip", "")
    less = zipped("healthy", tmp_path / "less.zip", "/MachineKeys/", pack_with(9))
    text = str(forensics.render(forensics.compare(whole, less), "text"))
    assert "WEB01: no private key is known to have died, 8 undecided now; 0 differences in all." in text
    assert (
        "  the key file could not be read: packed with Deflate64, which is not unpacked here: unpack the archive and "
        "examine the folder:\n  - "
    ) in text
    assert "damaged" not in text
