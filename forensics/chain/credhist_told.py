"""What the file CREDHIST of a user gave, and how that is said."""

from __future__ import annotations

from forensics.late_methods import dataclass
from forensics.tables.outcome import State

_ONLY_CHANGED = (
    "it leads from today's password to older ones only where the user changed it himself, not where it was reset"
)


@dataclass(frozen=True, slots=True)
class History:
    """What CREDHIST of an account gave.

    Attributes:
        state: What was seen of the file.
        path: Where it lies, or would lie.
        passwords: Earlier passwords in it; None where it was not read.
        opened: How many of them what is known here opened; None where it was not read, or not tried to its end.
        why: Why it was not read, where it was not.
    """

    state: State
    path: str
    passwords: int | None = None
    opened: int | None = None
    why: str | None = None


def told_history(history: History) -> str:
    """Say what the file CREDHIST of a user gave, as a part of a sentence."""
    many, opened = history.passwords, history.opened
    if many is None:
        fate = {
            "absent": "is not on this disk",
            "unreadable": "is damaged",
            "present": "is there, and was not read",
        }.get(history.state, f"was not read{f': {history.why}' if history.why else ''}")
        return f"CREDHIST, the history of older passwords, {fate}"
    damaged = " that can be read" if history.state == "partial" else ""
    if many == 0:
        return "the file CREDHIST holds no older password"
    passwords = f"{many} older password{'s' if many > 1 else ''}{damaged}"
    if opened is None:
        return f"the file CREDHIST holds {passwords}, which were not all tried, since that costs too much"
    if opened == 0:
        return f"the file CREDHIST holds {passwords}, and nothing known here opens it; {_ONLY_CHANGED}"
    if opened == many:
        return f"the file CREDHIST holds {passwords}, which what is known here opens, and none is that of the key"
    return f"the file CREDHIST holds {passwords}, of which what is known here opens {opened}: none is that of the key"
