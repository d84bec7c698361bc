"""What stands first on the page, as on the first screen of the text: what is down, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from forensics.case_tables import CaseTables
from forensics.language import _, listed, message, told
from forensics.late_methods import dataclass
from forensics.report.first_screen.entries import Entry, Section
from forensics.report.first_screen.screen import FirstScreen
from forensics.report.html.chains import Told

SHOWN = {"services": 5}
"""Display: entries of a section that are shown at once; the others are folded away."""
MOST_SHOWN = 3
"""Display: the same for every other section."""
MOST_ENTRIES = 200
"""Display: entries of one section."""
MOST_IN_HEADLINE = 3
"""Display: entries of which the headline names the services."""
TITLES = {
    "services": "Services down",
    "found": "Found",
    "not-known": "Not known whether they work",
    "savable": "Keys that can still be saved",
    "ending": "Ends within 90 days",
    "not-examined": "Not examined, or in part",
}
ELSEWHERE = message("{purpose}: see -v")
"""How a step ends that the text tells elsewhere: the page leads to its cause."""


@dataclass(slots=True)
class EntryView:
    """One thing that is told.

    Attributes:
        severity: How it is coloured; empty where it has none.
        marks: Words of its severity and certainty.
        what: What it is about.
        since: Since when; empty where the disk does not say.
        key: Whether its private key can be saved.
        why: Why.
        weight: How many things it stands for.
        anchor: Where the page tells of it, if it is a cause itself.
        before: For whom a command is, and where it is typed.
        command: What to type first; empty where there is none.
        advice: What to do first, as a sentence.
        causes: What it comes from.
    """

    severity: str
    marks: list[str]
    what: str
    since: str
    key: str
    why: str
    weight: int = 1
    anchor: str | None = None
    before: str = ""
    command: str = ""
    advice: str = ""
    causes: list[Told] = field(default_factory=list)


@dataclass(slots=True)
class SectionView:
    """Things of one kind.

    Attributes:
        name: Of the section of the text.
        title: Its heading.
        count: How many things there are.
        detail: What else its headline says of them, such as how severe they are; empty for nothing.
        first: What is shown at once.
        folded: What is shown when it is asked for.
        more: Things that have no room on the page.
    """

    name: str
    title: str
    count: int
    detail: str
    first: list[EntryView]
    folded: list[EntryView]
    more: int


def head_sections(case: CaseTables, anchors: Mapping[str, Told]) -> list[SectionView]:
    """Return the sections of the first screen, in its order.

    Args:
        case: The case; its findings are in the reader's language.
        anchors: Where the page tells of a finding, by its id.
    """
    return [_section(section, anchors) for section in FirstScreen(case).sections]


def headline(sections: Sequence[SectionView]) -> str:
    """Say which services are down; empty where none is known to be."""
    down = next((one for one in sections if one.name == "services"), None)
    if down is None:
        return ""
    named = down.first[:MOST_IN_HEADLINE]
    names = listed(one.what for one in named)
    if more := down.count - sum(one.weight for one in named):
        names += _(" and {count} more", count=more)
    if down.count == 1:
        return _("1 service is down: {names}.", names=names)
    return _("{count} services are down: {names}.", count=down.count, names=names)


def _section(section: Section, anchors: Mapping[str, Told]) -> SectionView:
    entries = section.entries[:MOST_ENTRIES]
    views = [_entry(entry, anchors) for entry in entries]
    at_once = SHOWN.get(section.name, MOST_SHOWN)
    more = section.count - sum(entry.weight for entry in entries)
    title, detail = _(TITLES[section.name]), section.detail
    return SectionView(section.name, title, section.count, detail, views[:at_once], views[at_once:], more)


def _entry(entry: Entry, anchors: Mapping[str, Told]) -> EntryView:
    what = entry.all_names or entry.what
    causes = list(dict.fromkeys(anchors[name] for name in entry.findings if name in anchors))
    anchor = None
    if len(causes) == 1 and f"{causes[0].title} [" in what:
        # It is the finding itself: its title leads there.
        what, anchor = what.rsplit(" [", 1)[0], causes.pop().anchor
    view = EntryView(
        severity=entry.severity or "",
        marks=[_(word) for word in entry.mark.lower().replace("、", ", ").split(", ") if word],
        what=f"{entry.where}{told(what)}",
        since=told(entry.since),
        key=told(entry.key),
        why=told(entry.why),
        weight=entry.weight,
        anchor=anchor,
        causes=causes,
    )
    step = entry.step
    if step is None:
        return view
    if step.is_command:
        view.before, view.command = told(step.before), step.text
    elif not step.text.endswith(_(ELSEWHERE).removeprefix("{purpose}")):
        view.advice = told(step.text)
    return view
