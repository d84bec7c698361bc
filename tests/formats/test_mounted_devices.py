"""What Windows notes of volumes with drive letters, as other people print it."""

from __future__ import annotations

from forensics.formats.mounted_devices import of_gpt_partition, of_mbr_partition, value_name


def test_a_partition_of_each_kind_of_disk() -> None:
    guid = bytes.fromhex("bd0201ce99014c4f9d1a4a3bd1e8b3f5")
    assert of_gpt_partition(guid) == bytes.fromhex("444d494f3a49443abd0201ce99014c4f9d1a4a3bd1e8b3f5")
    # Signature 0x0D1E5C7A, second partition at 500 MiB and 1 MiB, as `reg query` shows it.
    assert of_mbr_partition(bytes.fromhex("7a5c1e0d"), 501 << 20).hex() == "7a5c1e0d0000501f00000000"
    assert value_name("D:") == "\\DosDevices\\D:"
