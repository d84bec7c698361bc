"""One Windows in every form in which collectors store it: the same verdicts, and the same paths in every text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

import forensics
from forensics.disk.links import Link
from forensics.tables.finding import as_text
from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable
from testdata.builder.scenario import Scenario
from testdata.builder.scenarios import SCENARIOS

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
FORMS = (
    "",
    "C",
    "C:",
    "fs/C:",
    "uploads/auto/C%3A",
    "uploads/ntfs/%5C%5C.%5CC%3A",
    "2026-11-29T10:11:12/HOST!1/#2/C",
    # As some programs unpack Velociraptor's names on Linux.
    "uploads/ntfs/\\\\.\\C:",
)
NAMES = ("broken-files", "sysprepped")
CRYPTO = "programdata/microsoft/crypto/"
SOFTWARE = "windows/system32/config/software"
COLUMNS = (
    *("thumbprint", "subject", "store", "container", "provider_kind", "key_file", "public_key", "access", "master_key"),
    *("unlocked_by", "private_key", "verdict", "broken_at", "recoverable", "known_by", "reason"),
)


@cache
def _scenario(name: str) -> Scenario:
    return SCENARIOS[name]()


def files(name: str) -> list[FileSpec]:
    return [f for f in _scenario(name).stages[-1].volumes[0] if f.data is not None]


def write(name: str, folder: Path, drive: str = "", letter: str = "C") -> Path:
    for file in files(name):
        data = file.data or b""
        if letter != "C" and file.path.lower() == SOFTWARE:
            data = data.replace("C:\\".encode("utf-16-le"), f"{letter}:\\".encode("utf-16-le"))
        target = folder / drive / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        os.utime(target, (WRITTEN, WRITTEN))
    return folder


def split(name: str, folder: Path) -> Path:
    """Hives as one accessor reads them, keys as another."""
    for file in files(name):
        raw = "/config/" in file.path.lower()
        target = folder / ("uploads/mft/%5C%5C.%5CC%3A" if raw else "uploads/auto/C%3A") / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data or b"")
        os.utime(target, (WRITTEN, WRITTEN))
    return folder


def chains(case: forensics.Case) -> list[tuple[str, ...]]:
    return sorted(tuple(str(getattr(row, column)) for column in COLUMNS) for row in case.rows("key_chain"))


def texts(case: forensics.Case) -> Iterator[str]:
    """Yield what findings, comparisons and the lines of reports about keys say."""
    for finding in case.finding_list:
        yield "\n".join((finding.title, as_text(finding.because), as_text(finding.remedy)))
        yield from (subject.label for subject in finding.subjects)
    report = forensics.render(case, "text")
    yield from (line for line in report.splitlines() if re.search(r"^ +key file |key found in |: container ", line))


@pytest.fixture(scope="module", params=NAMES)
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, forensics.Case]:
    folder = write(request.param, tmp_path_factory.mktemp("plain"))
    return request.param, forensics.examine(folder, as_of=AS_OF)


@pytest.mark.parametrize("form", [*FORMS[1:], "split"])
def test_each_form_says_the_same(plain: tuple[str, forensics.Case], form: str, tmp_path: Path) -> None:
    name, expected = plain
    folder = split(name, tmp_path) if form == "split" else write(name, tmp_path, form)
    case = forensics.examine(folder, as_of=AS_OF)
    assert [m.drive for m in case.rows("machine")] == ["C:"]
    assert chains(case) == chains(expected)
    told = list(texts(case))
    assert told == list(texts(expected))
    assert any("C:\\ProgramData\\Microsoft\\Crypto" in text for text in told)
    if form != "split":
        # Where something was read stays a path of the source.
        assert {row.source_path.startswith(form.replace("\\", "%5C")) for row in case.rows("key_file")} == {True}


def test_a_windows_on_another_drive_is_told_on_that_drive(plain: tuple[str, forensics.Case], tmp_path: Path) -> None:
    name, expected = plain
    case = forensics.examine(write(name, tmp_path, "D", letter="D"), as_of=AS_OF)
    assert [m.drive for m in case.rows("machine")] == ["D:"]
    assert list(texts(case)) == [_on_d(text) for text in texts(expected)]


def _on_d(text: str) -> str:
    """Return a text as it is told of drive D; the folders that a command makes are on C wherever Windows lies."""
    return text.replace("C:\\", "D:\\").replace("D:\\keymortem", "C:\\keymortem")


def test_a_drive_that_is_not_known_is_left_to_windows(tmp_path: Path) -> None:
    folder = write("broken-files", tmp_path, "C")
    (folder / "C" / "Windows/System32/config/SOFTWARE").unlink()
    case = forensics.examine(folder, as_of=AS_OF)
    assert [m.drive for m in case.rows("machine")] == [None]
    told = "\n".join(texts(case))
    assert "%SystemDrive%\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\" in told
    assert "C:\\ProgramData" not in told


def test_explain_finds_a_file_by_the_path_that_a_report_prints(tmp_path: Path) -> None:
    case = forensics.examine(write("broken-files", tmp_path, "uploads/auto/C%3A"), as_of=AS_OF)
    (path, *_) = sorted(row.path for row in case.rows("key_file"))
    printed = "C:\\" + path.removeprefix("uploads/auto/C%3A/").replace("/", "\\")
    told = forensics.render(forensics.explain(case, printed), "text")
    assert printed in told
    assert told == forensics.render(forensics.explain(case, path), "text")


def told_of_link(case: forensics.Case) -> tuple[set[str], set[tuple[str, str]]]:
    verdicts = {row.verdict for row in case.rows("key_chain") if row.thumbprint and row.store_scope == "machine"}
    return verdicts, {(p.source_path, p.message) for p in case.rows("problem") if p.kind == "link_not_followed"}


def test_keys_behind_a_symbolic_link_are_not_missing(tmp_path: Path) -> None:
    folder = write("healthy", tmp_path / "case", "C")
    crypto = folder / "C/ProgramData/Microsoft/Crypto"
    crypto.rename(tmp_path / "keys")
    crypto.symlink_to("/somewhere/else", target_is_directory=True)
    verdicts, links = told_of_link(forensics.examine(folder, as_of=AS_OF))
    assert verdicts == {"unknown"}
    message = Link("symbolic link", "/somewhere/else").not_followed("C/ProgramData/Microsoft/Crypto")
    assert links == {("C/ProgramData/Microsoft/Crypto", message)}


@pytest.mark.skipif(unavailable() is not None, reason=f"no NTFS can be built: {unavailable()}")
def test_keys_behind_a_junction_are_not_missing(tmp_path: Path) -> None:
    junctions = {"ProgramData/Microsoft/Crypto": "D:\\Keys", "Documents and Settings": "C:\\Users"}
    junctions |= {"ProgramData/Application Data": "C:\\ProgramData", "Users/Default User": "C:\\Users\\Default"}
    specs = [f for f in _scenario("healthy").stages[-1].volumes[0] if not f.path.lower().startswith(CRYPTO[:-1])]
    image = tmp_path / "volume.ntfs"
    build_ntfs(specs, image, 64 << 20, default_sd=acl.DEFAULT_SD, extras=NtfsExtras(junctions=junctions))
    case = forensics.examine(image, as_of=AS_OF)
    verdicts, links = told_of_link(case)
    assert verdicts == {"unknown"}
    told = (
        "ProgramData\\Microsoft\\Crypto is a junction to D:\\Keys, which is not followed: examine what lies there too"
    )
    assert links == {("ProgramData/Microsoft/Crypto", told)}
    folders = {c.detail for c in case.rows("coverage") if c.area == "folder" and "MachineKeys" in c.name}
    assert folders == {told}
