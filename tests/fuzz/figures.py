"""What was run so far, as JSON lines that longer runs extend, and the page that is made of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.paths import PROJECT

FIGURES = Path(__file__).parent / "figures.jsonl"
PAGE = PROJECT / "docs" / "fuzzing.md"
_HEAD = """# Fuzzing

Every parser and opener is given hostile bytes, by [tests/fuzz](../tests/fuzz/__main__.py):

    make fuzz TARGET=hive SECONDS=600    # finds lie in build/fuzz
    python -m tests.fuzz --list
    python -m tests.fuzz --all --seconds 3600 --figures tests/fuzz/figures.jsonl
    python -m tests.fuzz --table         # this page, of the committed figures

With [atheris](https://github.com/google/atheris) (`fuzz.lock`; Linux, CPython 3.11 to 3.13) coverage chooses the
inputs, everywhere else a seeded engine of this project changes them by chance. Where a format seals its bytes with sums
(hives and their logs, chunks of event logs, NTFS records, VHDX, GPT, E01, VMA, tar, 7z, WIM, VMCX and VMGS), they are
made right again after each change, so that what lies behind them is reached; of a fleet's dataset rows and cells are
changed, of a server its answers. `make test` gives each target its corpus and some changes of it, `.ci/run` four
minutes of chance, the hosted workflow an hour each week.

A find is

- an exception but the one that says "not what its format says", or a refusal without kind, message or a place in the
  input;
- more processor time than an input of its size may take, or memory beyond a bound; a process that dies or does not end;
- a file that is opened outside the folder of the evidence, anything that is written, a program that is started, a
  warning of a library on the error output;
- for whole examinations (`whole-volume`, `whole-hives`): a verdict that is worse without a problem about the place that
  was damaged, or a private key of the test data in the output.

Each find becomes a file in `tests/fuzz/corpus`, or a test beside the parser where that says more.

## What was run

Runs an hour are those of one process on a machine that had more to do; the slowest input is in processor time. Finds
that are counted were mended since.

"""


def write_page() -> None:
    """Write the page anew."""
    PAGE.write_text(
        page(json.loads(line) for line in FIGURES.read_text(encoding="utf-8").splitlines()), encoding="utf-8"
    )


def page(lines: Iterable[dict[str, Any]]) -> str:
    """Return the page.

    Args:
        lines: What each run did, as the engine tells it.
    """
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        runs[line["target"]].append(line)
    rows = [_row(target, done) for target, done in sorted(runs.items())]
    heads = ("target", "runs", "seconds", "runs an hour", "finds", "slowest, ms", "memory, MiB")
    table = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    text = "\n".join(f"| {' | '.join(row)} |" for row in table)
    total = sum(line["runs"] for done in runs.values() for line in done)
    return f"{_HEAD}{text}\n\n{len(runs)} targets, {total:,} runs.\n"


def _row(target: str, done: list[dict[str, Any]]) -> tuple[str, ...]:
    count, seconds = sum(line["runs"] for line in done), sum(line["seconds"] for line in done)
    return (
        target,
        f"{count:,}",
        f"{seconds:,.0f}",
        f"{count / max(seconds, 1) * 3600:,.0f}",
        str(sum(line["finds"] for line in done)),
        f"{max(line['slowest_ms'] for line in done):,.1f}",
        str(max(line["memory_mib"] for line in done)),
    )
