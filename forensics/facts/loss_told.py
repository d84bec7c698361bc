"""When a key lost the file that it needs, in words that follow the name of the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from forensics.tables.history import WITNESSES, HistoryWitness
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import told_time

NO_TIME = "at a time that is not told"
_BY = {"moved": "moved away"}
_KEEP_IT: tuple[HistoryWitness, ...] = ("shadow_copy", "former_windows")
"""Witnesses that have the file itself, and not only its name."""


def with_loss_told(chain: KeyChainRow, as_of: datetime) -> KeyChainRow:
    """Return a chain with the words of its loss; a time that is yet to come is one of a clock that was wrong.

    Args:
        chain: The chain.
        as_of: What "now" is.
    """
    times = (chain.lost_at, chain.lost_after, chain.lost_before)
    latest = max((time for time in times if time is not None), default=None)
    if chain.lost_doubt is None and latest is not None and latest > as_of:
        doubt = f"{told_time(latest)} lies after the moment that this examination takes for now, {told_time(as_of)}"
        chain = replace(chain, lost_doubt=doubt)
    told = loss_told(chain)
    # Of most keys nothing is told.
    return chain if told == chain.lost_told else replace(chain, lost_told=told)


def loss_told(chain: KeyChainRow) -> str | None:
    """Say when a key lost its file, as far as witnesses tell, and which witness does; None where none does.

    What speaks against the time is column ``lost_doubt``: here only that something does.
    """
    parts = [part for part in (_seen(chain), _went(chain)) if part is not None]
    if not parts:
        return None
    if len(parts) == 1 and chain.lost_by is None and chain.lost_before is None:
        parts.append("no witness tells when it went")
    doubt = ", though something speaks against this time" if chain.lost_doubt else ""
    return f"{', and '.join(parts)}{doubt}"


def _seen(chain: KeyChainRow) -> str | None:
    """Say when it was there; where it is known when it went, only that what may still have it had it then."""
    if chain.lost_after is None or chain.lost_after_witness is None:
        return None
    if chain.lost_by is not None and chain.lost_after_witness not in _KEEP_IT:
        return None
    return f"existed at {told_time(chain.lost_after)} ({WITNESSES[chain.lost_after_witness]})"


def _went(chain: KeyChainRow) -> str | None:
    if chain.lost_by is not None:
        at = f"at {told_time(chain.lost_at)}" if chain.lost_at else NO_TIME
        others = together(chain.lost_together, chain.lost_seconds, chain.lost_folder)
        return f"was {_BY.get(chain.lost_by, chain.lost_by)} {at} ({WITNESSES['change_journal']}){others}"
    if chain.lost_before is None or chain.lost_before_witness is None:
        return None
    if chain.lost_before_witness == "file_times":
        return f"was likely replaced at {told_time(chain.lost_before)} (by the times of the file in its place)"
    return f"was gone at {told_time(chain.lost_before)} ({WITNESSES[chain.lost_before_witness]})"


def together(count: int | None, seconds: int | None, folder: str | None) -> str:
    """Say how many other files were deleted with one, and in how many seconds; empty where there are none.

    Args:
        count: How many.
        seconds: In how many seconds; None where that is not known.
        folder: Their folder by its path in the source; None where it is not one that is there now.
    """
    if not count:
        return ""
    files = "1 other file" if count == 1 else f"{count} other files"
    of = f"of {folder.rpartition('/')[2]}" if folder else "of its folder"
    within = "" if seconds is None else " within 1 second" if seconds == 1 else f" within {seconds} seconds"
    return f", together with {files} {of}{within}"
