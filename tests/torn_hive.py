"""Tears a registry hive: what was being written stands in logs, which the test leaves out."""

from __future__ import annotations

from functools import reduce
from operator import xor
from pathlib import Path


def tear(hive: Path) -> None:
    """Let the first sequence number run ahead of the second, with the right checksum."""
    data = bytearray(hive.read_bytes())
    data[4:8] = (int.from_bytes(data[8:12], "little") + 1).to_bytes(4, "little")
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, 508, 4)]
    data[508:512] = reduce(xor, words).to_bytes(4, "little")
    hive.write_bytes(data)
    for log in hive.parent.glob(f"{hive.name}.LOG*"):
        log.unlink()
