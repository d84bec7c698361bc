"""What a shell completes from case files that stand on the line: images are never opened for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

import forensics

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MOST_BYTES = 64 << 20
"""Work: bytes of a case file that is read while somebody waits for a word."""
MOST_WORDS = 100
"""Display: words that are offered."""


def completed_subjects(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete a file and, where a case file was named, what ``explain`` knows in it."""
    from click.shell_completion import CompletionItem

    words = (name for case in _cases(ctx) for name in forensics.subject_names(case))
    return [CompletionItem(typed, type="file"), *_fitting(words, typed)]


def completed_machines(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the name of a computer of the case files that were named."""
    words = (str(row.computer_name) for case in _cases(ctx) for row in case.rows("machine") if row.computer_name)
    return _fitting(words, typed)


def _fitting(words: Iterable[str], typed: str) -> list[CompletionItem]:
    """Return those that begin as typed; a word with white space would be several to the shell."""
    from click.shell_completion import CompletionItem

    begins = typed.casefold()
    fitting = sorted({word for word in words if word.casefold().startswith(begins) and word == "".join(word.split())})
    return [CompletionItem(word) for word in fitting[:MOST_WORDS]]


def _cases(ctx: click.Context) -> Iterator[forensics.Case]:
    # Where an option waits for its value, click has not given the words before it to the arguments yet.
    named = [*(ctx.params.get("sources") or ()), ctx.params.get("wanted"), *ctx.args]
    for path in (Path(name) for name in named if name):
        if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES or not forensics.is_case_file(path):
            continue
        try:
            yield forensics.open_case(path)
        except forensics.CaseFileError:
            continue  # the command itself says what is wrong with it
