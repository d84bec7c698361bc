"""Kills runs over a small fleet with ``kill -9`` at random moments, and compares what they come to in the end.

    python -m tests.benchmarks.fleet_kills CACHE [--times 100] [--disks 12] [--seed 1]

Each time a run is begun, and the client, a worker, or the scheduler of a cluster is killed at a moment between its
start and its likely end; then it is run again until it ends by itself. The dataset must say what an undisturbed run
says, but for times of writing. Prints one line a kill; exit code 1 where one differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

from tests.fleet.contents import contents
from tests.fleet.kills import VICTIMS, killed_and_run_again, one_run
from tests.fleet.small_disks import make_disk


def main() -> int:
    """Kill so many times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for disks and datasets")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--disks", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    disks = asked.cache / "disks"
    disks.mkdir(parents=True, exist_ok=True)
    for number in range(asked.disks):
        make_disk(disks, number)
    whole = asked.cache / "undisturbed"
    shutil.rmtree(whole, ignore_errors=True)
    begun = time.monotonic()
    one_run(disks, whole)
    lasts = time.monotonic() - begun
    expected = contents(whole)
    chance = random.Random(asked.seed)
    wrong = 0
    for number in range(asked.times):
        dataset = asked.cache / "killed"
        shutil.rmtree(dataset, ignore_errors=True)
        victim = VICTIMS[number % len(VICTIMS)]
        moment = chance.uniform(0.2, lasts * (1.3 if victim == "scheduler" else 1.0))
        runs = killed_and_run_again(disks, dataset, victim, moment, chance)
        found = contents(dataset)
        differ = [table for table in expected.keys() | found.keys() if expected.get(table) != found.get(table)]
        wrong += bool(differ)
        told = f"differs in {', '.join(sorted(differ))}" if differ else "equal"
        print(f"{number + 1}: {victim} after {moment:.1f} s, {runs} runs: {told}", flush=True)
        if differ:
            dataset.rename(asked.cache / f"differs-{number + 1}")
    print(f"{asked.times - wrong} of {asked.times} equal")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
