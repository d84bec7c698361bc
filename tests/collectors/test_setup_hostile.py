"""Setup logs, action files and State.ini that nobody would call such: a problem each, in bounded time and memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from forensics.collectors import setup_events as collector
from forensics.collectors.setup_events import collect_setup_events
from forensics.sources.installation import Installation
from tests.collectors.virtual import installation, problems
from tests.time_bound import within

LOG = "Windows/System32/Sysprep/Panther/setupact.log"
ACTIONS = "Windows/System32/Sysprep/ActionFiles/Specialize.xml"
STATE = "Windows/Setup/State/State.ini"
TOLD = "2024-05-06 07:08:09, Info       SYSPRP ========================================================\r\n"
BEGUN = "2024-05-06 07:08:10, Info       SYSPRP === Beginning of a new sysprep run ===\r\n"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with within(2):
        yield


def read(path: str, content: bytes) -> tuple[Installation, list[str]]:
    examined = installation({path: content})
    return examined, [row.kind for row in collect_setup_events(examined)]


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda: b"x" * (100 * MIB), {"too_large"}),
        (lambda: b"SYSPRP " * (15 * MIB), {"too_large"}),
        (lambda: bytes(70 * MIB), {"bad_text", "too_large"}),
        (lambda: b"\xff\xfe" + "y".encode("utf-16-le") * (30 * MIB), {"too_large"}),
        (lambda: b"\xff\xfe" + b"x\0y" * 1_000_001, {"too_large"}),
        (lambda: b"\n" * (64 * MIB), {"too_many"}),
        (lambda: b"SYSPRP\n" * (4 * MIB), {"too_many"}),
        (lambda: random.Random(1).randbytes(2 * MIB), {"bad_text"}),
    ],
    ids=["one-line", "one-telling-line", "nuls", "utf-16", "odd-utf-16", "empty-lines", "telling-lines", "binary"],
)
def test_log_that_is_none(make: Callable[[], bytes], kinds: set[str]) -> None:
    examined, rows = read(LOG, make())
    assert rows == []
    assert set(problems(examined)) == {(LOG, kind) for kind in kinds}


def test_memory_is_bounded() -> None:
    content = b"x" * (48 * MIB)
    examined = installation({LOG: content})
    tracemalloc.start()
    try:
        collect_setup_events(examined)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 * MIB


def test_what_stands_before_the_damage_is_read() -> None:
    examined, rows = read(LOG, (TOLD + BEGUN).encode() + bytes(2 * MIB))
    assert rows == ["sysprep_begun"]
    assert set(problems(examined)) == {(LOG, "bad_text"), (LOG, "too_large")}


def test_lines_beyond_the_bound_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MAX_LINES", 10)
    examined, rows = read(LOG, ("nothing\r\n" * 9 + BEGUN + BEGUN).encode())
    assert rows == ["sysprep_begun"]
    assert problems(examined) == [(LOG, "too_many")]


@pytest.mark.parametrize("tail", [".a", "..", "a-", "for phase ", "action file \\", "LaunchModule: Found 'a' in "])
def test_lines_made_for_slow_expressions(tail: str) -> None:
    head = "2020-01-01 00:00:00, Info SYSPRP LaunchModule: Found 'a' in RunDlls: Failure occurred while executing 'a' "
    _, rows = read(LOG, (head + tail * (60_000 // len(tail)) + "\n").encode() * 50)
    assert rows == []


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        ('<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>', "forbidden_xml"),
        ('<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>', "forbidden_xml"),
        ('<!DOCTYPE l SYSTEM "http://127.0.0.1/l.dtd"><l/>', "forbidden_xml"),
        ("<a>" * 300_000, "too_deep"),
        ("<a>" * 64 + "</a>" * 64, None),
        ("<a/>" + " " * (2 * MIB), "too_large"),
        ("\0" * 10_000, "bad_xml"),
        ("", "bad_xml"),
        ('<?xml version="1.0" encoding="utf-99"?><a/>', "bad_xml"),
        ('<?xml version="1.0" encoding="idna"?><a/>', "bad_xml"),
        ('<?xml version="1.0" encoding="utf-32"?><a/>', "bad_xml"),
    ],
)
def test_action_file_from_strangers(xml: str, kind: str | None) -> None:
    examined, rows = read(ACTIONS, xml.encode())
    assert problems(examined) == ([(ACTIONS, kind)] if kind else [])
    assert rows == ([] if kind else ["crypto_specialize_missing"])


@pytest.mark.parametrize(
    ("content", "rows", "kinds"),
    [
        (b"[State]\r\nImageState=" + b"A" * 1_000_000, 1, set()),
        (b"ImageState=x\n" * 80_000, 1, set()),
        (bytes(1000), 0, {"bad_text"}),
        (random.Random(2).randbytes(MIB - 1), 0, {"bad_text"}),
        (b"x" * (2 * MIB), 0, {"too_large"}),
        ("ImageState=IMAGE_STATE_COMPLETE".encode("utf-16"), 1, set()),
    ],
    ids=["long", "many", "nuls", "binary", "large", "utf-16"],
)
def test_image_state_from_strangers(content: bytes, rows: int, kinds: set[str]) -> None:
    examined = installation({STATE: content})
    found = collect_setup_events(examined)
    assert [row.kind for row in found] == ["image_state"] * rows
    assert all(len(row.message) <= 200 for row in found)
    assert {kind for _, kind in problems(examined)} == kinds


@pytest.mark.parametrize(("path", "name"), [(STATE, "State.ini"), (ACTIONS, "Specialize.xml")])
def test_a_file_that_is_too_large_was_not_seen(path: str, name: str) -> None:
    examined = installation({path: bytes(2 * MIB)})
    collect_setup_events(examined)
    message = "2097152 bytes; at most 1048576 are expected here"
    assert [(p.source_path, p.kind, p.message) for p in examined.problems] == [(path, "too_large", message)]
    covered = {row.name: (row.outcome, row.detail) for row in examined.coverage}
    assert covered[name] == ("not_examined", message)
