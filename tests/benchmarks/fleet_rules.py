"""Measures which rules are slow over thousands of machines, and whether any is slower than their number.

    python -m tests.benchmarks.fleet_rules [--machines 2000] [--slowest 10]
    python -m tests.benchmarks.fleet_rules --across [--machines 2000]

prints one markdown table. The machines are those of a few test images, over and over under other numbers, names, GUIDs
and keys; one in ten keeps the keys of its image, as a clone does. Rows are made when they are inserted, so that ten
thousand machines need no more than SQLite's memory. With --across the rules that span machines are asked in DuckDB.
"""

from __future__ import annotations

import argparse
import re
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, overload

import pandas as pd

from forensics.chain.identities import shared_identities
from forensics.engine.database import RuleDatabase
from forensics.engine.duckdb_functions import add_examination, add_functions, add_table
from forensics.engine.duckdb_run import DuckTables, run_on_duckdb
from forensics.engine.indexes import indexes
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import run_on
from forensics.facts.shared_keys import shared_keys
from forensics.tables.database import row_values
from forensics.tables.machine import MachineRow
from forensics.tables.machine_numbers import renumbered
from forensics.tables.registry import ROW_CLASSES, column_specs
from forensics.tables.row import Row
from tests.examined import AS_OF, examined

IMAGES = (
    "sample",
    "healthy",
    "laptop",
    "server-roles",
    "rdp-2019",
    "broken-claim",
    "hyperv-source",
    "mixed",
    "expiring",
)
_OWN = re.compile(r"\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_CLONES = 10
_NUMBERS = ("integer", "boolean")


class Copies(Sequence[Row]):
    """The rows of one table on many machines, each made when it is asked for.

    Args:
        images: The rows of that table in each image.
        machines: How many machines.
    """

    def __init__(self, images: Sequence[Sequence[Row]], machines: int) -> None:
        self.images = [[(row, *_own_columns(row)) for row in rows] for rows in images]
        self.machines = machines

    def __len__(self) -> int:
        """Return how many rows all machines have."""
        return sum(len(self.images[number % len(self.images)]) for number in range(self.machines))

    def __iter__(self) -> Iterator[Row]:
        """Make the rows, machine by machine."""
        for number in range(self.machines):
            keeps = number % _CLONES == 0
            for row, columns, lists in self.images[number % len(self.images)]:
                made = renumbered(row, lambda old, number=number: number * 10 + old)  # type: ignore[misc]
                if not keeps:
                    changed: dict[str, Any] = {name: _renamed(getattr(row, name), number) for name in columns}
                    changed |= {name: [_renamed(text, number) for text in getattr(row, name)] for name in lists}
                    made = replace(made, **changed)
                if isinstance(made, MachineRow):
                    made.computer_name, made.vm_name = f"{made.computer_name}-{number}", f"vm-{number}"
                    made.hardware_id = f"{{{number:08x}}}"
                yield made

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Row]: ...
    def __getitem__(self, number: int | slice) -> Row | Sequence[Row]:
        """Not needed: rows are made in their order."""
        raise NotImplementedError


def _own_columns(row: Row) -> tuple[list[str], list[str]]:
    """Return the columns whose text, and whose list, names something that each machine has of its own."""
    texts, lists = [], []
    for spec in column_specs(row.table):
        value = getattr(row, spec.name)
        if isinstance(value, str) and _OWN.search(value):
            texts.append(spec.name)
        elif isinstance(value, list) and any(_OWN.search(text) for text in value):
            lists.append(spec.name)
    return texts, lists


def _renamed(text: str, number: int) -> str:
    return _OWN.sub(lambda found: f"{number:08{'X' if found[0].isupper() else 'x'}}{found[0][8:]}", text)


class FleetDatabase(RuleDatabase):
    """Takes rows as they are made."""

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        specs = column_specs(table)
        self._insert(table, [spec.name for spec in specs], row_values(rows, specs))
        for statement in indexes(table, len(rows)):
            self._connection.execute(statement)


def fleet(machines: int) -> dict[str, Copies]:
    """Return the tables of a fleet."""
    by_table: dict[str, list[Sequence[Row]]] = defaultdict(list)
    for name in IMAGES:
        for table, rows in examined(name).tables.items():
            by_table[table].append([row for row in rows if row.machine_id])
    return {table: Copies(images, machines) for table, images in by_table.items()}


def seconds_by_rule(database: RuleDatabase, packs: Packs) -> dict[str, tuple[float, int]]:
    """Return how long each rule takes, and how many findings it makes."""
    found: dict[str, tuple[float, int]] = {}
    for rule in packs.rules:
        started = time.thread_time()
        result = run_on(database, Packs((rule,)), AS_OF)
        found[str(rule.id)] = time.thread_time() - started, -1 if result.problems else len(result.findings)
    return found


def across(machines: int) -> None:
    """Ask what spans machines, as a fleet does: identities and keys by hashing, rules in DuckDB."""
    import duckdb

    tables = fleet(machines)
    disks = {row.machine_id: f"disk {row.machine_id}" for row in tables["machine"]}
    needed = [tables[name] for name in ("machine", "secret", "tpm", "event", "key_file", "certificate", "key_chain")]
    started = time.thread_time()
    identities: list[Row] = [*shared_identities(chain.from_iterable(needed), disks)]
    told = [f"{len(identities)} shared identities in {time.thread_time() - started:.1f} s"]
    started = time.thread_time()
    keys: list[Row] = [*shared_keys(chain(*needed, identities), disks)]
    told.append(f"{len(keys)} shared keys in {time.thread_time() - started:.1f} s")
    connection = duckdb.connect()
    add_functions(connection)
    add_examination(connection, AS_OF)
    for name in ROW_CLASSES:
        add_table(connection, name)
        rows = {"shared_identity": identities, "shared_key": keys}.get(name) or tables.get(name) or ()
        _insert(connection, name, iter(rows))
    duck, packs = DuckTables(connection), load_packs()
    started = time.perf_counter()
    for rule in packs.across_machines.rules:
        before = time.perf_counter()
        result = run_on_duckdb(duck, Packs((rule,)), AS_OF)
        how = result.problems[0].message if result.problems else f"{len(result.findings)} findings"
        told.append(f"{rule.id}: {how} in {time.perf_counter() - before:.2f} s")
    print(f"{machines} machines, {sum(duck.sizes.values())} rows", *told, sep="\n")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")


def _insert(connection: Any, table: str, rows: Iterator[Row]) -> None:
    specs = column_specs(table)
    names = ", ".join(f'"{spec.name}"' for spec in specs)
    while some := list(row_values(list(islice(rows, 50_000)), specs)):
        cells = {
            spec.name: pd.Series([row[at] for row in some], dtype="Int64" if spec.kind in _NUMBERS else "string")
            for at, spec in enumerate(specs)
        }
        connection.register("given", pd.DataFrame(cells))
        connection.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM given')


def main() -> None:
    """Measure a fleet, and one of a quarter of its machines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=2000)
    parser.add_argument("--slowest", type=int, default=10)
    parser.add_argument("--across", action="store_true")
    arguments = parser.parse_args()
    if arguments.across:
        across(arguments.machines)
        return
    packs = load_packs()
    told = []
    for machines in (arguments.machines // 4, arguments.machines):
        tables = fleet(machines)
        started = time.thread_time()
        with FleetDatabase(tables, AS_OF) as database:
            loaded = time.thread_time() - started
            told.append(seconds_by_rule(database, packs))
        rows = sum(map(len, tables.values()))
        total = sum(seconds for seconds, _ in told[-1].values())
        print(f"{machines} machines, {rows} rows: loaded in {loaded:.1f} s, asked in {total:.1f} s", flush=True)
    few, many = told
    print("\n| rule | seconds | findings | times those of a quarter |\n|---|---|---|---|")
    for rule in sorted(many, key=lambda name: -many[name][0])[: arguments.slowest]:
        seconds, findings = many[rule]
        print(f"| {rule} | {seconds:.2f} | {findings if findings >= 0 else 'stopped'} | {seconds / few[rule][0]:.1f} |")


if __name__ == "__main__":
    main()
