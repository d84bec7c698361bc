"""What the file CREDHIST of a user gave, and how that is said."""

from __future__ import annotations

from forensics.language import sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.tables.outcome import State

_ONLY_CHANGED = sentence(
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
        return _unread(history)
    if many == 0:
        return sentence("the file CREDHIST holds no older password")
    passwords = sentence_n("{count} older password", "{count} older passwords", many)
    if history.state == "partial":
        passwords = sentence_n(
            "{count} older password that can be read", "{count} older passwords that can be read", many
        )
    if opened is None:
        return sentence(
            "the file CREDHIST holds {passwords}, which were not all tried, since that costs too much",
            passwords=passwords,
        )
    if opened == 0:
        return sentence(
            "the file CREDHIST holds {passwords}, and nothing known here opens it; {only_changed}",
            passwords=passwords,
            only_changed=_ONLY_CHANGED,
        )
    if opened == many:
        return sentence(
            "the file CREDHIST holds {passwords}, which what is known here opens, and none is that of the key",
            passwords=passwords,
        )
    return sentence(
        "the file CREDHIST holds {passwords}, of which what is known here opens {opened}: none is that of the key",
        passwords=passwords,
        opened=opened,
    )


def _unread(history: History) -> str:
    """Say why nothing of it was read."""
    if history.state == "absent":
        return sentence("CREDHIST, the history of older passwords, is not on this disk")
    if history.state == "unreadable":
        return sentence("CREDHIST, the history of older passwords, is damaged")
    if history.state == "present":
        return sentence("CREDHIST, the history of older passwords, is there, and was not read")
    if history.why:
        return sentence("CREDHIST, the history of older passwords, was not read: {why}", why=history.why)
    return sentence("CREDHIST, the history of older passwords, was not read")
