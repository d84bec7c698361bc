"""Keys that lie in another Windows of the same disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from forensics.chain.judge import Judge
from forensics.formats.public_key import PublicKey
from forensics.tables.key_chain import KeyChainRow


def found_elsewhere(judges: Sequence[Judge]) -> Iterator[tuple[KeyChainRow, KeyChainRow]]:
    """Look for the keys that one installation misses in the others of the same source.

    Args:
        judges: Every installation of one source, judged.

    Yields:
        A row, and the one that takes its place now that the others were asked.
    """
    for judge in judges:
        others = [other for other in judges if other is not judge]
        for row, public in judge.missed:
            better = _asked(row, public, others)
            if better is not None:
                yield row, better


def _asked(row: KeyChainRow, public: PublicKey, others: Sequence[Judge]) -> KeyChainRow | None:
    found = [(other, *other.recovery.search(public)) for other in others]
    for other, path, _ in found:
        if path is not None:
            machine_id = other.evidence.machine.machine_id
            return replace(row, recoverable=True, recoverable_from=path, recoverable_on=machine_id)
    undecided = any(waits or not other.recovery.searched_everywhere(public) for other, _, waits in found)
    return replace(row, recoverable=None) if undecided and row.recoverable is not None else None
