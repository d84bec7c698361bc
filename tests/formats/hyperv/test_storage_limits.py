"""What bounds the reader of HyperVStorage files: a budget that runs out, and a list of errors that ends."""

from __future__ import annotations

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage_limits import Budget, ErrorRows


def test_a_budget_is_spent_to_the_last() -> None:
    budget = Budget(10)
    assert [budget.spend(amount) for amount in (4, 7, 6, 0, 1)] == [True, False, True, True, False]
    assert budget.left == 0


def test_errors_are_kept_in_order_and_returned() -> None:
    errors = ErrorRows()
    first = FormatError("a", 1, "one")
    assert errors.keep(first) is first
    second = errors.add("b", 2, "two")
    assert (second.kind, second.offset, second.message) == ("b", 2, "two")
    assert errors.rows == (first, second)


def test_of_more_than_five_hundred_errors_the_last_row_says_that_there_were_more() -> None:
    errors = ErrorRows()
    for number in range(600):
        errors.add("a", number, "x")
    assert [row.offset for row in errors.rows] == list(range(501))
    assert {row.kind for row in errors.rows[:500]} == {"a"}
    last = errors.rows[500]
    assert (last.kind, last.message) == ("too_many_errors", "there are more errors than are listed")
