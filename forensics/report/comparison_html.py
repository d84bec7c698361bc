"""What changed between two examinations, as one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from forensics.comparison.compare import Comparison, MachineComparison
from forensics.comparison.deaths import KeyChange
from forensics.comparison.tables import Difference
from forensics.report.comparison import (
    FATES,
    TABLES,
    by_cause,
    headline,
    key_name,
    key_notes,
    sources,
    told,
    unexamined,
)
from forensics.report.plain import plain

_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff897d; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin-bottom: .2rem; }
.died { border-left: .3rem solid var(--bad); padding-left: 1rem; } .died h3 { color: var(--bad); }
li, dd { overflow-wrap: anywhere; } li { margin-bottom: .5rem; } li p { margin: 0; font-size: .9em; opacity: .8; }
details { border-top: 1px solid var(--line); padding: .4rem 0; } summary { cursor: pointer; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; } dd { margin: 0; }
@media print { details > * { display: block; } }
"""


def render_comparison_html(comparison: Comparison) -> str:
    """Write the comparison as an HTML document; every text from the disks is escaped."""
    return "\n".join(_document(comparison)) + "\n"


def _document(comparison: Comparison) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>keymortem: before and after</title><style>{_STYLE}</style></head><body>"
    yield "<h1>Before and after</h1>"
    yield f"<dl><dt>Before</dt><dd>{_text(sources(comparison.before))}</dd>"
    yield f"<dt>After</dt><dd>{_text(sources(comparison.after))}</dd></dl>"
    for machine in comparison.machines:
        yield from _machine(machine)
    yield "</body></html>"


def _machine(machine: MachineComparison) -> Iterator[str]:
    row = machine.after or machine.before
    assert row is not None
    yield f"<section><h2>{_text(row.computer_name or 'A Windows without a name')}</h2>"
    if machine.before is None or machine.after is None:
        yield f"<p>Only in the source {'after' if machine.after else 'before'}: not compared.</p></section>"
        return
    for sentence in headline(machine):
        yield f"<p>{_text(sentence)}</p>"
    for fate, heading in FATES.items():
        changes = [key for key in machine.keys if key.fate == fate]
        if changes:
            yield f'<div class="{"died" if fate == "died" else "other"}"><h3>{_text(heading)}</h3>'
            for cause, keys in by_cause(changes):
                yield from _keys(cause, keys)
            yield "</div>"
    yield from _differences(machine)
    if machine.unexamined:
        names = unexamined(machine)
        yield f"<p>Not compared, because one of the sources did not hold them: {_text(names)}.</p>"
    yield "</section>"


def _keys(cause: str, keys: list[KeyChange]) -> Iterator[str]:
    if cause:
        yield f"<p><strong>{_text(cause)}</strong></p>"
    yield "<ul>"
    for key in keys:
        notes = "".join(f"<p>{_text(note)}</p>" for note in key_notes(key))
        yield f"<li>{_text(key_name(key))}{notes}</li>"
    yield "</ul>"


def _differences(machine: MachineComparison) -> Iterator[str]:
    for table, heading in TABLES.items():
        found: list[Difference] = [d for d in machine.differences if d.table == table]
        if found:
            lines = "".join(f"<li>{_text(line)}</li>" for difference in found for line in told(difference))
            yield f"<details><summary>{_text(heading)} ({len(found)})</summary><ul>{lines}</ul></details>"


def _text(text: str) -> str:
    return escape(plain(text, 2000))
