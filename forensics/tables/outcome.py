"""What can be said of a piece of evidence, or of the place where it would lie; never merge these."""

from __future__ import annotations

from typing import Literal

from forensics.language import sentence
from forensics.late_methods import dataclass

State = Literal["present", "partial", "absent", "unreadable", "not_examined"]
"""``partial``: something of it was read, and what is missing may matter. ``absent``: its place was seen whole, and it
is not there. ``unreadable``: its bytes were got and do not parse. ``not_examined``: they were not got, or not asked for.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of looking.

    Attributes:
        state: The word for it.
        why: The reason, for every state that is neither ``present`` nor ``absent``; of ``present`` a remark.
    """

    state: State
    why: str | None = None

    @property
    def is_whole(self) -> bool:
        """What was not found there is not there."""
        return self.state in ("present", "absent")

    @property
    def is_there(self) -> bool:
        """Something of it could be read."""
        return self.state in ("present", "partial")


PRESENT = Outcome("present")
ABSENT = Outcome("absent")
NOT_COLLECTED = Outcome("not_examined", sentence("not in this source"))
