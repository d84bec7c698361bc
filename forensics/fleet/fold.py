"""Folds the parts of many disks into one file a bucket and table, and removes what no longer counts.

It may be ended at any moment: the new file stands before an old one is removed, and which of them counts is told by
:func:`forensics.fleet.stored.effective_files`. Nobody else may write to the dataset meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.evidence_files import EvidenceFiles
from forensics.fleet.dataset import BUCKETS, PER_DISK, Dataset
from forensics.fleet.stored import FOLDED, KEYS, connect, effective_files, keys_of, read_parquet
from forensics.outputs import new_file

if TYPE_CHECKING:
    import duckdb

LEAST = 8
"""Work: files of one bucket and table from which they are folded."""


def fold(dataset: Dataset) -> None:
    """Fold every bucket that has many files; the rows that count stay the same.

    Raises:
        OSError: The disk is full, or cannot be written.
    """
    with connect(dataset) as connection:
        known = {key for (key,) in connection.execute("SELECT disk FROM main.disk").fetchall()}
        # Table disk last: what is not in it does not count, and would be dropped from the others.
        for table in (*PER_DISK, "disk"):
            files = list(dataset.files(table))
            counting = set(effective_files(dataset, table)) if len(files) >= LEAST else set()
            for bucket in BUCKETS:
                own = [path for path in files if path.parent.name == f"bucket={bucket}"]
                if len(own) >= LEAST:
                    _fold(connection, own, [path for path in own if path in counting], known)


def _fold(connection: duckdb.DuckDBPyConnection, files: list[Path], counting: list[Path], known: set[str]) -> None:
    source = read_parquet(counting)
    keys = {key for path in counting for key in (keys_of(path) if path.name.startswith(FOLDED) else {path.stem})}
    told = json.dumps(sorted(keys & known))
    target = files[0].parent / f"{FOLDED}{hashlib.sha256(told.encode()).hexdigest()[:16]}.parquet"
    if files == [target]:
        return
    with new_file(target, EvidenceFiles(), overwrite=True) as file:
        metadata = f"KV_METADATA {{{KEYS.decode()}: '{told}'}}"
        connection.execute(
            f"COPY (SELECT * FROM {source} WHERE disk IN (SELECT disk FROM main.disk) ORDER BY disk) "
            f"TO '{_in_sql(file)}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, {metadata})"
        )
    for path in files:
        if path != target:
            path.unlink()


def _in_sql(path: Path) -> str:
    return str(path).replace("'", "''")
