"""Lets coverage choose the inputs, where atheris is installed: a libFuzzer for Python."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import MAX_INPUT
from tests.fuzz.target import Target


def is_at_hand() -> bool:
    """Tell whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def instrumented(use_atheris: bool) -> AbstractContextManager[Any]:
    """Return what modules of the program must be imported in, so that their coverage is seen."""
    if not use_atheris:
        return nullcontext()
    import atheris

    instrumenting: AbstractContextManager[Any] = atheris.instrument_imports(include=["forensics"])
    return instrumenting


def drive(
    target: Target, one: Callable[[bytes], bool], corpus: list[bytes], folder: Path, end: Callable[[], None]
) -> None:
    """Run until there is no time for another input; the process ends with it, as libFuzzer has it.

    Args:
        target: What is fuzzed.
        one: Looks at an input, and tells whether there is time for another.
        corpus: Inputs to begin with.
        folder: Where inputs with new coverage are kept for the next run.
        end: What is to be done at the end.
    """
    import atheris

    grown = folder / "grown"
    grown.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus):
        (grown / f"corpus-{number}").write_bytes(data)

    def look(data: bytes) -> None:
        if not one(data):
            end()
            sys.stdout.flush()
            os._exit(0)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        return target.reseal(bytes(atheris.Mutate(data, max_size)))[:max_size]

    largest = max([4096, *map(len, corpus)])
    options = [f"-max_len={min(MAX_INPUT, 2 * largest)}", "-rss_limit_mb=0", "-timeout=3600", "-verbosity=0"]
    if target.words:
        words = folder / "words"
        words.write_text("".join('"' + "".join(f"\\x{b:02x}" for b in word) + '"\n' for word in target.words if word))
        options.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *options, str(grown)], look, custom_mutator=mutate)
    atheris.Fuzz()
