"""A GPT carries checksums: where those of one copy do not fit, the other is used, and that is told."""

from __future__ import annotations

import io

import pytest

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import PartitionTable, read_partition_table
from tests.ntfs_surgery import raw_disk

PRIMARY, ENTRIES = 512, 1024


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return raw_disk("attest-ca-bare", tmp_path_factory.mktemp("disk") / "x.raw").read_bytes()


def table_of(disk: bytes, *flipped: int) -> PartitionTable:
    data = bytearray(disk)
    for at in flipped:
        data[at] ^= 4
    table = read_partition_table(VolumeReader(io.BytesIO(data), 0, len(data)), len(data), 512)
    assert table is not None
    return table


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (PRIMARY + 16, "the checksum of its header does not fit"),
        (PRIMARY + 24, "its header does not belong where it lies"),
        (ENTRIES + 33, "the checksum of its entries does not fit"),
        (ENTRIES, "the checksum of its entries does not fit"),
    ],
)
def test_the_backup_stands_in_for_a_damaged_table(disk: bytes, at: int, why: str) -> None:
    whole, table = table_of(disk), table_of(disk, at)
    assert whole.problems == ()
    assert table.partitions == whole.partitions
    assert table.problems == (f"the primary GPT is damaged: {why}",)


def test_a_table_whose_checksums_alone_are_wrong_is_used(disk: bytes) -> None:
    table = table_of(disk, PRIMARY + 16, len(disk) - 512 + 16)
    assert table.partitions == table_of(disk).partitions
    assert table.problems == (
        "the primary GPT is damaged: the checksum of its header does not fit",
        "the backup GPT is damaged: the checksum of its header does not fit",
    )
