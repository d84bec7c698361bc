"""Removes from a dataset what runs left that were killed: files half written, and parts whose disk has no row."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from forensics.fleet.dataset import BUCKETS, FOLDED, PER_DISK, Dataset
from forensics.fleet.quick_file import PREFIX
from forensics.fleet.stored import keys_of

AGE = 3600
"""Work: seconds for which a file is left alone that a worker of a cluster may still be about to complete."""


def clean(dataset: Dataset) -> None:
    """Remove what nobody completes any more; only who holds the lock may."""
    shutil.rmtree(dataset.work, ignore_errors=True)
    known = {
        key
        for path in dataset.files("disk")
        for key in (keys_of(path) if path.name.startswith(FOLDED) else {path.stem})
    }
    before = time.time() - AGE
    for table in (*PER_DISK, "disk"):
        for bucket in BUCKETS:
            _clean(dataset.path / table / f"bucket={bucket}", known, before)


def _clean(folder: Path, known: set[str], before: float) -> None:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            is_whole = not entry.name.startswith(PREFIX)
            stem = entry.name.removesuffix(".parquet")
            if is_whole and (stem in known or stem.startswith(FOLDED)):
                continue
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)
