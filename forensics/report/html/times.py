"""The time line: a row of marks for each kind of event, drawn as SVG, and the same as a table."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime, timedelta

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.report.html.catalogue import Catalogue
from forensics.report.html.chains import ChainViews
from forensics.report.html.tables import MOST, Cell, TableView
from forensics.report.moments import Moment, moments
from forensics.tables.timestamps import in_zone, zone_name

AHEAD = timedelta(days=3653)
"""How far the drawing looks ahead."""
BACK = timedelta(days=30 * 365)
LANE, TOP = 34, 26
"""Height of a lane, and of the scale above the first, in pixels."""

LANES = {
    "setup": "Setup, Sysprep, upgrades",
    "identity": "Machine identity",
    "secret": "DPAPI_SYSTEM, master keys",
    "key": "Key files",
    "certificate": "Certificates begin",
    "expiry": "Certificates end",
    "event": "Events",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """What happened in one lane on one day.

    Attributes:
        number: Days since 1970.
        x: Where it stands, percent of the drawing's width.
        y: Pixels.
        r: Radius, pixels: it grows with the count.
        is_future: After the date of the examination.
    """

    number: int
    x: float
    y: int
    r: float
    is_future: bool


@dataclass(slots=True)
class TimeView:
    """The drawing and its table.

    Attributes:
        first: Left edge of the drawing, days since 1970.
        last: Right edge.
        now: The date of the examination.
        now_x: Where that stands, percent.
        years: Year and position of the scale's lines.
        lanes: Kind, title and middle of each lane, pixels.
        height: Pixels.
        earlier: Entries before the left edge.
        later: Entries after the right edge.
    """

    first: int
    last: int
    now: int
    now_x: float
    table: TableView
    height: int
    years: list[tuple[int, float]] = field(default_factory=list)
    lanes: list[tuple[str, str, int]] = field(default_factory=list)
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    earlier: int = 0
    later: int = 0


def time_view(case: CaseTables, chains: ChainViews, t: Catalogue) -> TimeView | None:
    """Return the time line, or None where no time was read."""
    entries = moments(case)
    if not entries:
        return None
    end = _capped(case.as_of, AHEAD)
    shown = [e for e in entries if case.as_of - BACK <= e.time <= end]
    begin = min([e.time for e in shown], default=case.as_of) - timedelta(days=90)
    first, last, now = _number(begin), _number(end), _number(case.as_of)
    present = [kind for kind in LANES if any(e.kind == kind for e in entries)]
    view = TimeView(
        first, last, now, _x(now, first, last), _table(case, chains, entries, t), TOP + LANE * len(present) + 8
    )
    view.lanes = [(kind, t(LANES[kind]), TOP + LANE * n + LANE // 2) for n, kind in enumerate(present)]
    view.years = _years(begin, end, first, last)
    view.marks = _marks(shown, view)
    view.earlier = sum(e.time < case.as_of - BACK for e in entries)
    view.later = sum(e.time > end for e in entries)
    return view


def _capped(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _number(moment: datetime) -> int:
    return (moment - _EPOCH).days


def _x(number: int, first: int, last: int) -> float:
    return round(100 * (number - first) / max(1, last - first), 2)


def _years(begin: datetime, end: datetime, first: int, last: int) -> list[tuple[int, float]]:
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (end.year - begin.year) / step <= 14 or step == 50)
    years = (y for y in range(begin.year + 1, end.year + 1) if y % step == 0)
    places = ((y, _x(_number(datetime(y, 1, 1, tzinfo=UTC)), first, last)) for y in years)
    return [(y, x) for y, x in places if 1.5 < x < 98.5]


def _marks(entries: list[Moment], view: TimeView) -> dict[str, list[Mark]]:
    middle = {kind: y for kind, _, y in view.lanes}
    days: dict[tuple[str, int], list[Moment]] = {}
    for entry in entries:
        days.setdefault((entry.kind, _number(entry.time)), []).append(entry)
    marks: dict[str, list[Mark]] = {kind: [] for kind in middle}
    for (kind, number), found in sorted(days.items(), key=lambda item: item[0]):
        radius = min(12.0, 4 + 1.4 * (len(found) - 1) ** 0.5)
        x = _x(number, view.first, view.last)
        marks[kind].append(Mark(number, x, middle[kind], round(radius, 1), number > view.now))
    return marks


def _table(case: CaseTables, chains: ChainViews, entries: list[Moment], t: Catalogue) -> TableView:
    several = len(case.rows("machine")) > 1
    headings = ["Time (UTC)", "Kind", "What", *(["Machine"] if several else []), "Read in"]
    titles = [t(heading) for heading in headings]
    titles[0] = titles[0].replace("UTC", zone_name())
    view = TableView("events", t("All times as a table"), titles)
    view.choice_column = 1
    for entry in entries[:MOST]:
        local = f" {t('(clock of the machine)')}" if entry.is_local else ""
        machine = [Cell(chains.facts.machine_name(entry.machine_id))] if several else []
        anchor = chains.anchor_of(entry.machine_id, entry.subject) if entry.subject else None
        shown = entry.time if entry.is_local else in_zone(entry.time)
        time = str(shown.replace(microsecond=0, tzinfo=None)).removesuffix(" 00:00:00")
        cells = [
            Cell(time + local, "" if local else "date"),
            Cell(t(LANES[entry.kind])),
            Cell(t.sentence(entry.text), "name", anchor),
        ]
        # Where a certificate or key was read stands at its chain; its dates would only repeat that.
        path = "" if anchor and entry.kind in ("certificate", "expiry", "key") else entry.source_path
        view.rows.append([*cells, *machine, Cell(path, "code")])
    view.more = max(0, len(entries) - MOST)
    return view
