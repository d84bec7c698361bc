"""The values of the keys of a HyperVStorage file.

A large text or array is in a file object of its own; its key then holds where and how long that is.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage_limits import MAX_VALUE_BYTES, Budget, ErrorRows
from forensics.formats.hyperv.storage_log import Overlay
from forensics.formats.hyperv.storage_tables import ARRAY, BOOL, DOUBLE, INT64, NODE, STRING, UINT64, KeyEntry
from forensics.language import sentence
from forensics.late_methods import dataclass

KINDS = {
    INT64: "int64",
    UINT64: "uint64",
    DOUBLE: "double",
    STRING: "string",
    ARRAY: "array",
    BOOL: "bool",
    NODE: "node",
}
_LENGTH_SIZE = 4
_NUMBERS = {INT64: struct.Struct("<q"), UINT64: struct.Struct("<Q"), DOUBLE: struct.Struct("<d")}
_BOOL = struct.Struct("<I")

Value = int | float | str | bool | bytes


@dataclass(frozen=True, slots=True)
class StorageValue:
    """A leaf of the tree.

    Attributes:
        path: The names from the top down, joined by ``/``, as stored.
        kind: ``int64``, ``uint64``, ``double``, ``string``, ``array`` or ``bool``.
        value: What is stored, a text without its trailing NULs; None when it was too large or could not be read.
        size: How many bytes are stored, those of a text's or array's length not counted.
        error: Why there is no value; None where there is one, and where it is only too large.
    """

    path: str
    kind: str
    value: Value | None = field(repr=False)
    size: int
    error: FormatError | None = None


def stored_size(entry: KeyEntry) -> int:
    """Return how many bytes the value of a key has, wherever they are."""
    if entry.in_file_object:
        return entry.pointer[1]
    return len(entry.data) - (_LENGTH_SIZE if entry.kind in (STRING, ARRAY) else 0)


def inline_bytes(entry: KeyEntry) -> bytes:
    """Return the value of a key whose value is not in a file object, without the length before it."""
    return entry.data[_LENGTH_SIZE:] if entry.kind in (STRING, ARRAY) else entry.data


def decode_value(kind: int, data: bytes, offset: int) -> Value:
    """Return what the bytes of a value mean.

    Args:
        kind: Type number of the key.
        data: The value, without a length before it.
        offset: Where the key or its file object stands, for errors.

    Raises:
        FormatError: ``bad_length`` or ``bad_text``.
    """
    if kind == ARRAY:
        return data
    if kind == STRING:
        try:
            return data.decode("utf-16-le").rstrip("\0")
        except UnicodeDecodeError as error:
            raise FormatError("bad_text", offset, sentence("a text is not UTF-16")) from error
    form = _BOOL if kind == BOOL else _NUMBERS[kind]
    if len(data) != form.size:
        raise FormatError(
            "bad_length",
            offset,
            sentence("a {kinds} has {size} bytes, not {count}", kinds=KINDS[kind], size=form.size, count=len(data)),
        )
    (number,) = form.unpack(data)
    return bool(number) if kind == BOOL else float(number) if kind == DOUBLE else int(number)


def storage_value(path: str, entry: KeyEntry, data: bytes) -> StorageValue:
    """Return the value of a key whose bytes are at hand; bytes that are no such value become its ``error``."""
    try:
        value = decode_value(entry.kind, data, entry.offset)
    except FormatError as error:
        return StorageValue(path, KINDS[entry.kind], None, len(data), error)
    return StorageValue(path, KINDS[entry.kind], value, len(data))


class ValueReader:
    """Reads the values of keys, those in file objects too.

    Args:
        view: The file.
        files: Size of each file object by its offset, in bytes.
        max_value: A value in a file object with more bytes is not read.
        errors: Gets what is wrong with a value.
    """

    def __init__(self, view: Overlay, files: dict[int, int], max_value: int, errors: ErrorRows) -> None:
        self._view = view
        self._files = files
        self._max_value = max_value
        self._errors = errors

    def read(self, leaves: Iterable[tuple[str, KeyEntry]]) -> dict[str, StorageValue]:
        """Return the value of each leaf by its path.

        Small file objects are read before large ones: memory of a saved machine must not use up what may be read
        before its settings are.
        """
        values: dict[str, StorageValue] = {}
        waiting: list[tuple[str, KeyEntry]] = []
        for path, entry in leaves:
            if entry.in_file_object:
                waiting.append((path, entry))
                # Keeps its place in the order of the keys.
                values[path] = StorageValue(path, KINDS[entry.kind], None, stored_size(entry))
            else:
                values[path] = storage_value(path, entry, inline_bytes(entry))
        budget = Budget(MAX_VALUE_BYTES)
        for path, entry in sorted(waiting, key=lambda leaf: leaf[1].pointer[1]):
            values[path] = self._read_file_object(path, entry, budget)
        for value in values.values():
            if value.error is not None:
                self._errors.keep(value.error)
        return values

    def _read_file_object(self, path: str, entry: KeyEntry, budget: Budget) -> StorageValue:
        offset, size = entry.pointer
        kind = KINDS[entry.kind]
        error: FormatError | None = None
        if offset not in self._files:
            error = FormatError(
                "bad_pointer", entry.offset, sentence("no file object stands at {offset}", offset=offset)
            )
        elif size > self._files[offset]:
            message = sentence(
                "a value of {size} bytes is said to be in a file object of {files}",
                size=size,
                files=self._files[offset],
            )
            error = FormatError("bad_length", entry.offset, message)
        elif offset + size > self._view.size:
            error = FormatError(
                "truncated", offset, sentence("the file ends within a value of {size} bytes", size=size)
            )
        elif size > self._max_value:
            return StorageValue(path, kind, None, size)
        elif not budget.spend(size):
            error = FormatError(
                "too_large",
                offset,
                sentence("the values have more than {max_value_bytes} bytes", max_value_bytes=MAX_VALUE_BYTES),
            )
        if error is None:
            data = self._view.read(offset, size)
            if len(data) == size:
                return storage_value(path, entry, data)
            error = FormatError(
                "truncated", offset, sentence("the file ends within a value of {size} bytes", size=size)
            )
        return StorageValue(path, kind, None, size, error)
