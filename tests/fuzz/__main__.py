"""python -m tests.fuzz TARGET --seconds 60 gives hostile bytes to one parser; --list names them all."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.fuzz import atheris_run, figures


def main() -> int:
    """Run targets; 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="*", help="names of targets")
    parser.add_argument("--seconds", type=float, default=60, help="for each target, or with --all for all together")
    parser.add_argument("--seed", default="", help="where chance begins; without, somewhere else each time")
    parser.add_argument("--engine", choices=("atheris", "seeded"), help="default: atheris where it is installed")
    parser.add_argument("--all", action="store_true", help="all targets")
    parser.add_argument("--list", action="store_true", help="name all targets")
    parser.add_argument("--seeds", action="store_true", help="write the committed inputs anew")
    parser.add_argument("--figures", type=Path, help="add what was run to a file of JSON lines")
    parser.add_argument("--table", action="store_true", help="write docs/fuzzing.md from the committed figures")
    asked = parser.parse_args()
    if asked.table:
        figures.write_page()
        return 0
    use_atheris = (asked.engine or ("atheris" if atheris_run.is_at_hand() else "seeded")) == "atheris"
    with atheris_run.instrumented(use_atheris and not (asked.list or asked.seeds)):
        from tests.fuzz.engine import Run
        from tests.fuzz.targets.table import TARGETS
    names = list(TARGETS) if asked.all or (not asked.target and (asked.list or asked.seeds)) else asked.target
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"no target is called {', '.join(unknown)}: see --list")
    if asked.list:
        print("\n".join(names))
        return 0
    if asked.seeds:
        for name in names:
            TARGETS[name].write_seeds()
        return 0
    if not names:
        parser.error("name a target, or say --all")
    seconds = asked.seconds / len(names) if asked.all else asked.seconds
    found = 0
    for name in names:
        result = Run(TARGETS[name], seconds, asked.seed or str(time.time_ns()), use_atheris).go()
        line = json.dumps(result.figures())
        print(line, flush=True)
        found += len(result.finds)
        if asked.figures:
            with asked.figures.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
    if found:
        print(f"{found} finds: build/fuzz holds each input, and what went wrong beside it", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
