"""One thing that the first screen tells, in three lengths: a line, a few lines, everything."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, takewhile

from forensics.language import _, listed, message, told
from forensics.language.folding import columns
from forensics.late_methods import dataclass
from forensics.report.findings import LONGEST_LINE
from forensics.report.folded_lines import fold
from forensics.tables.finding import Severity
from forensics.tables.sanitise import sanitise

_THUMBPRINT = re.compile(r"\b([0-9A-Fa-f]{8})[0-9A-Fa-f]{32}\b")
_MARK = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """What to do first.

    Attributes:
        text: A command to type, or a sentence.
        is_command: It is a command, which is printed whole or not at all.
        unless: Where a command is not for everybody: the sentence that says for whom it is, without which it is not
            printed; else empty.
        where: Where a command is typed, and of how many it is the first; empty where that needs no word.
        purpose: What a command is for, which is told where it has no room.
    """

    text: str
    is_command: bool
    unless: str = ""
    where: str = ""
    purpose: str = ""

    @property
    def before(self) -> str:
        """What is said before a command."""
        return ": ".join(map(told, filter(None, (self.where, self.unless))))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is told; its texts are said in the language that is spoken when it is shown.

    Attributes:
        what: What it is about.
        mark: Its severity and how sure that is, in the spoken language, such as ``CRITICAL, likely``; empty for none.
        since: Since when, such as ``since 2026-11-01``; empty where the disk does not say.
        why: Why, one line; empty where ``what`` says it.
        key: Whether its private key can be saved; empty where no key is meant.
        step: What to do first.
        severity: For those who want the worst only; None is always told.
        machine_id: Which Windows it is about.
        weight: How many things it stands for, which a headline counts.
        all_names: What it is about, where ``what`` names only the first of several.
        findings: Ids of the findings that say it, to which a page leads.
        where: Which machine it is about, as what stands before it; empty where there is only one.
    """

    what: str
    mark: str = ""
    since: str = ""
    why: str = ""
    key: str = ""
    step: Step | None = None
    severity: Severity | None = None
    machine_id: int = 0
    weight: int = 1
    all_names: str = ""
    findings: tuple[str, ...] = ()
    where: str = ""

    def in_a_line(self, width: int | None) -> list[str]:
        """Return what it is and why, cut to a line."""
        what = listed(filter(None, (short(self._named(self.what)), told(self.since))))
        return [cut(f"{what}{f': {short(told(self.why))}' if self.why else ''}", width, self._begin)]

    def in_short(self, width: int | None) -> list[str]:
        """Return the few lines of a screen; a command is whole, on a line of its own."""
        after = _with_key(_(", {since}", since=self.since) if self.since else "", self.key)
        lines = [cut(short(self._named(self.what)), width, self._begin, after)]
        if self.why:
            lines.append(cut(short(told(self.why)), width, "    "))
        if self.step is None:
            return lines
        if not self.step.is_command:
            return [*lines, cut(short(told(self.step.text)), width, f"    {_('Do:')} ")]
        condition = [cut(short(self.step.before), width, "    ")] if self.step.before else []
        return [*lines, *condition, _command(self.step.text, width)]

    def without_command(self, width: int | None, elsewhere: str) -> list[str]:
        """Return the few lines of a screen without the command, which is too long for it.

        Args:
            width: As above.
            elsewhere: Where the command is told.
        """
        lines = replace(self, step=None).in_short(width)
        if self.step is None:
            return lines
        purpose = short(self.step.unless or self.step.purpose)
        see = _(": see {where}", where=elsewhere) if purpose else _("see {where}", where=elsewhere)
        return [*lines, cut(purpose, width, f"    {_('Do:')} ", see)]

    def whole(self, width: int | None) -> list[str]:
        """Return everything, folded and not cut."""
        named = self._named(self.all_names or self.what)
        what = _with_key(listed(filter(None, (named, told(self.since)))), self.key)
        lines = _folded(what, width, self._begin)
        if self.why:
            lines += _folded(told(self.why), width, "    ")
        if self.step is None:
            return lines
        if not self.step.is_command:
            return [*lines, *_folded(f"{_('Do:')} {told(self.step.text)}", width, "    ")]
        condition = _folded(self.step.before, width, "    ") if self.step.before else []
        return [*lines, *condition, _command(self.step.text, width)]

    def _named(self, what: str) -> str:
        return f"{told(self.where)}{told(what)}"

    @property
    def _begin(self) -> str:
        return f"  {self.mark} " if self.mark else "  "


SECTIONS = {
    "services": message("No service that uses a certificate is known to be down."),
    "found": message("Nothing else is known to be wrong."),
    "not-known": message("Of no service it is left open whether it works."),
    "savable": message("There is no dead key that can be had from here."),
    "ending": message("No certificate with a private key ends soon."),
    "not-examined": message("Nothing is missing on which verdicts rest."),
}
"""What each section is asked for by, and what is said where it is empty."""


@dataclass
class Section:
    """Things of one kind.

    Attributes:
        name: What it is asked for by.
        title: What its headline begins with, in the spoken language, as ``detail``.
        entries: The worst first.
        detail: What its headline ends with.
        share: How many entries are shown before those of other sections get more room.
        in_full: How many of them with why and what to do, if it is the first section.
    """

    name: str
    title: str
    entries: Sequence[Entry]
    detail: str = ""
    share: int = 2
    in_full: int = 1

    @cached_property
    def count(self) -> int:
        """How many things there are."""
        return sum(entry.weight for entry in self.entries)

    @property
    def head(self) -> str:
        """The headline, whose count is complete."""
        if not self.detail:
            return _("{title}: {count}", title=self.title, count=self.count)
        return _("{title}: {count} ({detail})", title=self.title, count=self.count, detail=self.detail)


def _command(text: str, width: int | None) -> str:
    """Return a command on a line of its own, further to the left where it fits on one only there."""
    safe = sanitise(text, LONGEST_LINE)
    free = (width or sys.maxsize) - columns(safe)
    return " " * (free if 2 <= free < 6 else 6) + safe


def _folded(text: str, width: int | None, indent: str) -> list[str]:
    return fold(sanitise(text, LONGEST_LINE), width, indent, "    ")


def _with_key(text: str, key: str) -> str:
    return f"{text}{_('; {key}', key=told(key))}" if key else text


def short(text: str) -> str:
    """Return a text with thumbprints by their first eight digits: ``-v`` has them whole."""
    return _THUMBPRINT.sub(rf"\1{_MARK}", text)


def cut(text: str, width: int | None, indent: str = "", end: str = "") -> str:
    """Return one line that is no wider than ``width``, in which ``end`` always stands; None leaves it whole."""
    safe, after = sanitise(text, LONGEST_LINE), sanitise(end)
    if width is None or columns(indent + safe + after) <= width:
        return f"{indent}{safe}{after}"
    room = width - columns(indent + after + _MARK)
    if room < 1:
        return cut(text + end, width, indent) if end else indent + safe
    taken = takewhile(lambda used: used[1] <= room, zip(safe, accumulate(map(columns, safe)), strict=True))
    return f"{indent}{''.join(letter for letter, _ in taken).rstrip()}{_MARK}{after}"
