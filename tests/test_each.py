"""A test of many cases tells of each that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.each import each


@each("number", (1, 2, 3, 4), ids=lambda number: f"number {number}")
def is_odd(number: int, tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    with pytest.raises(ZeroDivisionError):
        assert 1 // (number % 2 if number != 4 else 1)


def test_each_that_failed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup) as told:
        is_odd(tmp_path=tmp_path)
    assert told.value.message == "number 1, number 3, number 4"
    assert [type(error) for error in told.value.exceptions] == [pytest.fail.Exception] * 3
    assert [error.__notes__ for error in told.value.exceptions] == [[f"number: number {n}"] for n in (1, 3, 4)]
