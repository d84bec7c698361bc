"""Steps in contained children: whatever one does to its process, the others answer."""

from __future__ import annotations

from functools import partial

import pytest

from forensics.contained.child import is_possible
from forensics.contained.failure import ContainedFailure
from forensics.contained.steps import MOST_ENDED, Steps, outcomes
from tests.contained.stepwise import ending, no_preparation, squares

pytestmark = pytest.mark.skipif(not is_possible(), reason="this system has no fork: steps are done in this process")


def told(steps: Steps) -> dict[int, object]:
    found: dict[int, object] = {}
    for number, outcome in outcomes(steps):
        assert number not in found
        found[number] = (outcome.kind, outcome.message) if isinstance(outcome, ContainedFailure) else outcome
    return found


def test_steps_that_end_their_process_are_told_and_the_others_done() -> None:
    ends = {1: "fall", 3: "spin", 4: "raise"}
    assert told(Steps(partial(ending, ends, squares), (), 6, 1)) == {
        0: 0,
        1: ("crashed", "it crashed (SIGSEGV)"),
        2: 4,
        3: ("too_much_time", "it took more than 1 seconds of processor time"),
        4: ("crashed", "it failed with ValueError"),
        5: 25,
    }


def test_after_some_that_ended_theirs_the_rest_is_given_up() -> None:
    found = told(Steps(partial(ending, dict.fromkeys(range(1, 20), "fall"), squares), (), 20, 5))
    tried, left = range(1, 1 + MOST_ENDED), range(1 + MOST_ENDED, 20)
    given_up = ("crashed", "it was not tried, because 5 others ended their processes")
    fallen = ("crashed", "it crashed (SIGSEGV)")
    assert found == {0: 0, **dict.fromkeys(tried, fallen), **dict.fromkeys(left, given_up)}


def test_a_preparation_that_crashes_is_told_of_every_step() -> None:
    said = ("crashed", "its process ended before that: it crashed (SIGSEGV)")
    assert told(Steps(no_preparation, (), 3, 5)) == dict.fromkeys(range(3), said)


def test_a_child_that_ends_without_a_word_is_told() -> None:
    found = told(Steps(partial(ending, {1: "quit"}, squares), (), 3, 5))
    assert found == {0: 0, 1: ("crashed", "it ended without an answer (exit code 0)"), 2: 4}


def test_no_step_is_none() -> None:
    assert told(Steps(no_preparation, (), 0, 5)) == {}


def test_without_fork_steps_are_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.contained.steps.is_possible", lambda: False)
    assert told(Steps(squares, (), 3, 5)) == {0: 0, 1: 1, 2: 4}
