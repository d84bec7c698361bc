"""Names of an archive in a code page that it does not tell: the machine's own, as its hives say."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.sources.archive_code_page import encoding_of_names
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.tar_tree import TarTree
from forensics.sources.zip_tree import ZipTree
from testdata.builder.machine_hives import CONTROL_SET, MachineFacts, MachineHives
from tests.oracles import tool

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
FACTS = MachineFacts("9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162", "S-1-5-21-1-2-3", domain_sid=None)
USER = "S-1-5-21-1-2-3-1001"
CONFIG = "C/Windows/System32/config"
KEY = "0123456789abcdef0123456789abcdef_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"


def hives(oem: str | None, ansi: str | None, folder: str) -> dict[str, bytes]:
    machine = MachineHives(FACTS)
    page = machine.system.key(f"{CONTROL_SET}\\Control\\Nls\\CodePage")
    for name, value in (("OEMCP", oem), ("ACP", ansi)):
        if value is not None:
            page.sz(name, value)
    machine.add_profile(USER, f"C:\\Users\\{folder}", FACTS.installed)
    return {name: hive.build() for name, hive in machine.all().items()}


def as_ansi(names: dict[bytes, bytes]) -> bytes:
    """Write a zip whose names are these bytes, without the flag that says UTF-8."""
    # zipfile writes names of ASCII as they are: of the same length, they are replaced in both headers.
    written = io.BytesIO()
    places: dict[bytes, bytes] = {}
    with zipfile.ZipFile(written, "w") as archive:
        for number, (name, data) in enumerate(names.items()):
            stand_in = f"{number:04d}".encode().ljust(len(name), b"~")
            places[stand_in] = name
            archive.writestr(stand_in.decode(), data)
    raw = written.getvalue()
    for stand_in, name in places.items():
        assert raw.count(stand_in) == 2
        raw = raw.replace(stand_in, name)
    return raw


def members(
    oem: str | None, ansi: str | None, folder: str, encoding: str, listed: str | None = None
) -> dict[bytes, bytes]:
    found = {f"{CONFIG}/{name}".encode(): data for name, data in hives(oem, ansi, listed or folder).items()}
    roaming = f"C/Users/{folder}/AppData/Roaming/Microsoft"
    found[f"{roaming}/Crypto/RSA/{USER}/{KEY}".encode(encoding)] = b"x"
    found[f"{roaming}/Protect/{USER}/Preferred".encode(encoding)] = bytes(24)
    return found


CASES = [
    # 表 has a backslash for its second byte.
    ("932", "932", "田中表", "cp932"),
    ("850", "1252", "Jürgen", "cp850"),
    ("850", "1252", "Jürgen", "cp1252"),
    ("866", "1251", "Анна", "cp866"),
    ("949", "949", "김철수", "cp949"),
    ("437", "1252", "José", "utf-8"),
    # Made on an examiner's machine: the profile tells.
    ("437", "1252", "田中", "cp932"),
    (None, None, "田中", "cp932"),
]


@pytest.mark.parametrize(("oem", "ansi", "folder", "encoding"), CASES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_profiles_have_their_names(
    tmp_path: Path, kind: str, oem: str | None, ansi: str | None, folder: str, encoding: str
) -> None:
    found = members(oem, ansi, folder, encoding)
    path = tmp_path / f"triage.{kind}"
    if kind == "zip":
        path.write_bytes(as_ansi(found))
    else:
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
            for name, data in found.items():
                member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    case = forensics.examine(path, as_of=AS_OF)
    user = next(row for row in case.rows("user") if row.sid == USER)
    assert (user.name, user.profile_path, user.profile_outcome) == (folder, f"C/Users/{folder}", "present")
    (key,) = [row for row in case.rows("key_file") if row.owner_sid == USER]
    assert key.path == f"C/Users/{folder}/AppData/Roaming/Microsoft/Crypto/RSA/{USER}/{KEY}"
    assert {row.sid for row in case.rows("user") if row.sid.startswith("S-1-5-21")} == {USER}


def test_without_a_profile_the_first_code_page_in_which_all_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(as_ansi(members("932", "1252", "田中", "cp932", listed="other")))
    with path.open("rb") as file:
        assert encoding_of_names(ZipTree(file, "a.zip")) == "cp932"
    path.write_bytes(as_ansi({"C/Users/Jürgen/a".encode("cp1252"): b"x"}))
    with path.open("rb") as file:
        tree: ArchiveTree = ZipTree(file, "a.zip")
        assert encoding_of_names(tree) is None
        assert [entry.name for entry in tree.entries("C/Users")] == ["Jⁿrgen"], "as the format has it"


def test_names_that_say_what_they_are_are_left_alone(tmp_path: Path) -> None:
    found = hives("932", "932", "田中")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in found.items():
            archive.writestr(f"{CONFIG}/{name}", data)
        archive.writestr("C/Users/田中/NTUSER.DAT", b"x")
    with (tmp_path / "a.zip").open("rb") as file:
        tree = ZipTree(file, "a.zip")
        assert tree.legacy_names == []
        assert [entry.name for entry in tree.entries("C/Users")] == ["田中"]


def test_a_tar_of_utf_8_is_left_alone(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("C/Users/田中/a"))
    with (tmp_path / "a.tar").open("rb") as file:
        assert TarTree(file, "a.tar").legacy_names == []


def test_another_reader_finds_the_same_bytes(tmp_path: Path) -> None:
    """What was forged is a whole zip, whose names are these bytes."""
    path = tmp_path / "a.zip"
    path.write_bytes(as_ansi({"C/Users/田中/メモ.txt".encode("cp932"): b"data", b"C/plain": b"x"}))
    command = [tool("7z", "p7zip-full"), "l", "-slt", "-ba", str(path)]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    assert listed.startswith("Path = C/Users/田中/メモ.txt\n".encode("cp932"))
    assert subprocess.run([command[0], "t", str(path)], capture_output=True, check=False).returncode == 0
    with path.open("rb") as file:
        tree = ZipTree(file, "a.zip", "cp932")
        assert tree.open("C/Users/田中/メモ.txt").read() == b"data"
        assert tree.legacy_names == ["C/Users/田中/メモ.txt".encode("cp932")]
