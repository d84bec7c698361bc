"""Counts what is read of a nested archive of 2 GiB, and how long its examination takes: a zip of a tar of a disk.

python -m tests.benchmarks.nested
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import forensics
from forensics.disk import evidence_files
from tests.forms.nested_archive import ARCHIVES, counting, nested_archive

SIZE = 2 << 30


def main() -> None:
    """Print the bytes read of each file, and the processor time."""
    counts: Counter[str] = Counter()
    vars(evidence_files)["open"] = counting(counts)
    with tempfile.TemporaryDirectory() as folder:
        path = nested_archive(Path(folder), SIZE)
        begun = time.process_time()
        # In this process, where it is counted.
        with mock.patch("forensics.examining.passes.is_possible", return_value=False):
            forensics.examine(path)
        took = time.process_time() - begun
        size = path.stat().st_size
    for name in ARCHIVES:
        print(f"{name}: {counts[name] / size:.3f} of {size} bytes")
    print(f"{took:.1f} s of processor time")


if __name__ == "__main__":
    main()
