"""What a runbook is made of."""

from __future__ import annotations

from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """A step that is taken where its checks are true.

    Attributes:
        title: What is repaired.
        checks: Expressions that must all be true.
        lines: What is run then, in this order, up to the first that fails.
        shows: What is run after that and changes nothing; what its exit code says does not count.
        notes: What is said before the commands.
        asks: What somebody must say is so before anything is run; empty where nothing is asked.
        goal: Expressions that are all true once it is done: where they are so before, nothing is run.
    """

    title: str
    checks: tuple[str, ...]
    lines: tuple[str, ...]
    shows: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asks: str = ""
    goal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """A step that a script cannot take.

    Attributes:
        title: What is down.
        needs: What it needs, one line each.
    """

    title: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A certificate that must come back from outside, or another one in its place.

    Attributes:
        title: What must come.
        thumbprint: Of the certificate of today, by which ``-NewCertificate`` and the PFX files name it.
        needs: What is said where neither was given, one line each.
        replaced: Steps over ``$new``, where another certificate was named, and what is then done by hand.
        imported: Steps over ``$pfx``, where its PFX file is there.
        successor: The certificate of the disk that can stand in for it: taken where no other is named, so nothing else
            is asked for.
    """

    title: str
    thumbprint: str
    needs: tuple[str, ...]
    replaced: tuple[Act | Need, ...] = ()
    imported: tuple[Act, ...] = ()
    successor: str | None = None


Step = Act | Lost | Need


@dataclass(frozen=True, slots=True)
class Part:
    """The steps of one fault.

    Attributes:
        heading: What is down, or wrong.
        remarks: Why, since when and the like, one line each.
        steps: In their order.
    """

    heading: str
    remarks: tuple[str, ...]
    steps: tuple[Step, ...]
