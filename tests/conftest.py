"""Fixtures shared by every test."""

from __future__ import annotations

import gc
import lzma
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from forensics.contained.child import is_possible
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.engine.run import RunResult
from tests.disk.ntfs_fixture import PACKED, SIZE
from tests.language.translations import compiler
from tests.oracles import not_checked, shared
from tests.paths import REALDATA
from tests.rules_read_once import rules_read_once
from tests.stretched_once import keys_stretched_once
from tests.unpacked_once import images_unpacked_once


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of every garbage collection, which takes half a second with twelve thousand.

    And collect more rarely: what an examination makes is hardly ever a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what no other reader confirmed, since nobody looks for it among the skips."""
    if said := not_checked(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(said)


def pytest_sessionstart() -> None:
    """Compile translations that were edited since they were installed; and speak English, wherever this runs.

    And hear Ctrl-C, which a shell has those ignore that it starts in the background, and all that they start.
    """
    compiler().compile_stale()
    os.environ["LC_ALL"] = "C.UTF-8"
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def stretched_once() -> Iterator[None]:
    """Stretch each secret once a process; tests of the stretching itself call it where this does not reach."""
    with keys_stretched_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Read the built-in rules once a process; tests of the reading itself call it where this does not reach."""
    with rules_read_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def unpacked_once() -> Iterator[None]:
    """Unpack each test image once a process."""
    with images_unpacked_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def in_this_process() -> Iterator[None]:
    """Examine in the process of the tests, where they can look and change things; tests of the children undo this."""
    with mock.patch("forensics.examining.passes.is_possible", return_value=False):
        yield


@pytest.fixture
def in_children() -> Iterator[None]:
    """Examine each source in a contained child, as a user does."""
    with mock.patch("forensics.examining.passes.is_possible", is_possible):
        yield


@pytest.fixture
def rows_alone() -> Iterator[None]:
    """Ask no rules, in modules that look at nothing but rows: to ask them is nearly half of examining a small disk."""
    with mock.patch("forensics.engine.run.run_contained", side_effect=lambda *_: RunResult()):
        yield


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real Windows artefacts, which live beside the project and are never copied into it."""
    return shared(REALDATA)


@pytest.fixture(scope="session")
def ntfs_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed NTFS volume, unpacked; tests must not write to it."""
    path = tmp_path_factory.mktemp("ntfs") / "volume.ntfs"
    path.write_bytes(lzma.decompress(PACKED.read_bytes()))
    assert path.stat().st_size == SIZE
    return path


@pytest.fixture
def ntfs_tree(ntfs_image: Path) -> Iterator[NtfsTree]:
    with ntfs_image.open("rb") as file:
        yield NtfsTree(VolumeReader(file, 0, SIZE), file.read(512))
