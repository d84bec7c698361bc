"""Contained children: what comes back, and every way in which it does not, however the child began."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.contained.bounds import Bounds
from forensics.contained.child import Child, is_forked_here, is_possible, records_of
from forensics.contained.failure import ContainedFailure
from forensics.contained.pool import answers
from forensics.contained.task import Task
from forensics.formats.errors import FormatError
from tests.contained import work
from tests.contained.work import BOUNDS, Thing, task
from tests.paths import PROJECT

pytestmark = pytest.mark.skipif(not is_possible(), reason="what no child can be forked for is not bounded")


def _is_forked_soon() -> bool:
    time.sleep(0.001)
    return is_forked_here()


@pytest.fixture(params=[pytest.param("forked", marks=pytest.mark.one_thread), "nursery"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have children forked here, or, as in a process with threads, by the nursery."""
    if request.param == "forked":
        # A thread that was joined is gone a little later; those of pytest-xdist stay.
        if threading.active_count() > 1 or not any(_is_forked_soon() for _ in range(100)):
            pytest.skip("this process has threads")
        yield "forked"
        return
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not is_forked_here()
        yield "nursery"
    finally:
        stop.set()
        thread.join()


def outcome(made: Task) -> Any:
    [(_, _, answer)] = answers([made], 1, lambda number, line: None)
    return answer


def failure(made: Task) -> tuple[str, str]:
    answer = outcome(made)
    assert isinstance(answer, ContainedFailure)
    return answer.kind, answer.message


@pytest.mark.usefixtures("way")
def test_the_answer_comes_back_with_progress_and_records() -> None:
    value = [Thing("a", datetime(2026, 11, 30, tzinfo=UTC)), {"x": (1, b"2", None, {3.0})}]
    child = Child(task(work.give, value, classes=(Thing,)))
    while child.read():
        pass
    assert (child.lines, child.records) == (["giving"], [b"one", b"two"])
    assert child.answer() == value


@pytest.mark.usefixtures("way")
def test_it_is_where_its_parent_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2"):
        (tmp_path / number).mkdir()
        monkeypatch.chdir(tmp_path / number)
        monkeypatch.setenv("KEYMORTEM_TEST", number)
        assert outcome(task(work.give_place, "KEYMORTEM_TEST")) == (str(tmp_path / number), number)


@pytest.mark.usefixtures("way")
def test_an_exception_is_an_answer_like_another() -> None:
    answer = outcome(task(work.give_error, classes=(FormatError,)))
    assert type(answer) is FormatError
    assert (answer.kind, answer.offset, str(answer)) == ("bad_magic", 3, "no magic (at byte 3)")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("function", "bounds", "kind", "said"),
    [
        (work.fall, BOUNDS, "crashed", "it crashed (SIGSEGV)"),
        (work.fail, BOUNDS, "crashed", "it failed with ValueError"),
        (work.take_memory, BOUNDS, "too_much_memory", "it needed more than 256 MiB of memory"),
        (work.spin, replace(BOUNDS, processor=1), "too_much_time", "it took more than 1 seconds of processor time"),
        (work.hang, replace(BOUNDS, seconds=1), "past_deadline", "it did not end within 1 seconds"),
        (work.pour, BOUNDS, "too_large_answer", "it had more to say than 8 MiB"),
    ],
    ids=["falls", "fails", "memory", "processor", "deadline", "output"],
)
def test_each_failure_is_told_by_its_kind(function: Callable[..., Any], bounds: Bounds, kind: str, said: str) -> None:
    assert failure(task(function, bounds=bounds)) == (kind, said)


@pytest.mark.usefixtures("way")
def test_a_large_answer_is_refused() -> None:
    assert failure(task(work.give, bytes(9 << 20)))[0] == "too_large_answer"


@pytest.mark.usefixtures("way")
def test_files_that_it_writes_are_bounded(tmp_path: Path) -> None:
    bounds = replace(BOUNDS, file=1000)
    assert outcome(task(work.write_file, tmp_path / "a", 1000, bounds=bounds)) == 1000
    assert outcome(task(work.write_file, tmp_path / "b", 1001, bounds=bounds)) < 0


class Loaded:
    """What would run a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/keymortem-was-here",)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "forged",
    [
        pickle.dumps(Loaded()),
        pickle.dumps(Thing("a", datetime(2026, 11, 30, tzinfo=UTC))),
        b"\x80\x05cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x05cforensics.contained.answers\n_made\n(S'builtins.object'\n]tR.",
        b"",
        b"\xff" * 100,
    ],
    ids=["command", "class", "eval", "unlisted", "empty", "noise"],
)
def test_a_forged_answer_runs_nothing(forged: bytes) -> None:
    assert failure(task(work.forge, forged)) == ("bad_answer", "what it answered cannot be read")


def test_what_is_not_listed_is_not_answered() -> None:
    assert failure(task(work.give, Thing("a", datetime(2026, 11, 30, tzinfo=UTC)))) == (
        "crashed",
        "it failed with PicklingError",
    )


@pytest.mark.usefixtures("way")
def test_several_at_a_time_each_with_its_own_outcome() -> None:
    tasks = [task(work.give, 1), task(work.fall), task(work.give, 2), task(work.fail), task(work.give, 3)]
    said: list[tuple[int, str]] = []
    outcomes = list(answers(tasks, 2, lambda number, line: said.append((number, line))))
    came = {number: answer for number, _, answer in outcomes}
    assert [records for _, records, _ in sorted(outcomes, key=lambda outcome: outcome[0])] == [
        [b"one", b"two"],
        [],
        [b"one", b"two"],
        [],
        [b"one", b"two"],
    ]
    assert [came[0], came[2], came[4]] == [1, 2, 3]
    assert [came[1].kind, came[3].kind] == ["crashed", "crashed"]
    assert sorted(said) == [(0, "giving"), (2, "giving"), (4, "giving")]


def test_what_finds_no_room_beside_others_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []
    end = Child.end

    class Narrow(Child):
        """A child of which the system has room for one."""

        def __init__(self, task: Task) -> None:
            if alive:
                raise ContainedFailure("crashed", "no process could be started for it")
            super().__init__(task)
            alive.append(self.fileno())

        def end(self) -> int | None:
            alive.clear()
            return end(self)

    monkeypatch.setattr("forensics.contained.pool.Child", Narrow)
    tasks = [task(work.give, number) for number in range(3)]
    assert [answer for _, _, answer in answers(tasks, 64, lambda number, line: None)] == [0, 1, 2]


@pytest.mark.usefixtures("way")
def test_an_answer_that_is_not_waited_for_leaves_no_child(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    came = answers([task(work.hang_with_a_child, marker), task(work.give, 1)], 2, lambda number, line: None)
    assert next(came) == (1, [b"one", b"two"], 1)
    pids = _pids(marker)
    came.close()  # type: ignore[attr-defined]
    _gone(pids)


@pytest.mark.usefixtures("way")
def test_records_that_are_not_waited_for_leave_no_child() -> None:
    child = records_of(Child(task(work.pour)))
    assert next(child) == bytes(1 << 20)
    child.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("way")
def test_what_a_killed_child_unpacked_is_removed() -> None:
    said: list[str] = []
    [(_, _, answer)] = answers([task(work.leave_litter)], 1, lambda number, line: said.append(line))
    assert answer.kind == "crashed"
    assert not Path(said[0]).exists()


_PARENT = """
import sys, threading
from pathlib import Path
from forensics.contained.pool import answers
from tests.contained import work
if sys.argv[2] == "nursery":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
made = [work.task(getattr(work, sys.argv[3]), Path(sys.argv[1]))]
list(answers(made, 1, lambda number, line: None))
"""


@pytest.mark.parametrize("function", ["hang", "hang_with_a_child", "nest"])
@pytest.mark.parametrize("made", ["forked", "nursery"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_its_parent(tmp_path: Path, made: str, function: str, number: signal.Signals) -> None:
    marker = tmp_path / "pids"
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(marker), made, function],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )
    pids = _pids(marker)
    os.kill(parent.pid, number)
    parent.wait(10)
    _gone(pids[:1] if function == "hang_with_a_child" and number != signal.SIGINT else pids)
    for pid in pids:
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)


def _pids(marker: Path) -> list[int]:
    for _ in range(1000):
        if marker.exists() and (read := marker.read_text()):
            return [int(pid) for pid in read.split()]
        time.sleep(0.01)
    raise AssertionError("no child began")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _gone(pids: list[int]) -> None:
    for _ in range(300):
        if not any(map(_lives, pids)):
            return
        time.sleep(0.01)
    raise AssertionError("a child is left")
