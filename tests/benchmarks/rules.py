"""Measures the rule engine: 60 rules over one disk's evidence, and over 200,000 chains of a fleet.

    python -m tests.benchmarks.rules [--chains 200000] [--rules 60]

prints one markdown table. The rules are the built-in packs, repeated under other ids until there are enough. Of the
fleet's keys one in a hundred is broken, evenly by every cause. Loading is what the engine does before the first rule is
asked: rows into SQLite's memory, and indexes. Each figure is the best of several runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import forensics
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.engine.rule_source import Text
from forensics.engine.run import run_on
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.registry import by_table
from forensics.tables.row import Row
from tests.paths import IMAGES

SAMPLE = IMAGES / "sample.vhdx.xz"
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
KEYS_A_MACHINE = 200
_BROKEN = (
    {"broken_at": "key_file", "key_file": "absent"},
    {"broken_at": "key_file", "key_file": "other_machine_guid"},
    {"broken_at": "access", "access": "denied"},
    {"broken_at": "secret", "unlocked_by": "previous"},
    {"broken_at": "master_key", "master_key": "absent"},
    {"broken_at": "public_key", "public_key": "mismatch"},
)


def enough(packs: Packs, count: int) -> Packs:
    """Repeat rules under other ids until there are ``count``."""
    rules = islice(cycle(packs.rules), count)
    return Packs(tuple(dataclasses.replace(r, id=Text(f"{r.id}-{n}")) for n, r in enumerate(rules)))


def fleet(chains: int) -> Iterator[Row]:
    """Yield the rows of a fleet whose certificates each have a key file."""
    for number in range(chains):
        machine_id = 1 + number // KEYS_A_MACHINE
        at: dict[str, Any] = {
            "machine_id": machine_id,
            "source_path": f"SOFTWARE\\...\\MY\\Certificates\\{number:040X}",
        }
        if number % KEYS_A_MACHINE == 0:
            yield MachineRow(**at, computer_name=f"SRV{machine_id:05}", machine_guid=f"{machine_id:08x}-0000")
        path = f"ProgramData/Microsoft/Crypto/RSA/MachineKeys/{number:032x}_{machine_id:08x}-0000"
        not_after = datetime(2027 + number % 3, 1 + number % 12, 1 + number % 28, tzinfo=UTC)
        yield KeyFileRow(
            **at, path=path, file_name=path[-45:], kind="capi", scope="machine", created=AS_OF, modified=AS_OF
        )
        yield CertificateRow(
            **at, thumbprint=f"{number:040X}", store="MY", store_scope="machine", subject=f"CN={number}.contoso.test"
        )
        broken = _BROKEN[number // 100 % len(_BROKEN)] if number % 100 == 0 else {}
        values: dict[str, Any] = {
            "key_file": "present",
            "public_key": "match",
            "access": "ok",
            "master_key": "present",
            "unlocked_by": "current",
            "private_key": "proved",
            "verdict": "unusable" if broken else "usable",
            **broken,
        }
        yield KeyChainRow(
            **at,
            thumbprint=f"{number:040X}",
            subject=f"CN={number}.contoso.test",
            store="MY",
            store_scope="machine",
            owner_sid="S-1-5-18",
            not_before=AS_OF,
            not_after=not_after,
            container=f"container-{number}",
            provider="Microsoft Enhanced Cryptographic Provider v1.0",
            provider_kind="capi",
            key_file_path=path,
            master_key_guid=f"{machine_id:08x}-1111",
            **values,
        )


def best(times: int, action: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def measure(name: str, packs: Packs, rows: list[Row], times: int) -> str:
    """Return one line of the table."""
    tables = by_table(rows)
    loading = best(times, lambda: RuleDatabase(tables, AS_OF).close())
    with RuleDatabase(tables, AS_OF) as database:
        asking = best(times, lambda: run_on(database, packs, AS_OF))
        result = run_on(database, packs, AS_OF)
    if result.problems:
        raise SystemExit(result.problems[0].message)
    subjects = sum(len(f.subjects) for f in result.findings)
    return (
        f"| {name} | {len(tables['key_chain'])} | {len(packs.rules)} | {len(result.findings)} ({subjects} subjects) "
        f"| {loading * 1000:.0f} | {asking * 1000:.0f} |"
    )


def main() -> None:
    """Measure one disk and a fleet, and what it costs to read the packs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=200_000)
    parser.add_argument("--rules", type=int, default=60)
    arguments = parser.parse_args()
    packs = load_packs()
    reading = best(5, load_packs)
    print(f"{len(packs.rules)} built-in rules are read in {reading * 1000:.1f} ms\n")
    packs = enough(packs, arguments.rules)
    case = forensics.examine(SAMPLE, as_of=AS_OF)
    disk = [row for rows in case.tables.values() for row in rows]
    print("| evidence | chains | rules | findings | loading (ms) | asking (ms) |\n|---|---|---|---|---|---|")
    print(measure("one disk", packs, disk, 5), flush=True)
    print(measure("fleet", packs, list(fleet(arguments.chains)), 2), flush=True)


if __name__ == "__main__":
    main()
