"""What Windows shows where a key does not open, and what is known to cause it, by whose word."""

from __future__ import annotations

from typing import Literal

from forensics.late_methods import dataclass
from forensics.report.symptoms.causes import CauseName

Certainty = Literal["documented", "likely"]
"""That the cause shows as this: said by Microsoft or seen in public, or inferred."""


@dataclass(frozen=True, slots=True)
class KnownCause:
    """What may be behind a symptom.

    Attributes:
        name: The cause.
        certainty: How sure it is that it shows so.
        source: Where that is said.
    """

    name: CauseName
    certainty: Certainty
    source: str


@dataclass(frozen=True, slots=True)
class Symptom:
    """What Windows shows.

    Attributes:
        name: The name of the code in ``winerror.h``, or the provider and id of the event.
        meaning: What Windows says with it, or when the event is written.
        source: Where that is documented.
        code: The error code, unsigned.
        event_id: The id of the event.
        providers: Who writes the event.
        texts: Messages by which it is recognised, besides ``meaning``.
        causes: What is known to cause it, the likeliest first.
    """

    name: str
    meaning: str
    source: str
    code: int | None = None
    event_id: int | None = None
    providers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    causes: tuple[KnownCause, ...] = ()


def documented(source: str, *names: CauseName) -> tuple[KnownCause, ...]:
    """Return causes of which a source says that they show so."""
    return tuple(KnownCause(name, "documented", source) for name in names)


def likely(source: str, *names: CauseName) -> tuple[KnownCause, ...]:
    """Return causes that likely show so, by what a source says."""
    return tuple(KnownCause(name, "likely", source) for name in names)
