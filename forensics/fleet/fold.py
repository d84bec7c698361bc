"""Folds the parts of many disks into one file a bucket and table, and removes what no longer counts.

It may be ended at any moment: the new file stands before an old one is removed, and which of them counts is told by
:func:`forensics.fleet.stored.effective_files`. Disks may be added meanwhile.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.evidence_files import EvidenceFiles
from forensics.fleet.dataset import FOLDED, KEYS, PER_DISK, REPLACES, Dataset, folded_name
from forensics.fleet.stored import connect, effective_files, keys_of, read_parquet
from forensics.outputs import new_file

if TYPE_CHECKING:
    import duckdb

LEAST = 8
"""Work: files of one bucket and table from which they are folded."""


def fold(dataset: Dataset) -> None:
    """Fold every bucket that has many files; the rows that count stay the same.

    What is being written now is left alone: parts of a disk whose row is not there yet.

    Raises:
        OSError: The disk is full, or cannot be written.
    """
    with connect(dataset, tables=()) as connection:
        # First the rows that are there, then what belongs to them: by then that is whole.
        written = {key for path in dataset.files("disk") for key in _keys_in(path)}
        known = {key for (key,) in connection.execute("SELECT disk FROM main.disk").fetchall()} & written
        # Table disk last: what is not in it does not count, and would be dropped from the others.
        for table in (*PER_DISK, "disk"):
            buckets: dict[Path, list[Path]] = {}
            for path in dataset.files(table):
                if path.name.startswith(FOLDED) or path.stem in written:
                    buckets.setdefault(path.parent, []).append(path)
            many = {folder for folder, own in buckets.items() if len(own) >= LEAST}
            counting = set(effective_files(dataset, table)) if many else set()
            for folder in sorted(many):
                _fold(connection, buckets[folder], [path for path in buckets[folder] if path in counting], known)


def _keys_in(path: Path) -> set[str]:
    return keys_of(path) if path.name.startswith(FOLDED) else {path.stem}


def _fold(connection: duckdb.DuckDBPyConnection, files: list[Path], counting: list[Path], known: set[str]) -> None:
    source = read_parquet(counting)
    kept = sorted({key for path in counting for key in _keys_in(path)} & known)
    replaced = [path.name for path in files if path.name.startswith(FOLDED)]
    target = files[0].parent / folded_name(kept, replaced)
    with new_file(target, EvidenceFiles(), overwrite=True) as file:
        told = (f"{KEYS.decode()}: '{json.dumps(kept)}'", f"{REPLACES.decode()}: '{json.dumps(replaced)}'")
        metadata = f"KV_METADATA {{{', '.join(told)}}}"
        connection.execute(
            f"COPY (SELECT * FROM {source} WHERE disk IN (SELECT unnest(?::VARCHAR[])) ORDER BY disk) "
            f"TO '{_in_sql(file)}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, {metadata})",
            [kept],
        )
    for path in files:
        path.unlink()


def _in_sql(path: Path) -> str:
    return str(path).replace("'", "''")
