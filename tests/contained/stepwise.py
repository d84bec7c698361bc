"""Steps that end their process, in a module, so that a nursery finds them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any

from forensics.contained.steps import Do
from forensics.engine import examples, lint, loader, run, strangers_answers

End = str
"""``fall`` (a crash), ``spin`` (for ever), ``quit`` (without a word), ``raise``."""


ORIGINALS: Mapping[str, Callable[..., Do]] = {
    f"{each.__module__}.{each.__qualname__}": each
    for each in (
        examples._prepared,
        lint._prepared,
        loader._prepared,
        run._prepared,
        strangers_answers._answers_prepared,
        strangers_answers._subjects_prepared,
    )
}


def ending(ends: Mapping[int, End], prepare: Callable[..., Do] | str, *arguments: Any) -> Do:
    """Return what does steps as another one does, but for those that end.

    Args:
        ends: How each ends.
        prepare: The other one; the name of one whose place this takes, which cannot be pickled then.
        arguments: Of that.
    """
    do = (ORIGINALS[prepare] if isinstance(prepare, str) else prepare)(*arguments)

    def step(number: int) -> Any:
        end(ends.get(number, ""))
        return do(number)

    return step


def end(how: End) -> None:
    if how == "fall":
        ctypes.string_at(8)
    while how == "spin":
        pass
    if how == "quit":
        os._exit(0)
    if how == "raise":
        raise ValueError("key material 0xdeadbeef")


def squares() -> Do:
    return lambda number: number * number


def no_preparation() -> Do:
    ctypes.string_at(8)
    return squares()
