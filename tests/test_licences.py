"""Everything that is locked stands in docs/licences.md, with a licence that may be combined with the program's."""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256

import pytest

from tests.each import each
from tests.licences import (
    BY_HAND,
    OF_IMPACKET,
    PAGE,
    blocks,
    brought,
    head,
    installed,
    is_compatible,
    licensed,
    parts,
    plain,
)
from tests.paths import PROJECT

LICENCE_OF_IMPACKET = "c847171fcd225ebe6a137242d7741a18d29a1bc24fd1c382ca1d57e1ae1d8f00"
ROW = re.compile(r"\| ([a-z0-9][a-z0-9-]*) \| (.*?) \| (.*?) \| (.*?) \| (.*?) ?\|")
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = {match[1]: match[0] for match in map(ROW.fullmatch, TEXT.splitlines()) if match and match[1] != "distribution"}


def test_everything_that_is_locked_stands_there_and_nothing_else() -> None:
    assert set(ROWS) == set(blocks())
    assert head() in TEXT


@each("name", sorted(blocks()))
def test_a_distribution(name: str) -> None:
    """Its row is what its metadata says, where the locked version is installed."""
    match = ROW.fullmatch(ROWS[name])
    assert match is not None
    part, licence, verdict, why = match.groups()[1:]
    assert part
    if verdict == "compatible":
        assert is_compatible(licence)
    elif verdict == "examined":
        assert f"## {name}\n" in TEXT
    else:
        assert (verdict, part) == ("not combined", "tests and tools")
    if name in installed() and f"{name}=={installed()[name].version} " in "".join(plain_blocks(name)):
        assert (licence, verdict, why) == (licensed(name).licence, licensed(name).verdict, licensed(name).why)


def plain_blocks(name: str) -> list[str]:
    return [plain(block.split("==")[0]) + "==" + block.split("==", 1)[1].replace(";", " ;") for block in blocks()[name]]


def test_only_one_licence_needed_a_section_of_its_own() -> None:
    assert [name for name in sorted(blocks()) if licensed(name).verdict == "examined"] == ["impacket"]
    assert set(BY_HAND) <= set(blocks())


def test_the_text_of_impackets_licence_is_that_which_was_read() -> None:
    """A new text must be read again."""
    files = [file for file in installed()["impacket"].files or () if file.name == "LICENSE"]
    read = {sha256(file.read_binary()).hexdigest() for file in files}
    assert read == {LICENCE_OF_IMPACKET}


def test_the_files_of_impacket_that_are_loaded_are_those_that_were_read() -> None:
    """Each is under the one licence; a further file must be read before it is released with."""
    listing = (
        "import sys, impacket.dpapi as own\n"
        "folder = own.__file__.rpartition('dpapi.py')[0]\n"
        "modules = [each for name, each in sys.modules.items() if name.partition('.')[0] == 'impacket']\n"
        "print(*sorted(each.__file__.removeprefix(folder).replace('\\\\', '/') for each in modules), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert tuple(done.stdout.split()) == OF_IMPACKET
    heads = {name: _head_of(name) for name in OF_IMPACKET}
    said = "under a slightly modified version of the Apache Software License. See the accompanying LICENSE"
    assert [name for name, text in heads.items() if said not in text or "Copyright Fortra, LLC" not in text] == []


def _head_of(name: str) -> str:
    (file,) = (file for file in installed()["impacket"].files or () if file.as_posix() == f"impacket/{name}")
    lines = file.read_text(encoding="utf-8").splitlines()[:12]
    return " ".join(" ".join(line.lstrip("# ") for line in lines).split())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("EPL-2.0 OR GPL-2.0-or-later", True),
        ("GPL-2.0-only", False),
        ("MIT AND Apache-1.1", False),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("SSPL-1.0", False),
        ("Apache-1.1 (modified)", False),
        ("", False),
    ],
)
def test_an_expression(expression: str, expected: bool) -> None:
    assert is_compatible(expression) is expected


def test_what_an_installation_brings_is_locked_by_hash_and_has_no_tools() -> None:
    lock = brought()
    names = {plain(line.split("==")[0]) for line in lock.splitlines() if "==" in line}
    assert {"dissect-target", "impacket", "py7zr", "duckdb", "fsspec", "libvshadow-python", "colorama"} <= names
    assert not {"pytest", "ruff", "mypy", "uv", "dploot", "selenium"} & names
    assert all(parts()[name] != "tests and tools" for name in names)
    assert lock.count("--hash=sha256:") > len(names)
