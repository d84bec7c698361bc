"""Who opens a key."""

from __future__ import annotations

from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that opens a key.

    Attributes:
        sid: The account.
        service: The service that does it, where that is known.
        name: What that calls the account.
    """

    sid: str
    service: str | None = None
    name: str | None = None
