"""What a server says of its files is believed as far as it can be: sizes and times that there are, names of text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.disk.places import place_of
from forensics.disk.remote.errors import RemoteError
from forensics.disk.remote.path import RemotePath
from forensics.disk.remote.server import Status
from forensics.disk.remote.session import Session, session_of
from forensics.disk.remote.stream import open_remote

URL = "https://files.test/a"
WHEN = datetime(2026, 11, 22, tzinfo=UTC)
LARGEST = (1 << 63) - 1


class Said:
    """A server with one folder, of which it says what it was made with."""

    def __init__(self, *said: Status) -> None:
        self._said = said

    def status(self, path: str) -> Status | None:
        return next((each for each in self._said if each.name == path.rpartition("/")[2]), None)

    def entries(self, folder: str) -> Iterable[Status]:
        return self._said

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        return bytes(end - start)


def placed(session: Session, *said: Status) -> RemotePath:
    session._servers["https", "files.test"] = Said(*said)
    place = place_of(URL)
    assert isinstance(place, RemotePath)
    return place


@pytest.mark.parametrize("is_listed", [False, True], ids=["asked for", "listed"])
@pytest.mark.parametrize("size", [-100, LARGEST + 1, 10**40])
def test_a_size_that_no_file_has_is_told_and_nothing_is_read(size: int, is_listed: bool) -> None:
    with session_of({}) as session:
        folder = placed(session, Status("disk.vhdx", False, size, WHEN, "7"))
        if is_listed:
            assert [path.name for path in folder.iterdir()] == ["disk.vhdx"]
        with pytest.raises(RemoteError, match="the server tells no size that a file can have: copy it here"):
            open_remote(folder / "disk.vhdx")


def test_the_largest_size_is_believed() -> None:
    with session_of({}) as session:
        folder = placed(session, Status("disk.vhdx", False, LARGEST, WHEN, "7"))
        assert (folder / "disk.vhdx").stat().st_size == LARGEST
        with open_remote(folder / "disk.vhdx") as file:
            file.seek(LARGEST - 5)
            assert file.read() == bytes(5)


@pytest.mark.parametrize(
    ("modified", "seconds"),
    [(WHEN, 1795305600), (datetime(1, 1, 1), 0), (5, 0), ("yesterday", 0), (None, 0)],
    ids=["a time", "before every clock", "a number", "a text", "none"],
)
def test_a_time_that_there_is_not_is_none(modified: Any, seconds: int) -> None:
    with session_of({}) as session:
        folder = placed(session, Status("disk.vhdx", False, 1, modified, "7"))
        assert (folder / "disk.vhdx").stat().st_mtime == seconds


def test_a_version_that_is_no_text_tells_contents_apart() -> None:
    with session_of({}) as session:
        folder = placed(session, *(Status(name, False, 1, WHEN, "\ud800") for name in ("a", "b")))
        assert (folder / "a").stat().st_ino != (folder / "b").stat().st_ino


def test_a_name_that_is_no_text_is_told_and_not_asked_for() -> None:
    with session_of({}) as session:
        folder = placed(session, Status("a", False, 1, WHEN, "7"), Status("b\ud800", False, 1, WHEN, "7"))
        assert [path.name for path in folder.iterdir()] == ["a"]
        why = "its name is no text that could be asked for: give it another one"
        assert session.failures == {f"{URL}/b\\ud800": why}
