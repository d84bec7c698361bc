"""Measures the report of a fleet on a dataset of so many disks as are asked for, made of a few by SQL.

``python -m tests.benchmarks.fleet_report FOLDER 2000 10000`` makes a dataset in FOLDER for each number, where it is not
there yet, and says how long each format takes and how much memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import forensics
from forensics.fleet.dataset import BUCKETS, PER_DISK, Dataset
from forensics.fleet.disk_record import DiskRecord, InputIdentity
from forensics.fleet.part import columns_of, write_part
from forensics.fleet.stored import connect
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import NAMES_MACHINE
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
KINDS = ("sample", "web-server", "hyperv-source", "healthy", "laptop", "bound")
FAILED = 50
"""One input in so many cannot be read."""
_NUMBER = "((CAST('0x' || substr(k.disk, 1, 12) AS BIGINT) << 12) | (\"{}\" & 4095))"


def seed(folder: Path, kinds: Sequence[str] = KINDS) -> Dataset:
    """Make a small dataset of a few test disks and one input that cannot be read."""
    dataset = Dataset.create(folder, AS_OF)
    for name in kinds:
        case = forensics.examine(IMAGES / f"{name}.vhdx.xz", as_of=AS_OF)
        identity = InputIdentity(path=f"//nas/vm/{name}.vhdx", size=1, modified=AS_OF, head_sha256=f"{name:0>64}")
        machines = len(case.rows("machine"))
        record = DiskRecord(
            identity=identity,
            kind="vhdx",
            state="examined",
            as_of=AS_OF,
            written=AS_OF,
            machines=machines,
            content=name,
        )
        write_part(dataset, record, case)
    return dataset


def replicate(small: Dataset, folder: Path, count: int) -> Dataset:
    """Make a dataset of many disks, each one of the small one under a key, names and thumbprints of its own."""
    dataset = Dataset.create(folder, AS_OF)
    with connect(small) as connection:
        connection.execute(
            f"""
            CREATE TABLE copies AS SELECT md5(d.disk || n) AS disk, d.disk AS was, n
            FROM range({count}) r(n) JOIN (SELECT disk, row_number() OVER (ORDER BY disk) - 1 AS at,
            count(*) OVER () AS kinds FROM disk) d ON n % d.kinds = d.at
            """
        )
        for table in (*PER_DISK, "disk"):
            columns = ", ".join(_column(table, column.name) for column in columns_of(table))
            for bucket in BUCKETS:
                of_bucket = f"substr(disk, 1, 1) = '{bucket}'"
                keys = connection.execute(f"SELECT disk FROM copies WHERE {of_bucket} ORDER BY 1").fetchall()
                place = dataset.path / table / f"bucket={bucket}"
                place.mkdir(parents=True, exist_ok=True)
                metadata = f"KV_METADATA {{disks: '{json.dumps([key for (key,) in keys])}'}}"
                connection.execute(
                    f'COPY (SELECT {columns} FROM "{table}" t JOIN (FROM copies WHERE {of_bucket}) k ON t.disk = k.was '
                    f"ORDER BY ALL) TO '{place / f'folded-{bucket * 16}.parquet'}' "
                    f"(FORMAT parquet, COMPRESSION zstd, {metadata})"
                )
    return dataset


def _column(table: str, name: str) -> str:
    if name == "disk":
        return "k.disk AS disk"
    if name == "input":
        return "k.disk AS input"
    if table == "disk":
        failed = f"k.n % {FAILED} = {FAILED - 1}"
        told = {
            "path": "replace(t.path, '.vhdx', '-' || k.n || '.vhdx') AS path",
            "content": "NULL::VARCHAR AS content",
            "state": f"CASE WHEN {failed} THEN 'failed' ELSE t.state END AS state",
            "error": f"CASE WHEN {failed} THEN 'it cannot be read: encrypted member ' || k.n END AS error",
        }
        return told.get(name, f't."{name}"')
    if table in ROW_CLASSES:
        numbers = {f.name for f in fields(ROW_CLASSES[table]) if f.metadata[NAMES_MACHINE]}
    else:
        numbers = {"machine_id"}
    if name in numbers:
        return f'CASE WHEN t."{name}" > 0 THEN {_NUMBER.format(name)} ELSE t."{name}" END AS "{name}"'
    if (table, name) == ("source", "machine_ids"):
        number = _NUMBER.replace('"{}"', "CAST(x AS BIGINT)")
        return f"list_transform(machine_ids, lambda x: CAST({number} AS VARCHAR)) AS machine_ids"
    if name in ("computer_name", "machine"):
        return f'"{name}" || \'-\' || k.n AS "{name}"'
    if (table, name) == ("ending", "thumbprint"):
        # One in eight is on all machines.
        own = "upper(md5(thumbprint || k.n)) || '00000000'"
        return f"CASE WHEN hash(thumbprint) % 8 = 0 THEN thumbprint ELSE {own} END AS thumbprint"
    if (table, name) == ("summary", "source"):
        return "replace(source, '.vhdx', '-' || k.n || '.vhdx') AS source"
    return f't."{name}"'


def main() -> None:
    """Measure each number of disks, each format in a process of its own."""
    folder, *counts = sys.argv[1:]
    if folder == "--once":
        dataset, form, target = counts
        begun = time.perf_counter()
        report = forensics.fleet_report(dataset)
        asked = time.perf_counter() - begun
        forensics.write(report, form, target, overwrite=True)
        whole, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        size = Path(target).stat().st_size
        print(f"{form:5} {whole:6.1f} s ({asked:.1f} s asked), {peak} MiB, {size / 1e6:.1f} MB written")
        return
    place = Path(folder)
    small = Dataset.open(place / "seed") if (place / "seed").exists() else seed(place / "seed")
    for count in map(int, counts):
        made = place / f"fleet-{count}"
        if not made.exists():
            replicate(small, made, count)
        size = sum(file.stat().st_size for file in made.rglob("*.parquet"))
        print(f"{count} disks, dataset of {size / 1e6:.0f} MB")
        for form in ("text", "html", "csv", "json", "xlsx"):
            once = ["--once", str(made), form, str(place / f"report-{count}.{form}")]
            subprocess.run([sys.executable, "-m", "tests.benchmarks.fleet_report", *once], check=True)


if __name__ == "__main__":
    main()
