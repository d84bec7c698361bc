"""The benchmark's reads through libvhdi, libfsntfs and libregf: ``python with_libyal.py DISK``."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pyfsntfs
import pyregf
import pyvhdi

from tests.benchmarks.reads import (
    HIVE_FOLDER,
    KEY_FOLDERS,
    LSA,
    PROTECT_FOLDER,
    STORE,
    Reads,
    describe_descriptor,
)


class _Partition:
    """The first GPT partition as the file object libfsntfs wants."""

    def __init__(self, disk: Any) -> None:
        self._disk = disk
        first, last = struct.unpack_from("<QQ", disk.read_buffer_at_offset(1024 + 128, 1024), 32)
        self._start, self._size = int(first) * 512, int(last + 1 - first) * 512
        self._position: int = 0

    def read(self, size: int) -> bytes:
        data: bytes = self._disk.read_buffer_at_offset(size, self._start + self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> None:
        self._position = offset + (0, self._position, self._size)[whence]

    def tell(self) -> int:
        return self._position

    def get_size(self) -> int:
        return self._size


def main(disk: str) -> None:
    """Do the reads and print their summary."""
    reads = Reads()
    image = pyvhdi.file()
    image.open(disk)
    volume = pyfsntfs.volume()
    volume.open_file_object(_Partition(image))
    reads.stage("open")

    # libfsntfs 20260827 finds no descriptor once $Secure:$SII has outgrown its root, so $SDS is read for it.
    descriptors = _descriptors(_entry(volume, "$Secure").get_alternate_data_stream_by_name("$SDS"))
    for folder in KEY_FOLDERS:
        for entry in _entry(volume, folder).sub_file_entries:
            (information,) = [item for item in entry.attributes if item.attribute_type == 0x10]
            rights = describe_descriptor(descriptors[information.security_descriptor_identifier])
            reads.key_file(entry.name, entry.read_buffer(entry.size), rights)
    reads.stage("key files")
    for entry in _entry(volume, PROTECT_FOLDER).sub_file_entries:
        if not entry.has_directory_entries_index() and entry.name != "Preferred":
            reads.master_key(entry.name, entry.read_buffer(entry.size))
    reads.stage("master keys")
    for key in _hive(volume, "SOFTWARE").get_key_by_path(STORE).sub_keys:
        reads.certificate(key.name, key.get_value_by_name("Blob").data)
    reads.stage("certificates")
    system, security = _hive(volume, "SYSTEM"), _hive(volume, "SECURITY")
    for name in ("JD", "Skew1", "GBG", "Data"):
        reads.boot_key_class(name, system.get_key_by_path(f"{LSA}\\{name}").class_name)
    for path in Reads.LSA_VALUES:
        reads.lsa_value(path, security.get_key_by_path(path).get_value(0).data)
    reads.stage("boot key and LSA")
    print(json.dumps(reads.summary()))


def _entry(volume: Any, path: str) -> Any:
    return volume.get_file_entry_by_path("\\" + path.replace("/", "\\"))


def _hive(volume: Any, name: str) -> Any:
    hive = pyregf.file()
    hive.open_file_object(_entry(volume, f"{HIVE_FOLDER}/{name}"))
    return hive


def _descriptors(stream: Any) -> dict[int, bytes]:
    data = stream.read_buffer(stream.get_size())
    found: dict[int, bytes] = {}
    position = 0
    while position + 20 <= len(data):
        _, number, _, length = struct.unpack_from("<IIQI", data, position)
        if length < 20:
            position = (position // 0x40000 + 1) * 0x40000
            continue
        found[number] = data[position + 20 : position + length]
        position += -(-length // 16) * 16
    return found


if __name__ == "__main__":
    main(sys.argv[1])
