"""HyperVStorage: the tree of values in which Hyper-V keeps a virtual machine's configuration (.vmcx) and state (.vmrs).

A host that was imaged while it ran, or lost its power, leaves such a file half written. The writes that are pending in
its replay log are made in memory before anything else is read; what finished entries of the log still hold is history.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/hyperv.py
"""

from __future__ import annotations

from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.read_at import ReadAt
from forensics.formats.hyperv.storage_header import choose_header
from forensics.formats.hyperv.storage_history import Live, superseded_values
from forensics.formats.hyperv.storage_limits import MAX_VALUE, ErrorRows
from forensics.formats.hyperv.storage_log import Overlay, read_replay_log
from forensics.formats.hyperv.storage_objects import read_objects
from forensics.formats.hyperv.storage_tables import NODE, KeyEntry, Ref, choose_key_tables, read_keys
from forensics.formats.hyperv.storage_tree import KeyTree, names_by_node
from forensics.formats.hyperv.storage_values import StorageValue, Value, ValueReader
from forensics.language import sentence
from forensics.late_methods import dataclass

__all__ = ["HyperVStorage", "ReadAt", "StorageValue", "Value", "parse_hyperv_storage"]


@dataclass(frozen=True, slots=True)
class HyperVStorage:
    """What a HyperVStorage file holds.

    Attributes:
        version: Of the format, 0x0400.
        data_version: Of what is stored.
        sequence: Of the header that counts.
        replayed: How many pending writes of the log were made in memory; 0 for a file that was closed.
        values: The leaves by path. Keys below a node that is lost have paths that start with ``?``, the index of the
            node's table, ``:`` and its offset there.
        superseded: Values that only finished entries of the log hold, and that are not those of today; likely, but
            not surely, of one time, and where the value was in a file object, likely of that key.
        errors: What could not be read.
        log_damaged: Pending writes are lost: values may be older than others, or made of two times.
    """

    version: int
    data_version: int
    sequence: int
    replayed: int
    values: dict[str, StorageValue] = field(repr=False)
    superseded: tuple[StorageValue, ...] = field(repr=False)
    errors: tuple[FormatError, ...]
    log_damaged: bool
    _names: dict[str, tuple[str, ...]] = field(repr=False, compare=False)

    def get(self, path: str) -> StorageValue | None:
        """Return the value at a path; upper and lower case differ."""
        return self.values.get(path)

    def children(self, path: str = "") -> tuple[str, ...]:
        """Return the names right below a node, in the order in which they are stored; of the topmost without a path."""
        return self._names.get(path, ())


def parse_hyperv_storage(read: ReadAt, size: int, *, max_value: int = MAX_VALUE) -> HyperVStorage:
    """Parse a HyperVStorage file.

    Args:
        read: The file.
        size: Its size in bytes.
        max_value: A value in a file object with more bytes is not read; its size is told.

    Returns:
        All that could be read; what could not is in ``errors``.

    Raises:
        FormatError: No header or no object table is there, or the version is not known (``unknown_version``).
    """
    errors = ErrorRows()
    header = choose_header(read, errors)
    log = read_replay_log(read, size, header, errors)
    view = Overlay(read, size)
    for write in log.pending:
        view.write(write)
    objects = read_objects(view, errors)
    tables = choose_key_tables(view, objects.key_tables, errors)
    keys = read_keys(view, tables, errors)
    leaves, paths = _leaves(keys, errors)
    values = ValueReader(view, objects.files, max_value, errors).read(leaves)
    live = Live(view, objects, keys, leaves, values, max_value)
    superseded = superseded_values(live, log.committed, errors)
    return HyperVStorage(
        version=header.version,
        data_version=header.data_version,
        sequence=header.sequence,
        replayed=len(log.pending),
        values=values,
        superseded=superseded,
        errors=errors.rows,
        log_damaged=log.damaged,
        _names=names_by_node(paths),
    )


def _leaves(keys: dict[Ref, KeyEntry], errors: ErrorRows) -> tuple[list[tuple[str, KeyEntry]], list[str]]:
    """Return the keys that have a value, with their paths, each path once; and the paths of all keys."""
    tree = KeyTree(keys, errors)
    leaves: dict[str, KeyEntry] = {}
    paths: dict[str, None] = {}
    for entry in keys.values():
        path = tree.path(entry)
        if path is None:
            errors.add("too_large", entry.offset, sentence("the paths of the keys have too many characters"))
            break
        paths[path] = None
        if entry.kind == NODE:
            continue
        other = leaves.get(path)
        if other is not None:
            errors.add(
                "duplicate", entry.offset, sentence("two keys have one path; the one that was inserted later counts")
            )
        if other is None or entry.sequence > other.sequence:
            leaves[path] = entry
    return list(leaves.items()), list(paths)
