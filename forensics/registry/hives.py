"""Opens registry hives: logs replayed in memory, keys and values read where asked and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry, NotObtained, Tree
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.registry.base_block import BASE_BLOCK_SIZE, CHECKED_SIZE, BaseBlock, parse_base_block
from forensics.registry.cells import KeyNode
from forensics.registry.hive_bytes import HiveBytes
from forensics.registry.hive_cells import HiveCells
from forensics.registry.hive_key import KeySource, RegistryKey
from forensics.registry.hive_logs import Replay, Report, replay_logs
from forensics.registry.lost_places import LostPlaces

_SAMPLED_CHILDREN = 8


def open_hive(tree: Tree, path: str, report: Report) -> RegistryHive:
    """Open a hive with its transaction logs replayed in memory.

    Args:
        tree: Where the hive lies; its logs are looked for beside it, and read only when it is dirty.
        path: Its path.
        report: Takes what is wrong with it (kind, message, offset in the hive file), now and while it is read.

    Returns:
        The hive; ``state`` tells whether logs were replayed.

    Raises:
        NotFound: Nothing is at that path.
        Unreadable: The file cannot be read; NotObtained where its bytes could not be got.
        SourceError: ``empty``, ``truncated``, ``bad_magic`` or ``bad_root``: it is no hive that can be walked.
    """
    entry = tree.entry(path)
    stream = tree.open(entry)
    try:
        return _open(tree, entry, stream, report)
    except BaseException:
        stream.close()
        raise


def _open(tree: Tree, entry: Entry, stream: BinaryIO, report: Report) -> RegistryHive:
    path = entry.path
    block, error = _base_block(stream, path)
    replay = None
    if block is None or block.dirty:
        replay = replay_logs(tree, path, block if block and block.checksum_ok else None, report)
    if block is None and replay is None:
        raise SourceError(
            error.kind if error else "bad_magic",
            sentence("{path} is no registry hive: {error}", path=path, error=error),
        )
    base = replay.base if replay else block
    assert base is not None
    if base is not block:
        report("bad_base_block", sentence("the hive's own base block is broken; the one of its log is used"), 0)
    state = "replayed" if replay else "in_transaction" if base.dirty else "clean"
    if state == "in_transaction":
        report("in_transaction", _in_transaction(base), None)
    data = _hive_bytes(stream, entry.size, base, replay, report)
    return RegistryHive(path, state, HiveCells(data, base.minor, report), base.root_cell, replay, base.name)


def _base_block(stream: BinaryIO, path: str) -> tuple[BaseBlock | None, FormatError | None]:
    try:
        return parse_base_block(stream.read(CHECKED_SIZE)), None
    except FormatError as error:
        return None, error
    except Exception as error:  # whatever the libraries behind a tree raise
        pass_on(error)
        raise NotObtained(sentence("{path} cannot be read: {error}", path=path, error=error)) from error


def _in_transaction(base: BaseBlock) -> str:
    if not base.checksum_ok:
        return sentence("the checksum of the base block is wrong and no log fits; the hive is read as it is")
    return sentence(
        "a write did not end (sequence numbers {sequence1} and {sequence2}) and no log fits; the "
        "hive is read as it is and may mix old and new data",
        sequence1=base.sequence1,
        sequence2=base.sequence2,
    )


def _hive_bytes(stream: BinaryIO, size: int, base: BaseBlock, replay: Replay | None, report: Report) -> HiveBytes:
    bins_size = replay.bins_size if replay else base.bins_size
    there = max(size - BASE_BLOCK_SIZE, 0)
    if replay and replay.overlay:
        there = max(there, (max(replay.overlay) + 1) * 512)
    if there < bins_size:
        report(
            "truncated",
            sentence("{bins_size} bytes of hive bins are claimed, {there} are there", bins_size=bins_size, there=there),
            size,
        )
    return HiveBytes(stream, bins_size, replay.overlay if replay else None)


class RegistryHive:
    """A hive; implements ``Hive``.

    Attributes:
        source_path: Where it was read.
        state: ``clean``, ``replayed`` or ``in_transaction``.
        replay: What its logs put right, or None.
        file_name: End of the path from which Windows last loaded it, at most 31 characters.
        lost: Where not all of it could be read.
    """

    def __init__(
        self,
        source_path: str,
        state: str,
        cells: HiveCells,
        root_cell: int,
        replay: Replay | None,
        file_name: str = "",
    ) -> None:
        self.source_path = source_path
        self.state = state
        self.replay = replay
        self.file_name = file_name
        self._cells = cells
        self.lost = LostPlaces()
        try:
            node = cells.key_node(root_cell)
        except FormatError as error:
            message = sentence(
                "{source_path}: its root key cannot be read: {error}", source_path=source_path, error=error
            )
            if error.kind == NotObtained.kind:
                raise NotObtained(message) from error
            raise SourceError("bad_root", message) from error
        keeps_parents = _keeps_parents(cells, root_cell, node)
        self._root = RegistryKey(KeySource(cells, self.lost, keeps_parents), root_cell, node, ())

    def key(self, path: str) -> RegistryKey | None:
        """Return the key at a ``\\``-separated path from the root; the empty path is the root."""
        return self._root.subkey(path)

    def covers(self, path: str) -> bool:
        """Tell whether a key missing at ``path`` is really absent: False below a broken list, and once read no more."""
        return not self._cells.exhausted and self.lost.covers(path)

    def covers_values(self, path: str) -> bool:
        """Tell whether a missing value is really absent: False where one that was met could not be read."""
        return not self._cells.exhausted and self.lost.covers_values(path)

    def lose_value(self, path: str) -> None:
        """Remember that a value of the key at ``path`` is missing that every whole hive has."""
        self.lost.lose_values(path)

    def lost_places(self) -> Iterator[tuple[str, str]]:
        """Yield the keys not all of which was read, each with the reason."""
        return iter(self.lost)


def _keeps_parents(cells: HiveCells, root_cell: int, root: KeyNode) -> bool:
    """Look at the first keys of two levels: not every program that writes hives fills in the parent."""
    children = _first_children(cells, root)
    grandchildren = [(cell, node) for cell, child in children for _, node in _first_children(cells, child)]
    right = sum(node.parent == root_cell for _, node in children) + sum(n.parent == c for c, n in grandchildren)
    return 2 * right > len(children) + len(grandchildren)


def _first_children(cells: HiveCells, node: KeyNode) -> list[tuple[int, KeyNode]]:
    found: list[tuple[int, KeyNode]] = []
    with suppress(FormatError):
        for leaf in cells.leaves(node, lambda error, cell: None):
            for cell in islice(leaf.cells(), _SAMPLED_CHILDREN - len(found)):
                with suppress(FormatError):
                    found.append((cell, cells.key_node(cell)))
            if len(found) >= _SAMPLED_CHILDREN:
                break
    return found
