"""When a key that is dead on one of two disks lost its file, by what the witnesses on either say."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.comparison.deaths import KeyChange
from forensics.language import sentence
from forensics.report.key_history import HistoryEvent, history_events, told_loss
from forensics.tables.history import KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import format_utc, told_time

_LEFT = ("deleted", "renamed", "moved")


def lost_file(change: KeyChange, before: Sequence[KeyHistoryRow], after: Sequence[KeyHistoryRow]) -> str | None:
    """Say what became of the file that a key needs which died, or works again; None where no witness tells.

    Args:
        change: What became of the key.
        before: What witnesses on the earlier disk say of the files of its machine.
        after: The same of the later one.
    """
    dead, alive, rows = change.after, change.before, before
    if change.fate == "revived":
        dead, alive, rows = change.before, change.after, after
    elif change.fate != "died":
        return None
    if dead is None or alive is None:
        return None
    if (told := told_loss(dead)) is not None:
        return sentence("the file that it needs {told}", told=told)
    events = [event for event in history_events(rows) if _is_loss(event, dead)]
    last = max(events, key=lambda event: format_utc(event.row.at) if event.row.at else "", default=None)
    if last is None or last.row.at is None:
        return None
    at = told_time(last.row.at)
    if change.fate == "revived":
        return sentence("at {time} {event}, as the later disk has it", time=at, event=last.told)
    return sentence("at {time} {event}, as the earlier disk has it", time=at, event=last.told)


def _is_loss(event: HistoryEvent, dead: KeyChainRow) -> bool:
    return event.row.happened in _LEFT and dead.thumbprint is not None and dead.thumbprint in event.row.thumbprints
