"""What was skipped for want of an oracle is said in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracles import needs_shared, needs_tool, not_checked, shared, tool
from tests.paths import PROJECT, SHARED


def skipped(nodeid: str, reason: str) -> pytest.TestReport:
    told = ("tests/test_x.py", 3, f"Skipped: {reason}")
    return pytest.TestReport(nodeid, ("tests/test_x.py", 3, nodeid), {}, "skipped", told, "setup")


def test_each_missing_oracle_is_named_once_with_its_count() -> None:
    told = ("tests/test_y.py", 1, "Skipped: needs pyvhdi (pip: libvhdi-python)")
    once_for_each_process = [pytest.CollectReport("tests/test_y.py", "skipped", told, None) for _ in range(2)]
    reports: list[pytest.TestReport | pytest.CollectReport] = [
        skipped("a", "needs qemu-img (Debian package qemu-utils)"),
        skipped("b", "needs qemu-img (Debian package qemu-utils)"),
        skipped("c", "there is no bash here"),
        *once_for_each_process,
    ]
    assert not_checked(reports) == "not checked for want of: pyvhdi (1 module), qemu-img (2 tests)"


def test_nothing_is_said_where_nothing_is_missing() -> None:
    assert not_checked([skipped("c", "there is no bash here")]) is None


def test_a_missing_tool_skips_with_its_name() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"^needs no-such-tool \(Debian package nothing\)$"):
        tool("no-such-tool", "nothing")
    mark = needs_tool("no-such-tool", "nothing").mark
    assert (mark.args, mark.kwargs) == ((True,), {"reason": "needs no-such-tool (Debian package nothing)"})


def test_what_lies_beside_the_project_is_named_in_one_wording() -> None:
    reason = "needs shared/nothing (beside the project)"
    with pytest.raises(pytest.skip.Exception, match=rf"^{re.escape(reason)}$"):
        shared(SHARED / "nothing" / "a.zip")
    mark = needs_shared(SHARED / "nothing").mark
    assert (mark.args, mark.kwargs) == ((True,), {"reason": reason})
    assert not_checked([skipped("a", reason)]) == "not checked for want of: shared/nothing (1 test)"


def test_no_other_test_words_such_a_skip_itself() -> None:
    own = re.compile(r"skip(if)?\([^\n]*(shared|beside|SHARED|CASES|REALDATA|CONTRACT)")
    tests = [path for path in (PROJECT / "tests").rglob("*.py") if path != Path(__file__)]
    said = [path for path in tests if own.search(path.read_text("utf-8"))]
    assert [str(path.relative_to(PROJECT)) for path in said] == ["tests/oracles.py"]
