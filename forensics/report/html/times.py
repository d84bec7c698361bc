"""The time line: a row of marks for each kind of event, drawn as SVG, and the same as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from datetime import UTC, datetime, timedelta

from forensics.case_tables import CaseTables
from forensics.language import _, told
from forensics.late_methods import dataclass
from forensics.report.html.chains import ChainViews
from forensics.report.html.tables import MOST, Cell, TableView
from forensics.report.moments import Moment, moments
from forensics.tables.timestamps import in_zone, zone_name

AHEAD = timedelta(days=3653)
"""How far the drawing can be moved ahead."""
OPENS_BACK, OPENS_AHEAD = timedelta(days=731), timedelta(days=366)
"""What it shows at first: the last two years and the next."""
MOST_LANES = 30
"""Display: machines with a lane of their own, those of which the most is known; all are in the table."""
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
    """What of one kind happened in one lane on one day.

    Attributes:
        kind: Of :data:`LANES`: how it is coloured.
        lane: Number of the lane.
        number: Days since 1970.
        x: Where it stands, percent of the drawing's width.
        y: Pixels.
        r: Radius, pixels: it grows with the count.
        is_future: After the date of the examination.
    """

    kind: str
    lane: int
    number: int
    x: float
    y: int
    r: float
    is_future: bool


@dataclass(slots=True)
class TimeView:
    """The drawing and its table.

    Attributes:
        first: How far the drawing can be moved to the left, days since 1970.
        last: The same to the right.
        begin: Its left edge at first.
        end: Its right edge at first.
        now: The date of the examination.
        now_x: Where that stands, percent.
        years: Year and position of the scale's lines.
        lanes: Title and middle of each lane, pixels: of each kind, or of each machine where there are several.
        kinds: Kind and title of what the marks stand for.
        by_machine: The lanes are machines.
        height: Pixels.
        outside: Entries that are shown only where the drawing is moved.
        without_lane: Machines that have none.
        earlier: Entries before the left edge.
        later: Entries after the right edge.
    """

    first: int
    last: int
    begin: int
    end: int
    now: int
    now_x: float
    table: TableView
    height: int
    years: list[tuple[int, float]] = field(default_factory=list)
    lanes: list[tuple[str, int]] = field(default_factory=list)
    kinds: list[tuple[str, str]] = field(default_factory=list)
    by_machine: bool = False
    marks: list[Mark] = field(default_factory=list)
    outside: int = 0
    without_lane: int = 0
    earlier: int = 0
    later: int = 0


def time_view(case: CaseTables, chains: ChainViews) -> TimeView | None:
    """Return the time line, or None where no time was read."""
    entries = moments(case)
    if not entries:
        return None
    ahead = _capped(case.as_of, AHEAD)
    shown = [e for e in entries if case.as_of - BACK <= e.time <= ahead]
    begin, end = case.as_of - OPENS_BACK, _capped(case.as_of, OPENS_AHEAD)
    first = min([_number(begin), *(_number(e.time) - 90 for e in shown)])
    lanes = _lanes(case, chains, shown)
    height = TOP + LANE * len(lanes) + 8
    view = TimeView(
        first,
        max(_number(ahead), _number(end)),
        _number(begin),
        _number(end),
        _number(case.as_of),
        _x(_number(case.as_of), _number(begin), _number(end)),
        _table(case, chains, entries),
        height,
    )
    places = {key: n for n, key in enumerate(lanes)}
    view.by_machine = _is_by_machine(case)
    view.lanes = [(title, TOP + LANE * n + LANE // 2) for n, title in enumerate(lanes.values())]
    view.kinds = [(kind, _(LANES[kind])) for kind in LANES if any(e.kind == kind for e in shown)]
    view.years = _years(begin, end, view.begin, view.end)
    drawn = [(places[key], e) for e in shown if (key := _lane_of(e, view.by_machine)) in places]
    view.marks = _marks(drawn, view)
    view.outside = sum(not view.begin <= _number(e.time) <= view.end for _, e in drawn)
    view.without_lane = (
        len({e.machine_id for e in shown if e.machine_id and e.machine_id not in places}) if view.by_machine else 0
    )
    view.earlier = sum(e.time < case.as_of - BACK for e in entries)
    view.later = sum(e.time > ahead for e in entries)
    return view


def _is_by_machine(case: CaseTables) -> bool:
    return len(case.rows("machine")) > 1


def _lane_of(entry: Moment, by_machine: bool) -> int | str:
    return entry.machine_id if by_machine else entry.kind


def _lanes(case: CaseTables, chains: ChainViews, shown: list[Moment]) -> dict[int | str, str]:
    """Return the titles of the lanes: kinds of one machine, or several machines in the order of the case."""
    if not _is_by_machine(case):
        return {kind: _(LANES[kind]) for kind in LANES if any(e.kind == kind for e in shown)}
    counts = Counter(entry.machine_id for entry in shown)
    told = {number for number, _ in counts.most_common(MOST_LANES)}
    return {
        row.machine_id: chains.facts.machine_name(row.machine_id)
        for row in case.rows("machine")
        if row.machine_id in told
    }


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
    places = ((y, _x(_number(datetime(y, 1, 1, tzinfo=UTC)), first, last)) for y in range(begin.year + 1, end.year + 1))
    return [(y, x) for y, x in places if 1.5 < x < 98.5]


def _marks(entries: list[tuple[int, Moment]], view: TimeView) -> list[Mark]:
    days = Counter((lane, entry.kind, _number(entry.time)) for lane, entry in entries)
    marks = []
    for (lane, kind, number), count in sorted(days.items()):
        radius = min(12.0, 4 + 1.4 * (count - 1) ** 0.5)
        x = _x(number, view.begin, view.end)
        marks.append(Mark(kind, lane, number, x, view.lanes[lane][1], round(radius, 1), number > view.now))
    return marks


def _table(case: CaseTables, chains: ChainViews, entries: list[Moment]) -> TableView:
    several = len(case.rows("machine")) > 1
    headings = ["Time (UTC)", "Kind", "What", *(["Machine"] if several else []), "Read in"]
    titles = [_(heading) for heading in headings]
    titles[0] = titles[0].replace("UTC", zone_name())
    view = TableView("events", _("All times as a table"), titles)
    view.choice_column = 1
    for entry in entries[:MOST]:
        local = f" {_('(clock of the machine)')}" if entry.is_local else ""
        machine = [Cell(chains.facts.machine_name(entry.machine_id))] if several else []
        anchor = chains.anchor_of(entry.machine_id, entry.subject) if entry.subject else None
        shown = entry.time if entry.is_local else in_zone(entry.time)
        time = str(shown.replace(microsecond=0, tzinfo=None)).removesuffix(" 00:00:00")
        cells = [
            Cell(time + local, "" if local else "date"),
            Cell(_(LANES[entry.kind])),
            Cell(told(entry.text), "name", anchor),
        ]
        # Where a certificate or key was read stands at its chain; its dates would only repeat that.
        path = "" if anchor and entry.kind in ("certificate", "expiry", "key") else entry.source_path
        view.rows.append([*cells, *machine, Cell(path, "code")])
    view.more = max(0, len(entries) - MOST)
    return view
