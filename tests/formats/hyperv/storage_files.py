"""A virtual machine's settings for the tests of HyperVStorage files, short ways to read them, and liars' parts."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from dissect.hypervisor.descriptor.c_hyperv import KeyDataType
from dissect.hypervisor.descriptor.hyperv import HyperVFile

from forensics.formats.hyperv.storage import HyperVStorage, parse_hyperv_storage
from testdata.builder.hyperv_storage import OBJECT_TABLE, Node, Uint64, Value, build_image

PROTECTOR = bytes(range(256)) * 20
TEXT = "Größe 🔑 " * 300
TREE: dict[str, Value] = {
    "configuration/properties/version": 2304,
    "configuration/properties/name": "Büro 🖥",
    "configuration/properties/low": -(2**63),
    "configuration/properties/high": Uint64(2**64 - 1),
    "configuration/properties/ratio": 0.1,
    "configuration/properties/on": True,
    "configuration/properties/off": False,
    "configuration/properties/nothing": "",
    "configuration/properties/marker": b"\x00\x00\x00\x04",
    "configuration/properties/no bytes": b"",
    "configuration/settings/Case": 1,
    "configuration/settings/case": 2,
    "configuration/settings/protector": PROTECTOR,
    "configuration/settings/notes": TEXT,
    "configuration/empty": Node(),
    "top": "at the top",
}
# Enough keys for several tables.
MANY: dict[str, Value] = TREE | {f"configuration/devices/vdev{n:03}/instance": f"{n:032x}" for n in range(90)}
OLD: dict[str, Value] = MANY | {
    "configuration/properties/name": "Alt",
    "configuration/settings/protector": b"old" * 1000,
    "configuration/devices/vdev089/instance": "another",
    "configuration/gone": b"deleted since",
}


def parse(data: bytes | bytearray, **options: int) -> HyperVStorage:
    return parse_hyperv_storage(lambda offset, length: bytes(data[offset : offset + length]), len(data), **options)


def plain(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return what must be read, nodes apart."""
    leaves = {path: value for path, value in values.items() if not isinstance(value, Node)}
    return {path: value.number if isinstance(value, Uint64) else value for path, value in leaves.items()}


def read(storage: HyperVStorage) -> dict[str, Any]:
    return {path: value.value for path, value in storage.values.items()}


def read_by_dissect(data: bytes | bytearray) -> dict[str, Any]:
    """Return the leaves that dissect finds, by path."""
    leaves: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", HyperVFile(io.BytesIO(bytes(data))))]
    for above, node in waiting:
        for name, entry in node.items():
            if entry.type == KeyDataType.Node:
                waiting.append((f"{above}{name}/", entry))
            else:
                leaves[above + name] = entry.value
    return leaves


def kinds(storage: HyperVStorage) -> list[str]:
    return [error.kind for error in storage.errors]


def object_entry(kind: int, offset: int, size: int) -> bytes:
    """Return an entry of the object table with its checksum."""
    blank = struct.pack("<BIQIB", kind, 0, offset, size, 1)
    return blank[:1] + struct.pack("<I", zlib.crc32(blank)) + blank[5:]


def key(kind: int, parent: tuple[int, int], name: bytes, data: bytes, flags: int = 0) -> bytes:
    """Return a key with its checksum."""
    text = name + b"\0"
    fields = kind, flags, 21 + len(text) + len(data), *parent
    blank = struct.pack("<BBIHIIIB", *fields, 0, 1, len(text)) + text + data
    return struct.pack("<BBIHIIIB", *fields, zlib.crc32(blank), 1, len(text)) + text + data


def key_table(index: int, keys: bytes, sequence: int = 1) -> bytes:
    blank = struct.pack("<HHHI", 2, index, sequence, 0)
    return struct.pack("<HHHI", 2, index, sequence, zlib.crc32(blank)) + keys


def storage_file(objects: bytes, rest: bytes = b"", count: int | None = None) -> bytearray:
    """Return a file with these entries of its object table; ``rest`` follows at :data:`REST`."""
    image = build_image({})
    image.data[OBJECT_TABLE + 4 : OBJECT_TABLE + 8] = struct.pack("<I", len(objects) // 18 if count is None else count)
    image.data[OBJECT_TABLE + 8 : OBJECT_TABLE + 8 + len(objects)] = objects
    assert len(image.data) == REST
    return image.data + rest


REST = len(build_image({}).data)


def one_table(keys: bytes) -> bytearray:
    table = key_table(1, keys)
    return storage_file(object_entry(2, REST, len(table)), table)
