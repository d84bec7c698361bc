"""When a key lost the file that it needs, in words that follow the name of the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from forensics.language import joined, sentence, sentence_n
from forensics.tables.history import WITNESSES, HistoryWitness, Loss
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import told_time

NO_TIME = sentence("at a time that is not told")
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
        doubt = sentence(
            "{latest} lies after the moment that this examination takes for now, {as_of}",
            latest=told_time(latest),
            as_of=told_time(as_of),
        )
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
        parts.append(sentence("no witness tells when it went"))
    told = joined(parts, ", and ")
    return sentence("{told}, though something speaks against this time", told=told) if chain.lost_doubt else told


def _seen(chain: KeyChainRow) -> str | None:
    """Say when it was there; where it is known when it went, only that what may still have it had it then."""
    if chain.lost_after is None or chain.lost_after_witness is None:
        return None
    if chain.lost_by is not None and chain.lost_after_witness not in _KEEP_IT:
        return None
    return sentence(
        "existed at {lost_after} ({witnesses})",
        lost_after=told_time(chain.lost_after),
        witnesses=WITNESSES[chain.lost_after_witness],
    )


def _went(chain: KeyChainRow) -> str | None:
    if chain.lost_by is not None:
        went = _went_by(chain.lost_by, chain.lost_at, WITNESSES["change_journal"])
        others = together(chain.lost_together, chain.lost_seconds, chain.lost_folder)
        return joined([went, others], ", ") if others else went
    if chain.lost_before is None or chain.lost_before_witness is None:
        return None
    if chain.lost_before_witness == "file_times":
        return sentence(
            "was likely replaced at {lost_before} (by the times of the file in its place)",
            lost_before=told_time(chain.lost_before),
        )
    return sentence(
        "was gone at {lost_before} ({witnesses})",
        lost_before=told_time(chain.lost_before),
        witnesses=WITNESSES[chain.lost_before_witness],
    )


def _went_by(by: Loss, at: datetime | None, witness: str) -> str:
    """Say what took a file away, when, and who tells."""
    time = sentence("at {time}", time=told_time(at)) if at else NO_TIME
    if by == "deleted":
        return sentence("was deleted {time} ({witness})", time=time, witness=witness)
    if by == "renamed":
        return sentence("was renamed {time} ({witness})", time=time, witness=witness)
    return sentence("was moved away {time} ({witness})", time=time, witness=witness)


def together(count: int | None, seconds: int | None, folder: str | None) -> str:
    """Say how many other files were deleted with one, and in how many seconds; empty where there are none.

    Args:
        count: How many.
        seconds: In how many seconds; None where that is not known.
        folder: Their folder by its path in the source; None where it is not one that is there now.
    """
    if not count:
        return ""
    of = folder.rpartition("/")[2] if folder else sentence("its folder")
    others = sentence_n(
        "together with {count} other file of {folder}",
        "together with {count} other files of {folder}",
        count,
        folder=of,
    )
    if seconds is None:
        return others
    return sentence_n("{others} within {count} second", "{others} within {count} seconds", seconds, others=others)
