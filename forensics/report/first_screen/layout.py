"""As much of the sections as has room on a screen, the worst first; what has none is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import Enum

from forensics.language import _
from forensics.language.folding import columns
from forensics.late_methods import dataclass
from forensics.report.first_screen.entries import Entry, Section


@dataclass(slots=True)
class Placed:
    """A section and what of it is shown."""

    section: Section
    elsewhere: str
    shown: list[list[str]] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many things are not shown."""
        return self.section.count - sum(entry.weight for entry in self.section.entries[: len(self.shown)])

    def lines(self) -> list[str]:
        """Return headline, entries, and how many more there are."""
        if not self.shown:
            return [f"{self.section.head}: {_('see {where}', where=self.elsewhere)}"]
        told = [line for lines in self.shown for line in lines]
        more = _("and {count} more: see {where}", count=self.more, where=self.elsewhere)
        return [self.section.head, *told, *([f"  {more}"] if self.more else [])]


def place(sections: Sequence[Section], room: int, width: int | None, elsewhere: str) -> list[Placed]:
    """Choose what is shown: of each section the worst, of the first its share in full, then what has room.

    Args:
        sections: In their order, the one that matters most first.
        room: Lines of a terminal; a line wider than it takes more than one.
        width: Columns of the terminal; None where lines have no end.
        elsewhere: Where the rest is told.
    """
    placed = [Placed(section, elsewhere) for section in sections]
    for number, at, form in _steps(sections, room):
        one, entry = placed[number], sections[number].entries[at]
        if at > len(one.shown) or (at < len(one.shown) and form is _Form.LINE):
            continue
        before = list(one.shown)
        one.shown[at : at + 1] = [_lines(entry, form, width, elsewhere)]
        if height([line for other in placed for line in other.lines()], width) > room:
            one.shown = before
    return placed


class _Form(Enum):
    LINE = "what it is"
    SHORT = "why and what to do as well; a command only if it takes one line"
    FULL = "every command"


def _lines(entry: Entry, form: _Form, width: int | None, elsewhere: str) -> list[str]:
    if form is _Form.LINE:
        return entry.in_a_line(width)
    lines = entry.in_short(width)
    is_wrapped = height(lines, width) > len(lines)
    return entry.without_command(width, elsewhere) if is_wrapped and form is _Form.SHORT else lines


def _steps(sections: Sequence[Section], room: int) -> Iterator[tuple[int, int, _Form]]:
    """Yield section, entry, and how it is to be told, the most urgent first."""
    counts = [min(room, len(section.entries)) for section in sections]
    shares = [min(section.share, count) for section, count in zip(sections, counts, strict=True)]
    yield from ((number, 0, _Form.LINE) for number in range(len(sections)))
    for section, share in zip(sections[:1], shares, strict=False):
        yield from ((0, at, _Form.LINE) for at in range(share))
        yield from ((0, at, form) for form in (_Form.SHORT, _Form.FULL) for at in range(min(section.in_full, share)))
    yield from ((number, at, _Form.LINE) for number, share in enumerate(shares) for at in range(share))
    for form in _Form:
        yield from ((number, at, form) for number, count in enumerate(counts) for at in range(count))


def height(lines: Sequence[str], width: int | None) -> int:
    """Return how many lines of a terminal some lines take."""
    return sum(1 if width is None else max(1, -(-columns(line) // width)) for line in lines)
