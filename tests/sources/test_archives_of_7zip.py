"""Archives that 7-Zip itself wrote, with every kind of packing that it has, come out as they went in."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from forensics.disk.tree import NotObtained
from forensics.disk.unlock import Unlock
from forensics.sources.open import open_source
from tests.oracles import other_reader, tool

SYSTEM = "Windows/System32/config/SYSTEM"
PROGRAM = "Windows/program.exe"
_RANDOM = random.Random(15)
FILES = {
    SYSTEM: b"regf" + bytes(4092 + 4096),
    "Windows/empty": b"",
    PROGRAM: b"MZ" + b"\xe8\x10\x20\x00\x00\x0f\x84\x01\0\0\0" * 300_000,
    "Windows/random": _RANDOM.randbytes(100_000),
    "Windows/zeros": bytes(5 << 20),
    "Windows/\u540d\u524d": b"name",
}


def archive(folder: Path, name: str, *options: str, files: Mapping[str, bytes] = FILES) -> Path:
    for path, content in files.items():
        (folder / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / path).write_bytes(content)
    (folder / "in/Windows/nothing in it").mkdir(exist_ok=True)
    command = [tool("7z", "p7zip-full"), "a", "-bd", *options, str(folder / name), "."]
    subprocess.run(command, check=True, cwd=folder / "in", stdout=subprocess.DEVNULL)
    return folder / name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.7z", ("-mx=5",)),
        ("x.7z", ("-ms=off", "-mx=1")),
        ("x.7z", ("-m0=LZMA", "-ms=2f")),
        ("x.7z", ("-m0=PPMd",)),
        ("x.7z", ("-m0=BZip2",)),
        ("x.7z", ("-m0=Deflate",)),
        ("x.7z", ("-m0=Copy", "-mhc=off")),
        ("x.7z", ("-psecret", "-mhe=on")),
        ("x.7z", ("-psecret", "-ms=off")),
        ("x.zip", ("-psecret", "-mem=AES256")),
        ("x.zip", ("-psecret", "-mem=AES128", "-mm=BZip2")),
        ("x.zip", ("-psecret", "-mem=ZipCrypto", "-x!Windows/program.exe", "-x!Windows/zeros")),
    ],
)
def test_all_comes_out_as_it_went_in(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    other_reader("py7zr", "py7zr")
    other_reader("pyzipper", "pyzipper")
    path = archive(tmp_path, name, *options)
    with open_source(path, Unlock(archive_password="secret")) as source:
        assert source.problems == []
        tree = source.installations[0].tree
        for member, content in FILES.items():
            if f"-x!{member}" not in options:
                with tree.open(member) as file:
                    assert file.read() == content, member
        assert list(tree.entries("Windows/nothing in it")) == []


def test_a_filter_that_is_not_read_costs_its_members_alone(tmp_path: Path) -> None:
    """BCJ2 packs into four streams at once."""
    other_reader("py7zr", "py7zr")
    rest = {name: content for name, content in FILES.items() if name != PROGRAM}
    archive(tmp_path, "x.7z", "-mf=off", "-ms=off", files=rest)
    for name in rest:
        (tmp_path / "in" / name).unlink()
    path = archive(tmp_path, "x.7z", "-mf=BCJ2", files={PROGRAM: FILES[PROGRAM]})
    why = "packed with a method that is not unpacked here: unpack the archive and examine the folder"
    with open_source(path) as source:
        told = [(row.kind, row.message) for row in source.problems]
        assert told == [("not_obtained", f"1 member cannot be got: {why}")]
        machine = source.installations[0]
        with pytest.raises(NotObtained, match=why):
            machine.tree.open(PROGRAM)
        assert {name: machine.tree.open(name).read() for name in rest} == rest
