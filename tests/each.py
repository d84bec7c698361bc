"""One test of very many small cases: pytest takes two milliseconds for each that it is told of, in every process."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import pytest

_T = TypeVar("_T")


def each(name: str, values: Iterable[_T], ids: Callable[[_T], object] = str) -> Callable[..., Callable[..., None]]:
    """Decorate a test that is called for every value of an argument; where some fail, all of these are told.

    It is no place for what skips, and what other fixtures give is the same for all values.

    Args:
        name: The argument.
        values: Its values.
        ids: What each is called where it fails.
    """

    members = list(values)

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def of_all(**others: Any) -> None:
            failed: dict[str, BaseException] = {}
            for value in members:
                try:
                    test(**{name: value}, **others)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"{name}: {ids(value)}")
                    failed[str(ids(value))] = error
            if failed:
                raise BaseExceptionGroup(", ".join(failed), list(failed.values()))

        signature = inspect.signature(test)
        others = [each for each in signature.parameters.values() if each.name != name]
        of_all.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return of_all

    return decorated
