"""A 7z archive: unpacked once, within bounds; what is damaged or locked in it is not examined."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.disk.unlock import Unlock
from forensics.sources.open import open_source
from forensics.tables.outcome import Outcome
from forensics.tables.source import leaves
from tests.oracles import other_reader
from tests.sources.folder_of_everything import disk, files_of

SYSTEM = "Windows/System32/config/SYSTEM"
SOFTWARE = "Windows/System32/config/SOFTWARE"
HIVE = b"regf" + bytes(4092 + 4096)
LARGE = bytes(range(256)) * 8192 + bytes(3 << 20)
UNPACK = "unpack the archive and examine the folder"
MISSING = f"encrypted with a password: give it with --archive-password-file, or {UNPACK}"
UNSURE = (
    "encrypted, and the password of --archive-password-file is another one, or the archive is damaged there: give the "
    f"right one, or {UNPACK}"
)


def packed(files: Mapping[str, bytes], **options: Any) -> bytes:
    target = io.BytesIO()
    with other_reader("py7zr", "py7zr").SevenZipFile(target, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return target.getvalue()


def write(path: Path, files: Mapping[str, bytes], **options: Any) -> Path:
    path.write_bytes(packed(files, **options))
    return path


def test_its_files_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE, SOFTWARE: LARGE, "Windows/empty": b""})
    lines: list[str] = []
    with open_source(path, progress=lines.append) as source:
        assert (source.kind, source.problems) == ("archive", [])
        tree = source.installations[0].tree
        assert [tree.open(name).read() for name in (SYSTEM, SOFTWARE, "Windows/empty")] == [HIVE, LARGE, b""]
        assert tree.open(SOFTWARE).read() == LARGE
    assert (lines[0], lines[-1]) == (f"unpacking {path}: 0 %", f"unpacking {path}: 100 %")
    assert len(lines) <= 21


def test_what_was_unpacked_is_sparse_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE, "Windows/large": bytes(16 << 20) + b"end"})
    with open_source(path):
        (kept,) = [file for file in temporary.rglob("*") if file.is_file()]
        assert kept.stat().st_size == (16 << 20) + 3
        assert kept.stat().st_blocks * 512 <= 2 << 20
    assert list(temporary.iterdir()) == []


def test_a_disk_in_it_is_moved_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    image = disk(tmp_path / "sample.vhdx").read_bytes()
    path = write(tmp_path / "x.7z", {"VM/sample.vhdx": image, "notes": b"x"})
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with open_source(path) as source:
        assert [(entry.path, len(entry.machine_ids)) for entry in source.found] == [(f"{path}/VM/sample.vhdx", 1)]
        sizes = [file.stat().st_size for file in temporary.rglob("*") if file.is_file()]
        assert sizes == [len(image)]


def test_dfir_orc_is_a_7z_in_a_7z(tmp_path: Path) -> None:
    inner = packed({name.rpartition("/")[2]: data for name, data in files_of("healthy").items() if "/config/" in name})
    path = write(tmp_path / "DFIR-ORC_WEB01.7z", {"SystemHives.7z": inner, "JobStatistics.csv": b"a,b\r\n"})
    case = forensics.examine(path)
    assert [row.computer_name for row in case.rows("machine")] == ["WEB01"]
    assert [(e.path, e.kind, e.error) for e in leaves(case.sources)] == [(f"{path}/SystemHives.7z", "archive", None)]


def test_archives_in_archives_end(tmp_path: Path) -> None:
    data = packed({name: data for name, data in files_of("healthy").items() if "/config/" in name})
    for depth in range(5):
        data = packed({f"{depth}.7z": data})
    path = tmp_path / "x.7z"
    path.write_bytes(data)
    case = forensics.examine(path, strict=False)
    told = "more than 3 archives within archives: unpack it and examine the folder"
    assert [(e.path, e.error) for e in leaves(case.sources)] == [(f"{path}/4.7z/3.7z/2.7z/1.7z", told)]


@pytest.mark.parametrize("names", [True, False])
def test_a_password_opens_it(tmp_path: Path, names: bool) -> None:
    path = write(tmp_path / "x.7z", files_of("healthy"), password="secret", header_encryption=names)
    case = forensics.examine(path, strict=False)
    assert case.is_empty is names
    assert any(MISSING in row.message for row in case.rows("problem") if row.kind == "encrypted")
    (tmp_path / "pw.txt").write_text("secret\n")
    case = forensics.examine(path, archive_password_file=tmp_path / "pw.txt")
    assert [row.computer_name for row in case.rows("machine")] == ["WEB01"]
    assert [row for row in case.rows("problem") if row.kind == "encrypted"] == []


@pytest.mark.parametrize(("password", "why"), [(None, MISSING), ("wrong", UNSURE)])
def test_what_no_password_opens_is_not_examined(tmp_path: Path, password: str | None, why: str) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE, SOFTWARE: HIVE}, password="secret")
    with open_source(path, Unlock(archive_password=password)) as source:
        assert [(row.kind, row.message) for row in source.problems] == [("encrypted", f"2 members are {why}")]
        assert source.installations[0].read(SYSTEM).outcome == Outcome("not_examined", why)


def test_names_that_another_password_hides(tmp_path: Path) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE}, password="secret", header_encryption=True)
    with pytest.raises(SourceError) as error:
        open_source(path, Unlock(archive_password="wrong"))
    assert (error.value.kind, error.value.message) == ("encrypted", f"{path} is {UNSURE}")


def test_a_damaged_member_costs_what_follows_it_alone(tmp_path: Path) -> None:
    """Stored, so that a flipped bit breaks the checksum of one member and nothing else."""
    copy = [{"id": other_reader("py7zr", "py7zr").FILTER_COPY}]
    data = bytearray(packed({SYSTEM: HIVE + b"one", SOFTWARE: HIVE + b"two"}, filters=copy))
    data[data.index(b"one")] ^= 1
    path = tmp_path / "x.7z"
    path.write_bytes(data)
    why = "the archive is damaged there, which says nothing about the file itself: its checksum does not fit"
    with open_source(path) as source:
        told = [(row.kind, row.message) for row in source.problems]
        assert told == [("not_obtained", f"1 member cannot be got: {why}")]
        machine = source.installations[0]
        assert machine.read(SYSTEM).outcome == Outcome("not_examined", why)
        assert machine.tree.open(SOFTWARE).read() == HIVE + b"two"


def test_no_flipped_or_missing_byte_stops_it_or_makes_anything_damaged(tmp_path: Path) -> None:
    whole = packed({SYSTEM: HIVE + b"one", SOFTWARE: HIVE + bytes(range(256))})
    damages: list[Callable[[bytes, int], bytes]] = [
        lambda data, at: data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :],
        lambda data, at: data[:at],
    ]
    path = tmp_path / "x.7z"
    told: set[str] = set()
    for at in range(6, len(whole), 3):
        for damage in damages:
            path.write_bytes(damage(whole, at))
            told.add(_came_of(path))
    assert told <= {"present", "not_examined", "damaged", "nothing_found", "too_large", "encrypted"}
    assert {"not_examined", "damaged"} <= told


def _came_of(path: Path) -> str:
    try:
        with open_source(path) as source:
            return source.installations[0].read(SYSTEM).outcome.state
    except SourceError as error:
        return error.kind


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: bytes(32 << 20)})
    monkeypatch.setattr("forensics.sources.seven_zip_tree.LEAST_LIMIT", 1 << 20)
    with pytest.raises(SourceError) as error:
        open_source(path)
    limit = path.stat().st_size * 2000
    assert error.value.message == (
        f"{path} unpacks to more than {limit} bytes: if it is no trap, unpack it yourself and examine the folder"
    )


def test_a_dictionary_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE})
    monkeypatch.setattr("forensics.sources.seven_zip_tree.MAX_MEMORY", 1 << 20)
    with open_source(path) as source:
        outcome = source.installations[0].read(SYSTEM).outcome
    assert outcome.state == "not_examined"
    assert outcome.why is not None
    assert outcome.why.endswith(f"bytes of memory: {UNPACK}")


def test_a_full_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.7z", {SYSTEM: HIVE})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 512 << 20}))
    with open_source(path) as source:
        outcome = source.installations[0].read(SYSTEM).outcome
    where = tempfile.gettempdir()
    why = f"no room to unpack it in {where}: make room there, or set TMPDIR to a folder that has some"
    assert outcome == Outcome("not_examined", why)


def test_without_py7zr_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(5000))
    monkeypatch.delitem(sys.modules, "forensics.sources.seven_zip_tree", raising=False)
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(SourceError) as error:
        open_source(path)
    assert (error.value.kind, error.value.message) == (
        "unsupported",
        f"{path} is a 7z archive, for which py7zr is missing: pip install 'keymortem[archives]', or unpack it and "
        "examine the folder",
    )
